/* SPDX-License-Identifier: MIT */
/* run_html.c: see run_html.h. */
#include "cli/run_html.h"

#include <string.h>

#include "launch/counters.h"

/* In one look; a JVM may have thousands a second, and a lane shows no more. */
#define COLLECTIONS_MOST 10000
#define PARTS_EVERY_NS   ((uint64_t)100 * 1000 * 1000)

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

bool ul_run_html_names(const char *path) {
  return path && (ends_with(path, ".html") || ends_with(path, ".htm"));
}

void ul_run_html_begin(ul_run_html *html, const char *path, uint64_t budget_bytes) {
  memset(html, 0, sizeof *html);
  html->wanted = ul_run_html_names(path);
  ul_timeline_init(&html->timeline, budget_bytes);
}

/* What the resident bytes of now are made of, by the counters that each heap publishes. They are a
 * moment older than the look, so their sum is held below it. */
static void look_into_heaps(ul_run_html *html, const ul_watch *watch) {
  ul_peak_parts parts = {.at_ns = watch->figures.last_at_ns,
                         .resident_bytes = watch->figures.now_bytes};
  for (size_t i = 0; i < watch->count; i++) {
    const ul_watched *member = &watch->members[i];
    ul_counters       counters;
    if (member->live_address == 0 || member->is_gone ||
        ul_counters_read(member->process.pid, member->live_address, &counters) < 0) {
      continue;
    }
    uint64_t live = counters.value[UL_COUNTER_live_bytes];
    uint64_t resident = counters.value[UL_COUNTER_resident_bytes];
    live = UL_MIN(live, resident);
    parts.live_bytes += live;
    parts.free_bytes += resident - live;
    parts.own_bytes += counters.value[UL_COUNTER_metadata_bytes];
    parts.valid = true;
  }
  uint64_t left = parts.resident_bytes;
  parts.live_bytes = UL_MIN(parts.live_bytes, left);
  left -= parts.live_bytes;
  parts.free_bytes = UL_MIN(parts.free_bytes, left);
  left -= parts.free_bytes;
  parts.own_bytes = UL_MIN(parts.own_bytes, left);
  if (parts.valid) html->parts = parts;
}

void ul_run_html_look(ul_run_html *html, const ul_watch *watch) {
  const ul_figures *figures = &watch->figures;
  if (!html->wanted || figures->samples == 0 || figures->samples == html->timeline.looks) return;
  ul_timeline_look look = {.at_ns = figures->last_at_ns,
                           .resident_bytes = figures->now_bytes,
                           .live_bytes =
                               watch->live_seen ? watch->live_now_bytes : UL_TIMELINE_NO_LIVE,
                           .relief_bytes = watch->relief_now_bytes,
                           .level = (unsigned)UL_MIN(watch->level_now, (uint64_t)3)};
  bool             is_peak = look.resident_bytes >= html->parts.resident_bytes;
  ul_timeline_add(&html->timeline, &look);
  if (is_peak && watch->live_seen && look.at_ns >= html->parts_due_ns) {
    html->parts_due_ns = look.at_ns + PARTS_EVERY_NS;
    look_into_heaps(html, watch);
  }
}

void ul_run_html_collections(ul_run_html *html, uint64_t count, uint64_t at_ns) {
  if (!html->wanted) return;
  for (uint64_t i = 0; i < UL_MIN(count, (uint64_t)COLLECTIONS_MOST); i++) {
    ul_timeline_mark(&html->timeline, UL_MARK_COLLECTION, at_ns, 0, NULL);
  }
}

void ul_run_html_mark(ul_run_html *html, enum ul_mark_kind kind, uint64_t at_ns, uint64_t bytes,
                      const char *text) {
  if (html->wanted) ul_timeline_mark(&html->timeline, kind, at_ns, bytes, text);
}

ul_report_price ul_run_html_price(const ul_knob_facts *facts) {
  return (ul_report_price){.valid = facts->price_k_bytes > 0 && facts->price_l0_bytes > 0,
                           .price = {.k_bytes = (double)facts->price_k_bytes,
                                     .l0_bytes = (double)facts->price_l0_bytes}};
}

char *ul_run_html_page(const ul_run_html *html, const ul_run_result *result, char *const *arguments,
                       const ul_knobs *knobs, const ul_report_price *price) {
  ul_report_view view = {.result = result,
                         .arguments = arguments,
                         .timeline = &html->timeline,
                         .parts = &html->parts,
                         .knobs = knobs,
                         .price = price};
  return ul_report_html(&view);
}
