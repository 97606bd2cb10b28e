/* SPDX-License-Identifier: MIT */
/* stress_small_stack.c: malloc on stacks of 16 KiB.
 *
 * PTHREAD_STACK_MIN is 16 KiB on x86-64, and the C library keeps its thread record and all static
 * TLS in there too: what remains is about 10 KiB. Every slow path has to fit: first use by a
 * thread, refill, large objects, realloc by move, thread exit. Signals arrive meanwhile on an
 * alternate stack of MINSIGSTKSZ, and the thread also allocates from a thread-specific
 * destructor. */
#include "stress.h"

#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/auxv.h>

enum { THREADS = 200, TOGETHER = 4, OBJECTS = 64 };

static pthread_key_t    key;
static _Atomic unsigned hits;

static void on_signal(int number) {
  (void)number;
  atomic_fetch_add(&hits, 1);
}

/* One thread's table lies outside its stack. */
static void  *table[TOGETHER][OBJECTS];
static char  *alternate[TOGETHER];
static size_t alternate_bytes;

static __attribute__((noinline)) void churn(void **object, uint64_t *random, int operations) {
  for (int i = 0; i < operations; i++) {
    size_t at = stress_random(random) % OBJECTS, bytes = stress_random_size(random, 300 * KIB);
    switch (stress_random(random) % 4) {
    case 0: object[at] = realloc(object[at], bytes + 1); break;
    case 1: free(object[at]), object[at] = calloc(1, bytes); break;
    case 2:
      free(object[at]), object[at] = NULL;
      if (posix_memalign(&object[at], (size_t)64 << stress_random(random) % 8, bytes)) abort();
      break;
    default: free(object[at]), object[at] = malloc(bytes); break;
    }
    if (!object[at]) abort();
  }
}

static void key_destroyed(void *value) {
  uint64_t random = (uintptr_t)value;
  void   **object = table[(uintptr_t)value % TOGETHER];
  churn(object, &random, 100);
  for (int i = 0; i < OBJECTS; i++) {
    free(object[i]);
    object[i] = NULL;
  }
}

static void *work(void *arg) {
  uintptr_t number = (uintptr_t)arg;
  uint64_t  random = stress_seed + number;
  stack_t   stack = {.ss_sp = alternate[number % TOGETHER], .ss_size = alternate_bytes};
  if (sigaltstack(&stack, NULL)) abort();
  pthread_setspecific(key, (void *)(number + TOGETHER));
  churn(table[number % TOGETHER], &random, 2000);
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, NULL);
  return NULL;
}

int main(int argc, char **argv) {
  pthread_attr_t   attr;
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_RESTART};
  size_t           stack_bytes = (size_t)sysconf(_SC_THREAD_STACK_MIN);
  stress_start(argc, argv, 200);
  /* The kernel says what a signal frame needs on this CPU; MINSIGSTKSZ (2048) predates AVX-512. */
  alternate_bytes = getauxval(AT_MINSIGSTKSZ);
  long least = sysconf(_SC_MINSIGSTKSZ); /* where the kernel does not say: aarch64 needs 5 KiB */
  if (least > 0 && (size_t)least > alternate_bytes) alternate_bytes = (size_t)least;
  alternate_bytes += 1024;
  if (alternate_bytes < 2048) alternate_bytes = 2048;
  sigaction(SIGUSR1, &action, NULL);
  pthread_key_create(&key, key_destroyed);
  pthread_attr_init(&attr);
  CHECK(pthread_attr_setstacksize(&attr, stack_bytes) == 0, "stack of %zu refused", stack_bytes);
  for (int i = 0; i < TOGETHER; i++) alternate[i] = stress_map(alternate_bytes);
  for (uintptr_t made = 0; made < THREADS; made += TOGETHER) {
    pthread_t thread[TOGETHER];
    for (uintptr_t i = 0; i < TOGETHER; i++) {
      int error = pthread_create(&thread[i], &attr, work, (void *)(made + i));
      CHECK(error == 0, "pthread_create with %zu bytes of stack: %s", stack_bytes, strerror(error));
    }
    for (int shots = 0; shots < 3; shots++)
      for (int i = 0; i < TOGETHER; i++) pthread_kill(thread[i], SIGUSR1);
    for (int i = 0; i < TOGETHER; i++) stress_join(thread[i]);
  }
  CHECK(hits >= THREADS / 8, "only %u signals arrived", hits);
  return stress_done("stress_small_stack", "200 threads with the smallest stacks");
}
