/* SPDX-License-Identifier: MIT */
/* stress_stats.c: the figures of ullage_stats agree with what the program knows.
 *
 *     quiet      live_bytes and live_objects differ from before by exactly the own table, whichever
 *                thread allocated and whichever freed
 *     freeing    they come back to exactly what they were
 *     resident   the heap's own estimate is not below what the live objects need once touched, and
 *                not above the process's RSS by more than a little
 *     returned   grows when ullage_trim says it gave bytes back
 *     churning   the figures stay plausible (no wrap below zero) while threads work */
#include "stress.h"

#include <malloc.h>
#include <stdatomic.h>
#include <ullage/ullage.h>

enum { THREADS = 4, OBJECTS = 20000 };

static void            **table[THREADS];
static size_t            usable_total[THREADS];
static pthread_barrier_t barrier;
static atomic_int        stopped;

/* Allocates its table, frees the next thread's half, churns, then frees what is left of its own. */
static void *work(void *arg) {
  uintptr_t self = (uintptr_t)arg, next = (self + 1) % THREADS;
  uint64_t  random = stress_seed + self;
  pthread_barrier_wait(&barrier); /* main reads the baseline */
  pthread_barrier_wait(&barrier);
  for (size_t i = 0; i < OBJECTS; i++) {
    size_t bytes = stress_random_size(&random, i % 200 ? 4 * KIB : 400 * KIB);
    table[self][i] = malloc(bytes);
    CHECK(table[self][i], "malloc(%zu) gave NULL", bytes);
    memset(table[self][i], 1, bytes);
    usable_total[self] += malloc_usable_size(table[self][i]);
  }
  pthread_barrier_wait(&barrier); /* main compares: everything is live */
  pthread_barrier_wait(&barrier);
  for (size_t i = 0; i < OBJECTS; i += 2) {
    free(table[next][i]);
    table[next][i] = NULL;
  }
  pthread_barrier_wait(&barrier); /* main compares: half of it */
  pthread_barrier_wait(&barrier);
  for (size_t i = 0; i < OBJECTS; i++) free(table[self][i]);
  pthread_barrier_wait(&barrier); /* main compares: nothing */
  pthread_barrier_wait(&barrier);
  void *object[64] = {0};
  while (!atomic_load(&stopped)) {
    size_t at = stress_random(&random) % 64;
    free(object[at]);
    object[at] = malloc(stress_random_size(&random, 100 * KIB));
  }
  for (int i = 0; i < 64; i++) free(object[i]);
  return NULL;
}

static void compare(const ullage_stats_t *before, uint64_t objects, uint64_t bytes,
                    const char *when) {
  ullage_stats_t now;
  ullage_stats(&now);
  CHECK(now.live_objects - before->live_objects == objects,
        "%s: live_objects grew by %lld, the table holds %lld", when,
        (long long)(now.live_objects - before->live_objects), (long long)objects);
  CHECK(now.live_bytes - before->live_bytes == bytes,
        "%s: live_bytes grew by %lld, the table holds %lld", when,
        (long long)(now.live_bytes - before->live_bytes), (long long)bytes);
  CHECK(now.resident_bytes <= now.committed_bytes + now.metadata_bytes,
        "%s: more resident (%llu) than committed (%llu)", when,
        (unsigned long long)now.resident_bytes, (unsigned long long)now.committed_bytes);
  CHECK(now.peak_bytes >= now.resident_bytes, "%s: the peak is below the present", when);
  CHECK(now.threads >= THREADS, "%s: %llu caches for %d threads that allocated", when,
        (unsigned long long)now.threads, THREADS);
}

static void compare_resident(uint64_t live_bytes) {
  ullage_stats_t now;
  size_t         rss = stress_rss_bytes();
  ullage_stats(&now);
  CHECK(now.resident_bytes + 32 * MIB > live_bytes - live_bytes / 8,
        "resident_bytes is %llu with %llu touched bytes live",
        (unsigned long long)now.resident_bytes, (unsigned long long)live_bytes);
  CHECK(now.resident_bytes < rss + 32 * MIB, "resident_bytes is %llu, the whole process has %zu",
        (unsigned long long)now.resident_bytes, rss);
}

static void compare_trim(void) {
  ullage_stats_t before, after;
  void         **object = stress_map(40000 * sizeof *object);
  for (int i = 0; i < 40000; i++) object[i] = memset(malloc(2000), 1, 2000);
  for (int i = 0; i < 40000; i++) free(object[i]);
  ullage_stats(&before);
  size_t given = ullage_trim();
  ullage_stats(&after);
  CHECK(after.returned_bytes >= before.returned_bytes + given,
        "ullage_trim gave %zu bytes back, returned_bytes grew by %llu", given,
        (unsigned long long)(after.returned_bytes - before.returned_bytes));
  CHECK(given > 40 * MIB || before.returned_bytes > 0,
        "ullage_trim gave back %zu of 80 MB free bytes", given);
  munmap(object, 40000 * sizeof *object);
}

static void watch_churn(void) {
  for (int i = 0; i < 2000; i++) {
    ullage_stats_t now;
    ullage_stats(&now);
    CHECK(now.live_bytes < 4096 * MIB && now.live_objects < 100000000 &&
              now.free_bytes < 65536 * MIB && now.cached_bytes < 4096 * MIB,
          "a figure wrapped: live %llu bytes in %llu objects, free %llu, cached %llu",
          (unsigned long long)now.live_bytes, (unsigned long long)now.live_objects,
          (unsigned long long)now.free_bytes, (unsigned long long)now.cached_bytes);
  }
}

static uint64_t sum_half(int *ret_count) {
  uint64_t bytes = 0;
  *ret_count = 0;
  for (int t = 0; t < THREADS; t++)
    for (size_t i = 0; i < OBJECTS; i++)
      if (table[t][i]) {
        bytes += malloc_usable_size(table[t][i]);
        ++*ret_count;
      }
  return bytes;
}

int main(int argc, char **argv) {
  pthread_t      thread[THREADS];
  ullage_stats_t before;
  uint64_t       bytes = 0;
  int            count;
  stress_start(argc, argv, 120);
  compare_trim(); /* also lets the background thread start before the baseline */
  stress_sleep_ms(300);
  pthread_barrier_init(&barrier, NULL, THREADS + 1);
  for (uintptr_t i = 0; i < THREADS; i++) {
    table[i] = stress_map(OBJECTS * sizeof(void *));
    thread[i] = stress_thread(work, (void *)i);
  }
  pthread_barrier_wait(&barrier);
  ullage_stats(&before);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < THREADS; i++) bytes += usable_total[i];
  compare(&before, THREADS * OBJECTS, bytes, "all live");
  compare_resident(bytes);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  bytes = sum_half(&count);
  compare(&before, (uint64_t)count, bytes, "half freed by other threads");
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  compare(&before, 0, 0, "all freed");
  pthread_barrier_wait(&barrier);
  watch_churn();
  atomic_store(&stopped, 1);
  for (int i = 0; i < THREADS; i++) stress_join(thread[i]);
  return stress_done("stress_stats",
                     "live, resident and returned bytes agree with the program's own");
}
