/* SPDX-License-Identifier: MIT */
/* test_family.c: the contracts of the malloc family under the ullage_ names.
 *
 * The promises stand in tests/stress/family.h and are the same that stress_family.c asks of the
 * interposed names; here they run without interposition, so also under the sanitizers. A broken
 * promise aborts with its own line rather than through cmocka. */
#include "../../stress/family.h"

#include "os/pages.h"

#include <ullage/ullage.h>

#include <setjmp.h>
#include <cmocka.h>

static size_t usable_size(void *object) {
  return ullage_malloc_usable_size(object);
}

static family names = {
    .malloc = ullage_malloc,
    .calloc = ullage_calloc,
    .realloc = ullage_realloc,
    .reallocarray = ullage_reallocarray,
    .free = ullage_free,
    .free_sized = ullage_free_sized,
    .free_aligned_sized = ullage_free_aligned_sized,
    .memalign = ullage_memalign,
    .posix_memalign = ullage_posix_memalign,
    .aligned_alloc = ullage_aligned_alloc,
    .valloc = ullage_valloc,
    .pvalloc = ullage_pvalloc,
    .usable_size = usable_size,
    .max_bytes = 24 * MIB,
};

#define TEST(name)                           \
  static void promise_##name(void **state) { \
    (void)state;                             \
    family_test_##name(&names);              \
  }
TEST(impossible_sizes)
TEST(size_zero)
TEST(errno)
TEST(alignment)
TEST(bad_aligned_alloc)
TEST(usable_size)
TEST(waste)
TEST(calloc)
TEST(realloc)
TEST(realloc_growth)
TEST(no_overlap)

/* What the classes below 128 bytes are is said in messages and relied on by tests/misuse. */
static void test_small_classes(void **state) {
  static const size_t size[][2] = {{1, 8},   {8, 8},   {9, 16},  {16, 16},
                                   {17, 32}, {24, 32}, {33, 48}, {100, 112}};
  (void)state;
  for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
    void *object = ullage_malloc(size[i][0]);
    assert_int_equal(ullage_malloc_usable_size(object), size[i][1]);
    ullage_free(object);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(promise_impossible_sizes),
      cmocka_unit_test(promise_size_zero),
      cmocka_unit_test(promise_errno),
      cmocka_unit_test(promise_alignment),
      cmocka_unit_test(promise_bad_aligned_alloc),
      cmocka_unit_test(promise_usable_size),
      cmocka_unit_test(promise_waste),
      cmocka_unit_test(promise_calloc),
      cmocka_unit_test(promise_realloc),
      cmocka_unit_test(promise_realloc_growth),
      cmocka_unit_test(promise_no_overlap),
      cmocka_unit_test(test_small_classes),
  };
  stress_seed = 20240229;
  names.page_bytes = names.step_bytes = ul_os_page_bytes();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
