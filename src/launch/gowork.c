/* SPDX-License-Identifier: MIT */
/* gowork.c: see gowork.h. */
#include "launch/gowork.h"

#include <string.h>

enum { PAUSE = 3, IDLE_MARK = 2, GC = 4, SCAVENGE = 7, IDLE = 8, USER = 9, ALL = 10 };

/* A sum above a year of 4096 processors is none. */
#define SUM_MOST ((uint64_t)1 << 57)

#define PROCESSORS_MOST 65536
#define HEAP_MOST       ((uint64_t)1 << 48)

static bool comes_out(const uint64_t sums[UL_GOWORK_SUMS]) {
  for (unsigned i = 0; i < UL_GOWORK_SUMS; i++) {
    if (sums[i] > SUM_MOST) return false;
  }
  /* There was a collection, it paused the program, and the program did something, too. */
  if (sums[PAUSE] == 0 || sums[USER] == 0) return false;
  if (sums[GC] != sums[0] + sums[1] + sums[IDLE_MARK] + sums[PAUSE]) return false;
  if (sums[SCAVENGE] != sums[5] + sums[6]) return false;
  uint64_t parts = sums[GC] + sums[SCAVENGE] + sums[IDLE] + sums[USER];
  return parts >= sums[ALL] && parts - sums[ALL] <= sums[PAUSE];
}

/* Copied first: the bytes may lie anywhere. */
void ul_gowork_search(ul_gowork *work, const void *bytes, size_t count, uint64_t address) {
  uint64_t sums[UL_GOWORK_SUMS];
  for (size_t at = 0; at + UL_GOWORK_BYTES <= count && work->count < UL_GOWORK_MOST; at += 8) {
    memcpy(sums, (const char *)bytes + at, sizeof sums);
    if (comes_out(sums)) work->address[work->count++] = address + at;
  }
}

bool ul_gowork_times(const uint64_t sums[UL_GOWORK_SUMS], uint64_t *ret_gc_ns,
                     uint64_t *ret_busy_ns) {
  if (!comes_out(sums)) return false;
  uint64_t gc = sums[GC] - sums[IDLE_MARK];
  *ret_gc_ns = gc;
  *ret_busy_ns = gc + sums[SCAVENGE] + sums[USER];
  return true;
}

/* workType's last fields before cpuStats. */
struct cycle {
  uint32_t cycles;
  int32_t  stop_processors, most_processors, padding;
  int64_t  sweep_end_ns, mark_ns, mark_end_ns, end_ns, pause_ns;
  uint64_t heap_bytes[3]; /* when the cycle began, when marking ended, and marked */
};

_Static_assert(sizeof(struct cycle) == UL_GOWORK_CYCLE_BYTES, "as Go lays it out");

bool ul_gowork_cycle(const void *bytes, uint64_t *ret_cycles, uint64_t *ret_live_bytes) {
  struct cycle cycle;
  memcpy(&cycle, bytes, sizeof cycle);
  const uint64_t *heap = cycle.heap_bytes;
  bool times = cycle.sweep_end_ns > 0 && cycle.mark_ns >= cycle.sweep_end_ns && cycle.end_ns > 0 &&
               cycle.pause_ns >= 0;
  if (cycle.cycles == 0 || cycle.most_processors < 1 || cycle.most_processors > PROCESSORS_MOST ||
      !times || heap[1] > HEAP_MOST || heap[2] == 0 || heap[2] > heap[1]) {
    return false;
  }
  *ret_cycles = cycle.cycles;
  /* While a cycle runs, its beginning stands beside the end of the one before. */
  bool is_over = cycle.end_ns >= cycle.mark_end_ns && cycle.mark_end_ns >= cycle.mark_ns;
  *ret_live_bytes = 0;
  if (!is_over) return true;
  /* What is allocated while a cycle runs is marked, whether it lives or not. */
  uint64_t meanwhile = heap[1] > heap[0] ? heap[1] - heap[0] : 0;
  *ret_live_bytes = heap[2] > meanwhile ? heap[2] - meanwhile : heap[2];
  return true;
}

bool ul_gowork_limit(const char *text, uint64_t *ret_bytes) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  uint64_t                 number = 0;
  const char              *at = text;
  for (; *at >= '0' && *at <= '9'; at++) {
    if (__builtin_mul_overflow(number, (uint64_t)10, &number) ||
        __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number)) {
      return false;
    }
  }
  if (at == text) return false;
  for (unsigned i = 0; i < UL_ARRAY_LEN(units); i++) {
    if (strcmp(at, units[i]) != 0 && !(i == 0 && *at == 0)) continue;
    if (number > (uint64_t)INT64_MAX >> (10 * i)) return false;
    *ret_bytes = number << (10 * i);
    return *ret_bytes < INT64_MAX;
  }
  return false;
}
