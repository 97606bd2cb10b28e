/* SPDX-License-Identifier: MIT */
/* figures.h: from a stream of (time, resident bytes) to peak, p99, start-up peak, floor, growth.
 *
 * Pure: no clock, no system, constant memory however long the run. Each sample stands for the time
 * since the one before, so samples may come at any distance.
 *
 *     start-up   the first 5 s, or the first tenth of the run where that is shorter
 *     floor      the lowest after start-up that lasted for two looks
 *     p99        99 % of the time at or below; within 0.4 % (buckets of 1/256 of a power of two),
 *                never above the peak
 *     growth     slope over the last second or a little more
 *
 * Invariants  at_ns never decreases.
 */
#ifndef UL_LAUNCH_FIGURES_H
#define UL_LAUNCH_FIGURES_H

#include "base/base.h"

#define UL_FIGURES_STARTUP_NS  ((uint64_t)5000000000u)
#define UL_FIGURES_BINS        100 /* of 50 ms: the first 5 s, of which a tenth of the run is start-up */
#define UL_FIGURES_BUCKET_BITS 8
#define UL_FIGURES_BUCKETS     ((64 - UL_FIGURES_BUCKET_BITS + 1) << UL_FIGURES_BUCKET_BITS)
#define UL_FIGURES_RECENT      6 /* one every quarter of a second: at least one of a second ago */

typedef struct ul_figures {
  uint64_t budget_bytes; /* 0: none */
  uint64_t samples;
  uint64_t last_at_ns, now_bytes;
  uint64_t peak_bytes, peak_at_ns;
  uint64_t exceeded_at_ns; /* first sample above the budget; UINT64_MAX: never */
  uint64_t bin_highest[UL_FIGURES_BINS], bin_lowest[UL_FIGURES_BINS];
  uint64_t later_lowest; /* after the bins; UINT64_MAX: no sample */
  uint64_t weight_total;
  uint32_t weight[UL_FIGURES_BUCKETS]; /* microseconds in each bucket, see figures.c */
  unsigned weight_shift;
  uint64_t recent_at_ns[UL_FIGURES_RECENT], recent_bytes[UL_FIGURES_RECENT];
  unsigned recent_count;
} ul_figures;

void ul_figures_init(ul_figures *ret_figures, uint64_t budget_bytes);
void ul_figures_add(ul_figures *figures, uint64_t at_ns, uint64_t bytes);

/* The peak is at least this: what the kernel remembers of a process between two looks. */
void ul_figures_raise_peak(ul_figures *figures, uint64_t bytes);

uint64_t ul_figures_p99(const ul_figures *figures);

/* `wall_ns`: how long the run was. Returns false when no sample fell into that time. */
bool ul_figures_startup_peak(const ul_figures *figures, uint64_t wall_ns, uint64_t *ret_bytes);
bool ul_figures_floor(const ul_figures *figures, uint64_t wall_ns, uint64_t *ret_bytes);

/* Bytes a second over the last second, or since the last look before it; negative when it shrinks; 0
 * before there is a second. */
int64_t ul_figures_growth(const ul_figures *figures);

#endif
