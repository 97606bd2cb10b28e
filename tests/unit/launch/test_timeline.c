/* SPDX-License-Identifier: MIT */
/* test_timeline.c: what stays of a run when there are more looks than points. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "launch/timeline.h"

#define MS ((uint64_t)1000000u)

static ul_timeline line;

static void add(uint64_t at_ms, uint64_t mib, uint64_t live_mib) {
  ul_timeline_look look = {.at_ns = at_ms * MS,
                           .resident_bytes = mib * UL_MIB,
                           .live_bytes = live_mib ? live_mib * UL_MIB : UL_TIMELINE_NO_LIVE};
  ul_timeline_add(&line, &look);
}

static void check_order(void) {
  assert_in_range(line.count, 0, UL_TIMELINE_POINTS);
  for (size_t i = 0; i < line.count; i++) {
    assert_true(line.point[i].from_ns <= line.point[i].at_ns);
    if (i > 0) assert_true(line.point[i - 1].at_ns <= line.point[i].at_ns);
  }
}

static void few_looks_stay_as_they_are(void **state) {
  (void)state;
  ul_timeline_init(&line, 0);
  for (uint64_t i = 0; i < UL_TIMELINE_POINTS; i++) add(i, i + 1, 0);
  assert_int_equal(line.count, UL_TIMELINE_POINTS);
  for (uint64_t i = 0; i < UL_TIMELINE_POINTS; i++) {
    assert_int_equal(line.point[i].at_ns, i * MS);
    assert_int_equal(line.point[i].resident_bytes, (i + 1) * UL_MIB);
  }
  assert_false(line.live_seen);
}

/* Wherever a needle of one look stands, and in either of the two series, it is still there. */
static void no_peak_is_lost(void **state) {
  static const uint64_t looks[] = {1025, 2048, 5000, 100000};
  (void)state;
  for (size_t n = 0; n < UL_ARRAY_LEN(looks); n++) {
    for (uint64_t needle = 1; needle < looks[n]; needle += looks[n] / 7) {
      uint64_t resident = 0, live = 0, resident_at = 0;
      ul_timeline_init(&line, 0);
      for (uint64_t i = 0; i < looks[n]; i++) {
        add(i * 50, i == needle ? 900 : 100, i == needle - 1 ? 95 : 50);
      }
      check_order();
      for (size_t i = 0; i < line.count; i++) {
        if (line.point[i].resident_bytes > resident) {
          resident = line.point[i].resident_bytes;
          resident_at = line.point[i].at_ns;
        }
        live = UL_MAX(live, line.point[i].live_bytes);
      }
      assert_int_equal(resident, 900 * UL_MIB);
      assert_int_equal(resident_at, needle * 50 * MS);
      assert_int_equal(live, 95 * UL_MIB);
      assert_int_equal(line.peak_at_ns, needle * 50 * MS);
      assert_int_equal(line.peak_live_bytes, 50 * UL_MIB);
      assert_int_equal(line.looks, looks[n]);
    }
  }
}

/* Dense looks first, sparse later, for three days: no point covers more than a hundredth of it. */
static void a_long_run_is_covered_evenly(void **state) {
  uint64_t at = 0, day = 24 * 3600 * 1000;
  (void)state;
  ul_timeline_init(&line, 0);
  for (at = 0; at < 2000; at += 5) add(at, 10, 0);
  for (; at < 3 * day; at += 500) add(at, 10, 0);
  check_order();
  assert_in_range(line.count, 400, UL_TIMELINE_POINTS);
  for (size_t i = 1; i < line.count; i++) {
    assert_in_range(line.point[i].from_ns - line.point[i - 1].from_ns, 1, 3 * day * MS / 100);
  }
  assert_int_equal(line.point[0].from_ns, 0);
  assert_true(line.last_ns - line.point[line.count - 1].from_ns < 3 * day * MS / 100);
}

static void what_is_counted_is_added_up(void **state) {
  uint64_t relief = 0, collections = 0;
  unsigned level = 0;
  (void)state;
  ul_timeline_init(&line, 0);
  for (uint64_t i = 0; i < 5000; i++) {
    ul_timeline_look look = {.at_ns = i * MS,
                             .relief_bytes = i < 4000 ? i * 10 : 7, /* a process ended at 4000 */
                             .level = i == 3333 ? 2 : 0};
    ul_timeline_add(&line, &look);
    if (i % 3 == 0) ul_timeline_mark(&line, UL_MARK_COLLECTION, i * MS, 0, NULL);
  }
  for (size_t i = 0; i < line.count; i++) {
    relief += line.point[i].relief_bytes;
    collections += line.point[i].collections;
    level = UL_MAX(level, line.point[i].level);
  }
  assert_int_equal(relief, 39990);
  assert_int_equal(line.relief_total_bytes, 39990);
  assert_int_equal(collections, 1667);
  assert_int_equal(line.collections, 1667);
  assert_int_equal(level, 2);
  assert_int_equal(line.marks, 0);
}

static void marks_are_bounded_and_the_rest_counted(void **state) {
  char longest[1000];
  (void)state;
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = 0;
  ul_timeline_init(&line, 0);
  ul_timeline_mark(&line, UL_MARK_WALL, 1, 2, "first line\nsecond");
  ul_timeline_mark(&line, UL_MARK_WALL, 1, 2, longest);
  for (int i = 0; i < 300; i++) ul_timeline_mark(&line, UL_MARK_TRIPWIRE_80, 3, 4, NULL);
  assert_int_equal(line.marks, UL_TIMELINE_MARKS);
  assert_int_equal(line.marks_dropped, 302 - UL_TIMELINE_MARKS);
  assert_string_equal(line.mark[0].text, "first line");
  assert_int_equal(strlen(line.mark[1].text), UL_TIMELINE_TEXT_MAX - 1);
  assert_string_equal(line.mark[2].text, "");
  assert_string_equal(ul_mark_key(UL_MARK_OOM_KILL), "oom_kill");
  assert_string_equal(ul_mark_title(UL_MARK_WALL), "ended at the wall");
}

/* After days of pressure the budget's line must still be right, and the end be seen. */
static void what_is_common_leaves_room(void **state) {
  (void)state;
  ul_timeline_init(&line, 100);
  for (int i = 0; i < 500; i++) {
    ul_timeline_mark(&line, i % 2 ? UL_MARK_PRESSURE : UL_MARK_PAUSED, 3, 4, NULL);
  }
  assert_int_equal(line.marks + line.marks_dropped, 500);
  assert_true(line.marks > 100 && line.marks < UL_TIMELINE_MARKS);
  ul_timeline_mark(&line, UL_MARK_RAISED, 5, 150, NULL);
  ul_timeline_mark(&line, UL_MARK_WALL, 6, 150, NULL);
  assert_int_equal(line.marks + line.marks_dropped, 502);
  assert_int_equal(line.mark[line.marks - 1].kind, UL_MARK_WALL);
  assert_int_equal(ul_timeline_budget(&line, 6), 150);
}

static void the_budget_rises_in_steps(void **state) {
  (void)state;
  ul_timeline_init(&line, 100);
  ul_timeline_mark(&line, UL_MARK_RAISED, 50, 120, NULL);
  ul_timeline_mark(&line, UL_MARK_RAISED, 90, 150, NULL);
  assert_int_equal(ul_timeline_budget(&line, 49), 100);
  assert_int_equal(ul_timeline_budget(&line, 50), 120);
  assert_int_equal(ul_timeline_budget(&line, 1000), 150);
}

static void time_does_not_go_backwards(void **state) {
  (void)state;
  ul_timeline_init(&line, 0);
  add(10, 1, 0);
  add(5, 2, 0);
  check_order();
  assert_int_equal(line.point[1].at_ns, 10 * MS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(few_looks_stay_as_they_are),
      cmocka_unit_test(no_peak_is_lost),
      cmocka_unit_test(a_long_run_is_covered_evenly),
      cmocka_unit_test(what_is_counted_is_added_up),
      cmocka_unit_test(marks_are_bounded_and_the_rest_counted),
      cmocka_unit_test(what_is_common_leaves_room),
      cmocka_unit_test(the_budget_rises_in_steps),
      cmocka_unit_test(time_does_not_go_backwards),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
