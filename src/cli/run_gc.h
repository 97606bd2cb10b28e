/* SPDX-License-Identifier: MIT */
/* run_gc.h: collection in a whole process tree, while a run goes on (launch/gctime.h for each
 * process).
 *
 * A member of the tree is recognised when it is first seen, and again during its first seconds, since
 * a launcher becomes another program. What a process used is kept when it has ended.
 *
 * Threads one.
 */
#ifndef UL_CLI_RUN_GC_H
#define UL_CLI_RUN_GC_H

#include "launch/gctime.h"
#include "launch/watch.h"

#define UL_RUN_GC_MOST 16 /* processes; those that come later are not looked at */

typedef struct ul_run_gc {
  uint64_t due_ns; /* of the next look */
  size_t   count;
  struct {
    int       pid;
    uint64_t  start;    /* as ul_process_usage.start */
    unsigned  attempts; /* to recognise it */
    ul_gctime gctime;
  } members[UL_RUN_GC_MOST];
} ul_run_gc;

/* After each look of the watcher; looks itself once a second, at first four times. */
void ul_run_gc_look(ul_run_gc *gc, const ul_watch *watch);

/* Collections of all of them together, since they were first seen. */
uint64_t ul_run_gc_collections(const ul_run_gc *gc);

/* The figures of the process that spent most on collection; NULL: none was seen. */
const ul_gc_figures *ul_run_gc_figures(const ul_run_gc *gc);

/* The most that one JVM had in direct buffers, in bytes; UL_GC_UNKNOWN: none was seen. */
uint64_t ul_run_gc_direct(const ul_run_gc *gc);

/* What it says of the price of its limit: false where it is no measurement, because the limit or the
 * share is not known, too little was done, or the machine was too busy. */
bool ul_run_gc_point(const ul_run_gc *gc, uint64_t *ret_limit_bytes, double *ret_share);

void ul_run_gc_close(ul_run_gc *gc); /* the figures stay */

#endif
