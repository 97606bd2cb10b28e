/* SPDX-License-Identifier: MIT */
/* burst.c: waves of 200 MB with idle time between: what does refilling cost after memory went
 * back?
 *
 * A batch job every few minutes, a service at noon and at night. An allocator that keeps all of
 * the last wave is fast in the next one and large in between; one that gives everything back at
 * once pays a fault, and a cleared page, for each 4 KiB of the next wave. 300 ms is long enough for
 * a background thread to have begun and too short to call the program idle for good, so this is
 * where giving back shows its price. (The question of Evans' decay in jemalloc 4, and of
 * tcmalloc's release rate.)
 *
 *     wave:  fill to --live MB -> replace a quarter -> free all -> idle 300 ms
 *
 * No idle time follows the last wave. The median time of filling from the second wave on goes to
 * stderr ("burst: refill_ms=... first_fill_ms=..."): that is the figure to compare between
 * settings, since the program's wall time holds the idle time too. Each thread owns its share of
 * the bytes. One op is one wave. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include "common.h"

enum {
  IDLE_MS = 300,
  REPLACED_SHARE = 4, /* one object in so many, at random */
  MEDIAN_BYTES = 256, /* mean about 420 */
  MAX_WAVES = 1000,
};

typedef struct lane {
  unsigned     index;
  uint64_t     waves, target_bytes, capacity, sum;
  bench_random random;
  bench_block *blocks;
} lane;

static bench_sizes       sizes;
static pthread_barrier_t begin;
static uint64_t          fill_ns[MAX_WAVES]; /* by wave; lane 0's */

static uint64_t fill(lane *own) {
  uint64_t count = 0;
  for (uint64_t bytes = 0; bytes < own->target_bytes && count < own->capacity; count++) {
    uint32_t size = bench_sizes_draw(&sizes, &own->random);
    bench_block_new(&own->blocks[count], size, (uint32_t)count);
    bytes += size;
  }
  own->sum += count;
  return count;
}

static void replace(lane *own, uint64_t count) {
  for (uint64_t i = 0; i < count / REPLACED_SHARE; i++) {
    bench_block *slot = &own->blocks[bench_random_below(&own->random, count)];
    bench_block_free(slot);
    bench_block_new(slot, bench_sizes_draw(&sizes, &own->random), (uint32_t)i);
    own->sum += slot->size;
  }
}

static void *work(void *arg) {
  lane                 *own = arg;
  const struct timespec idle = {0, IDLE_MS * 1000000L};
  for (uint64_t wave = 0; wave < own->waves; wave++) {
    if (wave) nanosleep(&idle, NULL);
    pthread_barrier_wait(&begin);
    uint64_t start_ns = bench_now_ns(), count = fill(own);
    if (own->index == 0) fill_ns[wave] = bench_now_ns() - start_ns;
    replace(own, count);
    for (uint64_t i = 0; i < count; i++) bench_block_free(&own->blocks[i]);
  }
  return NULL;
}

static int by_value(const void *left, const void *right) {
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

int main(int argc, char **argv) {
  bench_args args = {.name = "burst", .threads = 1, .ops = 4, .live = 200, .seed = 1};
  bench_args_read(&args, argc, argv, "waves of --live MB with idle time between; ops are waves");
  if (args.ops < 2) args.ops = 2;
  if (args.ops > MAX_WAVES) args.ops = MAX_WAVES;
  bench_sizes_init(&sizes, MEDIAN_BYTES, 1.0, 16, 32768);
  pthread_barrier_init(&begin, NULL, args.threads);
  lane *lanes = bench_array(args.threads, sizeof *lanes);
  for (unsigned i = 0; i < args.threads; i++) {
    uint64_t target_bytes = args.live * 1000000 / args.threads;
    uint64_t capacity = target_bytes / MEDIAN_BYTES + 1;
    lanes[i] = (lane){i,
                      args.ops,
                      target_bytes,
                      capacity,
                      0,
                      {bench_mix(args.seed + i)},
                      bench_array(capacity, sizeof(bench_block))};
  }
  bench_threads_run(args.threads, work, lanes, sizeof *lanes);
  uint64_t sum = 0;
  for (unsigned i = 0; i < args.threads; i++) {
    sum += lanes[i].sum;
    free(lanes[i].blocks);
  }
  free(lanes);
  qsort(fill_ns + 1, args.ops - 1, sizeof *fill_ns, by_value);
  fprintf(stderr, "burst: refill_ms=%.1f first_fill_ms=%.1f\n",
          (double)fill_ns[1 + (args.ops - 1) / 2] / 1e6, (double)fill_ns[0] / 1e6);
  bench_report(&args, sum);
  return 0;
}
