/* SPDX-License-Identifier: MIT */
/* test_list.c: rings beside arrays: two heads, elements that move between them at random.
 *
 * Options  --seed N, printed at the start. */
#include "../../stress/stress.h"

#include <setjmp.h>
#include <cmocka.h>

#include "base/list.h"

enum { ELEMENTS = 24, NOWHERE = 2 };

typedef struct element {
  uint64_t before;
  ul_link  link;
  int      number;
} element;

static element elements[ELEMENTS];
static ul_link heads[2];
static int     order[2][ELEMENTS], lengths[2], where[ELEMENTS];

static void start_empty(void) {
  for (int h = 0; h < 2; h++) {
    ul_link_init(&heads[h]);
    lengths[h] = 0;
  }
  for (int i = 0; i < ELEMENTS; i++) {
    elements[i].number = i;
    ul_link_init(&elements[i].link);
    where[i] = NOWHERE;
  }
}

static void compare(int h) {
  ul_link *link = heads[h].next;
  assert_int_equal(ul_list_empty(&heads[h]), lengths[h] == 0);
  for (int i = 0; i < lengths[h]; i++, link = link->next) {
    assert_ptr_not_equal(link, &heads[h]);
    assert_int_equal(UL_CONTAINER_OF(link, element, link)->number, order[h][i]);
    assert_ptr_equal(link->next->prev, link);
    assert_ptr_equal(link->prev->next, link);
  }
  assert_ptr_equal(link, &heads[h]);
}

static void take_off(int i) {
  ul_list_remove(&elements[i].link);
  assert_true(ul_list_empty(&elements[i].link)); /* points to itself */
  if (where[i] == NOWHERE) return;
  int *numbers = order[where[i]], *length = &lengths[where[i]], at = 0;
  while (numbers[at] != i) at++;
  memmove(numbers + at, numbers + at + 1, (size_t)(*length - at - 1) * sizeof *numbers);
  --*length;
  where[i] = NOWHERE;
}

static void put_on(int h, int i, bool first) {
  int *numbers = order[h];
  if (first) {
    ul_list_push(&heads[h], &elements[i].link);
    memmove(numbers + 1, numbers, (size_t)lengths[h] * sizeof *numbers);
    numbers[0] = i;
  } else {
    ul_list_append(&heads[h], &elements[i].link);
    numbers[lengths[h]] = i;
  }
  lengths[h]++;
  where[i] = h;
}

static void test_push_is_first_append_is_last(void **state) {
  (void)state;
  start_empty();
  put_on(0, 1, true);
  put_on(0, 2, true);
  put_on(0, 3, false);
  assert_ptr_equal(heads[0].next, &elements[2].link);
  assert_ptr_equal(heads[0].prev, &elements[3].link);
  compare(0);
  compare(1);
}

static void test_remove_of_what_is_on_no_list(void **state) {
  (void)state;
  start_empty();
  put_on(0, 0, true);
  take_off(1);
  take_off(0);
  take_off(0);
  compare(0);
}

static void test_random_moves(void **state) {
  uint64_t random = stress_seed;
  (void)state;
  start_empty();
  for (int n = 0; n < 50000; n++) {
    int i = (int)(stress_random(&random) % ELEMENTS);
    take_off(i);
    if (stress_random(&random) % 4) put_on((int)(stress_random(&random) & 1), i, n & 1);
    compare(0);
    compare(1);
  }
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_push_is_first_append_is_last),
      cmocka_unit_test(test_remove_of_what_is_on_no_list),
      cmocka_unit_test(test_random_moves),
  };
  if (argc > 2) argc--, argv++; /* --seed N */
  stress_start(argc, argv, 230);
  printf("seed %llu\n", (unsigned long long)stress_seed);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
