/* SPDX-License-Identifier: MIT */
/* model_heap.c: the heap against a naive one, by random operations.
 *
 * The model is a table of intervals sorted by address: what was handed out, how large, filled with
 * which pattern. Every operation on the heap is done on the model too, and they must agree:
 *
 *     no interval overlaps another                    on every allocation
 *     alignment as asked, calloc zeroed               on every allocation
 *     contents as written                             on every free, realloc, now and then for all
 *     object_of: base, size, live                     for interior, near and freed addresses
 *     walk visits exactly the model's objects         now and then
 *     stats: live objects and bytes                   now and then, one thread only
 *
 * With threads each has a model of its own, and objects are handed on to the next thread; what is
 * in other threads' models is then unknown, and only what holds for one's own objects is checked.
 *
 * Options  --seed N (printed; the same seed is the same run with one thread), --ops N, --threads N.
 *          Without --threads: one run with one thread, one with four. */
#include "../stress/stress.h"

#include <ullage/ullage.h>

#include "runtime/runtime.h"

enum { OBJECTS = 3000, MAILBOX = 64, MAX_THREADS = 64 };

static const size_t live_limit_bytes = 48 * MIB; /* for each thread */

typedef struct interval {
  unsigned char *base;
  size_t         asked, usable;
  uint64_t       tag;
  int            of_heap; /* from ullage_heap_malloc */
  int            visits;
} interval;

typedef struct model {
  interval     sorted[OBJECTS];
  size_t       count, live_bytes;
  uint64_t     random;
  ullage_heap *heap;
  unsigned     number;
  size_t       strangers;
} model;

typedef struct mailbox {
  pthread_mutex_t lock;
  interval        letter[MAILBOX];
  unsigned        count;
} mailbox;

static mailbox        boxes[MAX_THREADS];
static unsigned       threads = 1;
static size_t         operations = 150000;
static ullage_stats_t at_start;
static size_t         walked_at_start;

static uint64_t draw(model *m, uint64_t below) {
  return stress_random(&m->random) % below;
}

/* Mostly small; one in fifty up to 4 MiB; near class boundaries as often as not. */
static size_t draw_size(model *m) {
  unsigned log = (unsigned)draw(m, draw(m, 50) ? 15 : 22);
  size_t   size = (size_t)draw(m, (uint64_t)2 << log);
  return draw(m, 4) ? size : (size + 15) / 16 * 16;
}

/* ---- The model ------------------------------------------------------------------------------- */

/* Index of the first interval that begins after `address`. */
static size_t upper(const model *m, const void *address) {
  size_t low = 0, high = m->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if ((uintptr_t)m->sorted[middle].base <= (uintptr_t)address)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* The interval that `address` lies in, or NULL. */
static interval *containing(model *m, const void *address) {
  size_t at = upper(m, address);
  if (at == 0) return NULL;
  interval *one = &m->sorted[at - 1];
  return (uintptr_t)address - (uintptr_t)one->base < one->usable ? one : NULL;
}

static void insert(model *m, interval one) {
  size_t at = upper(m, one.base);
  CHECK(m->count < OBJECTS, "the model is full: the test is wrong");
  if (at > 0)
    CHECK(m->sorted[at - 1].base + m->sorted[at - 1].usable <= one.base,
          "%p (%zu bytes) overlaps the object before it, %p (%zu bytes)", (void *)one.base,
          one.usable, (void *)m->sorted[at - 1].base, m->sorted[at - 1].usable);
  if (at < m->count)
    CHECK(one.base + one.usable <= m->sorted[at].base,
          "%p (%zu bytes) overlaps the object after it, %p (%zu bytes)", (void *)one.base,
          one.usable, (void *)m->sorted[at].base, m->sorted[at].usable);
  memmove(&m->sorted[at + 1], &m->sorted[at], (m->count - at) * sizeof one);
  m->sorted[at] = one;
  m->count++;
  m->live_bytes += one.usable;
}

static interval take_out(model *m, size_t at) {
  interval one = m->sorted[at];
  m->count--;
  m->live_bytes -= one.usable;
  memmove(&m->sorted[at], &m->sorted[at + 1], (m->count - at) * sizeof one);
  return one;
}

static void verify(const interval *one) {
  CHECK(stress_holds(one->base, one->asked, one->asked, one->tag),
        "object %p of %zu bytes does not hold what was written", (void *)one->base, one->asked);
}

/* A fresh object of the heap enters the model. */
static void enter(model *m, void *object, size_t asked, int of_heap) {
  interval one = {object, asked, 0, stress_random(&m->random), of_heap, 0};
  CHECK(object, "an allocation of %zu bytes gave NULL with memory to spare", asked);
  one.usable = ullage_malloc_usable_size(object);
  CHECK(one.usable >= asked, "%zu bytes asked, %zu usable", asked, one.usable);
  CHECK((uintptr_t)object % (asked >= 16 ? 16 : 8) == 0, "%zu bytes at %p: not aligned", asked,
        object);
  stress_fill(object, asked, one.tag);
  insert(m, one);
}

/* ---- Operations ------------------------------------------------------------------------------ */

static void op_allocate(model *m) {
  size_t size = draw_size(m), alignment = (size_t)8 << draw(m, draw(m, 10) ? 8 : 15);
  void  *object = NULL;
  switch (draw(m, 8)) {
  case 0:
    object = ullage_calloc(size % 4 ? 1 : 4, size % 4 ? size : size / 4);
    CHECK(object && stress_is_zero(object, size), "calloc of %zu bytes is NULL or not zero", size);
    break;
  case 1:
    object = ullage_memalign(alignment, size);
    CHECK((uintptr_t)object % alignment == 0, "memalign(%zu) gave %p", alignment, object);
    break;
  case 2:
    CHECK(ullage_posix_memalign(&object, alignment, size) == 0, "posix_memalign(%zu, %zu)",
          alignment, size);
    CHECK((uintptr_t)object % alignment == 0, "posix_memalign(%zu) gave %p", alignment, object);
    break;
  case 3:
    if (!m->heap) CHECK((m->heap = ullage_heap_new()), "ullage_heap_new gave NULL");
    enter(m, ullage_heap_malloc(m->heap, size), size, 1);
    return;
  default: object = ullage_malloc(size);
  }
  enter(m, object, size, 0);
}

/* With one thread nobody can have taken the place meanwhile. */
static void check_freed(void *address) {
  ullage_object found;
  if (threads == 1 && ullage_object_of(address, &found))
    CHECK(!found.live, "%p was freed and still counts as live", address);
}

static void op_free(model *m) {
  if (m->count == 0) return;
  interval one = take_out(m, draw(m, m->count));
  verify(&one);
  if (draw(m, 4) == 0)
    ullage_free_sized(one.base, one.asked);
  else
    ullage_free(one.base);
  check_freed(one.base);
}

static void op_realloc(model *m) {
  size_t at, size = draw_size(m);
  if (m->count == 0 || m->sorted[at = draw(m, m->count)].of_heap) return;
  interval one = take_out(m, at);
  if (draw(m, 2)) /* a little more or less: in place, or the next class */
    size = one.asked + draw(m, 200) - (one.asked < 100 ? one.asked : 100);
  if (size == 0) size = 1;
  void *moved =
      draw(m, 3) ? ullage_realloc(one.base, size) : ullage_reallocarray(one.base, 1, size);
  CHECK(moved, "realloc from %zu to %zu gave NULL", one.asked, size);
  CHECK(stress_holds(moved, size < one.asked ? size : one.asked, one.asked, one.tag),
        "realloc from %zu to %zu lost contents", one.asked, size);
  if (moved != one.base) check_freed(one.base);
  enter(m, moved, size, 0);
}

/* object_of for an address in, near or far from an object of the model. */
static void op_ask(model *m) {
  uintptr_t     address = stress_random(&m->random) >> draw(m, 40);
  ullage_object found = {0};
  if (m->count > 0 && draw(m, 8)) {
    interval *near = &m->sorted[draw(m, m->count)];
    address = (uintptr_t)near->base + draw(m, near->usable);
    if (draw(m, 2)) address += draw(m, 200000) - 100000;
  }
  interval *one = containing(m, (void *)address);
  int       ours = ullage_object_of((void *)address, &found);
  if (one) {
    CHECK(ours && found.live == 1, "byte %zu of %p counts as dead",
          (size_t)(address - (uintptr_t)one->base), (void *)one->base);
    CHECK(found.base == one->base && found.usable_bytes == one->usable,
          "%p lies in %p (%zu bytes), object_of says %p (%zu bytes)", (void *)address,
          (void *)one->base, one->usable, found.base, found.usable_bytes);
  } else if (ours) {
    CHECK(address - (uintptr_t)found.base < found.usable_bytes,
          "object_of(%p) gives %p (%zu bytes)", (void *)address, found.base, found.usable_bytes);
    CHECK(threads > 1 || !found.live, "%p counts as live, the model has nothing there",
          (void *)address);
  }
}

static void visit(const ullage_object *object, void *arg) {
  model    *m = arg;
  interval *one = containing(m, object->base);
  if (!one) {
    m->strangers++;
    return;
  }
  CHECK(one->base == object->base && one->usable == object->usable_bytes && object->live,
        "the walk gives %p (%zu bytes), the model has %p (%zu bytes)", object->base,
        object->usable_bytes, (void *)one->base, one->usable);
  one->visits++;
}

static void check_everything(model *m) {
  ullage_stats_t now;
  m->strangers = 0;
  for (size_t i = 0; i < m->count; i++) m->sorted[i].visits = 0;
  ullage_walk(visit, m);
  for (size_t i = 0; i < m->count; i++) {
    CHECK(m->sorted[i].visits == 1, "the walk visited %p (%zu bytes) %d times",
          (void *)m->sorted[i].base, m->sorted[i].usable, m->sorted[i].visits);
    verify(&m->sorted[i]);
  }
  if (threads > 1) return;
  CHECK(m->strangers == walked_at_start, "the walk gave %zu objects that are not in the model",
        m->strangers - walked_at_start);
  if (m->heap) return; /* the heap's own record may count as an object */
  ullage_stats(&now);
  CHECK(now.live_objects - at_start.live_objects == m->count &&
            now.live_bytes - at_start.live_bytes == m->live_bytes,
        "stats: %lld objects, %lld bytes more than at the start; the model has %zu and %zu",
        (long long)(now.live_objects - at_start.live_objects),
        (long long)(now.live_bytes - at_start.live_bytes), m->count, m->live_bytes);
}

static void op_destroy_heap(model *m) {
  if (!m->heap) return;
  for (size_t i = m->count; i-- > 0;)
    if (m->sorted[i].of_heap) {
      interval one = take_out(m, i);
      verify(&one);
    }
  ullage_heap_destroy(m->heap);
  m->heap = NULL;
}

/* Hands an object on, takes one in. */
static void op_exchange(model *m) {
  mailbox *next = &boxes[(m->number + 1) % threads], *own = &boxes[m->number];
  size_t   at;
  if (m->count > 0 && !m->sorted[at = draw(m, m->count)].of_heap) {
    pthread_mutex_lock(&next->lock);
    if (next->count < MAILBOX) next->letter[next->count++] = take_out(m, at);
    pthread_mutex_unlock(&next->lock);
  }
  pthread_mutex_lock(&own->lock);
  interval got = {0};
  if (own->count > 0 && m->count < OBJECTS) got = own->letter[--own->count];
  pthread_mutex_unlock(&own->lock);
  if (got.base) {
    verify(&got);
    insert(m, got);
  }
}

static void step(model *m) {
  uint64_t pick = draw(m, 1000);
  int      full = m->count >= OBJECTS - 1 || m->live_bytes > live_limit_bytes;
  if (pick < 400 && !full)
    op_allocate(m);
  else if (pick < 700)
    op_free(m);
  else if (pick < 850)
    op_realloc(m);
  else if (pick < 950)
    op_ask(m);
  else if (pick < 998 && threads > 1)
    op_exchange(m);
  else if (pick == 998 && draw(m, 4) == 0)
    op_destroy_heap(m);
  else if (pick == 999 && draw(m, 8) == 0)
    ullage_trim();
  else if (pick == 999 && draw(m, 4) == 0)
    check_everything(m);
  else if (pick == 999) /* as near the budget, and away from it */
    ul_mcache_set_thrifty(&ul_runtime_self.heap, draw(m, 2) == 0);
}

static void *run_thread(void *arg) {
  model *m = arg;
  /* Waves: fill, then mostly empty, so that spans and runs come and go. */
  for (size_t i = 0; i < operations / threads; i++) {
    step(m);
    if (i % 20000 == 19999)
      while (m->count > OBJECTS / 50) op_free(m);
  }
  check_everything(m);
  op_destroy_heap(m);
  while (m->count > 0) op_free(m);
  return NULL;
}

static void count_visit(const ullage_object *object, void *arg) {
  (void)object;
  ++*(size_t *)arg;
}

static void run(unsigned number_of_threads) {
  pthread_t thread[MAX_THREADS];
  model    *all = stress_map(number_of_threads * sizeof *all);
  threads = number_of_threads;
  ullage_stats(&at_start);
  walked_at_start = 0;
  ullage_walk(count_visit, &walked_at_start);
  for (unsigned i = 0; i < threads; i++) {
    all[i].number = i;
    all[i].random = stress_seed + i;
    pthread_mutex_init(&boxes[i].lock, NULL);
  }
  if (threads == 1) {
    run_thread(all);
  } else {
    for (unsigned i = 0; i < threads; i++) thread[i] = stress_thread(run_thread, &all[i]);
    for (unsigned i = 0; i < threads; i++) stress_join(thread[i]);
  }
  for (unsigned i = 0; i < threads; i++)
    while (boxes[i].count > 0) ullage_free(boxes[i].letter[--boxes[i].count].base);
  ullage_stats_t now;
  ullage_stats(&now);
  CHECK(now.live_bytes == at_start.live_bytes && now.live_objects == at_start.live_objects,
        "everything is freed, and %lld bytes in %lld objects are still live",
        (long long)(now.live_bytes - at_start.live_bytes),
        (long long)(now.live_objects - at_start.live_objects));
  munmap(all, number_of_threads * sizeof *all);
}

int main(int argc, char **argv) {
  unsigned asked_threads = 0;
  stress_start(1, argv, 580);
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!strcmp(argv[i], "--seed"))
      stress_seed = strtoull(argv[i + 1], NULL, 0);
    else if (!strcmp(argv[i], "--ops"))
      operations = strtoull(argv[i + 1], NULL, 0);
    else if (!strcmp(argv[i], "--threads"))
      asked_threads = (unsigned)strtoul(argv[i + 1], NULL, 0);
    else
      argc = 0;
  }
  if (argc % 2 == 0 || asked_threads > MAX_THREADS) {
    fprintf(stderr, "usage: model_heap [--seed N] [--ops N] [--threads 1..%d]\n", MAX_THREADS);
    return 2;
  }
  printf("model_heap: seed %llu\n", (unsigned long long)stress_seed);
  fflush(stdout);
  if (asked_threads != 0) {
    run(asked_threads);
  } else {
    run(1);
    run(4);
  }
  return stress_done("model_heap", "heap and model agree");
}
