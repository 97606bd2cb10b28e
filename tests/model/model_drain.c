/* SPDX-License-Identifier: MIT */
/* model_drain.c: caches of sleeping threads are emptied by others, and nobody loses anything.
 *
 * Threads allocate, free and sleep, each in its own way: in a system call; in a signal handler that
 * interrupted malloc or free anywhere; on an alternate stack; in a child that borrows the memory
 * (vfork). Meanwhile the main thread drains without pause. Every object carries a pattern and is
 * looked at before it is freed, and at the end the heap's own check runs over all.
 *
 * And what it is for: threads that sleep with full caches give them up.
 */
#include "../stress/stress.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "heap/drain.h"
#include "runtime/runtime.h"

enum { WORKERS = 6, OBJECTS = 300, RUN_MS = 3000, SLEEPERS = 8 };

static atomic_int       stopped, asleep;
static _Atomic uint64_t drained, rounds, sleeps_in_handler;

/* Sleeps where it stands: if that is inside malloc, its thread must not be taken for idle. */
static void on_signal(int number) {
  struct timespec moment = {0, 200000};
  int             saved = errno;
  (void)number;
  nanosleep(&moment, NULL);
  atomic_fetch_add(&sleeps_in_handler, 1);
  errno = saved;
}

static void pause_somehow(uint64_t *random) {
  struct timespec moment = {0, 300000};
  switch (stress_random(random) % 16) {
  case 0: nanosleep(&moment, NULL); break;
  case 1: {
    pid_t pid = vfork(); /* we wait; the child runs in our memory */
    if (pid == 0) _exit(0);
    if (pid > 0) waitpid(pid, NULL, 0);
    break;
  }
  default: break;
  }
}

/* Nothing but the fast path, so that signals land in it. */
static void hurry(void) {
  void *few[16];
  for (int round = 0; round < 400; round++) {
    for (int i = 0; i < 16; i++) few[i] = ullage_malloc(48);
    for (int i = 0; i < 16; i++) ullage_free(few[i]);
  }
}

static void *work(void *arg) {
  uint64_t             random = stress_seed + (uintptr_t)arg;
  unsigned char       *object[OBJECTS] = {0};
  size_t               bytes[OBJECTS] = {0};
  static __thread char alternate[64 * 1024];
  stack_t              stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  if ((uintptr_t)arg % 2) CHECK(sigaltstack(&stack, NULL) == 0, "sigaltstack");
  while (!atomic_load(&stopped)) {
    for (int i = 0; i < 40; i++) {
      size_t at = stress_random(&random) % OBJECTS;
      CHECK(stress_holds(object[at], bytes[at], bytes[at], (uintptr_t)at), "object damaged");
      ullage_free(object[at]);
      bytes[at] = 1 + stress_random(&random) % 2000;
      object[at] =
          stress_random(&random) % 4 ? ullage_malloc(bytes[at]) : ullage_calloc(1, bytes[at]);
      CHECK(object[at], "no memory");
      stress_fill(object[at], bytes[at], (uintptr_t)at);
    }
    atomic_fetch_add(&rounds, 1);
    hurry();
    pause_somehow(&random);
  }
  for (int i = 0; i < OBJECTS; i++) ullage_free(object[i]);
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, NULL);
  return NULL;
}

static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void drain_while_they_work(void) {
  pthread_t thread[WORKERS];
  uint64_t  random = stress_seed;
  for (uintptr_t i = 0; i < WORKERS; i++) {
    CHECK(pthread_create(&thread[i], NULL, work, (void *)i) == 0, "pthread_create");
  }
  for (uint64_t end = now_ms() + RUN_MS; now_ms() < end;) {
    pthread_kill(thread[stress_random(&random) % WORKERS], SIGUSR1);
    atomic_fetch_add(&drained, ul_drain_asleep(&ul_runtime_self.heap, 1));
    if (stress_random(&random) % 64 == 0) ul_drain_ask(&ul_runtime_self.heap);
    if (stress_random(&random) % 256 == 0) {
      ul_mcache_set_thrifty(&ul_runtime_self.heap, stress_random(&random) % 2 == 0);
    }
  }
  atomic_store(&stopped, 1);
  for (int i = 0; i < WORKERS; i++) pthread_join(thread[i], NULL);
}

static void *fill_and_sleep(void *arg) {
  static __thread void *object[2000];
  (void)arg;
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < 2000; i++) object[i] = ullage_malloc(64);
    for (int i = 0; i < 2000; i++) ullage_free(object[i]);
  }
  atomic_fetch_add(&asleep, 1);
  while (!atomic_load(&stopped)) usleep(20000);
  void *after = ullage_malloc(64); /* the cache is its own again */
  CHECK(after, "no memory");
  ullage_free(after);
  return NULL;
}

/* Returns whether this system can tell that a thread sleeps. */
static int sleepers_give_up_what_they_hold(void) {
  pthread_t thread[SLEEPERS];
  uint64_t  objects;
  atomic_store(&stopped, 0);
  for (int i = 0; i < SLEEPERS; i++) {
    CHECK(pthread_create(&thread[i], NULL, fill_and_sleep, NULL) == 0, "pthread_create");
  }
  while (atomic_load(&asleep) < SLEEPERS) usleep(1000);
  usleep(5000);
  uint64_t before = ul_mcache_total_bytes(&ul_runtime_self.heap, &objects);
  uint64_t took = 0;
  for (int i = 0; i < 10; i++) took += ul_drain_asleep(&ul_runtime_self.heap, 1);
  uint64_t after = ul_mcache_total_bytes(&ul_runtime_self.heap, &objects);
  atomic_store(&stopped, 1);
  for (int i = 0; i < SLEEPERS; i++) pthread_join(thread[i], NULL);
  int can_tell = access("/proc/self/task", X_OK) == 0 && access("/proc/self/syscall", R_OK) == 0;
  CHECK(!can_tell || after < before / 2, "sleeping threads kept %llu of %llu bytes, gave %llu",
        (unsigned long long)after, (unsigned long long)before, (unsigned long long)took);
  return can_tell;
}

int main(int argc, char **argv) {
#ifdef __SANITIZE_THREAD__
  (void)argc, (void)argv;
  puts("model_drain: skipped, ThreadSanitizer does not know what membarrier orders");
  return 77;
#endif
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
  stress_start(argc, argv, 120);
  sigaction(SIGUSR1, &action, NULL);
  drain_while_they_work();
  ullage_trim();
  ul_heap_check(&ul_runtime_self.heap);
  int  can_tell = sleepers_give_up_what_they_hold();
  char text[160];
  snprintf(text, sizeof text, "%llu rounds, %llu KiB taken, %llu handlers slept%s",
           (unsigned long long)rounds, (unsigned long long)drained / 1024,
           (unsigned long long)sleeps_in_handler, can_tell ? "" : " (this system cannot tell)");
  return stress_done("model_drain", text);
}
