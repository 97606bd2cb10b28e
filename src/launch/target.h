/* SPDX-License-Identifier: MIT */
/* target.h: which process is meant, its counters, and asking it for something.
 *
 *     1234         its number
 *     cache_serv…  its name, if only one process has it: as the kernel keeps it, or the file's
 *
 * A number is given to another process one day: the target is number and start together, and what
 * has the number later is not asked and not shown.
 *
 * Threads any, one for each target.
 */
#ifndef UL_LAUNCH_TARGET_H
#define UL_LAUNCH_TARGET_H

#include "launch/counters.h"
#include "launch/fault.h"
#include "wire/control.h"

typedef struct ul_target {
  int      pid;
  uint64_t start; /* of the process; see os/process.h */
  char     name[16];
  uint64_t page; /* of its counters; 0: not found yet */
} ul_target;

/* 0, or negative with *fault (2): there is none, or several. */
UL_MUST_USE int ul_target_find(const char *text, ul_target *ret_target, ul_fault *fault);

/* Its counters, brought up to date first where they are older than a second and it answers in time.
 * 0, or negative with *fault: it has none, and what to do about it. */
UL_MUST_USE int ul_target_counters(ul_target *target, ul_counters *ret_counters, ul_fault *fault);

/* Asks for `verb`. 0 with the reply's value, or negative with *fault. */
UL_MUST_USE int ul_target_ask(const ul_target *target, enum ul_control_verb verb, uint64_t value,
                              uint64_t *ret_value, ul_fault *fault);

/* Does it still run? (A zombie does not.) */
bool ul_target_runs(const ul_target *target);

#endif
