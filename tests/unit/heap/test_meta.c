/* SPDX-License-Identifier: MIT */
/* test_meta.c: blocks for records: aligned, apart from each other, reused, counted, and NULL when
 * the stretch is used up.
 *
 * Options  --seed N, printed at the start. */
#include "../../stress/stress.h"

#include <setjmp.h>
#include <cmocka.h>

#include "base/base.h"
#include "heap/meta.h"
#include "os/pages.h"

enum { BLOCKS = 300 };

static const size_t room_bytes = 8 << 20;
static ul_meta      meta;
static char        *start;

static int new_meta(void **state) {
  (void)state;
  memset(&meta, 0, sizeof meta);
  start = ul_os_reserve(room_bytes);
  if (!start) return -1;
  ul_meta_init(&meta, (uintptr_t)start, room_bytes);
  return 0;
}

static size_t block_bytes(size_t bytes) {
  size_t block = 64;
  while (block < bytes) block *= 2;
  return block;
}

static void test_random_blocks(void **state) {
  struct {
    char    *at;
    size_t   bytes;
    uint64_t tag;
  } blocks[BLOCKS] = {0};
  uint64_t random = stress_seed, used_bytes = 0;
  (void)state;
  for (uint64_t n = 0; n < 20000; n++) {
    size_t i = stress_random(&random) % BLOCKS;
    if (blocks[i].at) {
      assert_true(stress_holds(blocks[i].at, blocks[i].bytes, blocks[i].bytes, blocks[i].tag));
      ul_meta_free(&meta, blocks[i].at, blocks[i].bytes);
      blocks[i].at = NULL;
      used_bytes -= block_bytes(blocks[i].bytes);
    } else {
      size_t shift = stress_random(&random) % 14;
      size_t bytes = 1 + stress_random(&random) % ((size_t)16 << shift);
      char  *at = bytes <= 65536 ? ul_meta_alloc(&meta, bytes) : NULL;
      if (!at) continue;
      assert_int_equal((uintptr_t)at % 64, 0);
      assert_true(at >= start && at + bytes <= start + room_bytes);
      stress_fill(at, bytes, n);
      blocks[i].at = at, blocks[i].bytes = bytes, blocks[i].tag = n;
      used_bytes += block_bytes(bytes);
    }
    assert_int_equal(meta.used_bytes, used_bytes);
  }
}

static void test_reuses_what_was_dropped(void **state) {
  (void)state;
  for (size_t bytes = 64; bytes <= 65536; bytes *= 2) {
    void *first = ul_meta_alloc(&meta, bytes), *second = ul_meta_alloc(&meta, bytes - 1);
    assert_true(first && second && first != second);
    ul_meta_free(&meta, first, bytes);
    ul_meta_free(&meta, second, bytes - 1);
    uintptr_t next = meta.next;
    void     *again[2] = {ul_meta_alloc(&meta, bytes), ul_meta_alloc(&meta, bytes / 2 + 1)};
    assert_true((again[0] == first && again[1] == second) ||
                (again[0] == second && again[1] == first));
    assert_int_equal(meta.next, next);
  }
}

static void test_free_of_null(void **state) {
  (void)state;
  ul_meta_free(&meta, NULL, 64);
  assert_int_equal(meta.used_bytes, 0);
}

static void test_used_up(void **state) {
  size_t large = 0, small = 0;
  void  *last = NULL;
  (void)state;
  assert_non_null(ul_meta_alloc(&meta, 1)); /* so that the last large block does not fit exactly */
  for (void *at; (at = ul_meta_alloc(&meta, 65536)) != NULL; last = at) large++;
  assert_int_equal(large, room_bytes / 65536 - 1);
  while (ul_meta_alloc(&meta, 64)) small++; /* what is left still serves small ones */
  assert_int_equal(small, 65536 / 64 - 1);
  assert_int_equal(meta.used_bytes, room_bytes);
  ul_meta_free(&meta, last, 65536);
  assert_ptr_equal(ul_meta_alloc(&meta, 40000), last);
  assert_null(ul_meta_alloc(&meta, 40000));
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(test_random_blocks, new_meta),
      cmocka_unit_test_setup(test_reuses_what_was_dropped, new_meta),
      cmocka_unit_test_setup(test_free_of_null, new_meta),
      cmocka_unit_test_setup(test_used_up, new_meta),
  };
  if (argc > 2) argc--, argv++; /* --seed N */
  stress_start(argc, argv, 230);
  printf("seed %llu\n", (unsigned long long)stress_seed);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
