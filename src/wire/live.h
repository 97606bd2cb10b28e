/* SPDX-License-Identifier: MIT */
/* live.h: the page of counters that a program with libullage publishes about itself.
 *
 *     program                         reader (`ullage run`, `ullage stat`)
 *     memfd "ullage-live", one page   finds "/memfd:ullage-live" in /proc/PID/maps,
 *     mapped shared, fd closed        reads it with process_vm_readv: the program pays nothing
 *
 * The page lives and dies with the process, so a killed program leaves nothing behind. A forked
 * child makes a page of its own.
 *
 * Behind the counters stand the sizes with most bytes, for a reader who cannot ask any more because
 * the program stands still at its wall. Programs of an older version have zeros there.
 *
 * Invariants  `sequence` is odd while the writer is inside; a reader that saw it odd, or saw it
 *             change, reads again. `count` rows are valid, in the order of counters.def.
 * Threads     one writer at a time (the runtime's lock); any number of readers.
 */
#ifndef UL_WIRE_LIVE_H
#define UL_WIRE_LIVE_H

#include <stdint.h>

#define UL_LIVE_MAGIC   0x3145564947414c55ull /* "ULAGIVE1" as it lies in memory, little endian */
#define UL_LIVE_VERSION 1u
#define UL_LIVE_NAME    "ullage-live" /* memfd_create's name; maps shows "/memfd:ullage-live" */

enum ul_counter {
#define UL_COUNTER(name, unit, help) UL_COUNTER_##name,
#include "wire/counters.def"
#undef UL_COUNTER
  UL_COUNTER_COUNT
};

#define UL_LIVE_ROWS_MOST 64 /* room for counters that are not invented yet */
#define UL_LIVE_SIZES     32

typedef struct ul_live_size {
  uint64_t object_bytes; /* of each, at most; 0: larger than 32 KiB */
  uint64_t objects, bytes;
} ul_live_size;

typedef struct ul_live_page {
  uint64_t     magic;      /* UL_LIVE_MAGIC, written last */
  uint32_t     version;    /* UL_LIVE_VERSION */
  uint32_t     count;      /* rows in `value` */
  uint64_t     sequence;   /* odd while written */
  uint64_t     updated_ns; /* CLOCK_MONOTONIC of the last write */
  uint64_t     pid;        /* whose counters these are */
  uint64_t     value[UL_LIVE_ROWS_MOST];
  uint64_t     size_count; /* valid rows in `size`, the largest sums first */
  ul_live_size size[UL_LIVE_SIZES];
} ul_live_page;

_Static_assert(sizeof(ul_live_page) <= 4096 && (int)UL_COUNTER_COUNT <= UL_LIVE_ROWS_MOST,
               "the smallest page holds it");

#endif
