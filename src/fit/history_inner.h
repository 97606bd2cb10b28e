/* SPDX-License-Identifier: MIT */
/* history_inner.h: what the files of the history share. Not for other rooms.
 *
 *     history_path.c    where it is; the file made or looked at, before SQLite sees it
 *     history_open.c    opened, its tables made or brought up to date; a damaged one moved aside
 *     history_write.c   one run recorded: gathered in memory, written now and then
 *     history_bound.c   keeps the file below its bound
 *     history_read.c    runs, and what was measured of them
 *     history_text.c    names and texts: no SQLite
 *     history_none.c    all of it, in a command built without SQLite
 *
 * Invariants  A statement is never left in the middle: each function resets or finalizes what it
 *             stepped, so no read transaction outlives it (it would stop checkpoints).
 *             Once `broken` is set nothing is written any more.
 */
#ifndef UL_FIT_HISTORY_INNER_H
#define UL_FIT_HISTORY_INNER_H

#include <limits.h>

#include "fit/history.h"

/* "Ullg", in the header of the file: it is ours. */
#define UL_HISTORY_APPLICATION 0x556c6c67
/* Raised only when an older ullage could not write the tables any more. */
#define UL_HISTORY_VERSION 1

/* How long to wait for another process that writes: where nobody's run is held up by it. */
#define UL_HISTORY_PATIENCE_MS 2000

/* What is gathered between two writes. At the usual 20 samples there is room for minutes of a locked
 * file; then pairs become one. */
#define UL_HISTORY_SAMPLES_HELD 1024
#define UL_HISTORY_MARKS_HELD   64
#define UL_HISTORY_MARKS_MAX    1000 /* of one run */

typedef struct ul_history_held_sample {
  uint64_t at_ns, rss_bytes, live_bytes;
} ul_history_held_sample;

typedef struct ul_history_held_mark {
  uint64_t at_ns, bytes;
  char     kind[24], text[160];
} ul_history_held_mark;

/* The file as it was found, before SQLite opened it. */
typedef struct ul_history_file {
  char     path[PATH_MAX]; /* without links */
  uint64_t device, inode;
  bool     is_default; /* its place says that it is ours */
  bool     is_marked;  /* its header says so */
  bool     is_empty;
} ul_history_file;

struct sqlite3;

struct ul_history {
  struct sqlite3 *db;
  ul_history_file file;
  uint64_t        most_bytes;
  bool            writes, broken, damaged;
  /* the run that is recorded; 0: none */
  int64_t                run;
  ul_history_held_sample bin; /* the sample that is being gathered; at_ns UINT64_MAX: none */
  uint64_t               bin_start_ns, last_ns, flush_due_ns;
  uint64_t               highest_rss_bytes, highest_rss_at_ns, highest_live_bytes;
  ul_history_held_sample samples[UL_HISTORY_SAMPLES_HELD];
  size_t                 sample_count;
  ul_history_held_mark   marks[UL_HISTORY_MARKS_HELD];
  size_t                 mark_count, marks_seen;
  uint64_t               facts[UL_HISTORY_FACTS];
  uint64_t               limit_bytes;
  double                 share;
  bool                   facts_changed, point_changed;
};

/* ---- history_path.c --------------------------------------------------------------------------- */

/* Finds the file, makes it where the order says so, and refuses what is not to be trusted. 0;
 * -UL_E_NOTFOUND: there is none, and it is not to be made. */
UL_MUST_USE int ul_history_file_find(const ul_history_order *order, ul_history_file *ret_file,
                                     ul_history_note *note);

/* Moves a damaged file and its log out of the way; false: could not, or it is another file by now. */
bool ul_history_file_put_aside(const ul_history_file *file, char ret_aside[PATH_MAX]);

/* ---- history_open.c --------------------------------------------------------------------------- */

/* Fills the note: "cannot WHAT the history of runs in PATH: …", for SQLite's code. Returns
 * -UL_E_SYSTEM. */
int ul_history_fail(ul_history *history, int code, const char *what, ul_history_note *note);

/* Ends a transaction that failed with `code`, if SQLite has not already; returns `code`. */
int ul_history_roll_back(ul_history *history, int code);

/* Runs statements without results. Returns SQLite's code. */
UL_MUST_USE int ul_history_run_sql(ul_history *history, const char *sql);

/* The first column of the first row. Returns SQLite's code. */
UL_MUST_USE int ul_history_ask(ul_history *history, const char *sql, int64_t *ret_number);

/* ---- history_bound.c -------------------------------------------------------------------------- */

/* Brings what is stored below the bound, in at most `steps` steps, each a transaction of its own.
 * Returns SQLite's code. */
UL_MUST_USE int ul_history_bound(ul_history *history, unsigned steps);

/* ---- history_read.c --------------------------------------------------------------------------- */

/* Is a run that has no end still supervised by the process that began it? */
bool ul_history_is_supervised(uint64_t pid, uint64_t start);

#endif
