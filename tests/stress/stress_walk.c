/* SPDX-License-Identifier: MIT */
/* stress_walk.c: the walk visits every live object exactly once.
 *
 *     quiet      four threads hold objects and wait: the walk is exactly {what was there before}
 *                plus {what the threads' tables say}, base and usable size
 *     churning   the threads allocate and free meanwhile: objects that live through the whole walk
 *                are visited exactly once, each with its size
 *     reentrant  the visitor itself mallocs, frees (its own and visited objects) and asks object_of
 *     nested     the visitor walks
 *
 * Own tables are mmapped, so that the walk sees only objects the test can name. */
#include "stress.h"

#include <malloc.h>
#include <stdatomic.h>
#include <ullage/ullage.h>

enum { THREADS = 4, OBJECTS = 20000, TOTAL = THREADS * OBJECTS, BASELINE = 65536, WALKS = 12 };

typedef struct known {
  void  *object;
  size_t usable_bytes;
  int    visits;
} known;

static known            *kept;   /* TOTAL of them, objects that live through everything */
static known            *sorted; /* the same, sorted by address, while a walk goes on */
static known            *baseline;
static size_t            baseline_count;
static pthread_barrier_t barrier;
static atomic_int        stopped;

static int by_address(const void *left, const void *right) {
  uintptr_t a = (uintptr_t)((const known *)left)->object,
            b = (uintptr_t)((const known *)right)->object;
  return a < b ? -1 : a > b;
}

static known *look_up(known *table, size_t count, const void *object) {
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if ((uintptr_t)table[middle].object < (uintptr_t)object)
      low = middle + 1;
    else
      high = middle;
  }
  return low < count && table[low].object == object ? &table[low] : NULL;
}

/* A heap sort: qsort(3) of glibc mallocs. */
static void sort(known *table, size_t count) {
  for (size_t start = count / 2, end = count; end > 1;) {
    if (start > 0) {
      start--;
    } else {
      known last = table[--end];
      table[end] = table[0];
      table[0] = last;
    }
    for (size_t root = start, child; (child = 2 * root + 1) < end; root = child) {
      if (child + 1 < end && by_address(&table[child], &table[child + 1]) < 0) child++;
      if (by_address(&table[root], &table[child]) >= 0) break;
      known swap = table[root];
      table[root] = table[child];
      table[child] = swap;
    }
  }
}

static void remember(const ullage_object *object, void *arg) {
  (void)arg;
  CHECK(baseline_count < BASELINE, "more objects than the test's table holds");
  baseline[baseline_count++] = (known){object->base, object->usable_bytes, 0};
}

static void visit_quiet(const ullage_object *object, void *arg) {
  known  *one = look_up(sorted, TOTAL, object->base);
  size_t *strangers = arg;
  if (!one && (one = look_up(baseline, baseline_count, object->base)) == NULL) {
    ++*strangers;
    return;
  }
  one->visits++;
  CHECK(object->live == 1, "the walk gave an object that is not live");
  CHECK(object->usable_bytes == one->usable_bytes, "the walk says %zu bytes, the table %zu",
        object->usable_bytes, one->usable_bytes);
}

static void check_visits(const known *table, size_t count, const char *what) {
  for (size_t i = 0; i < count; i++)
    CHECK(table[i].visits == 1, "%s: object %p of %zu bytes was visited %d times", what,
          table[i].object, table[i].usable_bytes, table[i].visits);
}

static void clear_visits(void) {
  for (size_t i = 0; i < TOTAL; i++) sorted[i].visits = 0;
  for (size_t i = 0; i < baseline_count; i++) baseline[i].visits = 0;
}

static void *hold(void *arg) {
  uintptr_t self = (uintptr_t)arg;
  uint64_t  random = stress_seed + self;
  void     *object[128] = {0};
  pthread_barrier_wait(&barrier); /* all threads exist: baseline */
  pthread_barrier_wait(&barrier);
  for (size_t i = 0; i < OBJECTS; i++) {
    size_t bytes = stress_random_size(&random, i % 100 ? 4 * KIB : 200 * KIB);
    void  *one = malloc(bytes);
    free(malloc(bytes)); /* leave free places between */
    CHECK(one, "malloc(%zu) gave NULL", bytes);
    kept[self * OBJECTS + i] = (known){one, malloc_usable_size(one), 0};
  }
  pthread_barrier_wait(&barrier); /* quiet walk */
  pthread_barrier_wait(&barrier);
  while (!atomic_load(&stopped)) {
    size_t at = stress_random(&random) % 128;
    free(object[at]);
    object[at] = malloc(stress_random_size(&random, 300 * KIB));
  }
  for (int i = 0; i < 128; i++) free(object[i]);
  pthread_barrier_wait(&barrier); /* churn is over */
  pthread_barrier_wait(&barrier);
  return NULL;
}

/* Frees what it made before and makes something new, in the middle of the walk. */
static void visit_reentrant(const ullage_object *object, void *arg) {
  static void  *made[64];
  static size_t calls;
  known        *one = look_up(sorted, TOTAL, object->base);
  ullage_object asked;
  if (++calls % 16 == 0) {
    free(made[calls / 16 % 64]);
    made[calls / 16 % 64] = malloc(calls % 3000);
  }
  if (!one) return;
  if (one->visits++ == 0) {
    CHECK(ullage_object_of(object->base, &asked) && asked.live, "a visited object is not live");
    CHECK(asked.usable_bytes == one->usable_bytes, "object_of and walk disagree");
    if (arg && one - sorted >= TOTAL / 2)
      free(one->object); /* the second half dies while visited */
  }
}

static void count(const ullage_object *object, void *arg) {
  if (look_up(sorted, TOTAL, object->base)) ++*(size_t *)arg;
}

/* Walks within the walk, once. */
static void visit_nested(const ullage_object *object, void *arg) {
  known *one = look_up(sorted, TOTAL, object->base);
  if (!one) return;
  one->visits++;
  if (*(size_t *)arg == 0) ullage_walk(count, arg);
}

static void walk_quiet(void) {
  size_t strangers = 0;
  memcpy(sorted, kept, TOTAL * sizeof *kept);
  sort(sorted, TOTAL);
  ullage_walk(visit_quiet, &strangers);
  CHECK(strangers == 0, "the walk gave %zu objects that nobody made", strangers);
  check_visits(sorted, TOTAL, "quiet");
  check_visits(baseline, baseline_count, "quiet, made by the C library");
}

static void walk_churning(void) {
  for (int i = 0; i < WALKS; i++) {
    size_t strangers = 0;
    clear_visits();
    ullage_walk(visit_quiet, &strangers);
    check_visits(sorted, TOTAL, "while threads churn");
  }
}

static void walk_reentrant(void) {
  size_t nested = 0;
  clear_visits();
  ullage_walk(visit_nested, &nested);
  CHECK(nested == TOTAL, "a walk within a walk visited %zu of %d objects", nested, TOTAL);
  check_visits(sorted, TOTAL, "with a walk inside");
  clear_visits();
  ullage_walk(visit_reentrant, NULL);
  check_visits(sorted, TOTAL, "with a visitor that allocates");
  clear_visits();
  ullage_walk(visit_reentrant, (void *)1);
  check_visits(sorted, TOTAL / 2, "with a visitor that frees others");
  for (size_t i = TOTAL / 2; i < TOTAL; i++) /* its address may have been handed out again */
    CHECK(sorted[i].visits >= 1, "object %p was not visited", sorted[i].object);
}

/* Lets whatever the allocator starts lazily (its background thread, whose record the C library
 * allocates) start now, so that it belongs to the baseline. */
static void settle(void) {
  enum { COUNT = 30000 };
  void **object = stress_map(COUNT * sizeof *object);
  for (int i = 0; i < COUNT; i++) object[i] = malloc(1000);
  for (int i = 0; i < COUNT; i++) free(object[i]);
  munmap(object, COUNT * sizeof *object);
  stress_sleep_ms(300);
}

int main(int argc, char **argv) {
  pthread_t thread[THREADS];
  stress_start(argc, argv, 200);
  kept = stress_map(TOTAL * sizeof *kept);
  sorted = stress_map(TOTAL * sizeof *sorted);
  baseline = stress_map(BASELINE * sizeof *baseline);
  settle();
  pthread_barrier_init(&barrier, NULL, THREADS + 1);
  for (uintptr_t i = 0; i < THREADS; i++) thread[i] = stress_thread(hold, (void *)i);
  pthread_barrier_wait(&barrier);
  ullage_walk(remember, NULL);
  sort(baseline, baseline_count);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  walk_quiet();
  pthread_barrier_wait(&barrier);
  walk_churning();
  atomic_store(&stopped, 1);
  pthread_barrier_wait(&barrier);
  clear_visits();
  walk_reentrant();
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < THREADS; i++) stress_join(thread[i]);
  return stress_done("stress_walk", "quiet, churning, reentrant and nested walks");
}
