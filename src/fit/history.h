/* SPDX-License-Identifier: MIT */
/* history.h: what earlier runs used, kept in one SQLite file.
 *
 *     runs      one row a run: what it was, when, what it used, how it ended
 *     samples   resident and live bytes of the tree over time
 *     marks     what happened: tripwires, pauses, raises …
 *     facts     what was measured of its runtime (facts.def), by name
 *     points    a limit of the heap, and which share of the processor collection took there
 *
 *     open -> begin -> sample, mark, fact, point … -> finish -> close      (one writer, one run)
 *     open -> list, samples, marks, facts, known -> close
 *
 * Nothing here may stop a run or hold it up. Samples, marks and facts gather in memory and are
 * written in one transaction every 5 s, once a minute in long runs; where somebody else has the file
 * locked they wait in memory, two samples becoming one when there are too many. Samples are 250 ms
 * apart in the first hour and further as the run grows older, so 72 hours are some 80000. Of all
 * that falls between two, the highest is kept: no peak is lost.
 *
 * Whoever is killed at any moment leaves a history that is whole (write-ahead log): at most what he
 * had not written yet is missing, and his run is listed as unfinished.
 *
 * The file is the user's alone. It holds command lines, so it is made 0600 in a directory of 0700,
 * and what is a link or somebody else's is refused. A file that is damaged is moved aside, and a new
 * one begun; what never was a history is left as it is. It does not grow beyond `most_bytes`: old
 * samples are thinned, then dropped, then old runs go.
 *
 * Threads  one for each handle; processes any.
 * Errors   0, -UL_E_NOTFOUND (there is none, or no such run), else -UL_E_SYSTEM; with a note.
 * Design   docs/reference/history.md
 */
#ifndef UL_FIT_HISTORY_H
#define UL_FIT_HISTORY_H

#include <limits.h>

#include "base/base.h"

#define UL_HISTORY_UNKNOWN    UINT64_MAX /* a number that nobody could see */
#define UL_HISTORY_MOST_BYTES (64 * (uint64_t)UL_MIB)
#define UL_HISTORY_LOOK_BACK  10 /* runs of a program whose facts count */

/* A sentence for the user; "" when there is nothing to say. */
typedef struct ul_history_note {
  char text[PATH_MAX + 512];
} ul_history_note;

typedef struct ul_history ul_history;

/* Was the command built with SQLite? Without it all below return -UL_E_SYSTEM with a note. */
bool ul_history_is_built(void);

/* ---- The file --------------------------------------------------------------------------------- */

typedef struct ul_history_order {
  const char *path;       /* NULL: the default, below $XDG_DATA_HOME or ~/.local/share */
  bool        writes;     /* makes it where there is none */
  uint64_t    most_bytes; /* 0: UL_HISTORY_MOST_BYTES */
} ul_history_order;

/* Where it is by default: false with a note when there is no home. */
bool ul_history_default_path(char ret_path[PATH_MAX], ul_history_note *note);

/* 0 with *ret_history. A note may come with success, too: a damaged file was moved aside. */
UL_MUST_USE int ul_history_open(const ul_history_order *order, ul_history **ret_history,
                                ul_history_note *note);
void            ul_history_close(ul_history *history); /* NULL is fine */

/* ---- A run ------------------------------------------------------------------------------------ */

enum ul_history_state {
  UL_HISTORY_FINISHED,
  UL_HISTORY_RUNNING,
  UL_HISTORY_UNFINISHED, /* whoever supervised it is gone */
};

/* Texts are the caller's when writing; while reading, valid until the callback returns. NULL:
 * unknown. */
typedef struct ul_history_run {
  int64_t               id;       /* while reading */
  const char           *identity; /* runs that did the same have the same: ul_history_identity */
  const char           *program;  /* path */
  const char           *command;  /* the command line, for people */
  const char           *directory;
  const char           *runtime;
  const char           *exit_reason; /* "normal", "code", "signal", "oom-kill", "wall" */
  const char           *enclosure;   /* "none", "cgroup1", "cgroup2" */
  uint64_t              started_unix_ns;
  enum ul_history_state state; /* while reading */
#define UL_NUMBER(name, help) uint64_t name;
#include "fit/history.def"
#undef UL_NUMBER
} ul_history_run;

/* All numbers unknown, all texts NULL. */
void ul_history_run_init(ul_history_run *ret_run);

#define UL_HISTORY_TEXT_MAX 2048

/* Which program a run is of. Files are only looked at. */
typedef struct ul_history_program {
  const char  *path;      /* of the file that is executed */
  const char  *runtime;   /* "jvm", "python", "node", "dotnet" …; NULL: unknown */
  bool         is_script; /* it names its interpreter itself, so the words are its own */
  bool         is_launcher;
  char *const *arguments;  /* as typed, the program's name first */
  const char  *directory;  /* where it is started; NULL: unknown */
  const char  *class_path; /* CLASSPATH; NULL: not set */
} ul_history_program;

/* What tells programs apart: the file (its real path), and for a runtime that runs somebody else's
 * code, which: the first script or -jar by its real path, a class with its class path, a module with
 * the directory. Not the environment and not the other arguments: they change from run to run. Of a
 * launcher (sh, npm, env …), and of a runtime that gets its program as a text or from standard input,
 * all words and the directory. Too long a text ends in a hash of all of it. */
void ul_history_identity(const ul_history_program *program, char ret_identity[UL_HISTORY_TEXT_MAX]);

/* The command line as a shell would read it; cut off with … where it is too long. */
void ul_history_command(char *const *arguments, char ret_command[UL_HISTORY_TEXT_MAX]);

/* ---- Writing ---------------------------------------------------------------------------------- */

enum ul_history_fact {
#define UL_FACT(name, help) UL_HISTORY_FACT_##name,
#include "fit/facts.def"
#undef UL_FACT
  UL_HISTORY_FACTS
};

const char *ul_history_fact_key(enum ul_history_fact fact); /* "live_bytes" */

/* The run gets its row, and an id; what this history is told from here on belongs to it. */
UL_MUST_USE int ul_history_begin(ul_history *history, const ul_history_run *run,
                                 ul_history_note *note);

/* The id of the run that was begun; 0: none. */
int64_t ul_history_run_id(const ul_history *history);

/* `at_ns` since the start of the run, never decreasing. Cheap: now and then it writes. A live_bytes
 * of UL_HISTORY_UNKNOWN is fine. Where writing has failed for good there is a note, once; from then
 * on nothing is written. */
void ul_history_sample(ul_history *history, uint64_t at_ns, uint64_t rss_bytes, uint64_t live_bytes,
                       ul_history_note *note);
/* `kind` is a key ("paused"); `text` may be NULL. The first 1000 of a run are kept. */
void ul_history_mark(ul_history *history, uint64_t at_ns, const char *kind, uint64_t bytes,
                     const char *text);
/* The highest counts. */
void ul_history_fact(ul_history *history, enum ul_history_fact fact, uint64_t value);
/* Collection took `share` of the program's processor time at that limit of its heap. One a run: a
 * later one takes its place. */
void ul_history_point(ul_history *history, uint64_t limit_bytes, double share);

/* The numbers and exit_reason, enclosure of `run`, and all that was gathered. */
UL_MUST_USE int ul_history_finish(ul_history *history, const ul_history_run *run,
                                  ul_history_note *note);

/* ---- Reading ---------------------------------------------------------------------------------- */

typedef struct ul_history_query {
  uint64_t    last;    /* the newest so many; 0: all */
  const char *program; /* path or name of the program, or of its script; NULL: any */
  int64_t     id;      /* only that one; 0: any */
} ul_history_query;

typedef void ul_history_run_sink(const ul_history_run *run, void *arg);
typedef void ul_history_sample_sink(uint64_t at_ns, uint64_t rss_bytes, uint64_t live_bytes,
                                    void *arg);
typedef void ul_history_mark_sink(uint64_t at_ns, const char *kind, uint64_t bytes,
                                  const char *text, void *arg);
typedef void ul_history_fact_sink(const char *name, uint64_t value, void *arg);

/* Newest first. -UL_E_NOTFOUND when none is like that. */
UL_MUST_USE int ul_history_list(ul_history *history, const ul_history_query *query,
                                ul_history_run_sink *sink, void *arg, ul_history_note *note);
/* Of one run, oldest first; none is no error. */
UL_MUST_USE int ul_history_samples(ul_history *history, int64_t id, ul_history_sample_sink *sink,
                                   void *arg, ul_history_note *note);
UL_MUST_USE int ul_history_marks(ul_history *history, int64_t id, ul_history_mark_sink *sink,
                                 void *arg, ul_history_note *note);
UL_MUST_USE int ul_history_facts(ul_history *history, int64_t id, ul_history_fact_sink *sink,
                                 void *arg, ul_history_note *note);

#define UL_HISTORY_POINTS_MAX 16

/* What earlier runs of a program measured. */
typedef struct ul_history_known {
  uint64_t runs;                    /* that were looked at, at most UL_HISTORY_LOOK_BACK */
  uint64_t value[UL_HISTORY_FACTS]; /* the highest; 0: not known */
  size_t   point_count;             /* newest first */
  struct {
    uint64_t limit_bytes;
    double   share;
  } points[UL_HISTORY_POINTS_MAX];
} ul_history_known;

/* Of the newest UL_HISTORY_LOOK_BACK runs of `identity`, finished or not, the one that is being
 * recorded left out. No such run: 0, and nothing is known. */
UL_MUST_USE int ul_history_known_of(ul_history *history, const char *identity,
                                    ul_history_known *ret_known, ul_history_note *note);

#endif
