/* SPDX-License-Identifier: MIT */
/* gowork.h: the sums of processor time that a Go program's runtime keeps, found without symbols.
 *
 * Since Go 1.20 a variable of the runtime (work.cpuStats) holds eleven sums in nanoseconds:
 *
 *     0 assist   1 dedicated   2 idle mark   3 pause      4 collection = 0+1+2+3
 *     5 scavenge assist   6 scavenge background           7 scavenge   = 5+6
 *     8 idle     9 user                                  10 all        = 4+7+8+9
 *
 * Where it lies depends on version and program, and a stripped program has no names. But three sums
 * that come out are a name of their own: the program's variables are searched for eleven numbers of
 * which they are true. The pauses of a collection that goes on are in 3 and 4 already and not in 10,
 * so the last sum is allowed to miss that much. Reading them as metrics makes a copy of the eleven,
 * which is found, too: of all that were found the one with the largest sum is the present one.
 *
 * Pure. Threads any.  Source  Go's runtime/mstats.go (cpuStats); checked with Go 1.26.
 */
#ifndef UL_LAUNCH_GOWORK_H
#define UL_LAUNCH_GOWORK_H

#include "base/base.h"

#define UL_GOWORK_SUMS  11
#define UL_GOWORK_BYTES (UL_GOWORK_SUMS * sizeof(uint64_t))
#define UL_GOWORK_MOST  4 /* places that are watched */

typedef struct ul_gowork {
  uint64_t address[UL_GOWORK_MOST];
  size_t   count;
} ul_gowork;

/* Searches `count` bytes that were read from `address` on (a multiple of 8) of the program. */
void ul_gowork_search(ul_gowork *work, const void *bytes, size_t count, uint64_t address);

/* The times in eleven sums: of collection (without what was done while nothing else was to be done)
 * and of all work. False: the sums do not come out. */
bool ul_gowork_times(const uint64_t sums[UL_GOWORK_SUMS], uint64_t *ret_gc_ns,
                     uint64_t *ret_busy_ns);

/* Before those sums lie what the last cycle found: of the UL_GOWORK_CYCLE_BYTES right before them the
 * number of cycles so far, and the bytes that the last one marked, less what was allocated while it
 * ran: what lived then; 0 while one runs. Since Go 1.20, up to 1.26 at least. False: it is not that
 * (a copy of the sums, another version). */
#define UL_GOWORK_CYCLE_BYTES 80

bool ul_gowork_cycle(const void *bytes, uint64_t *ret_cycles, uint64_t *ret_live_bytes);

/* GOMEMLIMIT as Go reads it; false: not a limit that it knows, or none ("off"). */
bool ul_gowork_limit(const char *text, uint64_t *ret_bytes);

#endif
