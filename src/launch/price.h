/* SPDX-License-Identifier: MIT */
/* price.h: what another limit would cost in garbage collection.
 *
 *     share s of the processor that the collector takes       s         K
 *     at a limit L of the heap:                             -----  = -------
 *                                                           1 - s    L - L0
 *
 *     L0   what must be held whatever the limit is: live objects and what surrounds them
 *     K    live bytes a collection has to look at, times how fast the program allocates
 *
 * A collection costs what is live and buys room of L - L0, so its share of the work falls as that
 * room grows. (1-s)/s is a line in L: two runs with different limits give it, more give the best
 * line by least squares, each weighed so that what is least is the error in s.
 *
 * Where it ends: collectors stop short of taking everything (Go's at half of the processor), so a
 * share of 45 % and more says that the limit is too small, and not how much. Such points are left
 * out. And near L0 a small error of L0 is a large one of the share: nothing above 40 % is foretold.
 *
 * Pure. Threads any.  Figures: docs/reference/history.md
 */
#ifndef UL_LAUNCH_PRICE_H
#define UL_LAUNCH_PRICE_H

#include "base/base.h"

#define UL_PRICE_POINT_MOST 0.45 /* a point from here on tells nothing */
#define UL_PRICE_SHARE_MOST 0.40 /* the most that is foretold */
#define UL_PRICE_CHEAP      0.10 /* "the budget that costs 10 %" */
#define UL_PRICE_WHY_MAX    256

typedef struct ul_price_point {
  uint64_t limit_bytes; /* of the heap, as its runtime counts it */
  double   share;       /* of the processor time that the program used: 0.305 */
} ul_price_point;

typedef struct ul_price {
  double k_bytes, l0_bytes;
  double worst_miss; /* the largest distance of a point from the curve; of two points 0 */
  size_t points;     /* it rests on */
} ul_price;

/* Returns 0, or -UL_E_INVAL with the reason as a clause: "both runs had the same limit". Points
 * that cannot be (no limit, a share outside 0 to 1) are refused; those at or above
 * UL_PRICE_POINT_MOST are left out, and so are those of share 0, which say only "cheap". */
UL_MUST_USE int ul_price_fit(const ul_price_point *points, size_t count, ul_price *ret_price,
                             char ret_why[UL_PRICE_WHY_MAX]);

/* The share at a limit. At most UL_PRICE_SHARE_MOST, which then means "that or more". */
double ul_price_share(const ul_price *price, uint64_t limit_bytes);

/* The limit at which the share is `share`, in bytes, rounded up; UINT64_MAX for a share of 0. */
uint64_t ul_price_limit(const ul_price *price, double share);

#endif
