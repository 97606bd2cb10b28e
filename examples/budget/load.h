/* SPDX-License-Identifier: MIT */
/* load.h: what the C programs of examples/budget share: a clock, random numbers, sizes of values,
 * sizes on the command line, the process's own peak.
 *
 * Threads  everything here may be called by any thread; load_sizes_init once per table. */
#ifndef EXAMPLES_BUDGET_LOAD_H
#define EXAMPLES_BUDGET_LOAD_H

#include <stddef.h>
#include <stdint.h>

enum {
  LOAD_SIZES = 4096, /* equally likely sizes: the quantiles of the distribution */
  LOAD_SIZE_MAX = 16384,
};

typedef struct load_sizes {
  uint32_t size[LOAD_SIZES];
  double   mean;
} load_sizes;

/* One line on stderr, "NAME: WHAT; ADVICE", and exit code 2. */
_Noreturn void load_fail(const char *what, const char *advice);

uint64_t load_now_ns(void);
uint64_t load_mix(uint64_t x);
uint64_t load_draw(uint64_t *random);
uint64_t load_draw_below(uint64_t *random, uint64_t limit);

/* Log-normal sizes with this median, sigma 0.8 (95 % below 3.7 times the median), 1 to 16 KiB. */
void load_sizes_init(load_sizes *sizes, double median);

/* SIZE as Ullage reads it everywhere: k M G T are powers of 1000, Ki Mi Gi Ti of 1024. */
uint64_t load_size_of(const char *text);

/* VmHWM: the highest resident bytes of this process so far. */
uint64_t load_peak_rss_bytes(void);

/* A value carries the same byte throughout. Ends the program, loudly, when this one does not: its
 * memory was handed out twice, or lost. Context: any number of bytes, also 0. */
void load_value_check(const uint8_t *value, size_t bytes, uint8_t expected);

#endif
