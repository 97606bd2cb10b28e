/* SPDX-License-Identifier: MIT */
/* churn.c: objects of mixed sizes replaced at random in a working set, each by its own thread.
 *
 * The plainest load there is: a slot is drawn, its object freed, another one made. With a large
 * working set (--live 180000, about 35 MiB) nearly every step misses the processor's caches, and
 * what counts is how closely the allocator packs; with a small one (--live 2000) it is the
 * length of the path through malloc and free. One op is a replacement.
 *
 * Sizes are log-normal (median 96 bytes, sigma 1.2, 8 bytes to 16 KiB), as sampled heaps of
 * servers tend to be: most objects small, most bytes in the large ones. */
#include "common.h"

static bench_sizes sizes;

typedef struct lane {
  uint64_t ops, slots, seed;
  uint64_t sum; /* of the sizes drawn */
} lane;

static void *work(void *arg) {
  lane        *own = arg;
  bench_random random = {own->seed};
  bench_block *slots = bench_array(own->slots, sizeof *slots);
  for (uint64_t i = 0; i < own->slots; i++)
    bench_block_new(&slots[i], bench_sizes_draw(&sizes, &random), (uint32_t)i);
  for (uint64_t i = 0; i < own->ops; i++) {
    bench_block *slot = &slots[bench_random_below(&random, own->slots)];
    uint32_t     size = bench_sizes_draw(&sizes, &random);
    bench_block_free(slot);
    bench_block_new(slot, size, (uint32_t)i);
    own->sum += size;
  }
  for (uint64_t i = 0; i < own->slots; i++) bench_block_free(&slots[i]);
  free(slots);
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "churn", .threads = 1, .ops = 7000000, .live = 180000, .seed = 1};
  bench_args_read(&args, argc, argv, "objects replaced at random in a working set");
  bench_sizes_init(&sizes, 96, 1.2, 8, 16384);
  lane *lanes = bench_array(args.threads, sizeof *lanes);
  for (unsigned i = 0; i < args.threads; i++)
    lanes[i] =
        (lane){args.ops / args.threads, args.live / args.threads, bench_mix(args.seed + i), 0};
  bench_threads_run(args.threads, work, lanes, sizeof *lanes);
  uint64_t sum = 0;
  for (unsigned i = 0; i < args.threads; i++) sum += lanes[i].sum;
  free(lanes);
  bench_report(&args, sum);
  return 0;
}
