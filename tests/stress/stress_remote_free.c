/* SPDX-License-Identifier: MIT */
/* stress_remote_free.c: objects freed by a thread that did not allocate them.
 *
 *     pipeline   producers -> one bounded queue -> consumers        one way for ever
 *     ring       T0 -> T1 -> T2 -> ... -> T0                        everybody both makes and frees
 *     exchange   all threads swap objects in one table of atomics   any thread frees any object
 *
 * Every object carries a pattern that its last owner verifies: two owners of one address show as a
 * broken pattern. At the end of each part the resident set must not have grown without bound:
 * memory freed from afar has to find its way back to those who allocate. */
#include "stress.h"

#include <semaphore.h>
#include <stdatomic.h>

enum { THREADS = 4, QUEUE = 256, RING_OPS = 80000, EXCHANGE_OPS = 200000, SLOTS = 4096 };

typedef struct object_head {
  size_t   bytes;
  uint64_t tag;
} object_head;

typedef struct queue {
  sem_t           free_places, full_places;
  pthread_mutex_t lock;
  void           *place[QUEUE];
  unsigned        head, tail;
} queue;

static queue            pipes[THREADS];
static _Atomic(void *)  slots[SLOTS];
static _Atomic uint64_t seeds;

static void *make(uint64_t *random) {
  size_t       bytes = sizeof(object_head) + stress_random_size(random, 8 * KIB);
  object_head *object = malloc(bytes);
  CHECK(object, "malloc(%zu) gave NULL with memory to spare", bytes);
  object->bytes = bytes;
  object->tag = stress_random(random);
  stress_fill(object + 1, bytes - sizeof *object, object->tag);
  return object;
}

static void take(void *arg) {
  object_head *object = arg;
  CHECK(stress_holds(object + 1, object->bytes - sizeof *object, object->bytes - sizeof *object,
                     object->tag),
        "object %p of %zu bytes was overwritten: two owners", arg, object->bytes);
  free(object);
}

static void queue_init(queue *q) {
  sem_init(&q->free_places, 0, QUEUE);
  sem_init(&q->full_places, 0, 0);
  pthread_mutex_init(&q->lock, NULL);
  q->head = q->tail = 0;
}

static void push(queue *q, void *object) {
  while (sem_wait(&q->free_places)) {
  }
  pthread_mutex_lock(&q->lock);
  q->place[q->tail++ % QUEUE] = object;
  pthread_mutex_unlock(&q->lock);
  sem_post(&q->full_places);
}

static void *pop(queue *q) {
  while (sem_wait(&q->full_places)) {
  }
  pthread_mutex_lock(&q->lock);
  void *object = q->place[q->head++ % QUEUE];
  pthread_mutex_unlock(&q->lock);
  sem_post(&q->free_places);
  return object;
}

static void *produce(void *arg) {
  uint64_t random = stress_seed + atomic_fetch_add(&seeds, 1);
  for (int i = 0; i < RING_OPS; i++) push(arg, make(&random));
  return NULL;
}

static void *consume(void *arg) {
  for (int i = 0; i < RING_OPS; i++) take(pop(arg));
  return NULL;
}

/* Passes on what comes from the left; every fourth is replaced by one of its own. */
static void *ring_member(void *arg) {
  unsigned self = (unsigned)(uintptr_t)arg;
  uint64_t random = stress_seed + atomic_fetch_add(&seeds, 1);
  for (int i = 0; i < QUEUE / 4; i++) push(&pipes[self], make(&random));
  for (int i = 0; i < RING_OPS; i++) {
    void *object = pop(&pipes[(self + THREADS - 1) % THREADS]);
    if (stress_random(&random) % 4 == 0) {
      take(object);
      object = make(&random);
    }
    push(&pipes[self], object);
  }
  return NULL;
}

static void *exchange(void *arg) {
  uint64_t random = stress_seed + atomic_fetch_add(&seeds, 1);
  (void)arg;
  for (int i = 0; i < EXCHANGE_OPS; i++) {
    uint64_t pick = stress_random(&random);
    void    *fresh = pick & 1 ? make(&random) : NULL;
    void    *old = atomic_exchange(&slots[pick >> 8 & (SLOTS - 1)], fresh);
    if (old) take(old);
  }
  return NULL;
}

static void run_pair_of_pipelines(void) {
  pthread_t thread[4];
  queue_init(&pipes[0]);
  for (int i = 0; i < 4; i++) thread[i] = stress_thread(i & 1 ? consume : produce, &pipes[0]);
  for (int i = 0; i < 4; i++) stress_join(thread[i]);
}

static void run_ring(void) {
  pthread_t thread[THREADS];
  for (int i = 0; i < THREADS; i++) queue_init(&pipes[i]);
  for (int i = 0; i < THREADS; i++) thread[i] = stress_thread(ring_member, (void *)(uintptr_t)i);
  for (int i = 0; i < THREADS; i++) stress_join(thread[i]);
  for (int i = 0; i < THREADS; i++)
    while (pipes[i].head != pipes[i].tail) take(pop(&pipes[i]));
}

static void run_exchange(void) {
  pthread_t thread[2 * THREADS];
  for (int i = 0; i < 2 * THREADS; i++) thread[i] = stress_thread(exchange, NULL);
  for (int i = 0; i < 2 * THREADS; i++) stress_join(thread[i]);
  for (int i = 0; i < SLOTS; i++)
    if (slots[i]) take(slots[i]);
}

int main(int argc, char **argv) {
  size_t before = 0, after;
  stress_start(argc, argv, 200);
  run_pair_of_pipelines();
  before = stress_rss_bytes();
  run_pair_of_pipelines();
  run_ring();
  run_exchange();
  after = stress_rss_bytes();
  CHECK(after < before + 128 * MIB, "RSS grew from %zu to %zu MiB although everything was freed",
        before / MIB, after / MIB);
  return stress_done("stress_remote_free", "pipeline, ring, exchange");
}
