/* SPDX-License-Identifier: MIT */
/* large.c: blocks of 40 KiB to 8 MiB, filled.
 *
 * Images, network buffers, columns of a table. What counts is whether freed blocks are used
 * again with their pages, or whether each costs a trip to the system and a fault for every page;
 * and, on the other side, how much memory is held for that. Sizes are spread evenly over the
 * doublings, so most bytes are in the largest. A block is filled as a whole, as its owner would:
 * writing one byte in each page would measure nothing but faults. One op is one block. */
#include <string.h>
#include "common.h"

static bench_sizes sizes;

typedef struct lane {
  uint64_t ops, slots, seed, sum;
} lane;

static void *work(void *arg) {
  lane        *own = arg;
  bench_random random = {own->seed};
  bench_block *slots = bench_array(own->slots, sizeof *slots);
  for (uint64_t i = 0; i < own->ops; i++) {
    bench_block *slot = &slots[bench_random_below(&random, own->slots)];
    bench_block_free(slot);
    bench_block_new(slot, bench_sizes_draw(&sizes, &random), (uint32_t)i);
    memset(slot->bytes, (int)slot->tag, slot->size);
    own->sum += slot->size;
  }
  for (uint64_t i = 0; i < own->slots; i++) bench_block_free(&slots[i]);
  free(slots);
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "large", .threads = 1, .ops = 7000, .live = 40, .seed = 1};
  bench_args_read(&args, argc, argv, "blocks of 40 KiB to 8 MiB, filled");
  bench_sizes_init_log_uniform(&sizes, 40 * 1024, 8 * 1024 * 1024);
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
