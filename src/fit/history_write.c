/* SPDX-License-Identifier: MIT */
/* history_write.c: one run recorded.
 *
 *     look -> bin -> held samples -> one transaction a flush
 *             highest of 250 ms …    every 5 s, later every minute
 *
 * A flush during the run never waits for another process: what is locked now is tried again with the
 * next sample. Only begin and finish have patience. The log is brought into the file when it has
 * grown to some MiB, which is the only time when the disk is waited for.
 *
 * Each flush also tells the run's row how far it has come, so that one whose supervisor was killed
 * still says what it used until then.
 */
#include "fit/history_inner.h"

#ifdef ULLAGE_WITH_SQLITE

#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/process.h"

#define MS ((uint64_t)1000000)

/* A sample each 250 ms in the first hour, then 14400 for each factor e of the run's age. */
#define SPACING_LEAST_NS (250 * MS)
#define SAMPLES_PER_AGE  14400

/* A flush costs some 0.3 ms: 0.006 % of a core at 5 s. From an hour on less often, at most a minute. */
#define FLUSH_LEAST_NS  (5000 * MS)
#define FLUSH_MOST_NS   (60000 * MS)
#define FLUSHES_PER_AGE 720
#define RETRY_NS        (500 * MS)

/* Pages of the log from which on it is brought into the file: 4 MiB. */
#define LOG_PAGES_MOST 1024

/* Steps of making room (history_bound.c) before a run is started, and where a write does not fit. */
#define BOUND_STEPS_BEGIN 16
#define BOUND_STEPS_FULL  1

/* Numbers above what SQLite holds are what nobody could see. */
static void bind_number(sqlite3_stmt *statement, int at, uint64_t number) {
  if (number > INT64_MAX) {
    sqlite3_bind_null(statement, at);
  } else {
    sqlite3_bind_int64(statement, at, (int64_t)number);
  }
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text) {
  sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC); /* NULL is NULL */
}

/* Steps a statement that gives no rows, and readies it for the next. */
static int step(sqlite3_stmt *statement) {
  int code = sqlite3_step(statement);
  sqlite3_reset(statement);
  return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

static int prepare(ul_history *history, const char *sql, sqlite3_stmt **ret_statement) {
  return sqlite3_prepare_v2(history->db, sql, -1, ret_statement, NULL);
}

/* ---- Begin ------------------------------------------------------------------------------------ */

static int insert_run(ul_history *history, const ul_history_run *run) {
  static const char sql[] =
      "INSERT INTO runs(identity, program, command, directory, runtime, started_unix_ns, "
      "supervisor, supervisor_start, budget_bytes, enclosure) VALUES(?,?,?,?,?,?,?,?,?,?)";
  sqlite3_stmt    *statement;
  ul_process_usage self = {0};
  int              code = prepare(history, sql, &statement);
  if (code != SQLITE_OK) return code;
  if (ul_process_usage_read(getpid(), &self) < 0) self.start = 0; /* it will count as unfinished */
  bind_text(statement, 1, run->identity);
  bind_text(statement, 2, run->program);
  bind_text(statement, 3, run->command);
  bind_text(statement, 4, run->directory);
  bind_text(statement, 5, run->runtime);
  bind_number(statement, 6, run->started_unix_ns);
  bind_number(statement, 7, (uint64_t)getpid());
  bind_number(statement, 8, self.start);
  bind_number(statement, 9, run->budget_bytes);
  bind_text(statement, 10, run->enclosure);
  code = step(statement);
  sqlite3_finalize(statement);
  if (code == SQLITE_OK) history->run = sqlite3_last_insert_rowid(history->db);
  return code;
}

/* A handle that recorded a run before starts afresh. */
static void forget_gathered(ul_history *history) {
  history->bin.at_ns = UINT64_MAX;
  history->bin_start_ns = history->last_ns = 0;
  history->flush_due_ns = FLUSH_LEAST_NS;
  history->highest_rss_bytes = history->highest_live_bytes = 0;
  history->highest_rss_at_ns = UL_HISTORY_UNKNOWN;
  history->sample_count = history->mark_count = history->marks_seen = 0;
  memset(history->facts, 0, sizeof history->facts);
  history->limit_bytes = 0;
  history->share = 0;
  history->facts_changed = history->point_changed = false;
}

int ul_history_begin(ul_history *history, const ul_history_run *run, ul_history_note *note) {
  note->text[0] = 0;
  forget_gathered(history);
  int code = ul_history_bound(history, BOUND_STEPS_BEGIN);
  if (code == SQLITE_OK) code = insert_run(history, run);
  if (code != SQLITE_OK) {
    history->broken = true;
    return ul_history_fail(history, code, "write", note);
  }
  sqlite3_busy_timeout(history->db, 0);
  return 0;
}

int64_t ul_history_run_id(const ul_history *history) {
  return history->run;
}

/* ---- A flush ---------------------------------------------------------------------------------- */

static int write_samples(ul_history *history) {
  sqlite3_stmt *statement;
  int code = prepare(history, "INSERT OR REPLACE INTO samples VALUES(?,?,?,?)", &statement);
  for (size_t i = 0; code == SQLITE_OK && i < history->sample_count; i++) {
    const ul_history_held_sample *sample = &history->samples[i];
    sqlite3_bind_int64(statement, 1, history->run);
    bind_number(statement, 2, sample->at_ns);
    bind_number(statement, 3, sample->rss_bytes);
    bind_number(statement, 4, sample->live_bytes);
    code = step(statement);
  }
  sqlite3_finalize(statement);
  return code;
}

static int write_marks(ul_history *history) {
  sqlite3_stmt *statement;
  int           code = prepare(history, "INSERT INTO marks VALUES(?,?,?,?,?)", &statement);
  for (size_t i = 0; code == SQLITE_OK && i < history->mark_count; i++) {
    const ul_history_held_mark *mark = &history->marks[i];
    sqlite3_bind_int64(statement, 1, history->run);
    bind_number(statement, 2, mark->at_ns);
    bind_text(statement, 3, mark->kind);
    bind_number(statement, 4, mark->bytes);
    bind_text(statement, 5, mark->text);
    code = step(statement);
  }
  sqlite3_finalize(statement);
  return code;
}

static int write_facts(ul_history *history) {
  sqlite3_stmt *statement;
  int           code = prepare(history, "INSERT OR REPLACE INTO facts VALUES(?,?,?)", &statement);
  for (size_t i = 0; code == SQLITE_OK && i < UL_HISTORY_FACTS; i++) {
    if (history->facts[i] == 0) continue;
    sqlite3_bind_int64(statement, 1, history->run);
    bind_text(statement, 2, ul_history_fact_key((enum ul_history_fact)i));
    bind_number(statement, 3, history->facts[i]);
    code = step(statement);
  }
  sqlite3_finalize(statement);
  return code;
}

static int write_point(ul_history *history) {
  sqlite3_stmt *statement;
  int           code = prepare(history, "INSERT OR REPLACE INTO points VALUES(?,?,?)", &statement);
  if (code != SQLITE_OK) return code;
  sqlite3_bind_int64(statement, 1, history->run);
  bind_number(statement, 2, history->limit_bytes);
  sqlite3_bind_double(statement, 3, history->share);
  code = step(statement);
  sqlite3_finalize(statement);
  return code;
}

/* How far it has come. */
static int write_progress(ul_history *history) {
  sqlite3_stmt *statement;
  int           code = prepare(history,
                               "UPDATE runs SET wall_ns=?, peak_rss_bytes=?, peak_at_ns=?, live_bytes=? "
                                         "WHERE id=?",
                               &statement);
  if (code != SQLITE_OK) return code;
  bind_number(statement, 1, history->last_ns);
  bind_number(statement, 2, history->highest_rss_bytes);
  bind_number(statement, 3, history->highest_rss_at_ns);
  bind_number(statement, 4, history->highest_live_bytes ? history->highest_live_bytes : UINT64_MAX);
  sqlite3_bind_int64(statement, 5, history->run);
  code = step(statement);
  sqlite3_finalize(statement);
  return code;
}

static int write_end(ul_history *history, const ul_history_run *run) {
  static const char sql[] =
      "UPDATE runs SET finished=1, exit_reason=?, enclosure=?, runtime=coalesce(?,runtime)"
#define UL_NUMBER(name, help) ", " #name "=?"
#include "fit/history.def"
#undef UL_NUMBER
      " WHERE id=?";
  const uint64_t values[] = {
#define UL_NUMBER(name, help) run->name,
#include "fit/history.def"
#undef UL_NUMBER
  };
  sqlite3_stmt *statement;
  int           code = prepare(history, sql, &statement), at = 1;
  if (code != SQLITE_OK) return code;
  bind_text(statement, at++, run->exit_reason);
  bind_text(statement, at++, run->enclosure);
  bind_text(statement, at++, run->runtime);
  for (size_t i = 0; i < UL_ARRAY_LEN(values); i++) bind_number(statement, at++, values[i]);
  sqlite3_bind_int64(statement, at, history->run);
  code = step(statement);
  sqlite3_finalize(statement);
  return code;
}

/* All that is held, in one transaction; with its end, where there is one. Held until it is in. */
static int transact(ul_history *history, const ul_history_run *end) {
  int code = ul_history_run_sql(history, "BEGIN IMMEDIATE");
  if (code != SQLITE_OK) return code;
  if (history->sample_count > 0) code = write_samples(history);
  if (code == SQLITE_OK && history->mark_count > 0) code = write_marks(history);
  if (code == SQLITE_OK && history->facts_changed) code = write_facts(history);
  if (code == SQLITE_OK && history->point_changed) code = write_point(history);
  if (code == SQLITE_OK) code = end ? write_end(history, end) : write_progress(history);
  if (code == SQLITE_OK) code = ul_history_run_sql(history, "COMMIT");
  if (code != SQLITE_OK) {
    return ul_history_roll_back(history, code);
  }
  history->sample_count = history->mark_count = 0;
  history->facts_changed = history->point_changed = false;
  return SQLITE_OK;
}

/* The same; where the bound is reached, room is made. */
static int write_all(ul_history *history, const ul_history_run *end) {
  int code = transact(history, end);
  for (unsigned i = 0; i < 8 && (code & 0xff) == SQLITE_FULL; i++) {
    if (ul_history_bound(history, BOUND_STEPS_FULL) != SQLITE_OK) break;
    code = transact(history, end);
  }
  return code;
}

/* Somebody who reads may keep the log from being emptied: then it grows until he is done. */
static void empty_log(ul_history *history) {
  (void)sqlite3_wal_checkpoint_v2(history->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static int count_log(void *arg, sqlite3 *db, const char *name, int pages) {
  (void)db;
  (void)name;
  *(int *)arg = pages;
  return SQLITE_OK;
}

static void flush(ul_history *history, ul_history_note *note) {
  int log_pages = 0;
  sqlite3_wal_hook(history->db, count_log, &log_pages);
  int code = write_all(history, NULL);
  sqlite3_wal_hook(history->db, NULL, NULL);
  if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED) {
    history->flush_due_ns = history->last_ns + RETRY_NS;
    return;
  }
  if (code != SQLITE_OK) {
    history->broken = true;
    (void)ul_history_fail(history, code, "write", note);
    return;
  }
  uint64_t pause_ns = UL_MAX(FLUSH_LEAST_NS, history->last_ns / FLUSHES_PER_AGE);
  history->flush_due_ns = history->last_ns + UL_MIN(pause_ns, FLUSH_MOST_NS);
  if (log_pages >= LOG_PAGES_MOST) empty_log(history);
}

/* ---- Gathering -------------------------------------------------------------------------------- */

static bool is_known(uint64_t number) {
  return number != UL_HISTORY_UNKNOWN;
}

/* The highest of two numbers, either of which may be unknown. */
static uint64_t highest(uint64_t a, uint64_t b) {
  if (!is_known(a)) return b;
  return is_known(b) ? UL_MAX(a, b) : a;
}

static void merge(ul_history_held_sample *into, const ul_history_held_sample *sample) {
  if (sample->rss_bytes > into->rss_bytes) {
    into->rss_bytes = sample->rss_bytes;
    into->at_ns = sample->at_ns;
  }
  into->live_bytes = highest(into->live_bytes, sample->live_bytes);
}

/* The file was locked for minutes: two become one. */
static void halve(ul_history *history) {
  size_t count = history->sample_count / 2;
  for (size_t i = 0; i < count; i++) {
    ul_history_held_sample pair = history->samples[2 * i];
    merge(&pair, &history->samples[2 * i + 1]);
    history->samples[i] = pair;
  }
  history->sample_count = count;
}

static void hold_bin(ul_history *history) {
  if (!is_known(history->bin.at_ns)) return;
  if (history->sample_count == UL_HISTORY_SAMPLES_HELD) halve(history);
  history->samples[history->sample_count++] = history->bin;
  history->bin.at_ns = UINT64_MAX;
}

void ul_history_sample(ul_history *history, uint64_t at_ns, uint64_t rss_bytes, uint64_t live_bytes,
                       ul_history_note *note) {
  const ul_history_held_sample sample = {at_ns, rss_bytes, live_bytes};
  note->text[0] = 0;
  if (history->run == 0 || history->broken) return;
  uint64_t spacing_ns = UL_MAX(SPACING_LEAST_NS, at_ns / SAMPLES_PER_AGE);
  if (is_known(history->bin.at_ns) && at_ns - history->bin_start_ns >= spacing_ns) {
    hold_bin(history);
  }
  if (!is_known(history->bin.at_ns)) {
    history->bin = sample;
    history->bin_start_ns = at_ns;
  } else {
    merge(&history->bin, &sample);
  }
  history->last_ns = at_ns;
  if (rss_bytes > history->highest_rss_bytes) {
    history->highest_rss_bytes = rss_bytes;
    history->highest_rss_at_ns = at_ns;
  }
  if (is_known(live_bytes)) {
    history->highest_live_bytes = UL_MAX(history->highest_live_bytes, live_bytes);
  }
  if (at_ns >= history->flush_due_ns) flush(history, note);
}

void ul_history_mark(ul_history *history, uint64_t at_ns, const char *kind, uint64_t bytes,
                     const char *text) {
  if (history->run == 0 || history->broken || history->marks_seen >= UL_HISTORY_MARKS_MAX ||
      history->mark_count == UL_HISTORY_MARKS_HELD) {
    return;
  }
  ul_history_held_mark *mark = &history->marks[history->mark_count++];
  *mark = (ul_history_held_mark){.at_ns = at_ns, .bytes = bytes};
  snprintf(mark->kind, sizeof mark->kind, "%s", kind);
  snprintf(mark->text, sizeof mark->text, "%s", text ? text : "");
  history->marks_seen++;
}

void ul_history_fact(ul_history *history, enum ul_history_fact fact, uint64_t value) {
  if (!is_known(value) || value <= history->facts[fact]) return;
  history->facts[fact] = value;
  history->facts_changed = true;
}

void ul_history_point(ul_history *history, uint64_t limit_bytes, double share) {
  if (limit_bytes == history->limit_bytes && share == history->share) return;
  history->limit_bytes = limit_bytes;
  history->share = share;
  history->point_changed = true;
}

int ul_history_finish(ul_history *history, const ul_history_run *run, ul_history_note *note) {
  note->text[0] = 0;
  if (history->run == 0 || history->broken) return 0; /* said when it broke */
  hold_bin(history);
  sqlite3_busy_timeout(history->db, UL_HISTORY_PATIENCE_MS);
  int code = write_all(history, run);
  if (code != SQLITE_OK) {
    history->broken = true;
    return ul_history_fail(history, code, "write", note);
  }
  history->run = 0;
  return 0;
}

#endif
