/* SPDX-License-Identifier: MIT */
/* history_none.c: the history in a command that was built without SQLite: there is none, and who
 * asks is told what is missing. */
#include "fit/history.h"

#ifndef ULLAGE_WITH_SQLITE

#include <stdio.h>

bool ul_history_is_built(void) {
  return false;
}

static int missing(ul_history_note *note) {
  snprintf(note->text, sizeof note->text,
           "this ullage was built without SQLite and keeps no history of runs; build it with "
           "-DULLAGE_WITH_SQLITE=ON");
  return -UL_E_SYSTEM;
}

bool ul_history_default_path(char ret_path[PATH_MAX], ul_history_note *note) {
  ret_path[0] = 0;
  missing(note);
  return false;
}

int ul_history_open(const ul_history_order *order, ul_history **ret_history,
                    ul_history_note *note) {
  (void)order;
  (void)ret_history;
  return missing(note);
}

void ul_history_close(ul_history *history) {
  (void)history;
}

/* No handle is ever given out, so what follows is never reached; it is there to be linked to. */

int ul_history_begin(ul_history *history, const ul_history_run *run, ul_history_note *note) {
  (void)history;
  (void)run;
  return missing(note);
}

int64_t ul_history_run_id(const ul_history *history) {
  (void)history;
  return 0;
}

void ul_history_sample(ul_history *history, uint64_t at_ns, uint64_t rss_bytes, uint64_t live_bytes,
                       ul_history_note *note) {
  (void)history;
  (void)at_ns;
  (void)rss_bytes;
  (void)live_bytes;
  note->text[0] = 0;
}

void ul_history_mark(ul_history *history, uint64_t at_ns, const char *kind, uint64_t bytes,
                     const char *text) {
  (void)history;
  (void)at_ns;
  (void)kind;
  (void)bytes;
  (void)text;
}

void ul_history_fact(ul_history *history, enum ul_history_fact fact, uint64_t value) {
  (void)history;
  (void)fact;
  (void)value;
}

void ul_history_point(ul_history *history, uint64_t limit_bytes, double share) {
  (void)history;
  (void)limit_bytes;
  (void)share;
}

int ul_history_finish(ul_history *history, const ul_history_run *run, ul_history_note *note) {
  (void)history;
  (void)run;
  return missing(note);
}

int ul_history_list(ul_history *history, const ul_history_query *query, ul_history_run_sink *sink,
                    void *arg, ul_history_note *note) {
  (void)history;
  (void)query;
  (void)sink;
  (void)arg;
  return missing(note);
}

int ul_history_samples(ul_history *history, int64_t id, ul_history_sample_sink *sink, void *arg,
                       ul_history_note *note) {
  (void)history;
  (void)id;
  (void)sink;
  (void)arg;
  return missing(note);
}

int ul_history_marks(ul_history *history, int64_t id, ul_history_mark_sink *sink, void *arg,
                     ul_history_note *note) {
  (void)history;
  (void)id;
  (void)sink;
  (void)arg;
  return missing(note);
}

int ul_history_facts(ul_history *history, int64_t id, ul_history_fact_sink *sink, void *arg,
                     ul_history_note *note) {
  (void)history;
  (void)id;
  (void)sink;
  (void)arg;
  return missing(note);
}

int ul_history_known_of(ul_history *history, const char *identity, ul_history_known *ret_known,
                        ul_history_note *note) {
  (void)history;
  (void)identity;
  (void)ret_known;
  return missing(note);
}

#endif
