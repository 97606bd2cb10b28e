/* SPDX-License-Identifier: MIT */
/* gctime.c: see gctime.h.
 *
 * Reading may fall into the middle of a change. Go's sums then do not come out, and the ones before
 * stay; of a JVM's counters each is whole, and that two belong to different moments does not matter.
 *
 * A JVM's collection is the processor time of the threads that do it. Threads that a JVM adds while it runs are found every sixteenth read.
 */
#include "launch/gctime.h"

#include <stdlib.h>
#include <string.h>

#include "os/insight.h"
#include "os/process.h"

#define SEARCH_BYTES    (256 * UL_KIB)
#define SEARCH_MOST     (32 * UL_MIB) /* of variables; Kubernetes has 2 MiB */
#define RETRY_STEP_MOST 8
#define RARE_READS      16
/* Between two looks at a JVM's pages: a look for each 64 MiB, up to a minute. */
#define MEMORY_STEP_BYTES (64 * UL_MIB)
#define MEMORY_LOOKS_MOST 60

static void set_unknown(ul_gc_figures *figures) {
  *figures = (ul_gc_figures){.gc_cpu_ns = UL_GC_UNKNOWN,
                             .busy_ns = UL_GC_UNKNOWN,
                             .collections = UL_GC_UNKNOWN,
                             .full_collections = UL_GC_UNKNOWN,
                             .share = -1,
                             .heap_limit_bytes = UL_GC_UNKNOWN,
                             .live_bytes = UL_GC_UNKNOWN,
                             .off_heap_bytes = UL_GC_UNKNOWN,
                             .metaspace_bytes = UL_GC_UNKNOWN,
                             .code_cache_bytes = UL_GC_UNKNOWN,
                             .direct_bytes = UL_GC_UNKNOWN,
                             .classes = UL_GC_UNKNOWN,
                             .threads = UL_GC_UNKNOWN};
}

void ul_gctime_open(int pid, enum ul_runtime runtime, ul_gctime *ret_gctime) {
  *ret_gctime = (ul_gctime){.pid = pid, .runtime = runtime, .counters_fd = -1, .retry_step = 1};
  set_unknown(&ret_gctime->figures);
}

void ul_gctime_close(ul_gctime *gctime) {
  ul_insight_file_close(gctime->counters_fd);
  gctime->counters_fd = -1;
  free(gctime->buffer);
  gctime->buffer = NULL;
}

/* Is it time to look again for what was not there? Each time later. */
static bool may_look(ul_gctime *gctime) {
  if (gctime->reads < gctime->retry_at) return false;
  gctime->retry_at = gctime->reads + gctime->retry_step;
  gctime->retry_step = UL_MIN(2 * gctime->retry_step, (uint64_t)RETRY_STEP_MOST);
  return true;
}

/* The share of what came after the older mark, which is at a quarter to a half of the work. */
static void take_times(ul_gctime *gctime, uint64_t gc_ns, uint64_t busy_ns) {
  ul_gc_figures *figures = &gctime->figures;
  figures->gc_cpu_ns = gc_ns;
  figures->busy_ns = busy_ns;
  if (busy_ns >= 2 * gctime->young_busy_ns) {
    gctime->old_gc_ns = gctime->young_gc_ns;
    gctime->old_busy_ns = gctime->young_busy_ns;
    gctime->young_gc_ns = gc_ns;
    gctime->young_busy_ns = busy_ns;
  }
  if (busy_ns <= gctime->old_busy_ns || gc_ns < gctime->old_gc_ns) return;
  uint64_t gc = gc_ns - gctime->old_gc_ns, busy = busy_ns - gctime->old_busy_ns;
  figures->share = UL_MIN((double)gc / (double)busy, 1.0);
}

/* ---- Go --------------------------------------------------------------------------------------- */

static void search_range(ul_gctime *gctime, uint64_t start, uint64_t bytes, uint8_t *buffer) {
  bytes = UL_MIN(bytes, (uint64_t)SEARCH_MOST);
  for (uint64_t at = 0; at < bytes;) {
    size_t part = (size_t)UL_MIN(bytes - at, (uint64_t)SEARCH_BYTES);
    if (ul_process_peek(gctime->pid, start + at, buffer, part) < 0) return;
    ul_gowork_search(&gctime->go, buffer, part, start + at);
    if (part < SEARCH_BYTES) return;
    at += part - UL_GOWORK_BYTES; /* they may lie across two parts */
  }
}

static void search_go(ul_gctime *gctime) {
  ul_insight_map map;
  char           limit[64];
  uint8_t       *buffer = malloc(SEARCH_BYTES);
  gctime->go.count = 0;
  if (buffer && ul_insight_map_read(gctime->pid, &map) == 0) {
    gctime->go_has_libraries = map.has_libraries;
    for (size_t i = 0; i < map.data_count; i++) {
      search_range(gctime, map.data[i].start, map.data[i].bytes, buffer);
    }
  }
  free(buffer);
  uint64_t *bytes = &gctime->figures.heap_limit_bytes;
  if (ul_insight_environment(gctime->pid, "GOMEMLIMIT", limit, sizeof limit) < 0 ||
      !ul_gowork_limit(limit, bytes)) {
    *bytes = UL_GC_UNKNOWN;
  }
}

/* Is what Go counts by the clock a tenth more than the processor time it got? Where it need not wait
 * it is less: idle marking is not in it. */
static void judge_disturbance(ul_gctime *gctime, uint64_t busy_ns) {
  ul_process_usage usage;
  if (ul_process_usage_read(gctime->pid, &usage) < 0 || usage.is_zombie) return;
  uint64_t cpu_ns = usage.user_ns + usage.system_ns;
  gctime->figures.is_disturbed = busy_ns > cpu_ns + cpu_ns / 10;
}

/* What is mapped from files is not Go's to count; with cgo there is more, which nobody tells. */
static void read_go_rest(ul_gctime *gctime) {
  ul_process_parts parts;
  if (gctime->go_has_libraries || ul_process_parts_read(gctime->pid, &parts) < 0) return;
  gctime->figures.off_heap_bytes = parts.file_bytes + parts.shared_bytes;
}

/* What the last cycle found. At the first look after a start there may have been none. */
static void read_go_cycle(ul_gctime *gctime, uint64_t address) {
  uint8_t  bytes[UL_GOWORK_CYCLE_BYTES];
  uint64_t cycles, live_bytes;
  if (ul_process_peek(gctime->pid, address - sizeof bytes, bytes, sizeof bytes) < 0 ||
      !ul_gowork_cycle(bytes, &cycles, &live_bytes)) {
    return;
  }
  gctime->figures.collections = cycles;
  if (live_bytes) gctime->figures.live_bytes = live_bytes;
}

static bool read_go(ul_gctime *gctime) {
  uint64_t best_gc_ns = 0, best_busy_ns = 0, best_address = 0;
  if (gctime->go.count == 0) {
    if (!may_look(gctime)) return false;
    search_go(gctime);
  }
  for (size_t i = 0; i < gctime->go.count; i++) {
    uint64_t sums[UL_GOWORK_SUMS], gc_ns, busy_ns;
    if (ul_process_peek(gctime->pid, gctime->go.address[i], sums, sizeof sums) < 0) return false;
    if (!ul_gowork_times(sums, &gc_ns, &busy_ns) || busy_ns <= best_busy_ns) continue;
    best_gc_ns = gc_ns;
    best_busy_ns = busy_ns;
    best_address = gctime->go.address[i];
  }
  if (best_busy_ns == 0) return false;
  read_go_cycle(gctime, best_address);
  if (gctime->looks++ % RARE_READS == 0) read_go_rest(gctime);
  judge_disturbance(gctime, best_busy_ns);
  take_times(gctime, best_gc_ns, best_busy_ns);
  return true;
}

/* ---- JVM -------------------------------------------------------------------------------------- */

/* Names of the threads of HotSpot's collectors begin so. With Serial the virtual machine's own thread
 * collects; its pauses by the clock would count the waiting of a busy machine. */
static bool is_collector(const char *name, bool one_collects) {
  static const char *const beginnings[] = {"GC Thread#", "G1 ",     "ZWorker",   "ZDriver",
                                           "XWorker",    "XDriver", "Shenandoah"};
  for (size_t i = 0; i < UL_ARRAY_LEN(beginnings); i++) {
    if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0) return true;
  }
  return one_collects && strcmp(name, "VM Thread") == 0;
}

static void find_collectors(ul_gctime *gctime, bool one_collects) {
  enum { MOST = 512 };
  ul_insight_thread *threads = malloc(MOST * sizeof *threads);
  size_t             count = threads ? ul_insight_threads(gctime->pid, threads, MOST) : 0;
  for (size_t i = 0; i < count; i++) {
    bool is_known = !is_collector(threads[i].name, one_collects);
    for (size_t k = 0; !is_known && k < gctime->thread_count; k++) {
      is_known = gctime->threads[k].id == threads[i].id;
    }
    if (is_known || gctime->thread_count == UL_GC_THREADS_MOST) continue;
    gctime->threads[gctime->thread_count].id = threads[i].id;
    gctime->threads[gctime->thread_count++].cpu_ns = 0;
  }
  free(threads);
}

/* A thread that has ended counts with what it had used. */
static uint64_t collectors_ns(ul_gctime *gctime) {
  uint64_t sum_ns = 0;
  for (size_t i = 0; i < gctime->thread_count; i++) {
    uint64_t now_ns;
    if (ul_insight_thread_cpu(gctime->pid, gctime->threads[i].id, &now_ns) == 0) {
      gctime->threads[i].cpu_ns = UL_MAX(gctime->threads[i].cpu_ns, now_ns);
    }
    sum_ns += gctime->threads[i].cpu_ns;
  }
  return sum_ns;
}

static uint64_t known_or_not(uint64_t number) {
  return number ? number : UL_GC_UNKNOWN;
}

static void take_counters(ul_gctime *gctime, const ul_hsperf *counters, const ul_jvm *jvm) {
  ul_gc_figures *figures = &gctime->figures;
  /* With G1 either generation may have the whole heap. */
  bool is_one = strncmp(counters->collector, "G1", 2) == 0;
  figures->heap_limit_bytes = known_or_not(is_one ? counters->old_most_bytes : jvm->heap_max_bytes);
  figures->collections = counters->young_collections;
  figures->full_collections = counters->full_collections;
  figures->threads = counters->threads;
  figures->metaspace_bytes = known_or_not(jvm->metaspace_bytes);
  figures->classes = known_or_not(jvm->classes);
  /* Else the old generation holds what nobody has looked through since. */
  if (jvm->full_is_last && jvm->old_bytes) figures->live_bytes = jvm->old_bytes;
}

static void read_jvm_times(ul_gctime *gctime, const ul_jvm *jvm) {
  ul_process_usage usage;
  ul_insight_map   map;
  if (gctime->looks++ % RARE_READS == 0) {
    find_collectors(gctime, jvm->one_thread_collects);
    if (ul_insight_map_read(gctime->pid, &map) == 0 && map.code_bytes > 0) {
      gctime->figures.code_cache_bytes = map.code_bytes;
    }
  }
  uint64_t collectors = collectors_ns(gctime);
  if (ul_process_usage_read(gctime->pid, &usage) < 0 || usage.is_zombie) return;
  uint64_t busy_ns = usage.user_ns + usage.system_ns;
  uint64_t gc_ns = gctime->thread_count > 0 ? collectors : jvm->gc_ns;
  if (busy_ns > 0) take_times(gctime, UL_MIN(gc_ns, busy_ns), busy_ns);
}

/* Direct buffers are counted nowhere outside the JVM: they are what is left when all else is taken
 * off. Dear, so the rarer the more is resident: 0.1 % of a processor at a look a second. */
static void read_jvm_memory(ul_gctime *gctime, const ul_jvm *jvm) {
  ul_insight_jvm_memory memory;
  ul_gc_figures        *figures = &gctime->figures;
  if (gctime->looks < gctime->memory_due) return;
  /* Its heap may not be there yet; or never be told apart. */
  gctime->memory_due = gctime->looks + (gctime->looks < RARE_READS ? 1 : RARE_READS);
  if (ul_insight_jvm_memory_read(gctime->pid, &memory) < 0) return;
  uint64_t resident = memory.heap_bytes + memory.beside_bytes, taken = jvm->metaspace_bytes;
  gctime->memory_due =
      gctime->looks + UL_MIN(resident / MEMORY_STEP_BYTES, (uint64_t)MEMORY_LOOKS_MOST);
  /* Tables and bitmaps of collectors that work on regions. */
  if (!jvm->one_thread_collects) taken += jvm->heap_max_bytes / 20;
  uint64_t direct = memory.beside_bytes > taken ? memory.beside_bytes - taken : 0;
  if (figures->direct_bytes == UL_GC_UNKNOWN || figures->direct_bytes < direct) {
    figures->direct_bytes = direct;
  }
}

/* Opened again now and then, so that the file that an earlier JVM of this number left is not kept;
 * and the last one is kept when it is gone. */
static bool open_jvm(ul_gctime *gctime) {
  int fd;
  if (gctime->counters_fd >= 0 && gctime->looks % 4 != 0) return true;
  if (!gctime->buffer) gctime->buffer = malloc(UL_HSPERF_MOST);
  if (!gctime->buffer) return false;
  if (ul_insight_jvm_open(gctime->pid, &fd) < 0) return gctime->counters_fd >= 0;
  ul_insight_file_close(gctime->counters_fd);
  gctime->counters_fd = fd;
  return true;
}

static bool read_jvm(ul_gctime *gctime) {
  ul_hsperf counters;
  ul_jvm    jvm;
  size_t    count;
  if (!open_jvm(gctime)) return false;
  if (ul_insight_file_read(gctime->counters_fd, gctime->buffer, UL_HSPERF_MOST, &count) < 0 ||
      ul_hsperf_read(gctime->buffer, count, &counters) < 0) {
    return false;
  }
  ul_jvm_judge(&counters, &jvm);
  take_counters(gctime, &counters, &jvm);
  read_jvm_memory(gctime, &jvm);
  read_jvm_times(gctime, &jvm);
  return true;
}

bool ul_gctime_read(ul_gctime *gctime) {
  gctime->reads++;
  switch (gctime->runtime) {
  case UL_RUNTIME_GO: return read_go(gctime);
  case UL_RUNTIME_JVM: return read_jvm(gctime);
  default: return false;
  }
}
