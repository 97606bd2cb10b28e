/* SPDX-License-Identifier: MIT */
/* neighbours.c: neighbouring objects of one thread, freed by others that go on allocating:
 * passive false sharing.
 *
 * After the definition in Berger et al., "Hoard", ASPLOS 2000: an allocator is to blame not only
 * when it hands parts of one cache line to two threads, but also when a thread that frees a part
 * of a line it was given may allocate that part again. scratch.c hands over one object per
 * thread, once; here it happens all the time, as in a server whose receiver makes requests and
 * whose workers finish them:
 *
 *     main:     makes OBJECTS small neighbours, deals them out in turn  (a b a b a b ...)
 *     workers:  free what they were dealt, make as many of the same size,
 *               write to all of these WRITES times, free them
 *
 * An allocator that gives a thread back what it has just freed puts both workers onto the same
 * lines. One that sends such objects home to their maker pays for the way. One op is one object
 * that a worker made. */
#include <pthread.h>
#include "common.h"

enum {
  OBJECTS = 512, /* of OBJECT_BYTES: 4 to 8 KiB of neighbours */
  OBJECT_BYTES = 8,
  WRITES = 100, /* to each object that a worker made */
  MAX_THREADS = 256,
};

typedef struct lane {
  uint64_t rounds, sum;
  unsigned index, threads;
} lane;

static volatile uint8_t *dealt[OBJECTS]; /* written by main between the barriers, else read-only */
static pthread_barrier_t ready, done;

static volatile uint8_t *make(void) {
  volatile uint8_t *object = malloc(OBJECT_BYTES);
  if (!object) bench_fail("malloc returned NULL");
  object[0] = 0;
  return object;
}

static void deal(uint8_t mark) {
  for (int i = 0; i < OBJECTS; i++) {
    dealt[i] = make();
    dealt[i][OBJECT_BYTES - 1] = (uint8_t)(mark + i);
  }
}

/* One worker's part of a round. */
static void serve(lane *own, uint8_t mark) {
  volatile uint8_t *mine[OBJECTS];
  unsigned          count = 0;
  for (unsigned i = own->index; i < OBJECTS; i += own->threads) {
    if (dealt[i][OBJECT_BYTES - 1] != (uint8_t)(mark + i))
      bench_fail("an object was overwritten while it was live");
    free((void *)dealt[i]);
    mine[count++] = make();
  }
  for (int pass = 0; pass < WRITES; pass++)
    for (unsigned i = 0; i < count; i++) mine[i][0]++;
  for (unsigned i = 0; i < count; i++) {
    own->sum += mine[i][0];
    free((void *)mine[i]);
  }
}

static void *work(void *arg) {
  lane *own = arg;
  for (uint64_t round = 0; round < own->rounds; round++) {
    pthread_barrier_wait(&ready);
    serve(own, (uint8_t)round);
    pthread_barrier_wait(&done);
  }
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "neighbours", .threads = 2, .ops = 3500000, .live = 1, .seed = 1};
  bench_args_read(&args, argc, argv, "one thread makes, others free and go on (--live unused)");
  pthread_barrier_init(&ready, NULL, args.threads + 1);
  pthread_barrier_init(&done, NULL, args.threads + 1);
  static lane      lanes[MAX_THREADS];
  static pthread_t handles[MAX_THREADS];
  uint64_t         rounds = args.ops / OBJECTS, sum = 0;
  for (unsigned i = 0; i < args.threads; i++) {
    lanes[i] = (lane){rounds, 0, i, args.threads};
    if (pthread_create(&handles[i], NULL, work, &lanes[i])) bench_fail("cannot create a thread");
  }
  for (uint64_t round = 0; round < rounds; round++) {
    deal((uint8_t)round);
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&done);
  }
  for (unsigned i = 0; i < args.threads; i++) {
    pthread_join(handles[i], NULL);
    sum += lanes[i].sum;
  }
  bench_report(&args, sum);
  return 0;
}
