/* SPDX-License-Identifier: MIT */
/* run_record.h: between a run and the history: what earlier runs measured goes in, what this one
 * uses goes out.
 *
 *     open -> facts -> begin -> look, mark … -> finish -> close
 *
 * Recorded is what has a budget or --record, unless ULLAGE_HISTORY=off (which --record outdoes).
 * Nothing here fails a run: where the history cannot be had, one line says so, and the rest does
 * nothing.
 */
#ifndef UL_CLI_RUN_RECORD_H
#define UL_CLI_RUN_RECORD_H

#include "cli/run_gc.h"
#include "fit/history.h"
#include "launch/knobs.h"
#include "launch/supervise.h"

typedef struct ul_run_record {
  ul_history     *history; /* NULL: none is kept */
  bool            quiet;
  int64_t         started_unix_s;
  uint64_t        runtime_due_ns;              /* when the runtime is asked again */
  uint64_t        gc_cpu_ns, heap_limit_bytes; /* of the process that collected most; 0: unknown */
  ul_run_gc       gc;
  uint64_t        collections; /* that the last look found, of all processes */
  ul_history_note note;
} ul_run_record;

typedef struct ul_run_record_order {
  const char *path;   /* --record; NULL: the default place */
  bool        budget; /* there is one */
  bool        reads;  /* only for the facts: --dry-run */
  bool        quiet;
} ul_run_record_order;

void ul_run_record_open(ul_run_record *ret_record, const ul_run_record_order *order);
void ul_run_record_close(ul_run_record *record);

/* What earlier runs of this program measured; 0 where it is not known. */
void ul_run_record_facts(ul_run_record *record, const ul_program *program, char *const *arguments,
                         ul_knob_facts *ret_facts);

/* Just before the program starts. */
void ul_run_record_begin(ul_run_record *record, const ul_program *program, char *const *arguments,
                         uint64_t budget_bytes);

/* After each look. True: there is something to say (ul_run_record_say), once. */
bool ul_run_record_look(ul_run_record *record, const ul_watch *watch);
void ul_run_record_mark(ul_run_record *record, enum ul_mark_kind kind, uint64_t at_ns,
                        uint64_t bytes, const char *text);
void ul_run_record_finish(ul_run_record *record, const ul_run_result *result);

/* Instead of finish: the program could not be started; ullage ends with this code. */
void ul_run_record_not_started(ul_run_record *record, int exit_code);

/* The note, if any, as one line on stderr. */
void ul_run_record_say(ul_run_record *record);

#endif
