/* SPDX-License-Identifier: MIT */
/* stress_idle.c: freed memory goes back to the system while the program does nothing.
 *
 * 400 MiB are touched and freed; then the program only sleeps and reads its own resident set by
 * read(2), never calling malloc or free: nobody but the allocator's own background work can give
 * the memory back. Five shapes, each of which must fall below 60 MiB within 5 s:
 *
 *     small      objects of 16 B to 4 KiB, all freed
 *     large      objects of 64 KiB to 16 MiB, all freed
 *     kept       as small, but one object in each ~100 KiB stays live
 *     remote     as small, freed by another thread, which ends
 *     child      as small, in a child of fork: it inherits the heap but no background thread
 *
 * The bound of 5 s is the promise under test, not a measure of speed: the delay that bursts do not
 * trip over has to end some time. */
#include "stress.h"

#include <sys/wait.h>

enum { LIMIT_MS = 5000, STEP_MS = 50 };

static const size_t total_bytes = 400 * MIB;
static const size_t floor_bytes = 60 * MIB;
static const size_t table_places = MIB; /* 400 MiB in objects of 2 KiB on average are 200,000 */

typedef struct shape {
  const char *name;
  size_t      smallest, largest;
  size_t      keep_every_bytes; /* 0: none is kept */
  int         remote;
} shape;

static const shape shapes[] = {
    {"small", 16, 4 * KIB, 0, 0},
    {"large", 64 * KIB, 16 * MIB, 0, 0},
    {"kept", 16, 4 * KIB, 100 * KIB, 0},
    {"remote", 16, 4 * KIB, 0, 1},
};

static void **table;
static size_t count;

/* A kept object holds a page; floor_bytes allows for pages of 4 KiB, larger ones hold more. */
static size_t heap_page_bytes;

static void fill(const shape *kind, uint64_t *random) {
  size_t got = 0;
  for (count = 0; got < total_bytes; count++) {
    size_t bytes = kind->smallest + stress_random(random) % (kind->largest - kind->smallest);
    CHECK(count < table_places, "the test's table is too small");
    table[count] = malloc(bytes);
    CHECK(table[count], "malloc(%zu) gave NULL", bytes);
    memset(table[count], 1, bytes);
    got += bytes;
  }
}

static void free_but_kept(const shape *kind) {
  size_t average = (kind->smallest + kind->largest) / 2;
  size_t every = kind->keep_every_bytes / average;
  for (size_t i = 0; i < count; i++)
    if (every == 0 || i % every != 0) {
      free(table[i]);
      table[i] = NULL;
    }
}

static void *free_remotely(void *arg) {
  free_but_kept(arg);
  return NULL;
}

/* `held_bytes`: what live objects hold at the least, beyond the floor. */
static void fall(const shape *kind, size_t own_bytes, size_t held_bytes) {
  size_t full = stress_rss_bytes(), now = full;
  for (int waited_ms = 0; waited_ms < LIMIT_MS; waited_ms += STEP_MS) {
    now = stress_rss_bytes() - own_bytes;
    if (now < floor_bytes + held_bytes) return;
    stress_sleep_ms(STEP_MS);
  }
  CHECK(0,
        "%s: %zu MiB resident %d ms after everything was freed (%zu MiB then): idle memory stays",
        kind->name, now / MIB, LIMIT_MS, full / MIB);
}

static void run(const shape *kind, uint64_t *random, size_t own_bytes) {
  fill(kind, random);
  CHECK(stress_rss_bytes() - own_bytes > total_bytes - total_bytes / 8,
        "400 MiB of touched objects are not resident");
  if (kind->remote)
    stress_join(stress_thread(free_remotely, (void *)kind));
  else
    free_but_kept(kind);
  /* From here on neither malloc nor free, or they might do what the background should. */
  size_t kept = kind->keep_every_bytes ? total_bytes / kind->keep_every_bytes : 0;
  fall(kind, own_bytes, kept * (heap_page_bytes - 4 * KIB));
  for (size_t i = 0; i < count; i++) free(table[i]);
}

static void run_in_child(uint64_t *random, size_t own_bytes) {
  static const shape in_child = {"child", 16, 4 * KIB, 0, 0};
  int                status = 0;
  pid_t              pid = fork();
  CHECK(pid >= 0, "fork: %s", strerror(errno));
  if (pid == 0) {
    alarm(60);
    run(&in_child, random, own_bytes);
    _exit(0);
  }
  while (waitpid(pid, &status, 0) < 0) CHECK(errno == EINTR, "waitpid: %s", strerror(errno));
  CHECK(status == 0, "the child of fork: wait status %#x", (unsigned)status);
}

int main(int argc, char **argv) {
  uint64_t random;
  size_t   own_bytes;
  stress_start(argc, argv, 120);
  random = stress_seed;
  heap_page_bytes = stress_heap_page_bytes();
  /* The table is the test's, not the heap's: all of it is made resident and then subtracted. */
  table = stress_map(table_places * sizeof *table);
  own_bytes = stress_rss_bytes();
  memset(table, 1, table_places * sizeof *table);
  own_bytes = stress_rss_bytes() - own_bytes;
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) run(&shapes[i], &random, own_bytes);
  run_in_child(&random, own_bytes);
  return stress_done("stress_idle", "small, large, kept, remote and a child's memory went back");
}
