/* SPDX-License-Identifier: MIT */
/* test_mspan.c: one small span beside a table of what is handed out: take, put, activate and park
 * in random order, for classes of every shape; contents are checked, ul_mspan_check after each
 * step.
 *
 * A test is its own cache and its own scavenger here: it wipes cookies, writes them, and empties
 * the leaves that were parked, all as leaf.h says.
 *
 * Options  --seed N, printed at the start. */
#include "../../stress/stress.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "heap/heap.h"
#include "os/pages.h"

enum { OBJECTS = 8192, STEPS = 500 };

static ul_heap      heap;
static ul_mcentral *central;
static ul_mspan    *span;
static uint64_t     tags[OBJECTS]; /* 0: not handed out */
static uint32_t     handed_out;

static int new_heap(void **state) {
  (void)state;
  memset(&heap, 0, sizeof heap);
  return ul_heap_init(&heap, UL_GIB, 0x9e3779b97f4a7c15u);
}

static void new_span(size_t object_bytes) {
  central = ul_mcentral_of(&heap, ul_size_class_aligned(object_bytes, 8));
  span = ul_mheap_alloc_small(&heap, central);
  assert_non_null(span);
  central->dirty_leaves += span->dirty; /* as mcentral.c does */
  memset(tags, 0, sizeof tags);
  handed_out = 0;
}

static void drop_span(void) {
  central->dirty_leaves -= span->dirty;
  ul_mheap_free_small(&heap, span);
}

static uintptr_t start_of(void) {
  return ul_page_address(&heap, span->first_page);
}

static uint8_t *leaves_of(void) {
  return heap.leaf_state + (size_t)span->first_page * UL_LEAVES_PER_PAGE;
}

static uint32_t index_of(const void *object) {
  uintptr_t offset = (uintptr_t)object - start_of();
  assert_int_equal(offset % span->object_bytes, 0);
  assert_true(offset / span->object_bytes < span->capacity);
  return (uint32_t)(offset / span->object_bytes);
}

static void *object_at(uint32_t index) {
  return (void *)(start_of() + index * span->object_bytes);
}

static uint32_t take(uint32_t want, uint64_t tag) {
  void    *objects[64], *last = (void *)UINTPTR_MAX;
  uint32_t taken = ul_mspan_take(&heap, span, objects, want);
  assert_true(taken <= want);
  for (uint32_t i = 0; i < taken; i++) {
    uint32_t index = index_of(objects[i]);
    assert_true(objects[i] < last); /* lowest address last */
    assert_int_equal(tags[index], 0);
    assert_true(*(uint64_t *)objects[i] == ul_cookie(&heap, objects[i]));
    tags[index] = tag + i;
    stress_fill(objects[i], span->object_bytes, tag + i);
    last = objects[i];
  }
  handed_out += taken;
  return taken;
}

static void put(uint32_t index) {
  void *object = object_at(index);
  assert_true(stress_holds(object, span->object_bytes, span->object_bytes, tags[index]));
  *(uint64_t *)object = ul_cookie(&heap, object);
  assert_int_equal(ul_mspan_put(&heap, span, &object, 1), 1);
  tags[index] = 0;
  handed_out--;
}

static uint32_t activate(void) {
  uint32_t parked = span->parked, gained = ul_mspan_activate(&heap, span);
  assert_int_equal(span->parked, parked - gained);
  assert_int_equal(gained == 0,
                   parked == 0); /* nothing is being given back: what is parked comes */
  return gained;
}

/* Parks, and empties what was parked; some leaves stay, as where the system refuses. */
static uint32_t park(uint32_t most, bool refuse) {
  uint32_t leaves[UL_MSPAN_LEAVES_MAX], active = 0;
  uint32_t base = span->first_page * (uint32_t)UL_LEAVES_PER_PAGE;
  uint8_t  before[UL_MSPAN_LEAVES_MAX];
  memcpy(before, leaves_of(), span->pages * UL_LEAVES_PER_PAGE);
  uint32_t count = ul_mspan_park(&heap, span, leaves, most);
  assert_true(count <= UL_MSPAN_LEAVES_MAX);
  ul_mspan_check(&heap, span);
  for (uint32_t i = 0; i < count; i++) {
    assert_true(i == 0 || leaves[i] > leaves[i - 1]);
    assert_in_range(leaves[i], base, base + span->pages * UL_LEAVES_PER_PAGE - 1);
    assert_int_equal(heap.leaf_state[leaves[i]], UL_LEAF_BUSY);
    active += before[leaves[i] - base] == span->leaf_value;
    size_t first = ((size_t)(leaves[i] - base) << UL_LEAF_SHIFT) / span->object_bytes;
    size_t last = (((size_t)(leaves[i] - base + 1) << UL_LEAF_SHIFT) - 1) / span->object_bytes;
    for (size_t o = first; o <= last && o < span->capacity; o++) assert_int_equal(tags[o], 0);
  }
  assert_true(active <= most);
  for (uint32_t i = 0; i < count; i++) {
    size_t    group = heap.os_page_bytes;
    uintptr_t at = heap.base + ((uintptr_t)leaves[i] << UL_LEAF_SHIFT);
    if (!refuse && at % group == 0) assert_int_equal(ul_os_release((void *)at, group), 0);
    heap.leaf_state[leaves[i]] = refuse ? UL_LEAF_DIRTY : UL_LEAF_CLEAN;
    span->dirty += refuse;
    central->dirty_leaves += refuse;
  }
  return count;
}

static void compare(bool whole) {
  assert_int_equal(span->live, handed_out);
  assert_int_equal(ul_mspan_free_objects(span), span->capacity - span->live - span->parked);
  for (uint32_t i = 0; whole && i < span->capacity; i++) {
    assert_int_equal(ul_mspan_is_allocated(&heap, span, i), tags[i] != 0);
  }
  /* The word behind the last object, where its leaf is active, is the cookie of an object that is
   * none: the fast path of free does not take it. */
  uintptr_t tail = start_of() + span->capacity * span->object_bytes;
  size_t    leaf = (tail - start_of()) >> UL_LEAF_SHIFT;
  if (leaf < span->pages * UL_LEAVES_PER_PAGE && leaves_of()[leaf] == span->leaf_value) {
    assert_true(*(uint64_t *)tail == ul_cookie(&heap, (void *)tail));
  }
  ul_mspan_check(&heap, span);
}

static void random_steps(uint64_t *random) {
  for (uint64_t n = 1; n <= STEPS; n++) {
    bool     shrinks = n / 100 % 2; /* fills for a while, then empties */
    uint32_t index = (uint32_t)(stress_random(random) % span->capacity);
    switch (stress_random(random) % 8) {
    case 0: park((uint32_t)(stress_random(random) % 65), stress_random(random) % 4 == 0); break;
    case 1: activate(); break;
    case 2:
    case 3:
    case 4:
      if (!shrinks && take(1 + (uint32_t)(stress_random(random) % 64), n << 16) == 0) activate();
      break;
    default:
      for (uint32_t i = 0; i < (shrinks ? 60u : 5u); i++) {
        uint32_t at = (index + i * i) % span->capacity;
        if (tags[at]) put(at);
      }
    }
    compare(n % 25 == 0);
  }
}

static void test_against_a_table(void **state) {
  static const size_t sizes[] = {8,    16,   48,   112,  144,  512,   1008,
                                 1024, 1152, 3072, 4096, 4608, 20480, 32768};
  uint64_t            random = stress_seed;
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(sizes); i++) {
    new_span(sizes[i]);
    random_steps(&random);
    for (uint32_t o = 0; o < span->capacity; o++) {
      if (tags[o]) put(o);
    }
    compare(true);
    drop_span(); /* the next class begins with its dirty leaves */
  }
}

static void test_costs_what_its_objects_need(void **state) {
  static const size_t sizes[] = {8, 48, 1024, 3072, 20480};
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(sizes); i++) {
    new_span(sizes[i]);
    assert_int_equal(span->parked, span->capacity);
    assert_int_equal(take(64, 1), 0);
    for (uint32_t n = 0; n < span->capacity; n++) {
      if (take(1, n + 1) == 0) {
        activate();
        assert_int_equal(take(1, n + 1), 1);
      }
      assert_int_equal(tags[n], n + 1); /* in order of address */
      size_t used = (((size_t)n + 1) * span->object_bytes + UL_LEAF_BYTES - 1) >> UL_LEAF_SHIFT;
      size_t active = 0;
      while (active < span->pages * UL_LEAVES_PER_PAGE && leaves_of()[active] == span->leaf_value)
        active++;
      assert_int_equal(active, used);
      for (size_t leaf = active; leaf < span->pages * UL_LEAVES_PER_PAGE; leaf++) {
        assert_int_equal(leaves_of()[leaf], UL_LEAF_CLEAN);
      }
    }
    assert_int_equal(take(1, 1), 0);
    assert_int_equal(activate(), 0);
    compare(true);
    for (uint32_t n = 0; n < span->capacity; n++) put(n);
    assert_true(park(64, false) > 0);
    assert_int_equal(span->parked, span->capacity);
    drop_span();
  }
}

static void test_park_takes_no_more_than_asked(void **state) {
  uint32_t group = 0;
  (void)state;
  new_span(256);
  group = (uint32_t)(heap.os_page_bytes / UL_LEAF_BYTES);
  while (activate()) continue;
  assert_int_equal(park(group - 1, false), 0);
  assert_int_equal(park(group, false), group);
  take(1, 7); /* the lowest free object pins its page */
  assert_int_equal(park(64, false), 16 - UL_MIN(2 * group, 16));
  compare(true);
}

/* Runs `act` in a child that must abort. Its last words are in `said`. */
static void expect_death(void (*act)(void), char *said, size_t room) {
  int tube[2], status;
  assert_int_equal(pipe(tube), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    dup2(tube[1], STDERR_FILENO);
    signal(SIGABRT, SIG_DFL); /* cmocka catches it */
    act();
    _exit(0);
  }
  close(tube[1]);
  ssize_t n, length = 0;
  while ((n = read(tube[0], said + length, room - 1 - (size_t)length)) > 0) length += n;
  said[length] = 0;
  close(tube[0]);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void put_twice(void) {
  void *object = object_at(0);
  put(0);
  (void)ul_mspan_put(&heap, span, &object, 1);
}

static void test_puts_many_up_to_another_spans(void **state) {
  uint64_t elsewhere;
  (void)state;
  new_span(64);
  activate();
  assert_int_equal(take(3, 1), 3);
  void *objects[] = {object_at(2), object_at(0), &elsewhere, object_at(1)};
  for (int i = 0; i < 2; i++) *(uint64_t *)objects[i] = ul_cookie(&heap, objects[i]);
  assert_int_equal(ul_mspan_put(&heap, span, objects, 4), 2);
  assert_int_equal(span->live, 1);
  assert_int_equal(span->hint, 0);
  ul_mspan_check(&heap, span);
  assert_true(ul_mspan_is_allocated(&heap, span, 1));
  tags[0] = tags[2] = 0;
  handed_out -= 2;
  put(1);
}

static void test_put_twice_is_fatal(void **state) {
  char said[512];
  (void)state;
  new_span(64);
  activate();
  assert_int_equal(take(2, 1), 2);
  expect_death(put_twice, said, sizeof said);
  assert_non_null(strstr(said, "ullage: fatal: free(0x"));
  assert_non_null(strstr(said, "of 64 bytes was freed before"));
}

static void test_span_of_address(void **state) {
  (void)state;
  new_span(64);
  assert_ptr_equal(ul_mspan_of(&heap, start_of()), span);
  assert_ptr_equal(ul_mspan_of(&heap, start_of() + central->span_bytes - 1), span);
  assert_ptr_not_equal(ul_mspan_of(&heap, start_of() + central->span_bytes), span);
  assert_null(ul_mspan_of(&heap, heap.base - 1));
  assert_null(ul_mspan_of(&heap, heap.base + (heap.leaf_count << UL_LEAF_SHIFT)));
  assert_null(ul_mspan_of(&heap, 0));
  assert_null(ul_mspan_of(&heap, UINTPTR_MAX));
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(test_against_a_table, new_heap),
      cmocka_unit_test_setup(test_costs_what_its_objects_need, new_heap),
      cmocka_unit_test_setup(test_park_takes_no_more_than_asked, new_heap),
      cmocka_unit_test_setup(test_puts_many_up_to_another_spans, new_heap),
      cmocka_unit_test_setup(test_put_twice_is_fatal, new_heap),
      cmocka_unit_test_setup(test_span_of_address, new_heap),
  };
  if (argc > 2) argc--, argv++; /* --seed N */
  stress_start(argc, argv, 230);
  printf("seed %llu\n", (unsigned long long)stress_seed);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
