/* SPDX-License-Identifier: MIT */
/* thrash.c: objects that threads made themselves must not share a cache line: active false
 * sharing.
 *
 * After cache-thrash of Berger et al., "Hoard", ASPLOS 2000, made harder. scratch.c begins with
 * neighbours that the main thread made; here nobody hands anything over. In each generation the
 * workers make their first objects in lockstep, a few at a time, all of them at the same moment
 * and of the same size: an allocator that serves several threads from one page deals the halves
 * of a line to two of them. Then each writes to its own objects many times, round robin, replaces
 * half of them by new ones and writes again: a line that was shared once stays shared, since each
 * thread gets back what it freed. Every such write is a trip between two cores.
 *
 *     generation:  STEPS x { meet, make a few }  ROUNDS x { write, replace half }  free all
 *
 * The size goes from 8 to 56 bytes from generation to generation. The meetings are few beside the
 * writes, so that they are not what is measured. One op is one object. */
#include <pthread.h>
#include "common.h"

enum {
  OBJECTS = 64, /* a worker holds at a time */
  STEPS = 16,   /* in which it makes them */
  ROUNDS = 10,
  WRITES = 1000, /* to each object in a round */
  MAX_WORDS = 7,
  OBJECTS_PER_GENERATION = OBJECTS + ROUNDS * OBJECTS / 2,
};

typedef struct lane {
  uint64_t generations, sum;
} lane;

static pthread_barrier_t meeting;

static volatile uint8_t *make(size_t bytes) {
  volatile uint8_t *object = malloc(bytes);
  if (!object) bench_fail("malloc returned NULL");
  object[0] = 0;
  return object;
}

static uint64_t generation(size_t bytes) {
  volatile uint8_t *objects[OBJECTS];
  uint64_t          sum = 0;
  for (int i = 0; i < OBJECTS; i++) {
    if (i % (OBJECTS / STEPS) == 0) pthread_barrier_wait(&meeting);
    objects[i] = make(bytes);
  }
  for (int round = 0; round < ROUNDS; round++) {
    for (int pass = 0; pass < WRITES; pass++)
      for (int i = 0; i < OBJECTS; i++) objects[i][0]++;
    for (int i = round & 1; i < OBJECTS; i += 2) {
      sum += objects[i][0];
      free((void *)objects[i]);
      objects[i] = make(bytes);
    }
  }
  for (int i = 0; i < OBJECTS; i++) free((void *)objects[i]);
  return sum;
}

static void *work(void *arg) {
  lane *own = arg;
  for (uint64_t i = 0; i < own->generations; i++) own->sum += generation(8 * (1 + i % MAX_WORDS));
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "thrash", .threads = 2, .ops = 700000, .live = 1, .seed = 1};
  bench_args_read(&args, argc, argv, "threads write their own small objects (--live unused)");
  pthread_barrier_init(&meeting, NULL, args.threads);
  lane *lanes = bench_array(args.threads, sizeof *lanes);
  for (unsigned i = 0; i < args.threads; i++)
    lanes[i].generations = args.ops / args.threads / OBJECTS_PER_GENERATION;
  bench_threads_run(args.threads, work, lanes, sizeof *lanes);
  uint64_t sum = 0;
  for (unsigned i = 0; i < args.threads; i++) sum += lanes[i].sum;
  free(lanes);
  bench_report(&args, sum);
  return 0;
}
