/* SPDX-License-Identifier: MIT */
/* advice_rules.h: what the files of advice.h share: the facts of a run, and how advice is worded.
 *
 * A rule looks at the facts and says one thing, or nothing. It changes nothing else.
 */
#ifndef UL_LAUNCH_ADVICE_RULES_H
#define UL_LAUNCH_ADVICE_RULES_H

#include "launch/advice.h"

struct ul_advice_facts {
  const ul_run_result *result;
  const ul_timeline   *timeline;
  const ul_peak_parts *parts;
  const ul_knobs      *knobs; /* NULL: nothing was told */
  uint64_t             used;  /* most that was held, as what decides about the budget counts it */
  uint64_t             limit; /* the budget, or what it was raised to */
  uint64_t             least; /* its runtime cannot do with less; 0: not known */
};

/* False: it has nothing to say. */
typedef bool ul_advice_rule(const struct ul_advice_facts *facts, ul_advice *ret_advice);

/* How it ended, the first words; at least one of a run that did not end with 0. Returns how many. */
size_t ul_advice_ends(const struct ul_advice_facts *facts, ul_advice ret_advice[UL_ADVICE_MAX]);

/* Words the advice, as printf does. Always true, so that a rule can end with it. */
bool ul_advice_say(ul_advice *ret_advice, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --budget with so many bytes, never below that least. */
void ul_advice_flag_budget(const struct ul_advice_facts *facts, ul_advice *advice, uint64_t bytes);

/* The same budget again, exactly as it was, and more when it must be. */
void ul_advice_flag_grow(ul_advice *advice, const struct ul_advice_facts *facts);

#endif
