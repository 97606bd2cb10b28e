/* SPDX-License-Identifier: MIT */
/* mstress.c: objects of all ages, some handed to other threads, in waves of threads.
 *
 * In the manner of the stress test that Leijen, Zorn and de Moura's mimalloc comes with. In each
 * wave every thread makes objects (mostly small, one in a hundred up to 100 times larger), frees
 * them in random order, lets some survive the whole wave, and trades some for others through a
 * shared table. What lies in the table survives the wave and its threads. One op is one object. */
#include <stdatomic.h>
#include "common.h"

enum {
  WAVES = 20,
  TABLE = 4000,   /* objects in trade */
  RECENT = 20000, /* a thread's objects that may be freed at any time */
};

typedef struct item {
  uint64_t words; /* of it, this one and `seal` included */
  uint64_t seal;  /* mixes address and words: an object that was handed out twice shows */
  uint64_t payload[];
} item;

typedef struct lane {
  uint64_t     ops;
  bench_random random;
} lane;

static bench_sizes     word_counts;
static _Atomic(item *) table[TABLE];

static uint64_t seal_of(const item *one) {
  return bench_mix((uintptr_t)one + one->words);
}

static item *item_new(bench_random *random) {
  uint64_t words = bench_sizes_draw(&word_counts, random);
  if (bench_random_below(random, 100) == 0) words *= 1 + bench_random_below(random, 100);
  item *fresh = bench_random_below(random, 8) ? malloc((words + 2) * 8) : calloc(words + 2, 8);
  if (!fresh) bench_fail("malloc returned NULL");
  fresh->words = words + 2;
  fresh->seal = seal_of(fresh);
  for (uint64_t i = 0; i < words; i++) fresh->payload[i] = fresh->seal;
  return fresh;
}

static void item_free(item *one) {
  if (!one) return;
  if (one->seal != seal_of(one) || one->payload[one->words - 3] != one->seal)
    bench_fail("an object was overwritten while it was live");
  free(one);
}

static void *wave(void *arg) {
  lane         *own = arg;
  bench_random *random = &own->random;
  uint64_t      survivors_max = own->ops / 40;
  uint64_t      survivors_count = 0;
  item        **recent = bench_array(RECENT, sizeof *recent);
  item        **survivors = bench_array(survivors_max, sizeof *survivors);
  for (uint64_t i = 0; i < own->ops; i++) {
    item    *fresh = item_new(random);
    uint32_t fate = bench_random_below(random, 100);
    if (fate < 2 && survivors_count < survivors_max) {
      survivors[survivors_count++] = fresh;
      continue;
    }
    item **slot = &recent[bench_random_below(random, fate < 60 ? RECENT / 50 : RECENT)];
    item_free(*slot);
    *slot = fresh;
    if (fate > 80) *slot = atomic_exchange(&table[bench_random_below(random, TABLE)], *slot);
  }
  for (uint64_t i = 0; i < RECENT; i++) item_free(recent[i]);
  for (uint64_t i = 0; i < survivors_count; i++) item_free(survivors[i]);
  free(recent);
  free(survivors);
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "mstress", .threads = 2, .ops = 8000000, .live = 1, .seed = 1};
  bench_args_read(&args, argc, argv, "objects of all ages, handed between threads (--live unused)");
  bench_sizes_init(&word_counts, 8, 1.0, 1, 500);
  lane *lanes = bench_array(args.threads, sizeof *lanes);
  for (unsigned i = 0; i < args.threads; i++)
    lanes[i] = (lane){args.ops / args.threads / WAVES, {bench_mix(args.seed + i)}};
  for (int i = 0; i < WAVES; i++) {
    bench_threads_run(args.threads, wave, lanes, sizeof *lanes);
    for (int k = i % 2; k < TABLE; k += 2) /* the other half lives on through the next wave */
      item_free(atomic_exchange(&table[k], NULL));
  }
  for (int k = 0; k < TABLE; k++) item_free(atomic_exchange(&table[k], NULL));
  free(lanes);
  bench_report(&args, 0);
  return 0;
}
