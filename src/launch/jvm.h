/* SPDX-License-Identifier: MIT */
/* jvm.h: what a running JVM says about itself, found by its process and put together.
 *
 * HotSpot keeps its counters (hsperf.h) in /tmp/hsperfdata_USER/PID. Reading them costs the JVM
 * nothing. The file is gone when the JVM ends, and is not there with -XX:-UsePerfData or
 * +PerfDisableSharedMem. Anybody may put something into that place, so only a regular file of this
 * user is read, and no link followed.
 *
 * Some counters (metaspace) are brought up to date only by a collection; the heap's, too.
 *
 * Threads  ul_jvm_judge any, ul_jvm_look one.
 */
#ifndef UL_LAUNCH_JVM_H
#define UL_LAUNCH_JVM_H

#include "launch/hsperf.h"

/* What is not known is 0. */
typedef struct ul_jvm {
  bool     one_thread_collects; /* Serial: then its time is processor time, too */
  bool     full_is_last;        /* nothing was collected since the last full collection */
  uint64_t gc_ns;               /* in which the program stood still for collection */
  uint64_t heap_max_bytes;      /* as far as the heap may grow */
  uint64_t old_bytes;           /* of the old generation; where full_is_last: what lives */
  uint64_t metaspace_bytes;     /* committed */
  uint64_t compiled_bytes;      /* of all methods compiled so far */
  uint64_t classes;             /* loaded now */
  uint64_t own_classes;         /* of these, not from the archive that all JVMs share */
} ul_jvm;

/* Pure. */
void ul_jvm_judge(const ul_hsperf *counters, ul_jvm *ret_jvm);

/* A JVM that was killed leaves its file behind, and its number to others: a file that was not made
 * or changed since `since_unix_s` is not believed. 0, or -UL_E_NOTFOUND: it is no JVM, or does not
 * tell. Some 30 microseconds, 5 where there is no file. */
UL_MUST_USE int ul_jvm_look(int pid, int64_t since_unix_s, ul_jvm *ret_jvm);

#endif
