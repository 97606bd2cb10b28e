/* SPDX-License-Identifier: MIT */
/* xmalloc.c: some threads only allocate, others only free.
 *
 * After the test that Lever and Boreham describe in "malloc() performance in a multithreaded
 * Linux environment", USENIX 2000. Producers make objects and put them, in batches, into a
 * bounded queue; consumers take batches and free them. Every free is a free from another thread:
 * memory has to find its way back to the producers, or the heap grows and the producers starve.
 * One op is one object.
 *
 * With --threads 2 there is one producer and one consumer. The queue holds between half of
 * --live and --live objects (mean 130 bytes: about 30 MiB at the default), whichever side is
 * faster: consumers wait for the lower mark, producers for the upper one. Otherwise the live
 * heap, and with it the peak RSS, would say which of malloc and free is faster, not how the
 * allocator uses memory. */
#include <pthread.h>
#include "common.h"

enum {
  BATCH = 128
}; /* objects per trip through the queue: its lock must not be what is measured */

typedef struct batch {
  struct batch *next;
  bench_block   blocks[BATCH];
} batch;

typedef struct lane {
  uint64_t batches; /* to produce */
  uint64_t seed;
  uint64_t sum;
  int      produces;
} lane;

static bench_sizes     sizes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  changed = PTHREAD_COND_INITIALIZER;
static batch          *head, *tail;                   /* guard: lock; first in, first out */
static uint64_t        queued, room, producers_going; /* guard: lock; batches, batches, threads */

static void push(batch *full) {
  pthread_mutex_lock(&lock);
  while (queued >= room) pthread_cond_wait(&changed, &lock);
  full->next = NULL;
  if (tail)
    tail->next = full;
  else
    head = full;
  tail = full;
  if (queued++ == room / 2) pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

/* NULL when all producers are done and nothing is left. */
static batch *pop(void) {
  pthread_mutex_lock(&lock);
  while (queued <= room / 2 && producers_going) pthread_cond_wait(&changed, &lock);
  batch *full = head;
  if (full) {
    head = full->next;
    if (!head) tail = NULL;
    if (queued-- == room) pthread_cond_broadcast(&changed);
  }
  pthread_mutex_unlock(&lock);
  return full;
}

static void produce(lane *own) {
  bench_random random = {own->seed};
  for (uint64_t i = 0; i < own->batches; i++) {
    batch *full = malloc(sizeof *full);
    if (!full) bench_fail("malloc returned NULL");
    for (int k = 0; k < BATCH; k++)
      bench_block_new(&full->blocks[k], bench_sizes_draw(&sizes, &random), (uint32_t)i);
    push(full);
  }
  pthread_mutex_lock(&lock);
  producers_going--;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static void *work(void *arg) {
  lane *own = arg;
  if (own->produces) {
    produce(own);
    return NULL;
  }
  for (batch *full; (full = pop());) {
    for (int k = 0; k < BATCH; k++) {
      own->sum += full->blocks[k].size;
      bench_block_free(&full->blocks[k]);
    }
    free(full);
  }
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "xmalloc", .threads = 2, .ops = 16000000, .live = 320000, .seed = 1};
  bench_args_read(&args, argc, argv, "producers allocate, consumers free");
  if (args.threads < 2) bench_fail("xmalloc needs at least two threads: a producer and a consumer");
  bench_sizes_init(&sizes, 80, 1.0, 8, 4096);
  unsigned producers = args.threads / 2;
  room = args.live / BATCH + 1;
  producers_going = producers;
  lane *lanes = bench_array(args.threads, sizeof *lanes);
  for (unsigned i = 0; i < args.threads; i++)
    lanes[i] = (lane){args.ops / BATCH / producers, bench_mix(args.seed + i), 0, i < producers};
  bench_threads_run(args.threads, work, lanes, sizeof *lanes);
  uint64_t sum = 0;
  for (unsigned i = 0; i < args.threads; i++) sum += lanes[i].sum;
  free(lanes);
  bench_report(&args, sum);
  return 0;
}
