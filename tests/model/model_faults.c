/* SPDX-License-Identifier: MIT */
/* model_faults.c: what the heap does when the system refuses memory.
 *
 * For n = 1, 2, 3 … a fresh process runs the same work, and its n-th request to the system
 * (reserve, commit, release, move) fails once; then again with all requests failing from the n-th
 * on. An allocation may then return NULL with ENOMEM; nothing may crash, live objects keep their
 * contents, and when the system gives memory again every operation works again. The end is reached
 * when n is beyond the last request. Past the first hundred, n grows by steps.
 *
 * The requests are intercepted by ul_os_fault_hook (os/pages.h), which exists in builds with
 * ULLAGE_INVARIANTS >= 1; elsewhere the test is skipped (77).
 *
 * Source   SQLite's malloc_common.tcl: fail once, fail for ever, for every n until none fails. */
#include "../stress/stress.h"

#include "os/pages.h"

#include <ullage/ullage.h>

#if ULLAGE_INVARIANTS >= 1

#include <stdatomic.h>
#include <sys/wait.h>

enum { SLOTS = 96, OPERATIONS = 500, CLOSE_STEPS = 100, NOTHING_FAILED = 3 };

static atomic_int  armed, for_ever;
static atomic_uint calls, fail_at, failed;

int ul_os_fault_hook(int call) {
  (void)call;
  if (!atomic_load(&armed)) return 0;
  unsigned n = atomic_fetch_add(&calls, 1) + 1, at = atomic_load(&fail_at);
  if (n != at && !(atomic_load(&for_ever) && n > at)) return 0;
  atomic_fetch_add(&failed, 1);
  return 1;
}

typedef struct slot {
  unsigned char *object;
  size_t         bytes;
} slot;

typedef struct work {
  slot     slots[SLOTS];
  uint64_t random;
  size_t   refused;
} work;

/* Small, medium, large and, now and then, huge: each kind of run and span takes part. */
static size_t draw_size(uint64_t *random) {
  static const size_t most[] = {64, 1024, 32 * KIB, 256 * KIB, 3 * MIB, 40 * MIB};
  uint64_t            pick = stress_random(random) % 64;
  int kind = pick < 20 ? 0 : pick < 35 ? 1 : pick < 50 ? 2 : pick < 58 ? 3 : pick < 63 ? 4 : 5;
  return 1 + stress_random(random) % most[kind];
}

/* Only the ends of large objects are written: the work is about requests, not about bandwidth. */
static void write_ends(const slot *one, uint64_t tag) {
  size_t part = one->bytes < 4096 ? one->bytes : 4096;
  stress_fill(one->object, part, tag);
  if (one->bytes >= 8192) stress_fill(one->object + one->bytes - part, part, tag + 1);
}

static int ends_hold(const slot *one, uint64_t tag) {
  size_t part = one->bytes < 4096 ? one->bytes : 4096;
  return stress_holds(one->object, part, part, tag) &&
         (one->bytes < 8192 || stress_holds(one->object + one->bytes - part, part, part, tag + 1));
}

static void drop(slot *one, uint64_t tag) {
  if (one->object) CHECK(ends_hold(one, tag), "object of %zu bytes was damaged", one->bytes);
  ullage_free(one->object);
  one->object = NULL;
}

static void refuse(work *w, size_t bytes, const char *what) {
  CHECK(atomic_load(&armed), "%s of %zu bytes is refused although the system gives memory again",
        what, bytes);
  w->refused++;
}

static void *allocate(uint64_t pick, size_t bytes) {
  void *object = NULL;
  switch (pick) {
  case 0:
    object = ullage_calloc(1, bytes);
    if (object)
      CHECK(stress_is_zero(object, bytes < 100000 ? bytes : 100000), "calloc is not zero");
    break;
  case 1: object = ullage_memalign((size_t)4096 << bytes % 6, bytes); break;
  case 2: errno = ullage_posix_memalign(&object, 64, bytes); break;
  default: object = ullage_malloc(bytes);
  }
  CHECK(object || errno == ENOMEM, "NULL with errno %d instead of ENOMEM", errno);
  return object;
}

static void resize(work *w, slot *one, uint64_t tag, size_t bytes) {
  slot grown = {ullage_realloc(one->object, bytes), bytes};
  if (!grown.object) {
    CHECK(ends_hold(one, tag), "a refused realloc damaged the object of %zu bytes", one->bytes);
    refuse(w, bytes, "realloc");
    return;
  }
  size_t part = bytes < one->bytes ? bytes : one->bytes, shown = part < 4096 ? part : 4096;
  CHECK(stress_holds(grown.object, shown, one->bytes < 4096 ? one->bytes : 4096, tag),
        "realloc from %zu to %zu lost contents", one->bytes, bytes);
  *one = grown;
  write_ends(one, tag);
}

static void operate(work *w) {
  size_t   at = stress_random(&w->random) % SLOTS, bytes = draw_size(&w->random);
  uint64_t pick = stress_random(&w->random) % 8;
  slot    *one = &w->slots[at];
  if (one->object && pick >= 6) {
    resize(w, one, at, bytes);
    return;
  }
  drop(one, at);
  *one = (slot){allocate(pick, bytes), bytes};
  if (one->object)
    write_ends(one, at);
  else
    refuse(w, bytes, "allocation");
}

static void *run_work(void *arg) {
  work *w = arg;
  for (int i = 0; i < OPERATIONS; i++) {
    operate(w);
    if (i % 150 == 149) {
      ullage_heap *heap = ullage_heap_new();
      if (heap && ullage_heap_malloc(heap, 1000) == NULL) refuse(w, 1000, "ullage_heap_malloc");
      ullage_heap_destroy(heap);
      ullage_trim();
    }
  }
  return NULL;
}

static void count_visit(const ullage_object *object, void *arg) {
  CHECK(object->live, "the walk gave a dead object");
  ++*(size_t *)arg;
}

/* The whole life of one process. Its exit code says whether a request failed. */
static void live(unsigned n, int ever) {
  work  *w = stress_map(2 * sizeof *w);
  size_t before = 0, after = 0, live_objects = 0;
  alarm(60);
  w[0].random = stress_seed;
  w[1].random = ~stress_seed;
  ullage_walk(count_visit, &before);
  atomic_store(&for_ever, ever);
  atomic_store(&fail_at, n);
  atomic_store(&armed, 1);
  run_work(&w[0]);
  stress_join(stress_thread(run_work, &w[1])); /* a thread whose cache may fail to be made */
  atomic_store(&armed, 0);
  for (int i = 0; i < 2; i++) {
    for (size_t at = 0; at < SLOTS; at++) {
      if (w[i].slots[at].object)
        CHECK(ends_hold(&w[i].slots[at], at), "an object was damaged by request %u failing", n);
      live_objects += w[i].slots[at].object != NULL;
    }
  }
  ullage_walk(count_visit, &after);
  CHECK(after - before == live_objects, "the walk finds %zu objects, there are %zu", after - before,
        live_objects);
  run_work(&w[0]); /* refuse() allows nothing now */
  stress_join(stress_thread(run_work, &w[1]));
  for (int i = 0; i < 2; i++)
    for (size_t at = 0; at < SLOTS; at++) drop(&w[i].slots[at], at);
  _exit(atomic_load(&failed) ? 0 : NOTHING_FAILED);
}

/* Returns 0 when the n-th request no longer exists. */
static int try(unsigned n, int ever) {
  int   status = 0;
  pid_t pid = fork();
  CHECK(pid >= 0, "fork: %s", strerror(errno));
  if (pid == 0) live(n, ever);
  while (waitpid(pid, &status, 0) < 0) CHECK(errno == EINTR, "waitpid: %s", strerror(errno));
  CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == NOTHING_FAILED),
        "request %u failing %s: wait status %#x", n, ever ? "and all after it" : "once",
        (unsigned)status);
  return WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv) {
  unsigned tried = 0;
  stress_start(argc, argv, 580);
  if (argc < 2) stress_seed %= 1000000;
  for (int ever = 0; ever < 2; ever++) {
    unsigned n = 1;
    for (; try(n, ever); tried++) n += n < CLOSE_STEPS ? 1 : n / 8;
    CHECK(n > 5, "only %u requests were made to the system: the hook is not called", n - 1);
  }
  printf("model_faults: %u points of failure\n", tried);
  return stress_done("model_faults", "every refused request was survived");
}

#else

int main(void) {
  printf("model_faults: skipped: os/ offers its fault hook only with ULLAGE_INVARIANTS >= 1\n");
  return 77;
}

#endif
