/* SPDX-License-Identifier: MIT */
/* advice.h: what to do after a run: from its figures to sentences.
 *
 * Each sentence says what was seen, what it means and what to do; where that is a flag of the next
 * run, the flag is given apart, ready to be typed. Nothing is guessed: a rule that lacks a number
 * says nothing. The most pressing comes first.
 *
 * Pure. Threads any.
 */
#ifndef UL_LAUNCH_ADVICE_H
#define UL_LAUNCH_ADVICE_H

#include "launch/knobs.h"
#include "launch/price.h"
#include "launch/supervise.h"
#include "launch/timeline.h"

#define UL_ADVICE_MAX 12

typedef struct ul_advice {
  char text[720];
  char flags[64]; /* of `ullage run`: "--budget 1792Mi"; "": none */
} ul_advice;

/* Where memory was at the highest moment at which the heap could be looked into; of all processes
 * with libullage. */
typedef struct ul_peak_parts {
  bool     valid;
  uint64_t at_ns;
  uint64_t resident_bytes; /* of the whole tree */
  uint64_t live_bytes;     /* of the heap */
  uint64_t free_bytes;     /* of the heap: free, and still backed by the system */
  uint64_t own_bytes;      /* what the heap keeps about all this */
} ul_peak_parts;

/* `timeline`, `parts`: NULL where there is none. `knobs`: what its runtime was told; NULL: nothing.
 * No budget that is advised is below the least that its runtime needs. Of a run that did not end with 0
 * something is always said, and never that it could do with less. Returns how many there are. */
size_t ul_advise_told(const ul_run_result *result, const ul_timeline *timeline,
                      const ul_peak_parts *parts, const ul_knobs *knobs,
                      ul_advice ret_advice[UL_ADVICE_MAX]);

/* The same, where it is not known what its runtime was told. */
size_t ul_advise(const ul_run_result *result, const ul_timeline *timeline,
                 const ul_peak_parts *parts, ul_advice ret_advice[UL_ADVICE_MAX]);

#define UL_ADVICE_LIMITS_MAX 160

/* "heap 354, metaspace 48 (measured), direct buffers 154": the limits of a runtime that are ours, in
 * MiB, of those at which it ends; measured is what earlier runs of the history showed. False: none. */
bool ul_advice_limits(const ul_knobs *knobs, enum ul_runtime runtime,
                      char ret_text[UL_ADVICE_LIMITS_MAX]);

/* A JVM that ended as after an OutOfMemoryError: exit code 3 by ExitOnOutOfMemoryError, 1 where the
 * error was thrown by Java code and nobody caught it. */
bool ul_advice_may_be_jvm_end(const ul_run_result *result);

/* What garbage collection costs at this run's limit of the heap, and the budget that makes it a tenth.
 * False: the limit is not known (0), or there is nothing to say. */
bool ul_advise_price_told(const ul_run_result *result, const ul_price *price, uint64_t limit_bytes,
                          const ul_knobs *knobs, ul_advice *ret_advice);

/* The same, where it is not known what its runtime was told. */
bool ul_advise_price(const ul_run_result *result, const ul_price *price, uint64_t limit_bytes,
                     ul_advice *ret_advice);

/* A budget that leaves a peak some room, as one types it: "1792Mi". Rounded up to 1, 16, 64 or
 * 256 MiB, so that it is not taken for more exact than it is. */
void ul_advice_budget(uint64_t bytes, char ret_text[24]);

#endif
