/* SPDX-License-Identifier: MIT */
/* test_mheap.c: page runs beside a page map.
 *
 *     owner[page]   which span holds it, 0: none           no page is in two spans
 *     known[leaf]   what the leaf map must say of it       CLEAN leaves really read as zero
 *
 * After each step ul_mheap_check looks at tree, head map and counts. Leaves are really written, so
 * that a CLEAN leaf with old bytes, which calloc would hand out as zero, is seen.
 *
 * Options  --seed N, printed at the start. */
#include "../../stress/stress.h"

#include <setjmp.h>
#include <cmocka.h>

#include "heap/heap.h"

enum { SPANS = 96, STEPS = 4000, MOST_PAGES = 24, PAGES = 16384 };

static ul_heap   heap;
static ul_mspan *spans[SPANS];
static uint8_t   owner[PAGES]; /* index into spans, and 1 */
static uint8_t   known[PAGES * UL_LEAVES_PER_PAGE];
static int       freed_calls;

static void count_freed(ul_heap *which) {
  assert_ptr_equal(which, &heap);
  freed_calls++;
}

static int new_heap(void **state) {
  (void)state;
  memset(&heap, 0, sizeof heap);
  memset(spans, 0, sizeof spans);
  memset(owner, 0, sizeof owner);
  memset(known, UL_LEAF_CLEAN, sizeof known);
  freed_calls = 0;
  return ul_heap_init(&heap, UL_GIB, 0x1234567);
}

static ul_mspan *alloc(size_t pages, size_t align_pages) {
  ul_lock_take(&heap.pages.lock);
  ul_mspan *span = ul_mheap_alloc(&heap, pages, align_pages);
  if (span) ul_store(&span->state, (uint8_t)UL_MSPAN_LARGE); /* as large.c does */
  ul_lock_drop(&heap.pages.lock);
  return span;
}

static void give(ul_mspan *span) {
  ul_lock_take(&heap.pages.lock);
  ul_mheap_free(&heap, span);
  ul_lock_drop(&heap.pages.lock);
}

static void check(void) {
  ul_lock_take(&heap.pages.lock);
  ul_mheap_check(&heap);
  ul_lock_drop(&heap.pages.lock);
}

static char *leaf_at(size_t leaf) {
  return (char *)(heap.base + (leaf << UL_LEAF_SHIFT));
}

/* Somebody uses the leaf: writes into it, and says so. */
static void dirty_leaf(size_t leaf) {
  memset(leaf_at(leaf) + leaf % 4032, 0xdd, 64);
  heap.leaf_state[leaf] = known[leaf] = UL_LEAF_DIRTY;
}

/* Pages [first, end) pass from `from` to `to`. */
static void pass_on(size_t first, size_t end, int from, int to) {
  for (size_t page = first; page < end; page++) {
    assert_int_equal(owner[page], from);
    owner[page] = (uint8_t)to;
  }
}

static void look_at_new_pages(const ul_mspan *span, size_t first, size_t end, int id) {
  pass_on(first, end, 0, id);
  for (size_t page = first; page < end; page++) {
    assert_ptr_equal(ul_mspan_of(&heap, ul_page_address(&heap, page) + 65535), span);
    for (size_t leaf = page * 16; leaf < page * 16 + 16; leaf++) {
      assert_int_equal(heap.leaf_state[leaf], known[leaf]);
      if (known[leaf] == UL_LEAF_CLEAN) assert_true(stress_is_zero(leaf_at(leaf), UL_LEAF_BYTES));
    }
  }
}

static void use_some(const ul_mspan *span, size_t first, uint64_t *random) {
  size_t pages = span->first_page + span->pages - first;
  for (uint64_t n = stress_random(random) % 8; n > 0; n--) {
    dirty_leaf(first * 16 + stress_random(random) % (pages * 16));
  }
}

static void step_on_a_span(size_t i, uint64_t *random) {
  ul_mspan *span = spans[i];
  size_t    first = span->first_page, end = first + span->pages;
  int       id = (int)i + 1;
  switch (stress_random(random) % 4) {
  case 0: { /* shrink */
    size_t keep = 1 + stress_random(random) % span->pages;
    ul_lock_take(&heap.pages.lock);
    ul_mheap_shrink(&heap, span, keep);
    ul_lock_drop(&heap.pages.lock);
    pass_on(first + keep, end, id, 0);
    assert_int_equal(span->pages, keep);
    break;
  }
  case 1: { /* extend: possible where the pages behind are free or the arena ends in free ones */
    size_t more = 1 + stress_random(random) % 4, page = end;
    while (page < heap.committed_pages && page < end + more && owner[page] == 0) page++;
    bool possible = page == end + more || page == heap.committed_pages;
    ul_lock_take(&heap.pages.lock);
    bool done = ul_mheap_extend(&heap, span, end - first + more);
    ul_lock_drop(&heap.pages.lock);
    assert_int_equal(done, possible);
    assert_int_equal(span->pages, end - first + (done ? more : 0));
    if (done) look_at_new_pages(span, end, end + more, id);
    break;
  }
  default:
    give(span);
    pass_on(first, end, id, 0);
    spans[i] = NULL;
  }
}

/* What the scavenger does to a run: out of the tree, some leaves emptied, back again. */
static void scavenge_a_run(uint64_t *random) {
  ul_lock_take(&heap.pages.lock);
  if (!ul_list_empty(&heap.pages.dirty_runs)) {
    ul_mspan *run = UL_CONTAINER_OF(heap.pages.dirty_runs.prev, ul_mspan, link);
    run = ul_mheap_hold(&heap, run, 1 + stress_random(random) % 40);
    assert_int_equal(run->state, UL_MSPAN_BUSY);
    ul_mheap_check(&heap);
    for (size_t i = 0; i < (size_t)run->pages * 16; i++) {
      size_t leaf = (size_t)run->first_page * 16 + i;
      if (known[leaf] == UL_LEAF_CLEAN || stress_random(random) % 4 == 0) continue;
      memset(leaf_at(leaf), 0, UL_LEAF_BYTES);
      heap.leaf_state[leaf] = known[leaf] = UL_LEAF_CLEAN;
    }
    ul_mheap_release_held(&heap, run);
  }
  ul_lock_drop(&heap.pages.lock);
}

static void test_against_a_page_map(void **state) {
  uint64_t random = stress_seed;
  (void)state;
  for (int n = 0; n < STEPS; n++) {
    size_t i = stress_random(&random) % SPANS;
    if (n % 16 == 0) {
      scavenge_a_run(&random);
    } else if (spans[i]) {
      step_on_a_span(i, &random);
    } else {
      size_t    pages = 1 + stress_random(&random) % MOST_PAGES;
      size_t    align = (size_t)1 << (stress_random(&random) & 1 ? 0 : stress_random(&random) % 6);
      ul_mspan *span = alloc(pages, align);
      assert_non_null(span);
      assert_int_equal(span->pages, pages);
      assert_int_equal(span->first_page % align, 0);
      look_at_new_pages(span, span->first_page, span->first_page + pages, (int)i + 1);
      spans[i] = span;
    }
    if (spans[i]) use_some(spans[i], spans[i]->first_page, &random);
    check();
  }
  for (size_t i = 0; i < SPANS; i++) {
    if (spans[i]) give(spans[i]);
  }
  check();
  assert_int_equal(heap.pages.free_pages, heap.committed_pages); /* all of it one run again */
  assert_int_equal(heap.spans[0].pages, heap.committed_pages);
}

/* Leaves holes of `sizes` pages, in this order, between spans in use. */
static void make_holes(const size_t *sizes, size_t count, ul_mspan **ret_holes) {
  for (size_t i = 0; i < count; i++) {
    ret_holes[i] = alloc(sizes[i], 1);
    assert_non_null(alloc(1, 1));
  }
}

static void test_best_fit_then_lowest(void **state) {
  static const size_t sizes[] = {5, 3, 4, 3, 8};
  ul_mspan           *holes[UL_ARRAY_LEN(sizes)];
  size_t              first[UL_ARRAY_LEN(sizes)];
  (void)state;
  make_holes(sizes, UL_ARRAY_LEN(sizes), holes);
  for (size_t i = 0; i < UL_ARRAY_LEN(sizes); i++) first[i] = holes[i]->first_page;
  for (size_t i = UL_ARRAY_LEN(sizes); i-- > 0;) give(holes[i]);
  assert_int_equal(alloc(3, 1)->first_page, first[1]);
  assert_int_equal(alloc(3, 1)->first_page, first[3]);
  assert_int_equal(alloc(3, 1)->first_page, first[2]); /* none of 3 is left */
  assert_int_equal(alloc(6, 1)->first_page, first[4]);
  assert_int_equal(alloc(2, 1)->first_page, first[4] + 6); /* the rest of it, exactly */
  check();
}

/* A hole that has memory is taken before a better one that has none. */
static void test_memory_before_fit(void **state) {
  static const size_t sizes[] = {3, 6};
  ul_mspan           *holes[2];
  (void)state;
  make_holes(sizes, 2, holes);
  size_t small = holes[0]->first_page, large = holes[1]->first_page;
  for (size_t leaf = large * 16; leaf < (large + 6) * 16; leaf++) dirty_leaf(leaf);
  give(holes[0]);
  give(holes[1]);
  assert_int_equal(alloc(3, 1)->first_page, large);
  assert_int_equal(alloc(3, 1)->first_page, large + 3);
  assert_int_equal(alloc(3, 1)->first_page, small); /* no memory is left to prefer */
  check();
}

static void test_neighbours_merge(void **state) {
  ul_mspan *three[3];
  (void)state;
  for (int i = 0; i < 3; i++) three[i] = alloc(2, 1);
  assert_non_null(alloc(1, 1));
  size_t first = three[0]->first_page;
  assert_int_equal(three[2]->first_page, first + 4);
  give(three[0]);
  give(three[2]);
  assert_int_equal(heap.spans[first].pages, 2);
  give(three[1]);
  assert_int_equal(heap.spans[first].pages, 6);
  assert_int_equal(heap.spans[first].state, UL_MSPAN_FREE);
  check();
}

static void test_small_spans(void **state) {
  ul_mcentral *page = ul_mcentral_of(&heap, ul_size_class_aligned(64, 8));
  ul_mcentral *more = ul_mcentral_of(&heap, ul_size_class_aligned(4096, 8));
  (void)state;
  assert_non_null(alloc(1, 1)); /* so that alignment does not come by itself */
  for (int i = 0; i < 2; i++) {
    ul_mcentral *central = i ? more : page;
    ul_lock_take(&central->lock);
    ul_mspan *span = ul_mheap_alloc_small(&heap, central);
    assert_non_null(span);
    assert_int_equal(span->state, UL_MSPAN_SMALL);
    assert_int_equal((size_t)span->pages << UL_PAGE_SHIFT, central->span_bytes);
    assert_int_equal(ul_page_address(&heap, span->first_page) % central->span_bytes, 0);
    assert_int_equal(heap.pages.small_spans, 1);
    check();
    ul_mheap_free_small(&heap, span);
    assert_int_equal(heap.pages.small_spans, 0);
    check();
    ul_lock_drop(&central->lock);
  }
}

static void test_more_than_there_is(void **state) {
  size_t taken = 0;
  (void)state;
  assert_null(alloc(heap.reserved_pages + 1, 1));
  assert_null(alloc((size_t)UINT32_MAX * 2, 1));
  ul_mspan *all = alloc(heap.reserved_pages, 1);
  assert_non_null(all);
  assert_null(alloc(1, 1));
  assert_false(ul_mheap_extend(&heap, all, (size_t)all->pages + 1));
  give(all);
  while (alloc(1000, 1)) taken++;
  assert_int_equal(taken, heap.reserved_pages / 1000);
  check();
}

static void test_says_when_pages_come_back(void **state) {
  (void)state;
  heap.hooks.freed = count_freed;
  ul_mspan *span = alloc(4, 1);
  ul_mheap_shrink(&heap, span, 4);
  assert_int_equal(freed_calls, 0);
  ul_mheap_shrink(&heap, span, 3);
  assert_int_equal(freed_calls, 1);
  give(span);
  assert_int_equal(freed_calls, 2);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(test_against_a_page_map, new_heap),
      cmocka_unit_test_setup(test_best_fit_then_lowest, new_heap),
      cmocka_unit_test_setup(test_memory_before_fit, new_heap),
      cmocka_unit_test_setup(test_neighbours_merge, new_heap),
      cmocka_unit_test_setup(test_small_spans, new_heap),
      cmocka_unit_test_setup(test_more_than_there_is, new_heap),
      cmocka_unit_test_setup(test_says_when_pages_come_back, new_heap),
  };
  if (argc > 2) argc--, argv++; /* --seed N */
  stress_start(argc, argv, 230);
  printf("seed %llu\n", (unsigned long long)stress_seed);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
