/* SPDX-License-Identifier: MIT */
/* common.h: what all benchmark programs share: arguments, random numbers, sizes, checked
 * objects.
 *
 * A benchmark program does a fixed amount of work, so that its wall time is the measure, and
 * prints one line when it is done:
 *
 *     churn threads=2 ops=8000000 live=180000 seed=1 checksum=5f0e... seconds=1.034
 *
 * The programs are ordinary ones: they call malloc and know nothing of Ullage. Which allocator
 * serves them is decided outside, by LD_PRELOAD (bench/run.py).
 *
 * Every object is written when it is made, at its two ends and once in every 4 KiB, and its two
 * ends are compared when it is freed: untouched memory would cost nothing and show nothing, and
 * an allocator that hands out the same bytes twice must not win a benchmark.
 *
 * Threads  A bench_random and a bench_block belong to one thread at a time. bench_sizes is
 * read-only
 *          after bench_sizes_init. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* What the command line said, or the program's defaults. */
typedef struct bench_args {
  const char *name;    /* of the program */
  unsigned    threads; /* worker threads */
  uint64_t    ops;     /* total over all threads; what one op is, each program says */
  uint64_t live; /* size of the working set, in objects over all threads, or as the program says */
  uint64_t seed;
  uint64_t start_ns; /* set by bench_args_read */
} bench_args;

/* Reads --threads N, --ops N, --live N, --seed N and --scale F (multiplies the ops) into `args`,
 * which holds the defaults on entry. Prints help or a complaint and exits where asked or needed. */
void bench_args_read(bench_args *args, int argc, char **argv, const char *what);

/* Prints the program's one line. `checksum` 0: this program has none that is the same on every
 * run. */
void bench_report(const bench_args *args, uint64_t checksum);

uint64_t bench_now_ns(void);

/* Says what went wrong and exits with 1. */
void bench_fail(const char *what) __attribute__((noreturn));

/* Runs `work(contexts + i * context_bytes)` on `threads` threads and waits for all of them.
 * One thread means the calling one: a program without threads must stay one, since some allocators
 * (and libc) take cheaper paths there. */
void bench_threads_run(unsigned threads, void *(*work)(void *), void *contexts,
                       size_t context_bytes);

/* ---- random numbers: splitmix64 (Steele, Lea, Flood, OOPSLA 2014) ---------------------------- */

typedef struct bench_random {
  uint64_t state;
} bench_random;

static inline uint64_t bench_mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static inline uint64_t bench_random_next(bench_random *random) {
  return bench_mix(random->state += 0x9e3779b97f4a7c15u);
}

/* A number below `limit`, which must fit 32 bits. Multiply-shift: the bias is below 2^-32 *
 * limit. */
static inline uint32_t bench_random_below(bench_random *random, uint64_t limit) {
  return (uint32_t)(((bench_random_next(random) >> 32) * limit) >> 32);
}

/* ---- sizes
 * ------------------------------------------------------------------------------------- */

/* Equally likely sizes: drawing one is an index, so that drawing does not weigh on the measure. */
enum { BENCH_SIZES = 4096 };
typedef struct bench_sizes {
  uint32_t of[BENCH_SIZES];
} bench_sizes;

/* Log-normal: half the sizes lie below `median_bytes`; `sigma` is that of the logarithm. The sizes
 * are the distribution's 4096 quantiles, so every seed sees the same set. */
void bench_sizes_init(bench_sizes *sizes, double median_bytes, double sigma, uint32_t min_bytes,
                      uint32_t max_bytes);

/* The same number of sizes in each doubling between `min_bytes` and `max_bytes`. */
void bench_sizes_init_log_uniform(bench_sizes *sizes, uint32_t min_bytes, uint32_t max_bytes);

static inline uint32_t bench_sizes_draw(const bench_sizes *sizes, bench_random *random) {
  return sizes->of[bench_random_next(random) >> 52];
}

/* ---- objects
 * ----------------------------------------------------------------------------------- */

typedef struct bench_block {
  uint8_t *bytes; /* NULL: none */
  uint32_t size;
  uint32_t tag; /* its low byte stands at both ends */
} bench_block;

static inline void bench_block_write(bench_block *block) {
  uint8_t tag = (uint8_t)block->tag;
  for (size_t at = 4096; at < block->size; at += 4096) block->bytes[at] = tag;
  block->bytes[0] = tag;
  block->bytes[block->size - 1] = tag;
}

static inline void bench_block_check(const bench_block *block) {
  uint8_t tag = (uint8_t)block->tag;
  if (block->bytes[0] != tag || block->bytes[block->size - 1] != tag)
    bench_fail("an object was overwritten while it was live");
}

static inline void bench_block_new(bench_block *block, uint32_t size, uint32_t tag) {
  block->bytes = malloc(size);
  if (!block->bytes) bench_fail("malloc returned NULL");
  block->size = size;
  block->tag = tag;
  bench_block_write(block);
}

/* Checks and frees; an empty block is left alone. */
static inline void bench_block_free(bench_block *block) {
  if (!block->bytes) return;
  bench_block_check(block);
  free(block->bytes);
  block->bytes = NULL;
}

/* An array of `count` zeroed things of `bytes` each. */
static inline void *bench_array(size_t count, size_t bytes) {
  void *array = calloc(count ? count : 1, bytes);
  if (!array) bench_fail("calloc returned NULL");
  return array;
}

#endif
