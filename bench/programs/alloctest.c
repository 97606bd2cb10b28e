/* SPDX-License-Identifier: MIT */
/* alloctest.c: slots drawn with a skew, sizes halving in number with each doubling, nothing
 * else.
 *
 * In the manner of OLogN's alloc-test ("Testing memory allocators", 2018): a step draws a slot;
 * an empty one gets an object, a full one is freed. Slots are drawn with a skew of four fifths
 * to a fifth, so that young objects die young and old ones stay; the larger a size, the rarer.
 * Objects are written and read as a whole, as a program would. Threads share nothing. One op is
 * one step. */
#include <string.h>
#include "common.h"

enum { MAX_EXPONENT = 13 }; /* sizes below 8 KiB */

typedef struct lane {
  uint64_t ops, slots, seed, sum;
} lane;

static uint32_t draw_slot(bench_random *random, uint64_t slots) {
  uint64_t hot = slots / 5 ? slots / 5 : 1;
  return bench_random_below(random, 5) ? bench_random_below(random, hot)
                                       : bench_random_below(random, slots);
}

/* Geometric: half of the sizes below 32 bytes, a quarter to 64, and so on; uniform inside. */
static uint32_t draw_size(bench_random *random) {
  uint64_t draw = bench_random_next(random);
  unsigned exponent = 5 + (unsigned)__builtin_ctzll(draw | (1u << (MAX_EXPONENT - 5)));
  return 1 + (uint32_t)((draw >> 32) & ((1u << exponent) - 1));
}

static void *work(void *arg) {
  lane        *own = arg;
  bench_random random = {own->seed};
  bench_block *slots = bench_array(own->slots, sizeof *slots);
  for (uint64_t i = 0; i < own->ops; i++) {
    bench_block *slot = &slots[draw_slot(&random, own->slots)];
    if (slot->bytes) {
      own->sum += slot->bytes[slot->size / 2];
      bench_block_free(slot);
    } else {
      bench_block_new(slot, draw_size(&random), (uint32_t)i);
      memset(slot->bytes, (uint8_t)i, slot->size);
    }
  }
  for (uint64_t i = 0; i < own->slots; i++) bench_block_free(&slots[i]);
  free(slots);
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "alloctest", .threads = 1, .ops = 12000000, .live = 400000, .seed = 1};
  bench_args_read(&args, argc, argv, "slots filled and emptied with a skew");
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
