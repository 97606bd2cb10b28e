/* SPDX-License-Identifier: MIT */
/* hsperf.h: the performance counters that a JVM keeps in a shared file (what jstat reads).
 *
 *     header, 32 bytes    ca fe c0 c0 · byte order · version 2.0 · ready · bytes used ·
 *                         overflow · time of the last change · offset and number of entries
 *     entry               its length · where its name is · elements · type · flags · unit ·
 *                         variability · where its value is · name · value
 *
 * The bytes are somebody else's, and may change while they are read: each length and offset is a
 * claim that is checked against what there is, nothing is laid over the bytes, and every loop gets
 * on by at least an entry's head. A counter is found by its name; one that is not there is unknown.
 *
 * Pure. Threads any.  Source  HotSpot's perfMemory.hpp and perfData.hpp; checked with JDK 17.
 */
#ifndef UL_LAUNCH_HSPERF_H
#define UL_LAUNCH_HSPERF_H

#include "base/base.h"

#define UL_HSPERF_UNKNOWN UINT64_MAX
#define UL_HSPERF_MOST \
  ((size_t)256 * 1024) /* a file is 32 KiB, unless PerfDataMemorySize says more */

/* Rows: field, name of the counter. */
#define UL_HSPERF_COUNTERS(UL_COUNTER)                                  \
  UL_COUNTER(ticks_per_second, "sun.os.hrt.frequency")                  \
  UL_COUNTER(young_ticks, "sun.gc.collector.0.time")                    \
  UL_COUNTER(young_collections, "sun.gc.collector.0.invocations")       \
  UL_COUNTER(full_ticks, "sun.gc.collector.1.time")                     \
  UL_COUNTER(full_collections, "sun.gc.collector.1.invocations")        \
  UL_COUNTER(pause_ticks, "sun.gc.collector.2.time")                    \
  UL_COUNTER(pause_collections, "sun.gc.collector.2.invocations")       \
  UL_COUNTER(young_most_bytes, "sun.gc.generation.0.maxCapacity")       \
  UL_COUNTER(old_most_bytes, "sun.gc.generation.1.maxCapacity")         \
  UL_COUNTER(eden_bytes, "sun.gc.generation.0.space.0.used")            \
  UL_COUNTER(survivor0_bytes, "sun.gc.generation.0.space.1.used")       \
  UL_COUNTER(survivor1_bytes, "sun.gc.generation.0.space.2.used")       \
  UL_COUNTER(old_bytes, "sun.gc.generation.1.space.0.used")             \
  UL_COUNTER(metaspace_bytes, "sun.gc.metaspace.capacity")              \
  UL_COUNTER(metaspace_used_bytes, "sun.gc.metaspace.used")             \
  UL_COUNTER(classes_loaded, "java.cls.loadedClasses")                  \
  UL_COUNTER(classes_unloaded, "java.cls.unloadedClasses")              \
  UL_COUNTER(classes_shared, "java.cls.sharedLoadedClasses")            \
  UL_COUNTER(classes_shared_unloaded, "java.cls.sharedUnloadedClasses") \
  UL_COUNTER(threads, "java.threads.live")                              \
  UL_COUNTER(young_end_ticks, "sun.gc.collector.0.lastExitTime")        \
  UL_COUNTER(full_end_ticks, "sun.gc.collector.1.lastExitTime")         \
  UL_COUNTER(compiled_bytes, "sun.ci.nmethodSize")

typedef struct ul_hsperf {
#define UL_COUNTER(field, name) uint64_t field;
  UL_HSPERF_COUNTERS(UL_COUNTER)
#undef UL_COUNTER
  char collector[48]; /* sun.gc.collector.0.name: "G1 young collection pauses"; "" unknown */
} ul_hsperf;

/* Returns 0, or -UL_E_INVAL: these are not the counters of a JVM, or it is not ready yet. */
UL_MUST_USE int ul_hsperf_read(const void *bytes, size_t count, ul_hsperf *ret_counters);

#endif
