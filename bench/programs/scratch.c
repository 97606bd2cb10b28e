/* SPDX-License-Identifier: MIT */
/* scratch.c: small objects of different threads that must not share a cache line.
 *
 * After cache-scratch and cache-thrash of Berger et al., "Hoard", ASPLOS 2000. The main thread
 * makes one small object for each worker; they lie side by side. Each worker writes to its
 * object, frees it, and from then on makes, writes many times and frees objects of the same
 * size. An allocator that gives a freed object back to the thread that freed it lets two threads
 * write into one cache line for ever (passive false sharing); so does one that hands
 * neighbouring objects to different threads (active). After each round the workers trade
 * objects through an exchange, so that the state is stirred again. One op is one object. */
#include <pthread.h>
#include "common.h"

enum {
  OBJECT_BYTES = 8,
  WRITES = 60,        /* per object */
  ROUND_OPS = 100000, /* objects between two trades */
  MAX_THREADS = 256,
};

typedef struct lane {
  uint64_t rounds, sum;
  unsigned index, threads;
} lane;

static volatile uint8_t
    *objects[MAX_THREADS]; /* objects[i]: lane i's; traded between the barriers */
static pthread_barrier_t barrier;

static volatile uint8_t *make(void) {
  volatile uint8_t *object = malloc(OBJECT_BYTES);
  if (!object) bench_fail("malloc returned NULL");
  object[0] = 0;
  return object;
}

static void scribble(volatile uint8_t *object) {
  for (int i = 0; i < WRITES; i++) object[i & (OBJECT_BYTES - 1)]++;
}

static void *work(void *arg) {
  lane             *own = arg;
  volatile uint8_t *object = objects[own->index];
  for (uint64_t round = 0; round < own->rounds; round++) {
    for (int i = 0; i < ROUND_OPS; i++) {
      scribble(object);
      own->sum += object[0] != 0;
      free((void *)object);
      object = make();
    }
    objects[own->index] = object;
    pthread_barrier_wait(&barrier);
    object = objects[(own->index + 1) % own->threads];
    pthread_barrier_wait(&barrier);
  }
  free((void *)object);
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "scratch", .threads = 2, .ops = 20000000, .live = 1, .seed = 1};
  bench_args_read(&args, argc, argv, "small objects written by several threads (--live unused)");
  pthread_barrier_init(&barrier, NULL, args.threads);
  lane *lanes = bench_array(args.threads, sizeof *lanes);
  for (unsigned i = 0; i < args.threads; i++) {
    lanes[i] = (lane){args.ops / args.threads / ROUND_OPS, 0, i, args.threads};
    objects[i] = make();
  }
  bench_threads_run(args.threads, work, lanes, sizeof *lanes);
  uint64_t sum = 0;
  for (unsigned i = 0; i < args.threads; i++) sum += lanes[i].sum;
  free(lanes);
  bench_report(&args, sum);
  return 0;
}
