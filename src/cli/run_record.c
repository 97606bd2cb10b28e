/* SPDX-License-Identifier: MIT */
/* run_record.c: see run_record.h. */
#include "cli/run_record.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "launch/jvm.h"
#include "launch/price.h"
#include "launch/report.h"

void ul_run_record_say(ul_run_record *record) {
  if (record->note.text[0] && !record->quiet) fprintf(stderr, "ullage: %s\n", record->note.text);
  record->note.text[0] = 0;
}

/* A limit on the size of files (ulimit -f) is as a full disk: an error, and not our end. The program
 * must get the signal as we got it, so it is ignored only while the history is at work. */
static void guard_begin(struct sigaction *ret_before) {
  const struct sigaction ignore = {.sa_handler = SIG_IGN};
  (void)sigaction(SIGXFSZ, &ignore, ret_before);
}

static void guard_end(const struct sigaction *before) {
  (void)sigaction(SIGXFSZ, before, NULL);
}

void ul_run_record_open(ul_run_record *ret_record, const ul_run_record_order *order) {
  const char      *variable = getenv("ULLAGE_HISTORY");
  bool             off = variable && strcmp(variable, "off") == 0;
  ul_history_order place = {.path = order->path, .writes = !order->reads};
  struct sigaction before;
  *ret_record = (ul_run_record){.quiet = order->quiet};
  if (!order->path && (off || !order->budget)) return;
  /* Without --record nobody asked for what this build does not have. */
  if (!order->path && !ul_history_is_built()) return;
  guard_begin(&before);
  if (ul_history_open(&place, &ret_record->history, &ret_record->note) < 0) {
    ret_record->history = NULL;
  }
  guard_end(&before);
  if (order->reads) ret_record->note.text[0] = 0; /* nothing is recorded, so nothing is missed */
  if (!ret_record->history && ret_record->note.text[0] && !order->quiet) {
    fprintf(stderr, "ullage: this run is not recorded: %s\n", ret_record->note.text);
    ret_record->note.text[0] = 0;
  }
  ul_run_record_say(ret_record);
}

void ul_run_record_close(ul_run_record *record) {
  ul_run_gc_close(&record->gc);
  struct sigaction before;
  if (!record->history) return;
  guard_begin(&before); /* closing empties the log into the file */
  ul_history_close(record->history);
  guard_end(&before);
  record->history = NULL;
}

/* ---- What is known ---------------------------------------------------------------------------- */

static void fit_price(const ul_history_known *known, ul_knob_facts *facts) {
  ul_price_point points[UL_HISTORY_POINTS_MAX];
  ul_price       price;
  char           why[UL_PRICE_WHY_MAX];
  for (size_t i = 0; i < known->point_count; i++) {
    points[i] = (ul_price_point){known->points[i].limit_bytes, known->points[i].share};
  }
  if (ul_price_fit(points, known->point_count, &price, why) < 0) return;
  facts->price_k_bytes = (uint64_t)price.k_bytes;
  facts->price_l0_bytes = (uint64_t)price.l0_bytes;
}

/* `directory`: where we are, and the program will be; NULL: it is gone. */
static void identify(const ul_program *program, char *const *arguments, const char *directory,
                     char ret_identity[UL_HISTORY_TEXT_MAX]) {
  /* What stands in for Python has Python's words. */
  ul_history_program told = {.path = program->path,
                             .runtime = ul_runtime_key(program->runtime),
                             .is_script = program->is_script && !program->is_python_wrapper,
                             .is_launcher = program->is_launcher,
                             .arguments = arguments,
                             .directory = directory,
                             .class_path = getenv("CLASSPATH")};
  ul_history_identity(&told, ret_identity);
}

void ul_run_record_facts(ul_run_record *record, const ul_program *program, char *const *arguments,
                         ul_knob_facts *ret_facts) {
  static ul_history_known known;
  char                    identity[UL_HISTORY_TEXT_MAX], directory[PATH_MAX];
  *ret_facts = (ul_knob_facts){0};
  if (!record->history) return;
  identify(program, arguments, getcwd(directory, sizeof directory), identity);
  if (ul_history_known_of(record->history, identity, &known, &record->note) < 0) {
    ul_run_record_say(record);
    return;
  }
  *ret_facts = (ul_knob_facts){
      .live_bytes = known.value[UL_HISTORY_FACT_live_bytes],
      .off_heap_bytes = known.value[UL_HISTORY_FACT_off_heap_bytes],
      .metaspace_bytes = known.value[UL_HISTORY_FACT_metaspace_bytes],
      .code_cache_bytes = known.value[UL_HISTORY_FACT_code_cache_bytes],
      .direct_bytes = known.value[UL_HISTORY_FACT_direct_bytes],
      .classes = known.value[UL_HISTORY_FACT_classes],
      .threads = known.value[UL_HISTORY_FACT_threads],
  };
  fit_price(&known, ret_facts);
}

/* ---- This run --------------------------------------------------------------------------------- */

void ul_run_record_begin(ul_run_record *record, const ul_program *program, char *const *arguments,
                         uint64_t budget_bytes) {
  char             identity[UL_HISTORY_TEXT_MAX], command[UL_HISTORY_TEXT_MAX], directory[PATH_MAX];
  struct timespec  now;
  struct sigaction before;
  ul_history_run   run;
  if (!record->history) return;
  ul_history_run_init(&run);
  run.directory = getcwd(directory, sizeof directory);
  identify(program, arguments, run.directory, identity);
  ul_history_command(arguments, command);
  clock_gettime(CLOCK_REALTIME, &now);
  record->started_unix_s = now.tv_sec;
  run.identity = identity;
  run.program = program->path;
  run.command = command;
  run.runtime = ul_runtime_key(program->runtime);
  run.started_unix_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
  if (budget_bytes) run.budget_bytes = budget_bytes;
  guard_begin(&before);
  int error = ul_history_begin(record->history, &run, &record->note);
  guard_end(&before);
  if (error) ul_run_record_close(record);
  ul_run_record_say(record);
}

/* JVMs are asked often at first: a short run leaves no later moment. */
#define ASK_NS      ((uint64_t)1000000000)
#define ASK_SOON_NS ((uint64_t)250000000)
#define SOON_NS     ((uint64_t)10000000000)
#define ASKED_MOST  64 /* processes */

/* A limit from too little is worse than none: only who has run for SOON_NS has loaded and compiled
 * most of what it will. The counters of metaspace follow collections, and those of code have only
 * methods, so both get what a JVM needs before its first class of its own. */
#define METASPACE_LEAST (16 * UL_MIB)
#define CLASS_BYTES     5800
#define CODE_OTHER      (10 * UL_MIB)
#define DIRECT_TELLS    (32 * UL_MIB) /* so much is news however short the run was */

static void take_jvm(ul_run_record *record, uint64_t now_ns, const ul_jvm *jvm) {
  ul_history *history = record->history;
  uint64_t    classes = UL_MIN(jvm->own_classes, (uint64_t)1000000);
  uint64_t    metaspace = METASPACE_LEAST + classes * CLASS_BYTES;
  if (now_ns >= SOON_NS) {
    ul_history_fact(history, UL_HISTORY_FACT_metaspace_bytes,
                    UL_MAX(metaspace, jvm->metaspace_bytes));
    ul_history_fact(history, UL_HISTORY_FACT_code_cache_bytes,
                    UL_MIN(jvm->compiled_bytes, (uint64_t)UL_GIB) + CODE_OTHER);
  }
  ul_history_fact(history, UL_HISTORY_FACT_classes, jvm->classes);
  /* Right after a full collection what is used is what lives. */
  if (jvm->full_is_last && jvm->old_bytes) {
    ul_history_fact(history, UL_HISTORY_FACT_live_bytes, jvm->old_bytes);
  }
}

static void ask_runtimes(ul_run_record *record, const ul_watch *watch) {
  uint64_t now = watch->figures.last_at_ns;
  ul_jvm   jvm;
  if (now < record->runtime_due_ns) return;
  record->runtime_due_ns = now + (now < SOON_NS ? ASK_SOON_NS : ASK_NS);
  for (size_t i = 0; i < UL_MIN(watch->count, (size_t)ASKED_MOST); i++) {
    const ul_watched *member = &watch->members[i];
    if (!member->is_gone && ul_jvm_look(member->process.pid, record->started_unix_s, &jvm) == 0)
      take_jvm(record, now, &jvm);
  }
}

/* Not known is 0, so a JVM without direct buffers has one byte of them. */
static void take_direct(ul_run_record *record, uint64_t now_ns) {
  uint64_t direct = ul_run_gc_direct(&record->gc);
  if (direct == UL_GC_UNKNOWN || (now_ns < SOON_NS && direct < DIRECT_TELLS)) return;
  ul_history_fact(record->history, UL_HISTORY_FACT_direct_bytes, UL_MAX(direct, (uint64_t)1));
}

bool ul_run_record_look(ul_run_record *record, const ul_watch *watch) {
  const ul_figures *figures = &watch->figures;
  uint64_t          threads = 0;
  struct sigaction  before;
  record->collections = 0;
  if (figures->samples == 0) return false;
  uint64_t collections = ul_run_gc_collections(&record->gc);
  ul_run_gc_look(&record->gc, watch);
  record->collections = ul_run_gc_collections(&record->gc) - collections;
  if (!record->history) return false;
  for (size_t i = 0; i < watch->count; i++) {
    threads = UL_MAX(threads, watch->members[i].usage.threads);
  }
  ask_runtimes(record, watch);
  take_direct(record, figures->last_at_ns);
  if (threads) ul_history_fact(record->history, UL_HISTORY_FACT_threads, threads);
  guard_begin(&before);
  ul_history_sample(record->history, figures->last_at_ns, figures->now_bytes,
                    watch->live_seen ? watch->live_now_bytes : UL_HISTORY_UNKNOWN, &record->note);
  guard_end(&before);
  return record->note.text[0] != 0;
}

void ul_run_record_mark(ul_run_record *record, enum ul_mark_kind kind, uint64_t at_ns,
                        uint64_t bytes, const char *text) {
  static const char *const keys[] = {
#define UL_MARK_KEY(id, key, title) key,
      UL_MARKS(UL_MARK_KEY)
#undef UL_MARK_KEY
  };
  if (record->history) ul_history_mark(record->history, at_ns, keys[kind], bytes, text);
}

static uint64_t known_or_not(uint64_t number) {
  return number ? number : UL_HISTORY_UNKNOWN;
}

static void fill_run(const ul_run_result *result, ul_history_run *run) {
  static const char *const kinds[] = {"none", "cgroup1", "cgroup2"}; /* ul_enclosure_kind */
  const ul_enclose        *enclose = &result->enclose;
  ul_history_run_init(run);
  run->exit_reason = ul_exit_reason_key(result->exit_reason);
  run->enclosure = kinds[enclose->kind];
  if (result->became.path[0]) run->runtime = ul_runtime_key(result->became.runtime);
  run->budget_bytes = known_or_not(result->budget_bytes);
  run->wall_ns = result->wall_ns;
  run->peak_rss_bytes = result->peak_rss_bytes;
  run->peak_at_ns = result->peak_at_ns;
  run->p99_rss_bytes = result->p99_rss_bytes;
  run->startup_peak_rss_bytes = result->startup_peak_rss_bytes;
  run->floor_rss_bytes = result->floor_rss_bytes;
  run->peak_pss_bytes = result->peak_pss_bytes;
  run->live_bytes = result->live_bytes;
  run->live_resident_bytes = result->live_resident_bytes;
  run->budget_exceeded_at_ns = result->budget_exceeded_at_ns;
  if (result->budget_bytes) run->budget_kept = ul_report_budget_kept(result);
  if (enclose->kind != UL_ENCLOSURE_NONE) run->enclosure_limit_bytes = enclose->limit_bytes;
  run->enclosure_peak_bytes = known_or_not(enclose->peak_bytes);
  run->raised_to_bytes = known_or_not(enclose->raised_to_bytes);
  run->pauses = enclose->pauses;
  run->paused_ns = enclose->paused_ns;
  if (result->exit_signal) {
    run->exit_signal = (uint64_t)result->exit_signal;
  } else {
    run->exit_code = (uint64_t)result->exit_code;
  }
  run->threads_peak = result->threads_peak;
  run->processes_peak = result->processes_peak;
  run->minor_faults = result->minor_faults;
  run->major_faults = result->major_faults;
  run->cpu_user_ns = result->cpu_user_ns;
  run->cpu_sys_ns = result->cpu_system_ns;
  run->ullage_cpu_ns = result->own_cpu_ns;
  run->oom_kills = result->oom.group_kills;
}

static void finish(ul_run_record *record, const ul_history_run *run) {
  struct sigaction before;
  guard_begin(&before);
  int error = ul_history_finish(record->history, run, &record->note);
  guard_end(&before);
  if (error) ul_run_record_close(record);
  ul_run_record_say(record);
}

void ul_run_record_finish(ul_run_record *record, const ul_run_result *result) {
  ul_history_run run;
  if (!record->history) return;
  fill_run(result, &run);
  const ul_gc_figures *gc = ul_run_gc_figures(&record->gc);
  uint64_t             limit_bytes;
  double               share;
  if (gc) {
    run.gc_cpu_ns = record->gc_cpu_ns = gc->gc_cpu_ns;
    if (gc->heap_limit_bytes != UL_GC_UNKNOWN) record->heap_limit_bytes = gc->heap_limit_bytes;
    ul_history_fact(record->history, UL_HISTORY_FACT_off_heap_bytes, gc->off_heap_bytes);
    ul_history_fact(record->history, UL_HISTORY_FACT_live_bytes, gc->live_bytes);
  }
  if (ul_run_gc_point(&record->gc, &limit_bytes, &share)) {
    ul_history_point(record->history, limit_bytes, share);
  }
  finish(record, &run);
}

void ul_run_record_not_started(ul_run_record *record, int exit_code) {
  ul_history_run run;
  if (!record->history) return;
  ul_history_run_init(&run);
  run.exit_reason = "not-started";
  run.exit_code = (uint64_t)exit_code;
  finish(record, &run);
}
