/* SPDX-License-Identifier: MIT */
/* run_gc.c: see run_gc.h. */
#include "cli/run_gc.h"

#define ATTEMPTS_MOST 8
#define BUSY_LEAST_NS ((uint64_t)2000000000) /* less is no measurement */

static bool is_looked_at(enum ul_runtime runtime) {
  return runtime == UL_RUNTIME_GO || runtime == UL_RUNTIME_JVM;
}

/* What runs there now; after exec another runtime starts with figures of its own. */
static void recognise(ul_run_gc *gc, size_t at) {
  static ul_program program;
  ul_gctime        *gctime = &gc->members[at].gctime;
  if (is_looked_at(gctime->runtime) || gc->members[at].attempts >= ATTEMPTS_MOST) return;
  gc->members[at].attempts++;
  if (ul_recognise_running(gc->members[at].pid, &program) < 0 || !is_looked_at(program.runtime)) {
    return;
  }
  ul_gctime_close(gctime);
  ul_gctime_open(gc->members[at].pid, program.runtime, gctime);
}

/* Its place; UL_RUN_GC_MOST: there is none left. */
static size_t place_of(ul_run_gc *gc, int pid, uint64_t start) {
  size_t at = 0;
  while (at < gc->count && (gc->members[at].pid != pid || gc->members[at].start != start)) at++;
  if (at < gc->count || at == UL_RUN_GC_MOST) return at;
  gc->members[at].pid = pid;
  gc->members[at].start = start;
  gc->members[at].attempts = 0;
  ul_gctime_open(pid, UL_RUNTIME_UNKNOWN, &gc->members[at].gctime);
  gc->count++;
  return at;
}

void ul_run_gc_look(ul_run_gc *gc, const ul_watch *watch) {
  uint64_t now_ns = watch->figures.last_at_ns;
  if (now_ns < gc->due_ns) return;
  gc->due_ns = ul_watch_rare_due_ns(now_ns);
  for (size_t i = 0; i < watch->count; i++) {
    const ul_watched *member = &watch->members[i];
    if (member->is_gone || member->usage.start == 0) continue;
    size_t at = place_of(gc, member->process.pid, member->usage.start);
    if (at == UL_RUN_GC_MOST) continue;
    recognise(gc, at);
    (void)ul_gctime_read(&gc->members[at].gctime);
  }
}

uint64_t ul_run_gc_collections(const ul_run_gc *gc) {
  uint64_t sum = 0;
  for (size_t i = 0; i < gc->count; i++) {
    const ul_gc_figures *figures = &gc->members[i].gctime.figures;
    if (figures->collections != UL_GC_UNKNOWN) sum += figures->collections;
    if (figures->full_collections != UL_GC_UNKNOWN) sum += figures->full_collections;
  }
  return sum;
}

const ul_gc_figures *ul_run_gc_figures(const ul_run_gc *gc) {
  const ul_gc_figures *best = NULL;
  for (size_t i = 0; i < gc->count; i++) {
    const ul_gc_figures *figures = &gc->members[i].gctime.figures;
    if (figures->gc_cpu_ns == UL_GC_UNKNOWN) continue;
    if (!best || figures->gc_cpu_ns > best->gc_cpu_ns) best = figures;
  }
  return best;
}

uint64_t ul_run_gc_direct(const ul_run_gc *gc) {
  uint64_t most = UL_GC_UNKNOWN;
  for (size_t i = 0; i < gc->count; i++) {
    uint64_t one = gc->members[i].gctime.figures.direct_bytes;
    if (one != UL_GC_UNKNOWN && (most == UL_GC_UNKNOWN || one > most)) most = one;
  }
  return most;
}

bool ul_run_gc_point(const ul_run_gc *gc, uint64_t *ret_limit_bytes, double *ret_share) {
  const ul_gc_figures *figures = ul_run_gc_figures(gc);
  if (!figures || figures->is_disturbed || figures->busy_ns < BUSY_LEAST_NS ||
      figures->heap_limit_bytes == UL_GC_UNKNOWN || !(figures->share > 0)) {
    return false;
  }
  *ret_limit_bytes = figures->heap_limit_bytes;
  *ret_share = figures->share;
  return true;
}

void ul_run_gc_close(ul_run_gc *gc) {
  for (size_t i = 0; i < gc->count; i++) ul_gctime_close(&gc->members[i].gctime);
}
