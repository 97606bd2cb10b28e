/* SPDX-License-Identifier: MIT */
/* test_report_html.c: the page as a text. How it looks and is used, a browser tells: tests/e2e. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "launch/json_text.h"
#include "launch/report_html.h"
#include "launch/report_svg.h"

#define SECOND ((uint64_t)1000000000u)

static ul_run_result   result;
static ul_timeline     line;
static ul_peak_parts   parts;
static ul_knobs        knobs;
static ul_report_price price;
static ul_report_view  view;
static char           *arguments[] = {"/srv/cache", "-p", "80", NULL};
static char           *page;

static int begin(void **state) {
  (void)state;
  memset(&result, 0, sizeof result);
  result.program.runtime = UL_RUNTIME_GO;
  strcpy(result.program.path, "/srv/cache");
  result.wall_ns = 10 * SECOND;
  result.samples = 200;
  result.peak_rss_bytes = 900 * UL_MIB;
  result.p99_rss_bytes = 890 * UL_MIB;
  result.floor_rss_bytes = result.startup_peak_rss_bytes = UL_UNKNOWN;
  result.live_bytes = result.peak_pss_bytes = UL_UNKNOWN;
  result.budget_bytes = 1000 * UL_MIB;
  result.budget_exceeded_at_ns = UL_UNKNOWN;
  ul_timeline_init(&line, result.budget_bytes);
  for (uint64_t i = 0; i < 200; i++) {
    ul_timeline_look look = {.at_ns = i * SECOND / 20,
                             .resident_bytes = (i < 90 ? 10 * i : 900) * UL_MIB,
                             .live_bytes = i < 5 ? UL_TIMELINE_NO_LIVE : 8 * i * UL_MIB / 2};
    ul_timeline_add(&line, &look);
  }
  parts = (ul_peak_parts){0};
  memset(&knobs, 0, sizeof knobs);
  price = (ul_report_price){0};
  view = (ul_report_view){.result = &result,
                          .arguments = arguments,
                          .timeline = &line,
                          .parts = &parts,
                          .knobs = &knobs,
                          .price = &price};
  return 0;
}

static int finish(void **state) {
  (void)state;
  free(page);
  page = NULL;
  return 0;
}

static size_t count_of(const char *what) {
  size_t count = 0;
  for (const char *at = page; (at = strstr(at, what)); at += strlen(what)) count++;
  return count;
}

/* Writes it, and checks what holds for every page. */
static void write_page(void) {
  free(page);
  page = ul_report_html(&view);
  assert_non_null(page);
  assert_true(ul_json_is_utf8(page));
  assert_memory_equal(page, "<!DOCTYPE html>\n<html lang=\"en\">", 32);
  assert_string_equal(page + strlen(page) - 8, "</html>\n");
  assert_int_equal(count_of("<script"), line.count > 0);
  assert_int_equal(count_of("<h1>"), 1);
  assert_int_equal(count_of("http://") + count_of("https://") + count_of(" src="), 0);
  assert_int_equal(count_of("<section"), count_of("</section>"));
  assert_int_equal(count_of("<table"), count_of("</table>"));
  assert_int_equal(count_of("<table"), count_of("<caption"));
  assert_int_equal(count_of("<div"), count_of("</div>"));
  assert_int_equal(count_of("<span"), count_of("</span>"));
  assert_int_equal(count_of("nan") - count_of("nance"), 0);
  assert_int_equal(count_of("inf%") + count_of("inf\"") + count_of("18446744073709551615"), 0);
}

static void assert_says(const char *text) {
  if (!strstr(page, text)) fail_msg("the page does not say: %s", text);
}

static void the_headline_says_how_it_went(void **state) {
  (void)state;
  write_page();
  assert_says("kept its budget</span> of");
  assert_says("100.0 MiB</span> <span class=\"q\">(10.0 %)</span> to spare.");
  result.peak_rss_bytes = 1100 * UL_MIB;
  write_page();
  assert_says("exceeded its budget</span>");
  assert_says("100.0 MiB</span> (10.0 %).");
  result.enclose.ended_at_wall = true;
  result.enclose.kind = UL_ENCLOSURE_CGROUP1;
  result.exit_reason = UL_EXIT_REASON_WALL;
  strcpy(result.enclose.wall_text, "At the wall <b>\n  of it\n");
  write_page();
  assert_says("ended at the wall</span>: it needed more than");
  assert_says("At the wall &lt;b&gt;\n  of it\n");
  result.exit_reason = UL_EXIT_REASON_NORMAL;
  result.enclose.ended_at_wall = false;
  result.enclose.raised_to_bytes = 1200 * UL_MIB;
  write_page();
  assert_says("needed more</span> than its budget");
  result.budget_bytes = 0;
  result.enclose = (ul_enclose){0};
  view.knobs = NULL;
  ul_timeline_init(&line, 0);
  write_page();
  assert_says("at most, without a budget");
  assert_says("It was over before it could be looked at");
  result.peak_rss_bytes = UL_UNKNOWN;
  write_page();
  assert_says("held memory that nobody could see");
  result.budget_bytes = 1000 * UL_MIB;
  write_page();
  assert_says("what it held, nobody could see");
}

static void nothing_from_outside_is_markup(void **state) {
  static const char hostile[] =
      "</style></title><script>alert(1)</script>\x1b\xff\"'><img onerror=x";
  char *hostile_arguments[] = {(char *)hostile, (char *)hostile, NULL};
  (void)state;
  view.arguments = hostile_arguments;
  strcpy(result.program.path, hostile);
  strcpy(result.enclose.why_not, hostile);
  strcpy(result.enclose.wall_text, hostile);
  strcpy(result.enclose.wall_path, hostile);
  knobs.count = 2;
  for (size_t i = 0; i < 2; i++) {
    knobs.rows[i] = (ul_knob){.variable = hostile};
    snprintf(knobs.rows[i].option, sizeof knobs.rows[i].option, "%.47s", i ? hostile : "");
    strcpy(knobs.rows[i].value, hostile);
    strcpy(knobs.rows[i].why, hostile);
  }
  knobs.warning_count = 1;
  strcpy(knobs.warnings[0], hostile);
  ul_timeline_mark(&line, UL_MARK_OOM_KILL, SECOND, 1, hostile);
  write_page();
  assert_int_equal(count_of("<script>"), 1);
  assert_int_equal(count_of("<img"), 0);
  assert_int_equal(count_of("</style>"), 1);
  assert_int_equal(count_of("</title>"), 1);
  assert_null(strchr(page, 0x1b));
  assert_in_range(count_of("alert(1)&lt;"), 10, 20); /* all of them are there, as text */
}

static void settings_have_their_reasons(void **state) {
  (void)state;
  knobs.rows[0] = (ul_knob){.runtime = UL_RUNTIME_GO,
                            .origin = UL_KNOB_CORRECTED,
                            .variable = "GOMEMLIMIT",
                            .value = "950MiB",
                            .why = "Go does not know the unit of 950M"};
  knobs.count = 1;
  write_page();
  assert_says("<code>GOMEMLIMIT=950MiB</code>");
  assert_says("yours, corrected");
  assert_says("Go does not know the unit of 950M");
}

static void the_peak_is_divided(void **state) {
  (void)state;
  parts = (ul_peak_parts){.valid = true,
                          .resident_bytes = 1000 * UL_MIB,
                          .live_bytes = 700 * UL_MIB,
                          .free_bytes = 200 * UL_MIB,
                          .own_bytes = 10 * UL_MIB};
  write_page();
  assert_says("<td class=\"n\">700.0 MiB</td><td class=\"n\">70 %</td>");
  assert_says("<td class=\"n\">90.0 MiB</td><td class=\"n\">9 %</td>");
}

static void the_price_is_shown_where_it_is_known(void **state) {
  ul_price_point points[] = {{1500 * UL_MIB, .305}, {1800 * UL_MIB, .187}};
  char           why[UL_PRICE_WHY_MAX];
  (void)state;
  write_page();
  assert_int_equal(count_of("What another budget would cost"), 0);
  assert_int_equal(ul_price_fit(points, 2, &price.price, why), 0);
  price.valid = true;
  price.points = points;
  price.count = 2;
  price.limit_bytes = points[1].limit_bytes;
  write_page();
  assert_says("What another budget would cost");
  assert_int_equal(count_of("class=\"dot now\""), 1);
  assert_says("10 % of the processor time");
}

/* Marks that stand together share a number; each has its row. */
static void marks_are_numbered(void **state) {
  unsigned group[UL_TIMELINE_MARKS];
  (void)state;
  ul_timeline_mark(&line, UL_MARK_TRIPWIRE_80, 2 * SECOND, 1, NULL);
  ul_timeline_mark(&line, UL_MARK_TRIPWIRE_90, 2 * SECOND + 1, 1, NULL);
  ul_timeline_mark(&line, UL_MARK_PAUSED, 8 * SECOND, 1, NULL);
  assert_int_equal(ul_svg_group_marks(&line, result.wall_ns, group), 2);
  assert_int_equal(group[0], 1);
  assert_int_equal(group[1], 1);
  assert_int_equal(group[2], 2);
  for (int i = 0; i < 300; i++) ul_timeline_mark(&line, UL_MARK_RAISED, 9 * SECOND, 1, NULL);
  write_page();
  assert_int_equal(count_of("class=\"badge\""), 3);
  assert_int_equal(count_of("class=\"badge inline\""), UL_TIMELINE_MARKS);
  assert_says("47 further marks were counted");
}

static void one_look_and_no_time_is_a_page(void **state) {
  ul_timeline_look look = {0};
  (void)state;
  ul_timeline_init(&line, 0);
  result.wall_ns = 0;
  ul_timeline_add(&line, &look);
  write_page();
  look.at_ns = UINT64_MAX;
  look.resident_bytes = look.live_bytes = UINT64_MAX / 2;
  ul_timeline_add(&line, &look);
  write_page();
}

static void axes_have_round_steps(void **state) {
  char text[32];
  (void)state;
  assert_int_equal(ul_axis_size_step(1500 * UL_MIB, 7), 200 * UL_MIB);
  assert_int_equal(ul_axis_size_step(6 * UL_GIB, 7), UL_GIB);
  assert_int_equal(ul_axis_size_step(0, 7), 1);
  assert_int_equal(ul_axis_time_step(16 * SECOND, 8), 2 * SECOND);
  assert_int_equal(ul_axis_time_step(72 * 3600 * SECOND, 8), 12 * 3600 * SECOND);
  for (uint64_t most = 1; most < UINT64_MAX / 3; most *= 3) {
    assert_true(most / ul_axis_size_step(most, 7) <= 7);
    assert_true(most / ul_axis_time_step(most, 8) <= 8);
  }
  ul_axis_size_label(1536 * UL_MIB, 6 * UL_GIB, text);
  assert_string_equal(text, "1.5 GiB");
  ul_axis_size_label(200 * UL_MIB, 1500 * UL_MIB, text);
  assert_string_equal(text, "200 MiB");
  ul_axis_time_label(90 * 60 * SECOND, 3 * 3600 * SECOND, text);
  assert_string_equal(text, "90 min");
  /* Neighbours on an axis never read the same, also where the end is a border of units. */
  for (uint64_t most = 1000000; most < 400 * 24 * 3600 * SECOND; most += most / 7) {
    char     before[32] = "";
    uint64_t step = ul_axis_time_step(most, 8);
    for (uint64_t i = 0; i <= most / step; i++) {
      ul_axis_time_label(i * step, most, text);
      assert_string_not_equal(text, before);
      memcpy(before, text, sizeof text);
    }
  }
  ul_axis_time_label(30 * SECOND, 240 * SECOND, text);
  assert_string_equal(text, "30 s");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_headline_says_how_it_went),        TEST(nothing_from_outside_is_markup),
      TEST(settings_have_their_reasons),          TEST(the_peak_is_divided),
      TEST(the_price_is_shown_where_it_is_known), TEST(marks_are_numbered),
      TEST(one_look_and_no_time_is_a_page),       TEST(axes_have_round_steps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
