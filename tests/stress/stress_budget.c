/* SPDX-License-Identifier: MIT */
/* stress_budget.c: programs at their budget.
 *
 *     evict    a cache that wants four times its budget and evicts in its pressure callback alone,
 *              which takes the lock that the allocating threads hold most of the time
 *     fail     ULLAGE_ON_BUDGET=fail: threads allocate until NULL, and what they do then still works
 *     abort    ULLAGE_ON_BUDGET=abort: the last words name the budget and the classes
 *     fork     children share what their parent was given
 *
 * Each runs in a process of its own (this program again, with a word and an environment), since a
 * budget is for good.
 */
#include "stress.h"

#include <stdatomic.h>
#include <sys/wait.h>

#include "ullage/ullage.h"

#define BUDGET      ((size_t)64 * 1000 * 1000)
#define BUDGET_TEXT "64M"

/* ---- evict ------------------------------------------------------------------------------------ */

enum { ENTRIES = 1 << 20, THREADS = 3, INSERTS = 300000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void           *entry[ENTRIES];
static unsigned        entry_bytes[ENTRIES];
static size_t          first, next, live_bytes;
static atomic_uint     calls;

static void evict(int level, size_t want_bytes, void *arg) {
  size_t freed = 0;
  CHECK(level >= 2 && level <= 3, "level %d", level);
  CHECK(want_bytes > 0 && arg == &lock, "want %zu", want_bytes);
  pthread_mutex_lock(&lock);
  for (; freed < want_bytes && first != next; first++) {
    freed += entry_bytes[first % ENTRIES];
    free(entry[first % ENTRIES]);
  }
  live_bytes -= freed;
  pthread_mutex_unlock(&lock);
  atomic_fetch_add(&calls, 1);
}

static void *insert(void *arg) {
  uint64_t random = stress_seed + (uintptr_t)arg;
  for (int i = 0; i < INSERTS; i++) {
    unsigned bytes = 16 + (unsigned)(stress_random(&random) % 500);
    pthread_mutex_lock(&lock);
    void *object = malloc(bytes); /* under the lock that the callback wants */
    CHECK(object, "malloc gave NULL though the budget is soft");
    memset(object, 1, bytes);
    entry[next % ENTRIES] = object;
    entry_bytes[next % ENTRIES] = bytes;
    next++;
    live_bytes += bytes;
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

static int run_evict(void) {
  pthread_t thread[THREADS];
  CHECK(ullage_budget_set(BUDGET) == 0, "ullage_budget_set");
  CHECK(ullage_pressure_register(evict, &lock) == 0, "register");
  for (uintptr_t i = 0; i < THREADS; i++) pthread_create(&thread[i], NULL, insert, (void *)i);
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  ullage_stats_t stats;
  ullage_stats(&stats);
  CHECK(atomic_load(&calls) > 0, "no callback ran");
  CHECK(stats.pressure_calls >= 1, "the counter says none ran");
  CHECK(live_bytes > BUDGET / 2, "only %zu bytes are left", live_bytes);
  CHECK(live_bytes < 2 * BUDGET, "%zu bytes are live", live_bytes);
  CHECK(ullage_pressure_unregister(evict, &lock) == 0, "unregister");
  CHECK(ullage_pressure_unregister(evict, &lock) == -1, "unregister twice");
  unsigned before = atomic_load(&calls);
  for (int i = 0; i < 2000; i++) entry[i % 8] = malloc(4000);
  CHECK(atomic_load(&calls) == before, "called after it was unregistered");
  return 0;
}

/* ---- fail ------------------------------------------------------------------------------------- */

static atomic_uint refused;

/* Fills up, sees NULL, reports it as a program would, frees, and does it again. */
static void *fill(void *arg) {
  uint64_t random = stress_seed + (uintptr_t)arg;
  for (int round = 0; round < 5; round++) {
    void  *list = NULL;
    size_t bytes, got = 0;
    for (;;) {
      bytes = 100 + stress_random(&random) % (round % 2 ? 100000 : 3000);
      errno = 0;
      void **object = malloc(bytes);
      if (!object) break;
      memset(object, 1, bytes);
      *object = list;
      list = object;
      got += bytes;
      CHECK(got <= BUDGET, "more than the budget was handed out");
    }
    CHECK(errno == ENOMEM, "errno is %d", errno);
    char *message = malloc(128); /* the reserve */
    if (message) snprintf(message, 128, "%zu bytes refused: %s", bytes, strerror(ENOMEM));
    free(message);
    atomic_fetch_add(&refused, 1);
    while (list) {
      void *after = *(void **)list;
      free(list);
      list = after;
    }
  }
  return NULL;
}

static int run_fail(void) {
  pthread_t thread[2];
  for (uintptr_t i = 0; i < 2; i++) pthread_create(&thread[i], NULL, fill, (void *)i);
  for (int i = 0; i < 2; i++) pthread_join(thread[i], NULL);
  ullage_stats_t stats;
  ullage_stats(&stats);
  CHECK(atomic_load(&refused) == 10, "%u refusals", atomic_load(&refused));
  CHECK(stats.refusals >= 10, "the counter says %llu", (unsigned long long)stats.refusals);
  CHECK(stats.peak_bytes <= BUDGET, "the heap reached %llu", (unsigned long long)stats.peak_bytes);
  CHECK(realloc(malloc(10), BUDGET) == NULL && errno == ENOMEM, "realloc beyond the budget");
  CHECK(calloc(1, BUDGET) == NULL && errno == ENOMEM, "calloc beyond the budget");
  CHECK(aligned_alloc(4096, BUDGET) == NULL && errno == ENOMEM, "aligned_alloc beyond the budget");
  void *fits = malloc(BUDGET / 2);
  CHECK(fits, "half the budget is free again");
  free(fits);
  return 0;
}

/* ---- abort, fork ------------------------------------------------------------------------------ */

static int run_abort(void) {
  for (;;) memset(malloc(1000), 1, 1000);
}

/* What each child gets it keeps until all are full: together no more than the budget. */
static int run_fork(void) {
  enum { CHILDREN = 4 };
  int  results[2], full[2];
  char byte;
  CHECK(pipe(results) == 0 && pipe(full) == 0, "pipe");
  for (int i = 0; i < CHILDREN; i++) {
    if (fork() > 0) continue;
    size_t got = 0;
    void  *object;
    while ((object = malloc(8000)) != NULL) {
      memset(object, 1, 8000);
      got += 8000;
    }
    CHECK(write(results[1], &got, sizeof got) == sizeof got, "write");
    close(full[1]);
    (void)!read(full[0], &byte, 1); /* until the parent closes it */
    _exit(0);
  }
  size_t total = 0, got;
  for (int i = 0; i < CHILDREN; i++) {
    CHECK(read(results[0], &got, sizeof got) == sizeof got, "read");
    total += got;
  }
  CHECK(total <= BUDGET, "four processes got %zu bytes of one budget", total);
  CHECK(total > BUDGET / 2, "four processes got only %zu bytes", total);
  close(full[1]);
  while (wait(NULL) > 0) {
  }
  return 0;
}

/* ---- The four, each in its process -------------------------------------------------------------- */

static int run_self(const char *word, const char *on_budget, char *ret_said, size_t capacity) {
  int said[2], status;
  CHECK(pipe(said) == 0, "pipe");
  pid_t pid = fork();
  if (pid == 0) {
    char seed[32];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)stress_seed);
    dup2(said[1], 2);
    if (on_budget) {
      setenv("ULLAGE_BUDGET", BUDGET_TEXT, 1);
      setenv("ULLAGE_ON_BUDGET", on_budget, 1);
    }
    execl("/proc/self/exe", "stress_budget", seed, word, (char *)NULL);
    _exit(127);
  }
  close(said[1]);
  size_t  length = 0;
  ssize_t n;
  while ((n = read(said[0], ret_said + length, capacity - 1 - length)) > 0) length += (size_t)n;
  ret_said[length] = 0;
  close(said[0]);
  CHECK(waitpid(pid, &status, 0) == pid, "waitpid");
  return status;
}

int main(int argc, char **argv) {
  static char said[16384];
  stress_start(argc, argv, 120);
  const char *word = argc > 2 ? argv[2] : "";
  if (strcmp(word, "evict") == 0) return run_evict();
  if (strcmp(word, "fail") == 0) return run_fail();
  if (strcmp(word, "abort") == 0) return run_abort();
  if (strcmp(word, "fork") == 0) return run_fork();

  CHECK(run_self("evict", NULL, said, sizeof said) == 0, "evict: %s", said);
  CHECK(run_self("fail", "fail", said, sizeof said) == 0, "fail: %s", said);
  CHECK(run_self("fork", "fail", said, sizeof said) == 0, "fork: %s", said);
  int status = run_self("abort", "abort", said, sizeof said);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "abort: status %x, %s", status, said);
  CHECK(strstr(said, "ullage: fatal: the budget is used up"), "abort: %s", said);
  CHECK(strstr(said, "objects of up to 1"), "abort names no class: %s", said);
  status = run_self("fail", "grumble", said, sizeof said);
  CHECK(strstr(said, "ULLAGE_ON_BUDGET=grumble is not understood"), "bad value: %s", said);
  return stress_done("stress_budget", "evicted, refused, shared, aborted as promised");
}
