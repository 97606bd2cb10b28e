/* SPDX-License-Identifier: MIT */
/* stress_thread_exit.c: threads that end while objects of theirs live on.
 *
 * Each generation of threads leaves a full table behind; the next generation (other threads, other
 * caches) verifies and frees it, half of it by realloc, while further threads exit beside it. Free
 * memory that lay in the dead thread's cache must be usable by others: the resident set stays flat
 * over the generations. */
#include "stress.h"

#include <stdatomic.h>

enum { THREADS = 8, GENERATIONS = 40, OBJECTS = 1500 };

typedef struct leftover {
  void    *object;
  size_t   bytes;
  uint64_t tag;
} leftover;

static leftover        *left[2][THREADS]; /* [generation & 1]: written by one, freed by the next */
static _Atomic unsigned generation;

static void inherit(leftover *one, uint64_t *random) {
  CHECK(stress_holds(one->object, one->bytes, one->bytes, one->tag),
        "object %p of %zu bytes changed after its thread had exited", one->object, one->bytes);
  if (stress_random(random) & 1) {
    size_t bytes = one->bytes + 1 + stress_random(random) % 512;
    void  *moved = realloc(one->object, bytes);
    CHECK(moved, "realloc(%zu) of an orphan gave NULL", bytes);
    CHECK(stress_holds(moved, one->bytes, one->bytes, one->tag), "realloc of an orphan lost data");
    one->object = moved;
  }
  free(one->object);
}

static void *live(void *arg) {
  unsigned  self = (unsigned)(uintptr_t)arg;
  unsigned  now = atomic_load(&generation);
  uint64_t  random = stress_seed + now * THREADS + self;
  leftover *mine = left[now & 1][self];
  leftover *theirs = left[(now + 1) & 1][(self + now) % THREADS];
  for (int i = 0; i < OBJECTS; i++) {
    leftover *one = &mine[i];
    one->bytes = stress_random_size(&random, 16 * KIB);
    one->tag = stress_random(&random);
    one->object = malloc(one->bytes);
    CHECK(one->object, "malloc(%zu) gave NULL", one->bytes);
    stress_fill(one->object, one->bytes, one->tag);
    if (now > 0) inherit(&theirs[i], &random);
  }
  return NULL;
}

int main(int argc, char **argv) {
  size_t early = 0, late;
  stress_start(argc, argv, 200);
  for (int half = 0; half < 2; half++)
    for (int i = 0; i < THREADS; i++) left[half][i] = stress_map(OBJECTS * sizeof(leftover));
  for (unsigned now = 0; now < GENERATIONS; now++) {
    pthread_t thread[THREADS];
    atomic_store(&generation, now);
    for (int i = 0; i < THREADS; i++) thread[i] = stress_thread(live, (void *)(uintptr_t)i);
    for (int i = 0; i < THREADS; i++) stress_join(thread[i]);
    if (now == 8) early = stress_rss_bytes();
  }
  late = stress_rss_bytes();
  CHECK(late < early * 3 / 2 + 16 * MIB, "RSS grew from %zu to %zu MiB over the generations",
        early / MIB, late / MIB);
  return stress_done("stress_thread_exit", "40 generations of 8 threads inherit from each other");
}
