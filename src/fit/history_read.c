/* SPDX-License-Identifier: MIT */
/* history_read.c: what earlier runs were, and what was measured of them.
 *
 * The rows may have been written by another version, or by hand: a text may be missing, a number may
 * be a text. SQLite converts; what is missing is unknown; nothing is trusted beyond its type.
 *
 * Every function reads to its end within the call, so no lock outlives it.
 */
#include "fit/history_inner.h"

#ifdef ULLAGE_WITH_SQLITE

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "os/process.h"

bool ul_history_is_supervised(uint64_t pid, uint64_t start) {
  ul_process_usage usage;
  return pid > 0 && pid <= INT32_MAX && ul_process_usage_read((int)pid, &usage) == 0 &&
         !usage.is_zombie && usage.start == start;
}

static uint64_t number_at(sqlite3_stmt *statement, int column) {
  if (sqlite3_column_type(statement, column) == SQLITE_NULL) return UL_HISTORY_UNKNOWN;
  int64_t number = sqlite3_column_int64(statement, column);
  return number < 0 ? UL_HISTORY_UNKNOWN : (uint64_t)number;
}

static const char *text_at(sqlite3_stmt *statement, int column) {
  return (const char *)sqlite3_column_text(statement, column);
}

/* ---- Runs ------------------------------------------------------------------------------------- */

/* Columns by name, since a history that an older ullage wrote has not all of them. */
enum column {
  ID,
  IDENTITY,
  PROGRAM,
  COMMAND,
  DIRECTORY,
  RUNTIME,
  EXIT_REASON,
  ENCLOSURE,
  STARTED,
  FINISHED,
  SUPERVISOR,
  SUPERVISOR_START,
#define UL_NUMBER(name, help) NUMBER_##name,
#include "fit/history.def"
#undef UL_NUMBER
  COLUMNS
};

static const char *const column_names[COLUMNS] = {
    "id",          "identity",  "program",         "command",  "directory",  "runtime",
    "exit_reason", "enclosure", "started_unix_ns", "finished", "supervisor", "supervisor_start",
#define UL_NUMBER(name, help) #name,
#include "fit/history.def"
#undef UL_NUMBER
};

struct row {
  sqlite3_stmt *statement;
  int           at[COLUMNS]; /* -1: there is no such column */
};

static void find_columns(struct row *row) {
  int count = sqlite3_column_count(row->statement);
  for (int i = 0; i < COLUMNS; i++) {
    row->at[i] = -1;
    for (int j = 0; j < count; j++) {
      if (strcmp(sqlite3_column_name(row->statement, j), column_names[i]) == 0) row->at[i] = j;
    }
  }
}

static uint64_t number_of(const struct row *row, enum column column) {
  return row->at[column] < 0 ? UL_HISTORY_UNKNOWN : number_at(row->statement, row->at[column]);
}

static const char *text_of(const struct row *row, enum column column) {
  return row->at[column] < 0 ? NULL : text_at(row->statement, row->at[column]);
}

static enum ul_history_state state_of(const struct row *row) {
  if (number_of(row, FINISHED) == 1) return UL_HISTORY_FINISHED;
  return ul_history_is_supervised(number_of(row, SUPERVISOR), number_of(row, SUPERVISOR_START))
             ? UL_HISTORY_RUNNING
             : UL_HISTORY_UNFINISHED;
}

static void read_run(const struct row *row, ul_history_run *ret_run) {
  ul_history_run_init(ret_run);
  ret_run->id = (int64_t)number_of(row, ID);
  ret_run->identity = text_of(row, IDENTITY);
  ret_run->program = text_of(row, PROGRAM);
  ret_run->command = text_of(row, COMMAND);
  ret_run->directory = text_of(row, DIRECTORY);
  ret_run->runtime = text_of(row, RUNTIME);
  ret_run->exit_reason = text_of(row, EXIT_REASON);
  ret_run->enclosure = text_of(row, ENCLOSURE);
  ret_run->started_unix_ns = number_of(row, STARTED);
  ret_run->state = state_of(row);
#define UL_NUMBER(name, help) ret_run->name = number_of(row, NUMBER_##name);
#include "fit/history.def"
#undef UL_NUMBER
}

static const char *name_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* By path or by name, of the program or of what its runtime runs: the last word of the identity. */
static bool is_called(const ul_history_run *run, const char *wanted) {
  if (run->program &&
      (strcmp(run->program, wanted) == 0 || strcmp(name_of(run->program), wanted) == 0)) {
    return true;
  }
  size_t length = run->identity ? strlen(run->identity) : 0, tail = strlen(wanted);
  if (tail == 0 || tail > length || strcmp(run->identity + length - tail, wanted) != 0)
    return false;
  char before = tail < length ? run->identity[length - tail - 1] : ' ';
  return before == ' ' || before == '/';
}

static int not_found(const ul_history *history, const ul_history_query *query,
                     ul_history_note *note) {
  if (query->id) {
    snprintf(note->text, sizeof note->text,
             "there is no run %lld in %s; ullage runs lists those there are", (long long)query->id,
             history->file.path);
  } else if (query->program) {
    snprintf(note->text, sizeof note->text,
             "no run of '%s' is recorded in %s; ullage runs lists those there are", query->program,
             history->file.path);
  } else {
    snprintf(note->text, sizeof note->text, "no run is recorded in %s yet", history->file.path);
  }
  return -UL_E_NOTFOUND;
}

int ul_history_list(ul_history *history, const ul_history_query *query, ul_history_run_sink *sink,
                    void *arg, ul_history_note *note) {
  static const char sql[] = "SELECT * FROM runs WHERE ?1 = 0 OR id = ?1 ORDER BY id DESC";
  struct row        row;
  uint64_t          found = 0;
  note->text[0] = 0;
  int code = sqlite3_prepare_v2(history->db, sql, -1, &row.statement, NULL);
  if (code != SQLITE_OK) return ul_history_fail(history, code, "read", note);
  find_columns(&row);
  sqlite3_bind_int64(row.statement, 1, query->id);
  while ((code = sqlite3_step(row.statement)) == SQLITE_ROW) {
    ul_history_run run;
    read_run(&row, &run);
    if (query->program && !is_called(&run, query->program)) continue;
    sink(&run, arg);
    if (++found == query->last) break;
  }
  bool failed = code != SQLITE_ROW && code != SQLITE_DONE;
  if (failed) (void)ul_history_fail(history, code, "read", note);
  sqlite3_finalize(row.statement);
  if (failed) return -UL_E_SYSTEM;
  return found ? 0 : not_found(history, query, note);
}

/* ---- What belongs to a run -------------------------------------------------------------------- */

typedef void row_reader(sqlite3_stmt *statement, const void *sink, void *arg);

static int read_rows(ul_history *history, const char *sql, int64_t id, row_reader *reader,
                     const void *sink, void *arg, ul_history_note *note) {
  sqlite3_stmt *statement;
  note->text[0] = 0;
  int code = sqlite3_prepare_v2(history->db, sql, -1, &statement, NULL);
  if (code != SQLITE_OK) return ul_history_fail(history, code, "read", note);
  sqlite3_bind_int64(statement, 1, id);
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) reader(statement, sink, arg);
  if (code != SQLITE_DONE) (void)ul_history_fail(history, code, "read", note);
  sqlite3_finalize(statement);
  return code == SQLITE_DONE ? 0 : -UL_E_SYSTEM;
}

static void sample_row(sqlite3_stmt *statement, const void *sink, void *arg) {
  ul_history_sample_sink *const *tell = sink;
  (*tell)(number_at(statement, 0), number_at(statement, 1), number_at(statement, 2), arg);
}

static void mark_row(sqlite3_stmt *statement, const void *sink, void *arg) {
  ul_history_mark_sink *const *tell = sink;
  const char                  *kind = text_at(statement, 1), *text = text_at(statement, 3);
  (*tell)(number_at(statement, 0), kind ? kind : "", number_at(statement, 2), text ? text : "",
          arg);
}

static void fact_row(sqlite3_stmt *statement, const void *sink, void *arg) {
  ul_history_fact_sink *const *tell = sink;
  const char                  *name = text_at(statement, 0);
  if (name) (*tell)(name, number_at(statement, 1), arg);
}

int ul_history_samples(ul_history *history, int64_t id, ul_history_sample_sink *sink, void *arg,
                       ul_history_note *note) {
  return read_rows(history,
                   "SELECT at_ns, rss_bytes, live_bytes FROM samples WHERE run=? ORDER BY at_ns",
                   id, sample_row, &sink, arg, note);
}

int ul_history_marks(ul_history *history, int64_t id, ul_history_mark_sink *sink, void *arg,
                     ul_history_note *note) {
  return read_rows(history,
                   "SELECT at_ns, kind, bytes, text FROM marks WHERE run=? ORDER BY at_ns, rowid",
                   id, mark_row, &sink, arg, note);
}

int ul_history_facts(ul_history *history, int64_t id, ul_history_fact_sink *sink, void *arg,
                     ul_history_note *note) {
  return read_rows(history, "SELECT name, value FROM facts WHERE run=? ORDER BY name", id, fact_row,
                   &sink, arg, note);
}

/* ---- What is known of a program --------------------------------------------------------------- */

#define NEWEST_RUNS "(SELECT id FROM runs WHERE identity=?1 AND id<>?2 ORDER BY id DESC LIMIT ?3)"

static int prepare_known(ul_history *history, const char *sql, const char *identity,
                         sqlite3_stmt **ret_statement) {
  int code = sqlite3_prepare_v2(history->db, sql, -1, ret_statement, NULL);
  if (code != SQLITE_OK) return code;
  sqlite3_bind_text(*ret_statement, 1, identity, -1, SQLITE_STATIC);
  sqlite3_bind_int64(*ret_statement, 2, history->run);
  sqlite3_bind_int(*ret_statement, 3, UL_HISTORY_LOOK_BACK);
  return SQLITE_OK;
}

static void take_fact(ul_history_known *known, const char *name, uint64_t value) {
  for (int i = 0; name && value != UL_HISTORY_UNKNOWN && i < UL_HISTORY_FACTS; i++) {
    if (strcmp(name, ul_history_fact_key((enum ul_history_fact)i)) == 0) known->value[i] = value;
  }
}

static void take_point(ul_history_known *known, uint64_t limit_bytes, double share) {
  if (known->point_count == UL_HISTORY_POINTS_MAX || limit_bytes == UL_HISTORY_UNKNOWN) return;
  known->points[known->point_count].limit_bytes = limit_bytes;
  known->points[known->point_count].share = share;
  known->point_count++;
}

enum known_kind { KNOWN_RUNS, KNOWN_FACTS, KNOWN_POINTS, KNOWN_KINDS };

static int read_known(ul_history *history, enum known_kind kind, const char *identity,
                      ul_history_known *known) {
  static const char *const sql[KNOWN_KINDS] = {
      "SELECT count(*) FROM " NEWEST_RUNS,
      "SELECT name, max(value) FROM facts WHERE run IN " NEWEST_RUNS " GROUP BY name",
      "SELECT limit_bytes, share FROM points WHERE run IN " NEWEST_RUNS " ORDER BY run DESC",
  };
  sqlite3_stmt *statement;
  int           code = prepare_known(history, sql[kind], identity, &statement);
  if (code != SQLITE_OK) return code;
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    switch (kind) {
    case KNOWN_RUNS: known->runs = (uint64_t)sqlite3_column_int64(statement, 0); break;
    case KNOWN_FACTS: take_fact(known, text_at(statement, 0), number_at(statement, 1)); break;
    default: take_point(known, number_at(statement, 0), sqlite3_column_double(statement, 1)); break;
    }
  }
  sqlite3_finalize(statement);
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

int ul_history_known_of(ul_history *history, const char *identity, ul_history_known *ret_known,
                        ul_history_note *note) {
  ul_history_known known = {0};
  note->text[0] = 0;
  for (int kind = 0; kind < KNOWN_KINDS; kind++) {
    int code = read_known(history, (enum known_kind)kind, identity, &known);
    if (code != SQLITE_OK) return ul_history_fail(history, code, "read", note);
  }
  *ret_known = known;
  return 0;
}

#endif
