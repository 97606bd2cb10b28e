/* SPDX-License-Identifier: MIT */
/* stress_thread_churn.c: 100,000 threads are created and joined, each allocates.
 *
 * What a thread's cache costs must come back when the thread ends: the resident set after 100,000
 * threads is the one after 10,000, within a little noise. Every third thread has thread-specific
 * data whose destructor allocates and frees in as many rounds as there are, so that the last use
 * comes after whatever destructor the allocator may have of its own. */
#include "stress.h"

enum { THREADS = 100000, FIRST = 10000, TOGETHER = 8, OBJECTS = 24 };

static pthread_key_t key;

/* The value counts the rounds: 2, 3, … until the C library gives up on it. */
static void key_destroyed(void *value) {
  free(malloc(100));
  pthread_setspecific(key, (void *)((uintptr_t)value + 1));
}

static void *work(void *arg) {
  uint64_t random = stress_seed + (uintptr_t)arg;
  void    *object[OBJECTS];
  for (int i = 0; i < OBJECTS; i++) {
    size_t bytes = stress_random(&random) % 2048;
    object[i] = malloc(bytes);
    CHECK(object[i], "malloc(%zu) gave NULL", bytes);
    memset(object[i], (int)i, bytes);
  }
  for (int i = 0; i < OBJECTS; i++) free(object[i]);
  if ((uintptr_t)arg % 3 == 0) pthread_setspecific(key, (void *)1);
  return NULL;
}

int main(int argc, char **argv) {
  pthread_attr_t attr;
  size_t         early = 0, late;
  stress_start(argc, argv, 250);
  pthread_key_create(&key, key_destroyed);
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, 64 * KIB);
  for (uintptr_t made = 0; made < THREADS; made += TOGETHER) {
    pthread_t thread[TOGETHER];
    for (uintptr_t i = 0; i < TOGETHER; i++) {
      int error = pthread_create(&thread[i], &attr, work, (void *)(made + i));
      CHECK(error == 0, "pthread_create number %zu: %s", (size_t)(made + i), strerror(error));
    }
    for (int i = 0; i < TOGETHER; i++) stress_join(thread[i]);
    if (made == FIRST) early = stress_rss_bytes();
  }
  late = stress_rss_bytes();
  CHECK(late < early + 4 * MIB,
        "RSS is %zu KiB after %d threads and %zu KiB after %d: threads leak", early / KIB, FIRST,
        late / KIB, THREADS);
  return stress_done("stress_thread_churn", "100000 threads, resident set flat");
}
