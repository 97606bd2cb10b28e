/* SPDX-License-Identifier: MIT */
/* stress_fork.c: fork in a threaded program, hundreds of times, at any moment.
 *
 * Four threads allocate and free without pause while main forks. The child has one thread and a
 * heap in whatever state the others left it: it must be able to malloc, free what the parent
 * made, start threads, fork again, run atfork handlers that malloc, and exit. vfork, posix_spawn
 * and system go the same way. A child that hangs is ended by its own alarm (alarms are not
 * inherited) and counts as a failure. */
#include "stress.h"

#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { THREADS = 4, FORKS = 300, OBJECTS = 512, CHILD_LIMIT_S = 20 };

extern char **environ;

static atomic_int       stopped;
static _Atomic unsigned atfork_calls;
static void            *inherited[OBJECTS];

static void atfork_mallocs(void) {
  void *object = malloc(100 + atomic_fetch_add(&atfork_calls, 1) % 3000);
  CHECK(object, "malloc in an atfork handler gave NULL");
  free(object);
}

/* Made in `prepare`, freed in the parent and in the child: an object that crosses the fork. */
static void *carried;

static void atfork_prepare(void) {
  atfork_mallocs();
  carried = malloc(777);
}

static void atfork_after(void) {
  free(carried);
  atfork_mallocs();
}

static void churn(uint64_t *random, void **object, int count, int operations) {
  for (int i = 0; i < operations; i++) {
    int    at = (int)(stress_random(random) % (uint64_t)count);
    size_t bytes = stress_random_size(random, 200 * KIB);
    free(object[at]);
    object[at] = malloc(bytes);
    CHECK(object[at], "malloc(%zu) gave NULL", bytes);
    memset(object[at], 1, bytes < 64 ? bytes : 64);
  }
}

static void *work(void *arg) {
  uint64_t random = stress_seed + (uintptr_t)arg;
  void    *object[64] = {0};
  while (!atomic_load(&stopped)) churn(&random, object, 64, 100);
  for (int i = 0; i < 64; i++) free(object[i]);
  return NULL;
}

static void *child_thread(void *arg) {
  uint64_t random = stress_seed ^ (uintptr_t)arg;
  void    *object[16] = {0};
  churn(&random, object, 16, 200);
  for (int i = 0; i < 16; i++) free(object[i]);
  return NULL;
}

static void await(pid_t pid, const char *what) {
  int status = 0;
  CHECK(pid > 0, "%s: %s", what, strerror(errno));
  while (waitpid(pid, &status, 0) < 0) CHECK(errno == EINTR, "waitpid: %s", strerror(errno));
  CHECK(!WIFSIGNALED(status), "%s: child ended by signal %d%s", what, WTERMSIG(status),
        WTERMSIG(status) == SIGALRM ? " (it hung)" : "");
  CHECK(WEXITSTATUS(status) == 0, "%s: child exit code %d", what, WEXITSTATUS(status));
}

static __attribute__((noreturn)) void child_life(uintptr_t number, int depth) {
  uint64_t  random = stress_seed + number;
  pthread_t thread[3];
  alarm(CHILD_LIMIT_S);
  for (int i = 0; i < OBJECTS; i += 2) {
    free(inherited[i]);
    inherited[i] = NULL;
  }
  churn(&random, inherited, OBJECTS, 500);
  if (number % 4 == 0) {
    for (uintptr_t i = 0; i < 3; i++) thread[i] = stress_thread(child_thread, (void *)(number + i));
    for (int i = 0; i < 3; i++) stress_join(thread[i]);
  }
  if (depth < 2 && number % 8 == 0) {
    pid_t pid = fork();
    if (pid == 0) child_life(number + 1, depth + 1);
    await(pid, "fork in a child of fork");
  }
  if (number % 3 == 0) exit(0); /* with exit handlers and stdio */
  _exit(0);
}

static void run_forks(void) {
  for (uintptr_t i = 0; i < FORKS; i++) {
    pid_t pid = fork();
    if (pid == 0) child_life(i, 0);
    await(pid, "fork while threads allocate");
  }
}

static void run_others(void) {
  char *arguments[] = {"true", NULL};
  for (int i = 0; i < 20; i++) {
    pid_t pid = 0;
    int   error = posix_spawnp(&pid, "true", NULL, NULL, arguments, environ);
    CHECK(error == 0, "posix_spawnp: %s", strerror(error));
    await(pid, "posix_spawn");
    pid = vfork();
    if (pid == 0) {
      execvp("true", arguments);
      _exit(127);
    }
    await(pid, "vfork");
    CHECK(system("true") == 0, "system(\"true\") is not 0");
  }
}

int main(int argc, char **argv) {
  pthread_t thread[THREADS];
  uint64_t  random;
  stress_start(argc, argv, 240);
  pthread_atfork(atfork_prepare, atfork_after, atfork_after);
  random = stress_seed;
  churn(&random, inherited, OBJECTS, OBJECTS * 4);
  for (uintptr_t i = 0; i < THREADS; i++) thread[i] = stress_thread(work, (void *)i);
  run_forks();
  run_others();
  atomic_store(&stopped, 1);
  for (int i = 0; i < THREADS; i++) stress_join(thread[i]);
  CHECK(atfork_calls >= 4 * FORKS / 2, "the atfork handlers did not run");
  for (int i = 0; i < OBJECTS; i++) free(inherited[i]);
  return stress_done("stress_fork", "300 forks, spawn, vfork, system under 4 threads");
}
