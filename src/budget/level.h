/* SPDX-License-Identifier: MIT */
/* level.h: how near the budget, as pure functions of numbers.
 *
 *     0        85 %      96 %   100 %
 *     |  calm  |  tight  | crit | over          rises at once
 *           <- 2 % ->                           falls 2 % of the budget below where it rose
 *     0        85 %  94 %       100 %
 *     |  calm  | tight |  crit  | over          where the program has callbacks
 *
 *     calm       memory that lay idle for a while goes back, as always
 *     tight      idle memory goes back at once
 *     critical   caches are emptied, the program's callbacks are called
 *     over       what ULLAGE_ON_BUDGET says
 *
 * 85 %: a heap that churns has 5 to 12 % free inside (docs/benchmarks.md, fragment): from there on a
 * budget's last part is such free memory, and taking it back is what helps. 96 %: from there on
 * allocation waits for relief, so it begins as late as it can. Callbacks are asked from 94 % on: the
 * program goes on while they wait for a processor and work. Small budgets leave at least 1 MiB.
 */
#ifndef UL_BUDGET_LEVEL_H
#define UL_BUDGET_LEVEL_H

#include "base/base.h"

enum ul_level { UL_LEVEL_CALM = 0, UL_LEVEL_TIGHT, UL_LEVEL_CRITICAL, UL_LEVEL_OVER };

/* Where each level begins; limit 0: no budget, everything is calm. `asks`: there are callbacks. */
uint64_t ul_level_begins(uint64_t limit_bytes, int level, bool asks);

/* Below this it falls again. */
uint64_t ul_level_falls(uint64_t limit_bytes, int level, bool asks);

/* The level after `before` when `held_bytes` are held. */
int ul_level_next(int before, uint64_t limit_bytes, uint64_t held_bytes, bool asks);

const char *ul_level_name(int level);

#endif
