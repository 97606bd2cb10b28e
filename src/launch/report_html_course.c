/* SPDX-License-Identifier: MIT */
/* report_html_course.c: what the timeline shows, as tables: the marks one by one, the points put
 * together to at most ROWS rows, of which each has the highest of its time.
 */
#include "base/size_text.h"
#include "launch/html_text.h"
#include "launch/report_html_parts.h"
#include "launch/report_svg.h"
#include "launch/time_text.h"

#define ROWS        40
#define MARKS_SHOWN 12 /* the others are behind a summary */

/* What `bytes` of a mark are; NULL: nothing to be shown. */
static const char *bytes_are(enum ul_mark_kind kind) {
  switch (kind) {
  case UL_MARK_RAISED: return "to";
  case UL_MARK_PAUSED:
  case UL_MARK_WALL:
  case UL_MARK_OOM_KILL: return "limit";
  case UL_MARK_TRIPWIRE_80:
  case UL_MARK_TRIPWIRE_90:
  case UL_MARK_PRESSURE: return "held";
  default: return NULL;
  }
}

static void mark_row(FILE *out, const ul_timeline_mark_row *mark, unsigned group) {
  char        time[UL_TIME_TEXT_MAX], size[UL_SIZE_TEXT_MAX];
  const char *what = bytes_are(mark->kind);
  fprintf(out,
          "<tr><td><span class=\"badge inline\">%u</span></td><td class=\"n\">%s</td>"
          "<th scope=\"row\">%s</th><td class=\"note\">",
          group, ul_time_text(time, mark->at_ns), ul_mark_title(mark->kind));
  if (what && mark->bytes) fprintf(out, "%s %s", what, ul_size_mib(size, mark->bytes));
  if (mark->text[0] && mark->kind != UL_MARK_WALL) { /* its text stands whole below */
    fputs(what && mark->bytes ? "; " : "", out);
    ul_html_text(out, mark->text, false);
  }
  fputs("</td></tr>\n", out);
}

static void mark_table(FILE *out, const ul_timeline *line, const unsigned *group, size_t from,
                       size_t to, const char *caption) {
  fprintf(out,
          "<div class=\"scroll\"><table class=\"marks\"><caption>%s</caption><thead><tr>"
          "<th scope=\"col\">mark</th><th scope=\"col\" class=\"n\">at</th>"
          "<th scope=\"col\">what</th><th scope=\"col\">figures</th></tr></thead><tbody>\n",
          caption);
  for (size_t i = from; i < to; i++) mark_row(out, &line->mark[i], group[i]);
  fputs("</tbody></table></div>\n", out);
}

void ul_html_marks(FILE *out, const ul_report_view *view) {
  const ul_timeline *line = view->timeline;
  unsigned           group[UL_TIMELINE_MARKS];
  size_t             few = UL_MIN(line->marks, (size_t)MARKS_SHOWN);
  if (line->marks == 0) return;
  ul_svg_group_marks(line, UL_MAX(view->result->wall_ns, line->last_ns), group);
  mark_table(out, line, group, 0, few, "What happened, as numbered above");
  if (line->marks > few) {
    fprintf(out, "<details><summary>%zu more</summary>\n", line->marks - few);
    mark_table(out, line, group, few, line->marks, "The marks that follow");
    fputs("</details>\n", out);
  }
  if (line->marks_dropped) {
    fprintf(out, "<p>%zu further marks were counted and not kept.</p>\n", line->marks_dropped);
  }
}

struct row {
  uint64_t from_ns, resident_bytes, live_bytes, relief_bytes, collections;
};

static void add_to_row(struct row *row, const ul_timeline_point *point) {
  row->resident_bytes = UL_MAX(row->resident_bytes, point->resident_bytes);
  if (point->live_bytes != UL_TIMELINE_NO_LIVE) {
    row->live_bytes = row->live_bytes == UL_TIMELINE_NO_LIVE
                          ? point->live_bytes
                          : UL_MAX(row->live_bytes, point->live_bytes);
  }
  row->relief_bytes += point->relief_bytes;
  row->collections += point->collections;
}

static void write_row(FILE *out, const struct row *row, const ul_timeline *line) {
  char size[UL_SIZE_TEXT_MAX], time[UL_TIME_TEXT_MAX];
  fprintf(out, "<tr><th scope=\"row\" class=\"n\">%s</th><td class=\"n\">%s</td>",
          ul_time_text(time, row->from_ns), ul_size_mib(size, row->resident_bytes));
  if (line->live_seen) {
    fprintf(out, "<td class=\"n\">%s</td>",
            row->live_bytes == UL_TIMELINE_NO_LIVE ? "-" : ul_size_mib(size, row->live_bytes));
  }
  if (line->relief_total_bytes) {
    fprintf(out, "<td class=\"n\">%s</td>", ul_size_mib(size, row->relief_bytes));
  }
  if (line->collections) {
    fprintf(out, "<td class=\"n\">%llu</td>", (unsigned long long)row->collections);
  }
  fputs("</tr>\n", out);
}

void ul_html_points(FILE *out, const ul_timeline *line) {
  size_t each = (line->count + ROWS - 1) / ROWS;
  if (line->count == 0) return;
  fputs("<details><summary>The figures of this picture as a table</summary>\n"
        "<div class=\"scroll\"><table><caption>The highest of each stretch of time</caption>"
        "<thead><tr><th scope=\"col\" class=\"n\">from</th>"
        "<th scope=\"col\" class=\"n\">resident</th>",
        out);
  if (line->live_seen) fputs("<th scope=\"col\" class=\"n\">live</th>", out);
  if (line->relief_total_bytes) fputs("<th scope=\"col\" class=\"n\">given back</th>", out);
  if (line->collections) fputs("<th scope=\"col\" class=\"n\">collections</th>", out);
  fputs("</tr></thead><tbody>\n", out);
  for (size_t i = 0; i < line->count; i += each) {
    struct row row = {.from_ns = line->point[i].from_ns, .live_bytes = UL_TIMELINE_NO_LIVE};
    for (size_t j = i; j < UL_MIN(i + each, line->count); j++) add_to_row(&row, &line->point[j]);
    write_row(out, &row, line);
  }
  fputs("</tbody></table></div></details>\n", out);
}
