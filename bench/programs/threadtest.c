/* SPDX-License-Identifier: MIT */
/* threadtest.c: random sizes by an inverse power law, in random slots, each thread on its own.
 *
 * In the manner of malloc-thread among the benchmarks of the GNU C library (benchtests): the share
 * of requests falls with the square of the size, so that half of them lie below 8 bytes and yet
 * one in 8,000 is above 16 KiB. Threads share nothing; --threads 2 should take half the time of
 * one for the same --ops, and what is missing is locks or shared lines in the allocator. The
 * working set is small (--live slots per thread, 1024 as there): it fits every cache, and the
 * fast path is all there is. (Hoard's threadtest, Berger et al., ASPLOS 2000, asks the same with
 * one size; simple.c has that with --threads 2.)
 *
 * One op is one slot emptied (if it was full) and filled. */
#include "common.h"

enum {
  MIN_BYTES = 4,
  MAX_BYTES = 32768,
};

typedef struct lane {
  uint64_t ops, slots, seed, sum;
} lane;

static bench_sizes sizes;

/* The quantiles of p(size) ~ size^-2 between MIN_BYTES and MAX_BYTES: 1/size is uniform. */
static void sizes_init(void) {
  double first = 1.0 / MIN_BYTES, last = 1.0 / MAX_BYTES;
  for (int i = 0; i < BENCH_SIZES; i++)
    sizes.of[i] = (uint32_t)(1 / (first + (last - first) * (i + 0.5) / BENCH_SIZES));
}

static void *work(void *arg) {
  lane        *own = arg;
  bench_random random = {own->seed};
  bench_block *slots = bench_array(own->slots, sizeof *slots);
  for (uint64_t i = 0; i < own->ops; i++) {
    bench_block *slot = &slots[bench_random_below(&random, own->slots)];
    bench_block_free(slot);
    bench_block_new(slot, bench_sizes_draw(&sizes, &random), (uint32_t)i);
    own->sum += slot->size;
  }
  for (uint64_t i = 0; i < own->slots; i++) bench_block_free(&slots[i]);
  free(slots);
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "threadtest", .threads = 1, .ops = 60000000, .live = 1024, .seed = 1};
  bench_args_read(&args, argc, argv, "inverse power law sizes; --live is slots per thread");
  sizes_init();
  lane *lanes = bench_array(args.threads, sizeof *lanes);
  for (unsigned i = 0; i < args.threads; i++)
    lanes[i] = (lane){args.ops / args.threads, args.live, bench_mix(args.seed + i), 0};
  bench_threads_run(args.threads, work, lanes, sizeof *lanes);
  uint64_t sum = 0;
  for (unsigned i = 0; i < args.threads; i++) sum += lanes[i].sum;
  free(lanes);
  bench_report(&args, sum);
  return 0;
}
