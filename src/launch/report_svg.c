/* SPDX-License-Identifier: MIT */
/* report_svg.c: axes and the timeline of report_svg.h.
 *
 * The drawing is 1000 by 1000 whatever the page makes of it: x is the share of the run, y counts
 * from the top. Lines do not become thicker when it is stretched (vector-effect). Sizes on the axis
 * go to a little above the highest of peak and budget; a budget that would press the course into a
 * sixth of the height is not drawn but said.
 */
#include "launch/report_svg.h"

#include <inttypes.h>
#include <string.h>

#include "base/size_text.h"
#include "launch/html_text.h"
#include "launch/time_text.h"

#define SIDE          1000.0
#define SAW_DEPTH     18 /* percent of the height, between the peaks of a saw and its valleys */
#define TIME_TICKS    8
#define MARK_DISTANCE 60.0 /* of SIDE: on a narrow page, the width of a badge */

struct scale {
  uint64_t end_ns, top_bytes;
  bool     shows_budget;
};

/* ---- Axes ------------------------------------------------------------------------------------- */

uint64_t ul_axis_size_step(uint64_t most_bytes, unsigned ticks) {
  static const unsigned steps[] = {1, 2, 5, 10, 20, 50, 100, 200, 500};
  for (uint64_t unit = 1; unit <= (uint64_t)1 << 60; unit *= 1024) {
    for (size_t i = 0; i < UL_ARRAY_LEN(steps); i++) {
      if (most_bytes / (unit * steps[i]) <= ticks) return unit * steps[i];
    }
    if (unit == (uint64_t)1 << 60) break;
  }
  return UINT64_MAX;
}

uint64_t ul_axis_time_step(uint64_t most_ns, unsigned ticks) {
  static const uint64_t steps_ms[] = {
      1,      2,      5,       10,      20,      50,       100,      200,      500,
      1000,   2000,   5000,    10000,   15000,   30000,    60000,    120000,   300000,
      600000, 900000, 1800000, 3600000, 7200000, 10800000, 21600000, 43200000, 86400000};
  uint64_t most_ms = most_ns / 1000000u;
  for (size_t i = 0; i < UL_ARRAY_LEN(steps_ms); i++) {
    if (most_ms / steps_ms[i] <= ticks) return steps_ms[i] * 1000000u;
  }
  uint64_t days = most_ms / 86400000u / ticks + 1;
  return days * 86400000u * 1000000u;
}

void ul_axis_size_label(uint64_t bytes, uint64_t most_bytes, char ret_text[32]) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  unsigned                 unit = 0;
  for (; unit < 6 && most_bytes >> (10 * unit) >= 4096; unit++) {
  }
  double number = (double)bytes / (double)((uint64_t)1 << (10 * unit));
  snprintf(ret_text, 32, number - (double)(uint64_t)number > 0.04 ? "%.1f %s" : "%.0f %s", number,
           units[unit]);
}

/* The unit follows from the step, so that no two neighbours read the same. */
void ul_axis_time_label(uint64_t ns, uint64_t most_ns, char ret_text[32]) {
  const double second = 1e9, step = (double)ul_axis_time_step(most_ns, TIME_TICKS);
  if (step < second) {
    snprintf(ret_text, 32, "%.0f ms", (double)ns / second * 1e3);
  } else if (step < 60 * second) {
    snprintf(ret_text, 32, "%.0f s", (double)ns / second);
  } else if (step < 3600 * second) {
    snprintf(ret_text, 32, "%.0f min", (double)ns / second / 60);
  } else if (step < 86400 * second) {
    snprintf(ret_text, 32, "%.0f h", (double)ns / second / 3600);
  } else {
    snprintf(ret_text, 32, "%.0f d", (double)ns / second / 86400);
  }
}

static double x_of(const struct scale *scale, uint64_t ns) {
  return SIDE * (double)UL_MIN(ns, scale->end_ns) / (double)scale->end_ns;
}

static double y_of(const struct scale *scale, uint64_t bytes) {
  return SIDE - SIDE * (double)UL_MIN(bytes, scale->top_bytes) / (double)scale->top_bytes;
}

static struct scale scale_of(const ul_report_view *view) {
  const ul_timeline *line = view->timeline;
  struct scale       scale = {.shows_budget = line->budget_bytes > 0};
  uint64_t           peak = line->peak_bytes;
  uint64_t           budget = ul_timeline_budget(line, UINT64_MAX);
  if (view->result->peak_rss_bytes != UL_UNKNOWN) {
    peak = UL_MAX(peak, view->result->peak_rss_bytes);
  }
  for (size_t i = 0; i < line->count; i++) { /* live bytes are counted apart, and may be higher */
    uint64_t live = line->point[i].live_bytes;
    if (live != UL_TIMELINE_NO_LIVE) peak = UL_MAX(peak, live);
  }
  if (budget / 6 > peak) scale.shows_budget = false;
  if (scale.shows_budget) peak = UL_MAX(peak, budget);
  scale.top_bytes = UL_MAX(peak + peak / 14, (uint64_t)4096);
  scale.end_ns = UL_MAX(UL_MAX(view->result->wall_ns, line->last_ns), (uint64_t)1);
  return scale;
}

static void draw_labels(FILE *out, const struct scale *scale) {
  uint64_t size = ul_axis_size_step(scale->top_bytes, 7);
  uint64_t time = ul_axis_time_step(scale->end_ns, TIME_TICKS);
  char     text[32];
  fputs("<div class=\"axis y\" aria-hidden=\"true\">", out);
  for (uint64_t i = 0; i <= scale->top_bytes / size; i++) {
    uint64_t at = i * size;
    ul_axis_size_label(at, scale->top_bytes, text);
    fprintf(out, "<span style=\"top:%.2f%%\">%s</span>", y_of(scale, at) / 10, text);
  }
  fputs("</div>\n<div class=\"axis x\" aria-hidden=\"true\">", out);
  for (uint64_t i = 0; i <= scale->end_ns / time; i++) {
    uint64_t at = i * time;
    ul_axis_time_label(at, scale->end_ns, text);
    fprintf(out, "<span style=\"left:%.2f%%\">%s</span>", x_of(scale, at) / 10, text);
  }
  fputs("</div>\n", out);
}

static void draw_grid(FILE *out, const struct scale *scale) {
  uint64_t size = ul_axis_size_step(scale->top_bytes, 7);
  uint64_t time = ul_axis_time_step(scale->end_ns, TIME_TICKS);
  fputs("<path class=\"grid\" d=\"", out);
  for (uint64_t i = 0; i <= scale->top_bytes / size; i++) {
    uint64_t at = i * size;
    fprintf(out, "M0 %.1fH1000", y_of(scale, at));
  }
  for (uint64_t i = 1; i <= scale->end_ns / time; i++) {
    fprintf(out, "M%.1f 1000v-12", x_of(scale, i * time));
  }
  fputs("\"/>\n", out);
}

/* ---- The course ------------------------------------------------------------------------------- */

static uint64_t bytes_of(const ul_timeline_point *point, bool live) {
  return live ? point->live_bytes : point->resident_bytes;
}

/* The line of a series, or the area below it. Where live bytes are not known there is a gap. */
static void draw_series(FILE *out, const ul_timeline *line, const struct scale *scale, bool live,
                        bool area) {
  double x = 0;
  bool   open = false;
  fprintf(out, "<path class=\"%s %s\" d=\"", live ? "live" : "resident", area ? "area" : "line");
  for (size_t i = 0; i < line->count; i++) {
    const ul_timeline_point *point = &line->point[i];
    uint64_t                 bytes = bytes_of(point, live);
    bool                     known = bytes != UL_TIMELINE_NO_LIVE;
    if (!known && open && area) fprintf(out, "L%.1f 1000Z", x);
    if (known) {
      double y = y_of(scale, bytes);
      x = x_of(scale, live ? point->from_ns : point->at_ns);
      if (!open && area) fprintf(out, "M%.1f 1000", x);
      fprintf(out, "%s%.1f %.1f", open || area ? "L" : "M", x, y);
      if (!open && !area) fprintf(out, "h.1"); /* a single point is seen, too */
    }
    open = known;
  }
  if (open && area) fprintf(out, "L%.1f 1000Z", x);
  fputs("\"/>\n", out);
}

static void draw_budget(FILE *out, const ul_timeline *line, const struct scale *scale) {
  if (!scale->shows_budget) return;
  fprintf(out, "<path class=\"budget\" d=\"M0 %.1f", y_of(scale, line->budget_bytes));
  for (size_t i = 0; i < line->marks; i++) {
    const ul_timeline_mark_row *mark = &line->mark[i];
    if (mark->kind != UL_MARK_RAISED) continue;
    fprintf(out, "H%.1fV%.1f", x_of(scale, mark->at_ns),
            y_of(scale, ul_timeline_budget(line, mark->at_ns)));
  }
  fputs("H1000\"/>\n", out);
}

static void label_budget(FILE *out, const ul_timeline *line, const struct scale *scale) {
  char     text[UL_SIZE_TEXT_MAX];
  uint64_t budget = ul_timeline_budget(line, UINT64_MAX);
  if (line->budget_bytes == 0) return;
  ul_size_mib(text, budget);
  if (scale->shows_budget) {
    bool is_raised = budget > line->budget_bytes; /* then it is at the right that it is so high */
    bool at_left = !is_raised && x_of(scale, line->peak_at_ns) > SIDE / 2;
    fprintf(out,
            "<span class=\"label %s%s\" style=\"top:%.2f%%\" aria-hidden=\"true\">%s %s"
            "</span>\n",
            budget < line->peak_bytes ? "under" : "over", at_left ? " left" : "",
            y_of(scale, budget) / 10, is_raised ? "budget, raised to" : "budget", text);
  } else {
    fprintf(out,
            "<span class=\"label\" style=\"top:0\" aria-hidden=\"true\">budget %s, far above "
            "&#8593;</span>\n",
            text);
  }
}

/* The lowest that is drawn where the label of the peak will stand: in a third of the width (on a
 * narrow page it takes that much) to one side of it. */
static uint64_t lowest_beside(const ul_timeline *line, const struct scale *scale, bool before) {
  uint64_t reach = scale->end_ns / 3, lowest = line->peak_bytes;
  uint64_t from = before ? line->peak_at_ns - UL_MIN(line->peak_at_ns, reach) : line->peak_at_ns;
  for (size_t i = 0; i < line->count; i++) {
    const ul_timeline_point *point = &line->point[i];
    if (point->at_ns < from || point->from_ns > from + reach) continue;
    lowest = UL_MIN(lowest, UL_MIN(point->resident_bytes, point->live_bytes));
  }
  return lowest;
}

/* The ring is at the peak. Its label hides nothing of the course: below a saw, which comes back to
 * its peak again and again; above a hill, where the budget leaves room; else on its slope. */
static void label_peak(FILE *out, const ul_timeline *line, const struct scale *scale) {
  char        text[UL_SIZE_TEXT_MAX];
  double      x = x_of(scale, line->peak_at_ns) / 10, y = y_of(scale, line->peak_bytes) / 10;
  bool        before = x > 60;
  double      below = y_of(scale, lowest_beside(line, scale, before)) / 10, top = y;
  uint64_t    budget = scale->shows_budget ? ul_timeline_budget(line, line->peak_at_ns) : 0;
  double      room = budget > line->peak_bytes ? y - y_of(scale, budget) / 10 : y;
  const char *above = "";
  if (budget > 0 && budget < line->peak_bytes) { /* the budget's label is below */
    above = " above";
  } else if (below - y < SAW_DEPTH && below < 85) {
    top = below;
  } else if (room > 12 || y > 85) {
    above = " above";
  }
  fprintf(out,
          "<span class=\"dot\" style=\"left:%.2f%%;top:%.2f%%\" aria-hidden=\"true\"></span>"
          "<span class=\"peak%s%s\" style=\"%s:%.2f%%;top:%.2f%%\" aria-hidden=\"true\">peak "
          "%s</span>\n",
          x, y, before ? " before" : "", above, before ? "right" : "left", before ? 100 - x : x,
          top, ul_size_mib(text, line->peak_bytes));
}

/* ---- Marks and lanes -------------------------------------------------------------------------- */

size_t ul_svg_group_marks(const ul_timeline *timeline, uint64_t end_ns,
                          unsigned ret_group[UL_TIMELINE_MARKS]) {
  struct scale scale = {.end_ns = UL_MAX(end_ns, (uint64_t)1)};
  size_t       groups = 0;
  double       anchor = -SIDE;
  for (size_t i = 0; i < timeline->marks; i++) {
    double x = x_of(&scale, timeline->mark[i].at_ns);
    if (x - anchor >= MARK_DISTANCE) {
      anchor = x;
      groups++;
    }
    ret_group[i] = (unsigned)groups;
  }
  return groups;
}

/* One line for each group: hundreds of them would hide the course. */
static void draw_marks(FILE *out, const ul_timeline *line, const struct scale *scale) {
  unsigned group[UL_TIMELINE_MARKS], last = 0;
  if (line->marks == 0) return;
  ul_svg_group_marks(line, scale->end_ns, group);
  fputs("<path class=\"mark\" d=\"", out);
  for (size_t i = 0; i < line->marks; i++) {
    if (group[i] != last) fprintf(out, "M%.1f 0V1000", x_of(scale, line->mark[i].at_ns));
    last = group[i];
  }
  fputs("\"/>\n", out);
}

static void label_marks(FILE *out, const ul_timeline *line, const struct scale *scale) {
  unsigned group[UL_TIMELINE_MARKS], last = 0;
  ul_svg_group_marks(line, scale->end_ns, group);
  for (size_t i = 0; i < line->marks; i++) {
    if (group[i] == last) continue;
    last = group[i];
    fprintf(out, "<span class=\"badge\" style=\"left:%.2f%%\" aria-hidden=\"true\">%u</span>",
            x_of(scale, line->mark[i].at_ns) / 10, last);
  }
  fputs("\n", out);
}

/* What a lane shows of a point, from 0 (nothing) to 1. */
typedef double lane_height(const ul_timeline_point *point, double most);

static double relief_height(const ul_timeline_point *point, double most) {
  if (point->relief_bytes == 0) return 0;
  return 0.25 + 0.75 * (double)point->relief_bytes / most;
}

static double collection_height(const ul_timeline_point *point, double most) {
  if (point->collections == 0) return 0;
  return 0.25 + 0.75 * (double)point->collections / most;
}

static double level_height(const ul_timeline_point *point, double most) {
  return (double)UL_MIN(point->level, 3u) / most;
}

static void draw_lane(FILE *out, const ul_timeline *line, const struct scale *scale,
                      const char *name, const char *key, lane_height *height, double most) {
  fprintf(out,
          "<div class=\"lane\"><span aria-hidden=\"true\">%s</span><svg viewBox=\"0 0 1000 "
          "100\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path class=\"%s\" d=\"",
          name, key);
  for (size_t i = 0; i < line->count; i++) {
    double   tall = 100 * height(&line->point[i], most);
    uint64_t until = i + 1 < line->count ? line->point[i + 1].from_ns : line->last_ns;
    double   x = x_of(scale, line->point[i].from_ns);
    double   wide = UL_MAX(x_of(scale, until) - x, 1.5);
    if (tall > 0) fprintf(out, "M%.1f 100v-%.0fh%.1fV100z", x, tall, wide);
  }
  fputs("\"/></svg></div>\n", out);
}

static void draw_lanes(FILE *out, const ul_timeline *line, const struct scale *scale) {
  uint64_t relief = 0, collections = 0, level = 0;
  for (size_t i = 0; i < line->count; i++) {
    relief = UL_MAX(relief, line->point[i].relief_bytes);
    collections = UL_MAX(collections, (uint64_t)line->point[i].collections);
    level = UL_MAX(level, (uint64_t)line->point[i].level);
  }
  if (level) draw_lane(out, line, scale, "level", "level", level_height, 3);
  if (relief) draw_lane(out, line, scale, "relief", "relief", relief_height, (double)relief);
  if (collections) {
    draw_lane(out, line, scale, "collections", "collections", collection_height,
              (double)collections);
  }
}

/* What it shows, for those who do not see it. */
static void describe(FILE *out, const ul_report_view *view) {
  const ul_timeline *line = view->timeline;
  char               a[UL_SIZE_TEXT_MAX], t[UL_TIME_TEXT_MAX], u[UL_TIME_TEXT_MAX];
  fprintf(out, "Resident bytes of the process tree over %s: highest %s at %s",
          ul_time_text(t, view->result->wall_ns), ul_size_mib(a, line->peak_bytes),
          ul_time_text(u, line->peak_at_ns));
  if (line->count > 0) {
    fprintf(out, ", %s at the last look",
            ul_size_mib(a, line->point[line->count - 1].resident_bytes));
  }
  if (view->result->live_bytes != UL_UNKNOWN) {
    fprintf(out, "; live bytes at most %s", ul_size_mib(a, view->result->live_bytes));
  }
  if (line->budget_bytes) fprintf(out, "; budget %s", ul_size_mib(a, line->budget_bytes));
  if (line->marks) fprintf(out, "; %zu marks, listed below", line->marks);
  fputs(". The figures are in the table below.", out);
}

void ul_svg_timeline(FILE *out, const ul_report_view *view) {
  const ul_timeline *line = view->timeline;
  struct scale       scale = scale_of(view);
  fputs("<div class=\"plot\" id=\"plot\">\n", out);
  draw_labels(out, &scale);
  fputs("<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"",
        out);
  describe(out, view);
  fputs("\">\n", out);
  draw_grid(out, &scale);
  draw_series(out, line, &scale, false, true);
  if (line->live_seen) draw_series(out, line, &scale, true, true);
  draw_marks(out, line, &scale);
  draw_series(out, line, &scale, false, false);
  if (line->live_seen) draw_series(out, line, &scale, true, false);
  draw_budget(out, line, &scale);
  fputs("</svg>\n", out);
  label_marks(out, line, &scale);
  label_budget(out, line, &scale);
  if (line->count > 0) label_peak(out, line, &scale);
  fprintf(out, "<span id=\"cursor\" hidden data-end=\"%" PRIu64 "\"></span>\n</div>\n",
          scale.end_ns / 1000);
  draw_lanes(out, line, &scale);
}
