/* SPDX-License-Identifier: MIT */
/* stress_limit.c: programs under a limit on address space (ulimit -v), and memory exhaustion.
 *
 * The program sets RLIMIT_AS and executes itself, so that the limit is there before the allocator
 * takes its first look:
 *
 *     2 GiB, 512 MiB    threads, small and large objects: all as usual
 *     512 MiB           exhaustion: allocate until NULL, errno ENOMEM; what there is keeps its
 *                       contents; after freeing, everything works again; three times over, by small
 *                       objects, by large ones, by middling ones; then by growing one
 *     lowered           the limit falls to what is in use while the program runs
 *
 * How much of the limit one gets is checked too, at least half in every round: an allocator that
 * reserves address space it does not use takes it from the program, and one whose caches hold on to
 * memory while malloc returns NULL does not recover. */
#include "stress.h"

#include <sys/resource.h>
#include <sys/wait.h>

enum { PLACES = 1 << 20 };

static void **table;

static void limit_to(size_t bytes) {
  struct rlimit limit = {bytes, bytes};
  CHECK(setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit: %s", strerror(errno));
}

static void *churn(void *arg) {
  uint64_t random = stress_seed + (uintptr_t)arg;
  void    *object[200] = {0};
  for (int i = 0; i < 40000; i++) {
    size_t at = stress_random(&random) % 200, bytes = stress_random_size(&random, MIB / 2);
    free(object[at]);
    object[at] = malloc(bytes);
    CHECK(object[at], "malloc(%zu) gave NULL far below the limit", bytes);
    memset(object[at], 1, bytes < 100 ? bytes : 100);
  }
  for (int i = 0; i < 200; i++) free(object[i]);
  return NULL;
}

static void work_as_usual(void) {
  pthread_t      thread[4];
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, 256 * KIB);
  for (uintptr_t i = 0; i < 4; i++)
    CHECK(pthread_create(&thread[i], &attr, churn, (void *)i) == 0,
          "pthread_create failed below the limit");
  for (int i = 0; i < 4; i++) stress_join(thread[i]);
}

/* Takes objects until there are no more, or `most`. Returns their number. */
static size_t exhaust(size_t smallest, size_t largest, size_t most, uint64_t *random,
                      size_t *ret_bytes) {
  size_t count = 0, total = 0;
  for (; count < most; count++) {
    size_t bytes = smallest + stress_random(random) % (largest - smallest + 1);
    errno = 0;
    table[count] = malloc(bytes);
    if (!table[count]) {
      CHECK(errno == ENOMEM, "malloc gave NULL with errno %d instead of ENOMEM", errno);
      break;
    }
    *(size_t *)table[count] = bytes;
    stress_fill((char *)table[count] + 8, bytes < 72 ? bytes - 8 : 64, count);
    total += bytes;
  }
  *ret_bytes = total;
  return count;
}

/* Out of memory, every call says so and nothing else changes. */
static void try_when_exhausted(void) {
  void *object = table[0], *untouched = &object;
  for (int i = 0; i < 50; i++) {
    errno = 0;
    CHECK(!calloc(64, MIB) && errno == ENOMEM, "calloc of 64 MiB beyond the limit, errno %d",
          errno);
    CHECK(!realloc(object, 64 * MIB), "realloc to 64 MiB beyond the limit");
    CHECK(posix_memalign(&untouched, 4096, 64 * MIB) == ENOMEM, "posix_memalign beyond the limit");
    CHECK(untouched == &object, "a failing posix_memalign wrote its result");
  }
}

static void verify_and_free(size_t count) {
  for (size_t i = 0; i < count; i++) {
    size_t bytes = *(size_t *)table[i];
    size_t filled = bytes < 72 ? bytes - 8 : 64;
    CHECK(stress_holds((char *)table[i] + 8, filled, filled, i),
          "an object was damaged by exhaustion");
    free(table[i]);
  }
}

static void grow_until_null(void) {
  char  *object = malloc(1), *next;
  size_t bytes = 1;
  *object = 'x';
  for (;;) {
    next = realloc(object, bytes * 3 / 2 + 1);
    if (!next) break;
    object = next;
    bytes = bytes * 3 / 2 + 1;
    CHECK(*object == 'x', "growth lost contents");
    object[bytes - 1] = 'y';
  }
  CHECK(errno == ENOMEM && *object == 'x', "a refused growth damaged the object, errno %d", errno);
  CHECK(bytes > 64 * MIB, "growth ended at %zu MiB of 512", bytes / MIB);
  free(object);
}

static void run_exhaustion(uint64_t random) {
  static const size_t range[][2] = {{16, 2000}, {100 * KIB, 4 * MIB}, {600, 40000}};
  size_t              bytes, count;
  table = stress_map(PLACES * sizeof *table);
  for (int round = 0; round < 3; round++) {
    count = exhaust(range[round][0], range[round][1], PLACES, &random, &bytes);
    CHECK(count < PLACES, "the limit was never reached");
    CHECK(bytes > 256 * MIB, "only %zu MiB of objects fit into the 512 MiB limit (round %d)",
          bytes / MIB, round);
    try_when_exhausted();
    verify_and_free(count);
    churn((void *)(uintptr_t)round);
  }
  grow_until_null();
  churn(NULL);
}

/* The limit falls to what is in use: what the heap has reserved it may go on using, and what was
 * freed can be had again. */
static void run_lowered(uint64_t random) {
  size_t bytes, count;
  table = stress_map(PLACES * sizeof *table);
  work_as_usual();
  limit_to(stress_statm(0) + 32 * MIB);
  count = exhaust(1000, 3000, 100000, &random, &bytes);
  CHECK(bytes > 16 * MIB, "only %zu KiB could be had with 32 MiB of address space left",
        bytes / KIB);
  verify_and_free(count);
  size_t again_bytes, again = exhaust(1000, 3000, 100000, &random, &again_bytes);
  CHECK(again_bytes > bytes / 2, "of %zu freed bytes only %zu could be had again", bytes,
        again_bytes);
  verify_and_free(again);
}

static void run_self(char **argv, size_t limit_bytes, const char *what) {
  char  seed[32];
  int   status = 0;
  pid_t pid = fork();
  CHECK(pid >= 0, "fork: %s", strerror(errno));
  snprintf(seed, sizeof seed, "%llu", (unsigned long long)stress_seed);
  if (pid == 0) {
    limit_to(limit_bytes);
    execl("/proc/self/exe", argv[0], seed, what, (char *)NULL);
    _exit(126);
  }
  while (waitpid(pid, &status, 0) < 0) CHECK(errno == EINTR, "waitpid: %s", strerror(errno));
  CHECK(status == 0, "under a limit of %zu MiB, part %s: wait status %#x", limit_bytes / MIB, what,
        (unsigned)status);
}

int main(int argc, char **argv) {
  stress_start(argc, argv, 120);
  if (argc > 2) {
    if (!strcmp(argv[2], "usual"))
      work_as_usual();
    else if (!strcmp(argv[2], "exhaust"))
      run_exhaustion(stress_seed);
    else
      run_lowered(stress_seed);
    return 0;
  }
  run_self(argv, 2048 * MIB, "usual");
  run_self(argv, 512 * MIB, "usual");
  run_self(argv, 512 * MIB, "exhaust");
  run_self(argv, 512 * MIB, "lower");
  return stress_done("stress_limit", "2 GiB, 512 MiB, exhaustion and recovery");
}
