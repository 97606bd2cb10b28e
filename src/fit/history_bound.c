/* SPDX-License-Identifier: MIT */
/* history_bound.c: the history never grows beyond its bound.
 *
 *     used > 9/10 of the bound       the oldest runs with many samples: of each four one is kept
 *     none has many                  the oldest runs with samples: they go
 *     none has any                   the oldest runs go, with all that belongs to them
 *
 * until 3/4 are used. So an old run stays in the list long after its curve is gone, and a curve is
 * coarse before it goes. Of four samples the highest stays: a peak is the last thing to be
 * forgotten. Runs that go on are left alone, but for our own where nothing else is left. Above all
 * that stands SQLite's own bound (max_page_count), which no write passes.
 *
 * Each step is one transaction, so that it neither holds up a run nor another writer for long.
 */
#include "fit/history_inner.h"

#ifdef ULLAGE_WITH_SQLITE

#include <sqlite3.h>
#include <stdio.h>

/* Samples of a run: with fewer, thinning frees next to nothing. (Also in the text below.) */
#define THIN_AT_LEAST 64

struct use {
  int64_t page_bytes, used_pages;
};

static int look(ul_history *history, struct use *ret_use) {
  int64_t size = 0, pages = 0, free_pages = 0;
  int     code = ul_history_ask(history, "PRAGMA page_size", &size);
  if (code == SQLITE_OK) code = ul_history_ask(history, "PRAGMA page_count", &pages);
  if (code == SQLITE_OK) code = ul_history_ask(history, "PRAGMA freelist_count", &free_pages);
  if (code != SQLITE_OK) return code;
  *ret_use = (struct use){.page_bytes = size, .used_pages = pages - free_pages};
  return SQLITE_OK;
}

static uint64_t used_bytes(const struct use *use) {
  return (uint64_t)use->page_bytes * (uint64_t)use->used_pages;
}

/* The oldest run from `from` on of which `condition` holds and which has ended: its end is written,
 * or its supervisor is gone. 0: none. */
static int oldest_ended(ul_history *history, const char *condition, int64_t from, int64_t *ret_id) {
  char          sql[512];
  sqlite3_stmt *statement;
  int64_t       found = 0;
  snprintf(sql, sizeof sql,
           "SELECT id, finished, supervisor, supervisor_start FROM runs WHERE id >= %lld AND (%s) "
           "ORDER BY id",
           (long long)from, condition);
  int code = sqlite3_prepare_v2(history->db, sql, -1, &statement, NULL);
  if (code != SQLITE_OK) return code;
  while (found == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
    int64_t id = sqlite3_column_int64(statement, 0);
    bool    ended = sqlite3_column_int(statement, 1) != 0 ||
                 !ul_history_is_supervised((uint64_t)sqlite3_column_int64(statement, 2),
                                           (uint64_t)sqlite3_column_int64(statement, 3));
    if (ended && id != history->run) found = id;
  }
  sqlite3_finalize(statement);
  *ret_id = found;
  return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* What is done to a run, and to which; `%1$lld` is its id. */
static const struct measure {
  unsigned    at_a_time; /* runs in one step */
  const char *condition, *action;
} measures[] = {
    /* Twice at most: of 16 samples one is left, and then the curve has become a rumour. */
    {8, "thinned < 2 AND (SELECT count(*) FROM samples WHERE run=runs.id) >= 64",
     "DELETE FROM samples WHERE run=%1$lld AND at_ns NOT IN (SELECT at_ns FROM (SELECT at_ns, "
     "max(rss_bytes) FROM (SELECT at_ns, rss_bytes, row_number() OVER (ORDER BY at_ns) - 1 AS n "
     "FROM samples WHERE run=%1$lld) GROUP BY n / 4));"
     "UPDATE runs SET thinned = thinned + 1 WHERE id=%1$lld"},
    {64, "EXISTS (SELECT 1 FROM samples WHERE run=runs.id)",
     "DELETE FROM samples WHERE run=%1$lld"},
    {64, "1",
     "DELETE FROM samples WHERE run=%1$lld; DELETE FROM marks WHERE run=%1$lld;"
     "DELETE FROM facts WHERE run=%1$lld; DELETE FROM points WHERE run=%1$lld;"
     "DELETE FROM runs WHERE id=%1$lld"},
};

static int take(ul_history *history, const struct measure *measure, unsigned *ret_done) {
  int64_t id = 0;
  *ret_done = 0;
  while (*ret_done < measure->at_a_time) {
    char sql[640];
    int  code = oldest_ended(history, measure->condition, id + 1, &id);
    if (code != SQLITE_OK || id == 0) return code;
    snprintf(sql, sizeof sql, measure->action, (long long)id);
    code = ul_history_run_sql(history, sql);
    if (code != SQLITE_OK) return code;
    ++*ret_done;
  }
  return SQLITE_OK;
}

/* Nothing is left but the run that is recorded, longer than there is room for: it is thinned, too. */
static int thin_own(ul_history *history, unsigned *ret_done) {
  char    sql[640];
  int64_t count = 0;
  snprintf(sql, sizeof sql, "SELECT count(*) FROM samples WHERE run=%lld", (long long)history->run);
  int code = ul_history_ask(history, sql, &count);
  if (code != SQLITE_OK || count < THIN_AT_LEAST) return code;
  snprintf(sql, sizeof sql, measures[0].action, (long long)history->run);
  *ret_done = 1;
  return ul_history_run_sql(history, sql);
}

/* One step of the first measure that finds anything. *ret_done 0: nothing more can be done. */
static int make_room(ul_history *history, unsigned *ret_done) {
  int code = SQLITE_OK;
  *ret_done = 0;
  for (size_t i = 0; i < UL_ARRAY_LEN(measures) && code == SQLITE_OK && *ret_done == 0; i++) {
    code = take(history, &measures[i], ret_done);
  }
  if (code == SQLITE_OK && *ret_done == 0) code = thin_own(history, ret_done);
  return code;
}

static int step(ul_history *history, unsigned *ret_done) {
  int code = ul_history_run_sql(history, "BEGIN IMMEDIATE");
  if (code != SQLITE_OK) return code;
  code = make_room(history, ret_done);
  if (code == SQLITE_OK) code = ul_history_run_sql(history, "COMMIT");
  return code == SQLITE_OK ? code : ul_history_roll_back(history, code);
}

int ul_history_bound(ul_history *history, unsigned steps) {
  struct use use;
  unsigned   done = 1;
  int        code = look(history, &use);
  if (code != SQLITE_OK || used_bytes(&use) <= history->most_bytes / 10 * 9) return code;
  while (steps-- > 0 && done > 0 && code == SQLITE_OK &&
         used_bytes(&use) > history->most_bytes / 4 * 3) {
    code = step(history, &done);
    if (code == SQLITE_OK) code = look(history, &use);
  }
  /* Pages that are free now go back to the system; some MiB at a time. */
  if (code == SQLITE_OK) code = ul_history_run_sql(history, "PRAGMA incremental_vacuum(1024)");
  return code;
}

#endif
