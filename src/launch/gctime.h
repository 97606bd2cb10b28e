/* SPDX-License-Identifier: MIT */
/* gctime.h: what a runtime spends on collection, and holds beside its heap, seen from outside.
 *
 *     Go      the runtime's own sums of processor time, in its variables     1.20 and later
 *     JVM     its performance counters (hsperf.h), and the time of its       8 and later, unless
 *             collector's threads                                            -XX:-UsePerfData
 *     others  nothing is known
 *
 * Nothing of it goes through the program: it prints and does what it would without us. On a busy
 * machine a look costs some 80 us (Go) or 200 us (JVM), and the search through a program's variables
 * 0.7 ms, which is done at first, and more and more rarely where there is nothing to be found. So:
 * once a second, 0.02 % of a core.
 *
 * What was read last is kept, for when the program has ended. The share is that of the latter part of
 * the run (half of its work, or more): a cache that is filled first collects differently then.
 *
 * Threads one.  Design  docs/reference/history.md
 */
#ifndef UL_LAUNCH_GCTIME_H
#define UL_LAUNCH_GCTIME_H

#include "launch/gowork.h"
#include "launch/jvm.h"
#include "launch/recognise.h"

#define UL_GC_UNKNOWN      UINT64_MAX
#define UL_GC_THREADS_MOST 64

typedef struct ul_gc_figures {
  /* Sums since the start; `busy` is all the program's work, collection included, on the same clock:
   * of Go the time its threads ran Go code, of a JVM its processor time. */
  uint64_t gc_cpu_ns, busy_ns;
  uint64_t collections, full_collections; /* Go: cycles, and none; JVM: young ones, and full ones */
  double   share;                         /* gc / busy of the latter part; negative: unknown */
  /* Go counts by the clock, so on a machine with too few processors for all that runs it counts
   * waiting, too; then the share is no measure. */
  bool is_disturbed;
  /* Bytes; UL_GC_UNKNOWN where it cannot be seen. */
  uint64_t heap_limit_bytes; /* Go: GOMEMLIMIT; JVM: the most its heap may grow to */
  uint64_t live_bytes;       /* Go: found by the last cycle; JVM: of the heap after the last full
                                collection */
  uint64_t off_heap_bytes;   /* Go without cgo: resident pages that GOMEMLIMIT does not count */
  uint64_t metaspace_bytes, code_cache_bytes; /* JVM: committed */
  uint64_t direct_bytes;     /* JVM: resident beside heap, classes and code; the most seen. Direct
                              buffers, and up to 16 MiB of its own */
  uint64_t classes, threads; /* JVM: loaded now; Java threads */
} ul_gc_figures;

/* A program that is looked at. No field is the caller's but `figures`. */
typedef struct ul_gctime {
  int             pid;
  enum ul_runtime runtime;
  ul_gc_figures   figures;                     /* as read last */
  uint64_t        reads, retry_at, retry_step; /* counted in reads */
  uint64_t        looks;                       /* reads that found something */
  /* Go */
  ul_gowork go;
  bool      go_has_libraries;
  /* JVM */
  int      counters_fd; /* -1: not open */
  uint64_t memory_due;  /* in looks */
  uint8_t *buffer;
  size_t   thread_count;
  struct {
    int      id;
    uint64_t cpu_ns;
  } threads[UL_GC_THREADS_MOST];
  /* Where the latter part begins: the younger mark is at half of the work or before it. */
  uint64_t old_gc_ns, old_busy_ns, young_gc_ns, young_busy_ns;
} ul_gctime;

/* Never fails: what is not there yet is looked for at each read. Where a launcher becomes the program
 * (exec), close and open again with the new runtime. */
void ul_gctime_open(int pid, enum ul_runtime runtime, ul_gctime *ret_gctime);

/* Reads; gctime->figures are new where this returns true. False: nothing can be seen (not yet, not of
 * this runtime, or the program is gone), and they are as they were. */
bool ul_gctime_read(ul_gctime *gctime);

/* The figures stay. */
void ul_gctime_close(ul_gctime *gctime);

#endif
