/* SPDX-License-Identifier: MIT */
/* stress_signal.c: signals hit threads in the middle of malloc and free.
 *
 * Handlers do not call malloc (C forbids it, and so do we); but they interrupt it anywhere, a
 * thousand times a second, on alternate stacks too. The interrupted operation must go on as if
 * nothing had been. Some handlers leave by siglongjmp, out of code that is not malloc's: out of a
 * loop between two operations. errno, which a handler saves, must be right as well. */
#include "stress.h"

#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

enum { THREADS = 3, SECONDS_MS = 3000, OBJECTS = 256 };

static atomic_int                     stopped;
static _Atomic unsigned               hits, jumps;
static __thread volatile sig_atomic_t jump_allowed;
static __thread sigjmp_buf            jump_target;

static void on_signal(int number) {
  int saved = errno;
  (void)number;
  atomic_fetch_add(&hits, 1);
  errno = ERANGE;
  errno = saved;
}

/* Leaves only while the interrupted code said so: that code is the test's own loop, never
 * malloc. */
static void on_jump(int number) {
  (void)number;
  if (!jump_allowed) return;
  jump_allowed = 0;
  atomic_fetch_add(&jumps, 1);
  siglongjmp(jump_target, 1);
}

/* Runs in place until a signal throws it out, or for a while. */
static void be_thrown_out(void) {
  if (sigsetjmp(jump_target, 1) == 0) {
    jump_allowed = 1;
    for (volatile int i = 0; i < 20000; i++) {
    }
    jump_allowed = 0;
  }
}

static void operate(uint64_t *random, void **object, size_t *bytes) {
  size_t at = stress_random(random) % OBJECTS;
  size_t wanted = stress_random_size(random, 100 * KIB);
  CHECK(stress_holds(object[at], bytes[at], bytes[at], (uintptr_t)at),
        "object of %zu bytes was damaged under signals", bytes[at]);
  if (stress_random(random) & 1) {
    void *grown = realloc(object[at], wanted + 1);
    CHECK(grown, "realloc(%zu) gave NULL", wanted + 1);
    object[at] = grown;
  } else {
    free(object[at]);
    object[at] = malloc(wanted + 1);
    CHECK(object[at], "malloc(%zu) gave NULL", wanted + 1);
  }
  bytes[at] = wanted;
  stress_fill(object[at], wanted, (uintptr_t)at);
}

static void *work(void *arg) {
  uint64_t random = stress_seed + (uintptr_t)arg;
  void    *object[OBJECTS] = {0};
  size_t   bytes[OBJECTS] = {0};
  char     alternate[32 * 1024];
  stack_t  stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  CHECK(sigaltstack(&stack, NULL) == 0, "sigaltstack: %s", strerror(errno));
  while (!atomic_load(&stopped)) {
    for (int i = 0; i < 20; i++) operate(&random, object, bytes);
    be_thrown_out();
  }
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, NULL);
  for (int i = 0; i < OBJECTS; i++) free(object[i]);
  return NULL;
}

static void install(int number, void (*handler)(int), int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = flags | SA_RESTART;
  sigemptyset(&action.sa_mask);
  CHECK(sigaction(number, &action, NULL) == 0, "sigaction: %s", strerror(errno));
}

int main(int argc, char **argv) {
  pthread_t        thread[THREADS];
  struct itimerval every_ms = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
  stress_start(argc, argv, 0); /* SIGALRM is used below; ctest's limit guards against hanging */
  install(SIGALRM, on_signal, SA_ONSTACK);
  install(SIGUSR1, on_signal, 0);
  install(SIGUSR2, on_jump, 0);
  for (uintptr_t i = 0; i < THREADS; i++) thread[i] = stress_thread(work, (void *)i);
  setitimer(ITIMER_REAL, &every_ms, NULL);
  for (int ms = 0; ms < SECONDS_MS; ms++) {
    stress_sleep_ms(1);
    pthread_kill(thread[ms % THREADS], SIGUSR1);
    pthread_kill(thread[(ms + 1) % THREADS], SIGUSR2);
  }
  setitimer(ITIMER_REAL, &never, NULL);
  atomic_store(&stopped, 1);
  for (int i = 0; i < THREADS; i++) stress_join(thread[i]);
  CHECK(hits > SECONDS_MS / 2, "only %u signals arrived: the test did not test", hits);
  CHECK(jumps > 0, "no signal left by siglongjmp: the test did not test");
  return stress_done("stress_signal", "timer, user signals and siglongjmp under 3 threads");
}
