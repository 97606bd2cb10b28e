/* SPDX-License-Identifier: MIT */
/* stress_main_exit.c: main leaves by pthread_exit, other threads go on.
 *
 * POSIX: the process then ends, with exit code 0, when its last thread ends. A background thread of
 * the allocator must not keep it alive. Each case runs in a child with a watchdog:
 *
 *     plain      a worker allocates for 300 ms after main has gone, then returns
 *     purge      the same after freeing 64 MiB, so that background work is pending
 *     chain      the worker starts the next worker and leaves, five times
 *     alone      main leaves by pthread_exit and was the only thread */
#include "stress.h"

#include <signal.h>
#include <sys/wait.h>

enum { LIMIT_MS = 120000 }; /* of waiting for nothing: a busy machine and invariants take 15 s */

static void churn_ms(int ms) {
  struct timespec start, now;
  void           *object[64] = {0};
  clock_gettime(CLOCK_MONOTONIC, &start);
  do {
    for (size_t i = 0; i < 64; i++) {
      free(object[i]);
      object[i] = malloc(i * 700 + 1);
      CHECK(object[i], "malloc after main had exited gave NULL");
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < ms);
  for (int i = 0; i < 64; i++) free(object[i]);
}

static void free_much(void) {
  enum { COUNT = 64 * 1024 };
  void **object = stress_map(COUNT * sizeof *object);
  for (int i = 0; i < COUNT; i++) object[i] = memset(malloc(1000), 1, 1000);
  for (int i = 0; i < COUNT; i++) free(object[i]);
}

static void *worker(void *arg) {
  churn_ms(300);
  return arg;
}

static void *purging_worker(void *arg) {
  free_much();
  churn_ms(300);
  return arg;
}

static void *chain(void *arg) {
  churn_ms(50);
  if ((uintptr_t)arg > 0) pthread_detach(stress_thread(chain, (void *)((uintptr_t)arg - 1)));
  return NULL;
}

static void run(int number) {
  static void *(*const first[])(void *) = {worker, purging_worker, chain, NULL};
  alarm(0); /* the parent watches */
  if (number == 1) free_much();
  if (first[number])
    pthread_detach(stress_thread(first[number], (void *)(uintptr_t)5));
  else
    free(malloc(100));
  pthread_exit(NULL);
}

/* Waits without a handler or a thread; the child that is late gets SIGKILL and is a failure. */
static void watch(pid_t pid, const char *name) {
  int status;
  for (int waited_ms = 0; waitpid(pid, &status, WNOHANG) == 0; waited_ms += 10) {
    if (waited_ms > LIMIT_MS) {
      kill(pid, SIGKILL);
      CHECK(0, "%s: the process did not end after its last thread: who keeps it alive?", name);
    }
    stress_sleep_ms(10);
  }
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: wait status %#x instead of exit code 0",
        name, (unsigned)status);
}

int main(int argc, char **argv) {
  static const char *const name[] = {"plain", "purge", "chain", "alone"};
  stress_start(argc, argv, 100);
  for (int i = 0; i < 4; i++) {
    pid_t pid = fork();
    CHECK(pid >= 0, "fork: %s", strerror(errno));
    if (pid == 0) run(i);
    watch(pid, name[i]);
  }
  return stress_done("stress_main_exit", "the process ends by itself after its last thread");
}
