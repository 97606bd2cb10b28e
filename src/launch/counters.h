/* SPDX-License-Identifier: MIT */
/* counters.h: the counters of a running program, read from its page (wire/live.h). Reading costs it
 * nothing: its memory is looked at, it is not asked.
 *
 * The page is foreign bytes: a program may put anything there. Whatever it says, reading ends after
 * a few attempts and yields numbers or the word that there are none.
 *
 * Threads any.
 */
#ifndef UL_LAUNCH_COUNTERS_H
#define UL_LAUNCH_COUNTERS_H

#include "base/base.h"
#include "wire/live.h"

typedef struct ul_counters {
  uint64_t updated_ns; /* on ul_os_now_ns */
  uint32_t count;      /* rows that the program's version knows */
  uint64_t value[UL_COUNTER_COUNT];
} ul_counters;

/* What the heap holds by size, the largest sums first. */
typedef struct ul_counters_sizes {
  size_t       count;
  ul_live_size size[UL_LIVE_SIZES];
} ul_counters_sizes;

/* Where the page lies. 0, -UL_E_NOTFOUND: it has none, or not yet, -UL_E_SYSTEM: not allowed. */
UL_MUST_USE int ul_counters_find(int pid, uint64_t *ret_address);

/* 0; -UL_E_NOTFOUND: it is not there any more (another program by now, or gone); -UL_E_SYSTEM: it
 * was written every time we looked, try again; -UL_E_RANGE: of a version that means something else
 * by its rows. */
UL_MUST_USE int ul_counters_read(int pid, uint64_t address, ul_counters *ret_counters);
UL_MUST_USE int ul_counters_read_sizes(int pid, uint64_t address, ul_counters_sizes *ret_sizes);

#endif
