/* SPDX-License-Identifier: MIT */
/* realloc.c: arrays that grow: by doubling, by an eighth, by a few bytes at a time.
 *
 * Many arrays grow in turns, so that the neighbour of each is usually taken: an allocator may
 * move them, grow them in place, or let the system move the pages (mremap). Some arrays shrink
 * again when they are full, as a parser's buffer does that is cut to its final length. The
 * contents are compared at their end: a resize that loses bytes ends the run. One op is one
 * resize. */
#include <string.h>
#include "common.h"

enum {
  MIN_LIMIT = 256,
  MAX_LIMIT = 4 * 1024 * 1024, /* an array's final length, spread evenly over the doublings */
};

typedef struct vector {
  uint8_t *bytes;
  size_t   used, limit;
  unsigned growth; /* 0: doubles; 1: an eighth more; 2, 3: 16 to 271 bytes more */
} vector;

typedef struct lane {
  uint64_t ops, vectors, seed, sum;
} lane;

static bench_sizes limits;

static void vector_start(vector *own, bench_random *random) {
  own->growth = bench_random_below(random, 4);
  own->limit = bench_sizes_draw(&limits, random);
  if (own->growth >= 2 && own->limit > 64 * 1024)
    own->limit = 64 * 1024; /* by small steps: a string being appended to */
  own->used = 16;
  own->bytes = malloc(own->used);
  if (!own->bytes) bench_fail("malloc returned NULL");
  memset(own->bytes, (int)own->growth, own->used);
}

static size_t vector_next(const vector *own, bench_random *random) {
  switch (own->growth) {
  case 0: return own->used * 2;
  case 1: return own->used + own->used / 8 + 16;
  default: return own->used + 16 + bench_random_below(random, 256);
  }
}

static void vector_resize(vector *own, size_t size) {
  own->bytes = realloc(own->bytes, size);
  if (!own->bytes) bench_fail("realloc returned NULL");
  size_t  kept = size < own->used ? size : own->used;
  uint8_t byte = (uint8_t)own->growth;
  if (own->bytes[0] != byte || own->bytes[kept - 1] != byte || own->bytes[kept / 2] != byte)
    bench_fail("realloc lost the contents");
  if (size > own->used) memset(own->bytes + own->used, byte, size - own->used);
  own->used = size;
}

static void *work(void *arg) {
  lane        *own = arg;
  bench_random random = {own->seed};
  vector      *vectors = bench_array(own->vectors, sizeof *vectors);
  for (uint64_t i = 0; i < own->vectors; i++) vector_start(&vectors[i], &random);
  for (uint64_t i = 0; i < own->ops; i++) {
    vector *one = &vectors[bench_random_below(&random, own->vectors)];
    if (one->used < one->limit) {
      vector_resize(one, vector_next(one, &random));
    } else {
      vector_resize(one, one->limit - bench_random_below(&random, one->limit / 4));
      own->sum += one->used;
      free(one->bytes);
      vector_start(one, &random);
    }
  }
  for (uint64_t i = 0; i < own->vectors; i++) free(vectors[i].bytes);
  free(vectors);
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "realloc", .threads = 1, .ops = 2500000, .live = 150, .seed = 1};
  bench_args_read(&args, argc, argv, "arrays that grow by doubling, by an eighth, by small steps");
  bench_sizes_init_log_uniform(&limits, MIN_LIMIT, MAX_LIMIT);
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
