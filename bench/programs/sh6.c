/* SPDX-License-Identifier: MIT */
/* sh6.c: bursts of equal objects, mostly small, freed in groups, some forwards, some backwards.
 *
 * After what MicroQuill's page says of its sh6bench: sizes from 1 to 1000 bytes with small ones
 * much more frequent, allocated in runs, the runs freed partly in the order of their birth and
 * partly against it. Bursts outgrow a thread's cache, so this measures how objects move, many at
 * a time, between caches and what lies behind them.
 *
 *     pass n:  make one run per size   ->  free half of the runs first-in-first-out,
 *                                          a quarter last-in-first-out,
 *                                          keep a quarter until pass n + KEPT_PASSES
 *
 * One op is one object. */
#include "common.h"

enum {
  MIN_BYTES = 1,
  MAX_BYTES = 1000,
  RUN_BYTES = 128 * 1024, /* a run is so many bytes of one size ... */
  RUN_OBJECTS = 3000,     /* ... and at most so many objects */
  RUNS = 32,
  KEPT_PASSES = 24, /* a quarter of each pass lives so long: about 24 MiB per thread */
};

typedef struct run {
  bench_block *blocks;
  uint32_t     count;
} run;

typedef struct lane {
  uint64_t ops, seed, sum;
  run      runs[RUNS];              /* of this pass */
  run      kept[KEPT_PASSES][RUNS]; /* of former ones */
} lane;

static uint32_t run_size(int index, bench_random *random) {
  /* Sizes grow by a fifth from run to run: a third of the objects is below 16 bytes. */
  static const uint16_t floors[RUNS] = {1,   3,   6,   8,   10,  12,  15,  16,  20,  24,  29,
                                        32,  40,  48,  56,  64,  76,  91,  110, 128, 158, 190,
                                        228, 256, 310, 372, 446, 512, 642, 770, 870, 970};
  uint32_t              size = floors[index] + bench_random_below(random, 4);
  return size < MIN_BYTES ? MIN_BYTES : size > MAX_BYTES ? MAX_BYTES : size;
}

static void run_free(run *old, int backwards) {
  for (uint32_t i = 0; i < old->count; i++)
    bench_block_free(&old->blocks[backwards ? old->count - 1 - i : i]);
  free(old->blocks);
  *old = (run){NULL, 0};
}

static uint64_t pass(lane *own, bench_random *random, uint64_t number) {
  uint64_t made = 0;
  for (int i = 0; i < RUNS; i++) {
    uint32_t size = run_size(i, random);
    uint32_t count = RUN_BYTES / size < RUN_OBJECTS ? RUN_BYTES / size : RUN_OBJECTS;
    run     *fresh = &own->runs[i];
    fresh->blocks = bench_array(count, sizeof *fresh->blocks);
    fresh->count = count;
    for (uint32_t k = 0; k < count; k++) bench_block_new(&fresh->blocks[k], size, k);
    own->sum += (uint64_t)size * count;
    made += count;
  }
  for (int i = 0; i < RUNS; i++) {
    run     *oldest = &own->kept[number % KEPT_PASSES][i];
    unsigned fate = bench_random_below(random, 4);
    if (fate == 3) {
      run_free(oldest, 0);
      *oldest = own->runs[i];
    } else {
      run_free(&own->runs[i], fate == 2);
    }
  }
  return made;
}

static void *work(void *arg) {
  lane        *own = arg;
  bench_random random = {own->seed};
  uint64_t     made = 0;
  for (uint64_t number = 0; made < own->ops; number++) made += pass(own, &random, number);
  for (int i = 0; i < KEPT_PASSES * RUNS; i++) run_free(&own->kept[i / RUNS][i % RUNS], 0);
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "sh6", .threads = 1, .ops = 60000000, .live = 1, .seed = 1};
  bench_args_read(&args, argc, argv, "bursts of small objects freed in groups (--live unused)");
  lane *lanes = bench_array(args.threads, sizeof *lanes);
  for (unsigned i = 0; i < args.threads; i++) {
    lanes[i].ops = args.ops / args.threads;
    lanes[i].seed = bench_mix(args.seed + i);
  }
  bench_threads_run(args.threads, work, lanes, sizeof *lanes);
  uint64_t sum = 0;
  for (unsigned i = 0; i < args.threads; i++) sum += lanes[i].sum;
  free(lanes);
  bench_report(&args, sum);
  return 0;
}
