/* SPDX-License-Identifier: MIT */
/* test_budget.c: a heap and its budget, with the agent's part played by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "budget/budget.h"
#include "heap/large.h"
#include "heap/scavenge.h"
#include "os/self.h"

#define MIB   ((uint64_t)1 << 20)
#define LIMIT (64 * MIB)

static ul_heap   heap;
static ul_budget budget;
static int       called_level;
static size_t    called_want;
static unsigned  calls;

static bool crowded(ul_heap *of, uint64_t bytes) {
  (void)of;
  return ul_budget_crowded(&budget, bytes);
}

static void start(uint64_t on_budget) {
  memset(&heap, 0, sizeof heap);
  memset(&budget, 0, sizeof budget);
  calls = 0;
  ul_mcache_current = &ul_mcache_none;
  assert_int_equal(ul_heap_init(&heap, UL_GIB, 0x2468), 0);
  ul_budget_init(&budget, &heap, LIMIT, on_budget, false);
  heap.hooks.crowded = crowded;
  ul_budget_count(&budget);
}

static void *alloc_large(size_t bytes) {
  void *object = ul_large_alloc(&heap, bytes, 1, false);
  if (object) memset(object, 1, bytes);
  return object;
}

static void *alloc_small(size_t bytes) {
  return ul_mcache_refill(&heap, ul_size_class(&heap.sizes, bytes), false);
}

static void give(void *object) {
  ul_mspan *span = ul_mspan_of(&heap, (uintptr_t)object);
  if (span->state == UL_MSPAN_LARGE) {
    assert_true(ul_large_free(&heap, span));
  } else {
    ul_mcache_put_slow(&heap, span->leaf_value, object);
  }
}

static uint64_t held(void) {
  ul_budget_count(&budget);
  return ul_load(&budget.total_bytes);
}

static void the_level_follows_what_is_held(void **state) {
  (void)state;
  start(UL_ON_BUDGET_GROW);
  assert_int_equal(ul_budget_count(&budget), UL_LEVEL_CALM);
  assert_non_null(alloc_large(40 * MIB));
  assert_int_equal(ul_budget_count(&budget), UL_LEVEL_CALM);
  void *more = alloc_large(16 * MIB);
  assert_int_equal(ul_budget_count(&budget), UL_LEVEL_TIGHT);
  assert_non_null(alloc_large(6 * MIB));
  assert_int_equal(ul_budget_count(&budget), UL_LEVEL_CRITICAL);
  assert_non_null(alloc_large(8 * MIB)); /* soft: it grows */
  assert_int_equal(ul_budget_count(&budget), UL_LEVEL_OVER);
  give(more); /* free, but still resident: nothing has changed */
  assert_int_equal(ul_budget_count(&budget), UL_LEVEL_OVER);
  ul_budget_tick(&budget, ul_os_now_ns());
  assert_true(ul_budget_count(&budget) < UL_LEVEL_CRITICAL);
  assert_true(ul_load(&budget.relief.given_bytes[UL_RELIEF_RUNS]) >= 8 * MIB);
}

static void with_fail_not_a_byte_beyond(void **state) {
  void *first = NULL, *object;
  (void)state;
  start(UL_ON_BUDGET_FAIL);
  while ((object = alloc_large(MIB)) != NULL) {
    if (!first) first = object;
    assert_true(held() <= LIMIT);
  }
  assert_true(ul_load(&budget.refusals) > 0);
  assert_true(held() > LIMIT / 10 * 9);
  /* The reserve is for small ones, and ends too. */
  unsigned small = 0;
  while (small < 1000000 && alloc_small(64)) small++;
  assert_true(small > 100 && small < 1000000);
  assert_true(held() <= LIMIT);
  /* What is freed can be had again. */
  give(first);
  assert_non_null(alloc_large(MIB - 64 * 1024));
  assert_true(held() <= LIMIT);
}

/* Whatever size fills the heap: the first refusal comes while there is still enough for an error path,
 * and from then on that is there. */
static void a_reserve_for_error_paths(void **state) {
#if ULLAGE_INVARIANTS >= \
    2 /* checks everything after each slow path: small ones would take minutes */
  static const size_t sizes[] = {32000, 40000, MIB};
#else
  static const size_t sizes[] = {16, 1000, 4000, 32000, 40000, MIB};
#endif
  (void)state;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    start(UL_ON_BUDGET_FAIL);
    while (sizes[i] > UL_SMALL_MAX_BYTES ? alloc_large(sizes[i]) : alloc_small(sizes[i])) {
    }
    unsigned small = 0;
    while (small < 1000000 && alloc_small(64)) small++;
    assert_in_range(small, 1000, 999999);
    assert_in_range(held(), 1, LIMIT);
  }
}

static void growing_in_place_is_refused_too(void **state) {
  (void)state;
  start(UL_ON_BUDGET_FAIL);
  void     *object = alloc_large(48 * MIB);
  ul_mspan *span = ul_mspan_of(&heap, (uintptr_t)object);
  assert_non_null(ul_large_resize(&heap, span, 56 * MIB));
  assert_null(ul_large_resize(&heap, span, 80 * MIB));
  assert_int_equal(span->object_bytes, 56 * MIB);
  assert_true(held() <= LIMIT);
  give(object);
}

static void relieve(int level, size_t want_bytes, void *arg) {
  void **object = arg;
  called_level = level;
  called_want = want_bytes;
  calls++;
  if (*object) give(*object);
  *object = NULL;
}

static void callbacks_run_when_it_is_critical(void **state) {
  (void)state;
  start(UL_ON_BUDGET_GROW);
  void *victim = alloc_large(16 * MIB);
  assert_int_equal(ul_relief_register(&budget.relief, (ul_pressure){relieve, &victim}), 0);
  assert_non_null(alloc_large(40 * MIB));
  ul_budget_tick(&budget, ul_os_now_ns());
  assert_int_equal(calls, 0); /* tight only */
  assert_non_null(alloc_large(6 * MIB));
  ul_budget_tick(&budget, budget.relief.due_ns);
  assert_int_equal(calls, 1);
  assert_int_equal(called_level, UL_LEVEL_CRITICAL);
  assert_true(called_want > 0 && called_want <= LIMIT);
  assert_null(victim);
  /* Nothing has grown since: it is left in peace. */
  ul_budget_tick(&budget, budget.relief.due_ns);
  assert_int_equal(calls, 1);
}

static void sixteen_callbacks_and_no_more(void **state) {
  (void)state;
  start(UL_ON_BUDGET_GROW);
  char args[UL_PRESSURE_MAX + 1];
  for (int i = 0; i < UL_PRESSURE_MAX; i++) {
    assert_int_equal(ul_relief_register(&budget.relief, (ul_pressure){relieve, &args[i]}), 0);
  }
  ul_pressure last = {relieve, &args[UL_PRESSURE_MAX]}, first = {relieve, &args[0]};
  assert_int_equal(ul_relief_register(&budget.relief, last), -UL_E_RANGE);
  assert_int_equal(ul_relief_unregister(&budget.relief, last, 1, 2), -UL_E_NOTFOUND);
  assert_int_equal(ul_relief_unregister(&budget.relief, first, 1, 2), 0);
  assert_int_equal(ul_relief_register(&budget.relief, last), 0);
}

static void another_limit_counts_at_once(void **state) {
  (void)state;
  start(UL_ON_BUDGET_GROW);
  assert_non_null(alloc_large(40 * MIB));
  ul_budget_set(&budget, 30 * MIB);
  assert_int_equal(ul_budget_count(&budget), UL_LEVEL_OVER);
  ul_budget_set(&budget, 0);
  assert_int_equal(ul_budget_count(&budget), UL_LEVEL_CALM);
  assert_true(ul_load(&heap.gate_leaves) == UINT64_MAX);
  ul_budget_done(&budget);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_level_follows_what_is_held),
      cmocka_unit_test(with_fail_not_a_byte_beyond),
      cmocka_unit_test(a_reserve_for_error_paths),
      cmocka_unit_test(growing_in_place_is_refused_too),
      cmocka_unit_test(callbacks_run_when_it_is_critical),
      cmocka_unit_test(sixteen_callbacks_and_no_more),
      cmocka_unit_test(another_limit_counts_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
