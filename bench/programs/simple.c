/* SPDX-License-Identifier: MIT */
/* simple.c: one size at a time, N objects made, the same N freed.
 *
 * In the manner of malloc-simple among the benchmarks of the GNU C library (benchtests): the
 * size stays, N is 25, 100, 400 and 1600, half of the objects is freed in the order of their
 * birth and half against it. With small N all of it stays in a thread's cache and what counts is
 * the length of the fast path; with large N and large sizes it does not fit any more, and the
 * step behind the cache shows. glibc runs it once without and once with a second thread alive,
 * since its own paths differ; here --threads 2 does the work on both.
 *
 *     for each size: for each N:  (make N, free N) as often as makes a fixed number of objects
 *
 * Each pair of size and N gets the same number of objects, but a tenth where they take more than
 * LARGE_BYTES at a time: there an allocator may give the memory back after each batch (glibc trims
 * the end of its heap), and faults would drown the rest of the program. One op is one object. */
#include "common.h"

enum {
  MAX_OBJECTS = 1600,
  LARGE_BYTES = 128 * 1024,
  LARGE_SHARE = 10,
};

static const uint32_t sizes[] = {8, 16, 40, 64, 136, 256, 520, 1024, 2056, 4096};
static const uint32_t counts[] = {25, 100, 400, MAX_OBJECTS};

enum {
  SIZES = sizeof sizes / sizeof *sizes,
  COUNTS = sizeof counts / sizeof *counts,
};

typedef struct lane {
  uint64_t ops, sum;
} lane;

static void batch(bench_block *blocks, uint32_t size, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) bench_block_new(&blocks[i], size, i);
  for (uint32_t i = 0; i < count / 2; i++) bench_block_free(&blocks[i]);
  for (uint32_t i = count; i > count / 2; i--) bench_block_free(&blocks[i - 1]);
}

static void *work(void *arg) {
  lane       *own = arg;
  uint64_t    share = own->ops / (SIZES * COUNTS);
  bench_block blocks[MAX_OBJECTS];
  for (unsigned s = 0; s < SIZES; s++) {
    for (unsigned c = 0; c < COUNTS; c++) {
      uint64_t wanted = sizes[s] * counts[c] > LARGE_BYTES ? share / LARGE_SHARE : share;
      for (uint64_t made = 0; made < wanted; made += counts[c]) {
        batch(blocks, sizes[s], counts[c]);
        own->sum += (uint64_t)sizes[s] * counts[c];
      }
    }
  }
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "simple", .threads = 1, .ops = 100000000, .live = 1, .seed = 1};
  bench_args_read(&args, argc, argv, "one size, N made, N freed (--live and --seed unused)");
  lane *lanes = bench_array(args.threads, sizeof *lanes);
  for (unsigned i = 0; i < args.threads; i++) lanes[i].ops = args.ops / args.threads;
  bench_threads_run(args.threads, work, lanes, sizeof *lanes);
  uint64_t sum = 0;
  for (unsigned i = 0; i < args.threads; i++) sum += lanes[i].sum;
  free(lanes);
  bench_report(&args, sum);
  return 0;
}
