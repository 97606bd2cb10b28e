/* SPDX-License-Identifier: MIT */
/* history_open.c: the database: opened, made, brought up to date, or moved aside when damaged.
 *
 * Write-ahead log, synchronous NORMAL: a killed process loses nothing that was committed, a power
 * failure at most the last transactions, and neither leaves a damaged file. Checkpoints are ours to
 * call (history_write.c), because they wait for the disk.
 *
 * A new file gets its mark while it still has no log, so that its header says whose it is from the
 * first byte on; then the log; then all tables in one transaction. Killed in between, the next one
 * finds a file without tables and goes on. A column that history.def has and the table lacks is
 * added, so an older history serves a newer ullage; and one with more columns than we know is fine.
 */
#include "fit/history_inner.h"

#ifdef ULLAGE_WITH_SQLITE

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* 4 KiB: one write of the log for what a flush changes. Pages that samples and old runs leave behind
 * are handed back by incremental_vacuum (history_bound.c). */
#define PAGE_BYTES 4096

bool ul_history_is_built(void) {
  return true;
}

static const char tables[] =
    "CREATE TABLE IF NOT EXISTS runs(id INTEGER PRIMARY KEY AUTOINCREMENT, identity TEXT, program "
    "TEXT, command TEXT, directory TEXT, runtime TEXT, exit_reason TEXT, enclosure TEXT, "
    "started_unix_ns INTEGER, finished INTEGER NOT NULL DEFAULT 0, supervisor INTEGER, "
    "supervisor_start INTEGER, thinned INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX IF NOT EXISTS runs_identity ON runs(identity, id);"
    "CREATE TABLE IF NOT EXISTS samples(run INTEGER, at_ns INTEGER, rss_bytes INTEGER, live_bytes "
    "INTEGER, PRIMARY KEY(run, at_ns)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS marks(run INTEGER, at_ns INTEGER, kind TEXT, bytes INTEGER, text "
    "TEXT);"
    "CREATE INDEX IF NOT EXISTS marks_run ON marks(run);"
    "CREATE TABLE IF NOT EXISTS facts(run INTEGER, name TEXT, value INTEGER, PRIMARY KEY(run, "
    "name)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS points(run INTEGER PRIMARY KEY, limit_bytes INTEGER, share REAL);";

static const char *const numbers[] = {
#define UL_NUMBER(name, help) #name,
#include "fit/history.def"
#undef UL_NUMBER
};

int ul_history_fail(ul_history *history, int code, const char *what, ul_history_note *note) {
  const char *path = history->file.path, *why = sqlite3_errstr(code), *next = "";
  switch (code & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    why = "another process has it locked";
    next = "; if that does not pass, look who holds it: fuser";
    break;
  case SQLITE_FULL: why = "the disk is full, or the history has reached its bound"; break;
  case SQLITE_IOERR: why = "the disk cannot be read or written, or is full"; break;
  case SQLITE_READONLY:
  case SQLITE_CANTOPEN: next = "; may you write to the file and its directory?"; break;
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    history->damaged = true;
    why = "it is damaged";
    next = history->writes ? "; it is moved aside, and the next run begins a new one" : "";
    break;
  }
  snprintf(note->text, sizeof note->text, "cannot %s the history of runs in %s: %s%s", what, path,
           why, next);
  return -UL_E_SYSTEM;
}

int ul_history_roll_back(ul_history *history, int code) {
  if (!sqlite3_get_autocommit(history->db)) {
    sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL);
  }
  return code;
}

int ul_history_run_sql(ul_history *history, const char *sql) {
  return sqlite3_exec(history->db, sql, NULL, NULL, NULL);
}

int ul_history_ask(ul_history *history, const char *sql, int64_t *ret_number) {
  sqlite3_stmt *statement;
  int           code = sqlite3_prepare_v2(history->db, sql, -1, &statement, NULL);
  if (code != SQLITE_OK) return code;
  code = sqlite3_step(statement);
  if (code == SQLITE_ROW) *ret_number = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* The switch to a log can be refused at once, without patience, where two do it together. */
static int use_log(ul_history *history) {
  int code = SQLITE_BUSY;
  for (unsigned i = 0; i < 40 && (code & 0xff) == SQLITE_BUSY; i++) {
    const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
    if (i > 0) nanosleep(&pause, NULL);
    code = ul_history_run_sql(history, "PRAGMA journal_mode=WAL");
  }
  return code;
}

static int add_columns(ul_history *history) {
  for (size_t i = 0; i < UL_ARRAY_LEN(numbers); i++) {
    char    sql[160];
    int64_t known = 0;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM pragma_table_info('runs') WHERE name='%s'",
             numbers[i]);
    int code = ul_history_ask(history, sql, &known);
    if (code != SQLITE_OK) return code;
    if (known) continue;
    snprintf(sql, sizeof sql, "ALTER TABLE runs ADD COLUMN %s INTEGER", numbers[i]);
    code = ul_history_run_sql(history, sql);
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

/* Tables and columns in one transaction, if any is missing. */
static int make_tables(ul_history *history) {
  int64_t columns = 0, version = 0;
  int code = ul_history_ask(history, "SELECT count(*) FROM pragma_table_info('runs')", &columns);
  if (code == SQLITE_OK) code = ul_history_ask(history, "PRAGMA user_version", &version);
  if (code != SQLITE_OK) return code;
  if (version > 0 && columns >= (int64_t)(13 + UL_ARRAY_LEN(numbers))) return SQLITE_OK;
  code = ul_history_run_sql(history, "BEGIN IMMEDIATE");
  if (code != SQLITE_OK) return code;
  code = ul_history_run_sql(history, tables);
  if (code == SQLITE_OK) code = add_columns(history);
  if (code == SQLITE_OK) code = ul_history_run_sql(history, "PRAGMA user_version=1");
  if (code == SQLITE_OK) code = ul_history_run_sql(history, "COMMIT");
  return code == SQLITE_OK ? code : ul_history_roll_back(history, code);
}

/* Whose file it is, and whether we know its format. Returns 1 when it has no tables yet. */
static int identify(ul_history *history, ul_history_note *note) {
  int64_t application = 0, version = 0, count = 0;
  int     code = ul_history_ask(history, "PRAGMA application_id", &application);
  if (code == SQLITE_OK) code = ul_history_ask(history, "PRAGMA user_version", &version);
  if (code == SQLITE_OK) {
    code = ul_history_ask(history, "SELECT count(*) FROM sqlite_schema", &count);
  }
  if (code != SQLITE_OK) {
    return ul_history_fail(history, code, history->writes ? "open" : "read", note);
  }
  if (count > 0 && application != UL_HISTORY_APPLICATION) {
    snprintf(note->text, sizeof note->text,
             "%s is a database of something else, not a history of runs; name another file",
             history->file.path);
    return -UL_E_SYSTEM;
  }
  if (version > UL_HISTORY_VERSION) {
    snprintf(
        note->text, sizeof note->text,
        "the history of runs in %s was written by a newer ullage; use that one, or name another "
        "file with --record",
        history->file.path);
    return -UL_E_SYSTEM;
  }
  return count == 0;
}

static int prepare_writing(ul_history *history) {
  char sql[160];
  int  code = use_log(history);
  if (code == SQLITE_OK) code = make_tables(history);
  if (code != SQLITE_OK) return code;
  snprintf(sql, sizeof sql,
           "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0; PRAGMA "
           "journal_size_limit=1048576; PRAGMA max_page_count=%llu",
           (unsigned long long)(history->most_bytes / PAGE_BYTES));
  return ul_history_run_sql(history, sql);
}

/* With history->file found. */
static int open_database(ul_history *history, ul_history_note *note) {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
  int code = sqlite3_open_v2(history->file.path, &history->db, flags, NULL);
  if (!history->db) {
    snprintf(note->text, sizeof note->text, "no memory left to open the history of runs");
    return -UL_E_SYSTEM;
  }
  if (code != SQLITE_OK) return ul_history_fail(history, code, "open", note);
  sqlite3_extended_result_codes(history->db, 1);
  sqlite3_busy_timeout(history->db, UL_HISTORY_PATIENCE_MS);
  /* The file may have been prepared by somebody: no functions of its schema, no writing to it. */
  sqlite3_db_config(history->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config(history->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_exec(history->db, "PRAGMA cache_size=-1024; PRAGMA temp_store=MEMORY", NULL, NULL, NULL);
  int is_new = identify(history, note);
  if (is_new < 0) return is_new;
  if (!history->writes) {
    if (!is_new) return 0;
    snprintf(note->text, sizeof note->text, "there is no history of runs in %s",
             history->file.path);
    return -UL_E_NOTFOUND;
  }
  char sql[160];
  snprintf(sql, sizeof sql,
           "PRAGMA page_size=%d; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA application_id=%d",
           PAGE_BYTES, UL_HISTORY_APPLICATION);
  code = is_new ? ul_history_run_sql(history, sql) : SQLITE_OK;
  if (code == SQLITE_OK) code = prepare_writing(history);
  if (code != SQLITE_OK) return ul_history_fail(history, code, "write", note);
  return 0;
}

/* Damaged: moved aside, if it was ours. True: try again. */
static bool replace_damaged(ul_history *history, ul_history_note *note) {
  char aside[PATH_MAX];
  if (!history->file.is_default && !history->file.is_marked) {
    snprintf(note->text, sizeof note->text,
             "%s is not a history of runs, and is left as it is; name another file",
             history->file.path);
    return false;
  }
  if (!history->writes) return false;
  sqlite3_close_v2(history->db);
  history->db = NULL;
  history->damaged = false;
  if (ul_history_file_put_aside(&history->file, aside)) {
    snprintf(note->text, sizeof note->text,
             "the history of runs was damaged; it is now %s, and a new one is begun", aside);
  }
  return true;
}

int ul_history_open(const ul_history_order *order, ul_history **ret_history,
                    ul_history_note *note) {
  ul_history_note tried = {.text = ""};
  note->text[0] = 0;
  ul_history *history = calloc(1, sizeof *history);
  if (!history) {
    snprintf(note->text, sizeof note->text, "no memory left to open the history of runs");
    return -UL_E_SYSTEM;
  }
  history->writes = order->writes;
  history->most_bytes = order->most_bytes ? order->most_bytes : UL_HISTORY_MOST_BYTES;
  int error = ul_history_file_find(order, &history->file, note);
  if (error == 0) error = open_database(history, note);
  if (error < 0 && history->damaged && replace_damaged(history, note)) {
    error = ul_history_file_find(order, &history->file, &tried);
    if (error == 0) error = open_database(history, &tried);
    if (error < 0) *note = tried;
    if (error < 0 && history->damaged) {
      snprintf(note->text, sizeof note->text,
               "the history of runs in %s is damaged and cannot be moved aside; remove it",
               history->file.path);
    }
  }
  if (error < 0) {
    history->damaged = false; /* a second one stays where it is */
    ul_history_close(history);
    return error;
  }
  *ret_history = history;
  return 0;
}

void ul_history_close(ul_history *history) {
  char aside[PATH_MAX];
  if (!history) return;
  /* The last one to close brings the log into the file and removes it. */
  sqlite3_close_v2(history->db);
  if (history->damaged && history->writes) (void)ul_history_file_put_aside(&history->file, aside);
  free(history);
}

#endif
