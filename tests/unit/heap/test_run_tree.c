/* SPDX-License-Identifier: MIT */
/* test_run_tree.c: the treap beside a sorted array: random inserts, removals and look-ups must
 * agree, the tree must be in order all the time, and its depth must stay logarithmic for the orders
 * in which a heap really makes runs.
 *
 * Options  --seed N, printed at the start. */
#include "../../stress/stress.h"

#include <setjmp.h>
#include <cmocka.h>

#include "heap/run_tree.h"

enum { RUNS = 512, MANY = 16384 };

static ul_mspan  runs[MANY];
static ul_mspan *sorted[RUNS];
static size_t    count;
static bool      is_in[RUNS];

static bool comes_before(const ul_mspan *a, const ul_mspan *b) {
  return a->pages != b->pages ? a->pages < b->pages : a->first_page < b->first_page;
}

static void array_insert(ul_mspan *run) {
  size_t at = count++;
  for (; at > 0 && comes_before(run, sorted[at - 1]); at--) sorted[at] = sorted[at - 1];
  sorted[at] = run;
}

static void array_remove(const ul_mspan *run) {
  size_t at = 0;
  while (sorted[at] != run) at++;
  memmove(sorted + at, sorted + at + 1, (--count - at) * sizeof *sorted);
}

static ul_mspan *array_at_least(size_t pages, size_t first_page) {
  for (size_t i = 0; i < count; i++) {
    const ul_mspan *run = sorted[i];
    if (run->pages > pages || (run->pages == pages && run->first_page >= first_page))
      return sorted[i];
  }
  return NULL;
}

/* In-order; returns the depth. */
static size_t compare(const ul_mspan *node, size_t *at) {
  if (!node) return 0;
  size_t less = compare(node->left, at);
  assert_true(*at < count);
  assert_ptr_equal(node, sorted[(*at)++]);
  size_t more = compare(node->right, at);
  return 1 + UL_MAX(less, more);
}

static size_t depth_of(const ul_mspan *node) {
  if (!node) return 0;
  size_t less = depth_of(node->left), more = depth_of(node->right);
  return 1 + UL_MAX(less, more);
}

static void test_against_a_sorted_array(void **state) {
  uint64_t  random = stress_seed;
  ul_mspan *root = NULL;
  (void)state;
  count = 0;
  memset(is_in, 0, sizeof is_in);
  for (int n = 0; n < 30000; n++) {
    size_t    i = stress_random(&random) % RUNS;
    ul_mspan *run = &runs[i];
    if (is_in[i]) {
      ul_run_tree_remove(&root, run);
      array_remove(run);
    } else {
      run->first_page = (uint32_t)i * 7;
      run->pages = (uint32_t)(1 + stress_random(&random) % (n % 2 ? 4 : 60)); /* many equal ones */
      ul_run_tree_insert(&root, run);
      array_insert(run);
    }
    is_in[i] = !is_in[i];
    size_t pages = stress_random(&random) % 64, first_page = stress_random(&random) % (RUNS * 7);
    assert_ptr_equal(ul_run_tree_at_least(root, pages, first_page),
                     array_at_least(pages, first_page));
    if (n % 64) continue;
    size_t at = 0;
    compare(root, &at);
    assert_int_equal(at, count);
  }
  while (count > 0) {
    ul_mspan *run = sorted[stress_random(&random) % count];
    ul_run_tree_remove(&root, run);
    array_remove(run);
  }
  assert_null(root);
}

static void test_edges(void **state) {
  ul_mspan *root = NULL;
  (void)state;
  assert_null(ul_run_tree_at_least(root, 0, 0));
  runs[0] = (ul_mspan){.first_page = 5, .pages = 3};
  ul_run_tree_insert(&root, &runs[0]);
  assert_ptr_equal(ul_run_tree_at_least(root, 0, 0), &runs[0]);
  assert_ptr_equal(ul_run_tree_at_least(root, 3, 5), &runs[0]);
  assert_ptr_equal(ul_run_tree_at_least(root, 2, SIZE_MAX), &runs[0]);
  assert_null(ul_run_tree_at_least(root, 3, 6));
  assert_null(ul_run_tree_at_least(root, 4, 0));
  ul_run_tree_remove(&root, &runs[0]);
  assert_null(root);
}

/* The shape depends on the contents only, so these depths are the same in every run: 16384 runs in
 * a perfectly balanced tree are 14 deep, in a list 16384. */
static void test_depth_is_logarithmic(void **state) {
  (void)state;
  for (int order = 0; order < 3; order++) {
    ul_mspan *root = NULL;
    for (uint32_t i = 0; i < MANY; i++) {
      uint32_t pages = order == 0 ? 1 : order == 1 ? i + 1 : MANY - i;
      runs[i] = (ul_mspan){.first_page = i * 2, .pages = pages};
      ul_run_tree_insert(&root, &runs[i]);
    }
    assert_true(depth_of(root) <= 60);
  }
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_against_a_sorted_array),
      cmocka_unit_test(test_edges),
      cmocka_unit_test(test_depth_is_logarithmic),
  };
  if (argc > 2) argc--, argv++; /* --seed N */
  stress_start(argc, argv, 230);
  printf("seed %llu\n", (unsigned long long)stress_seed);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
