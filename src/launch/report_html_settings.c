/* SPDX-License-Identifier: MIT */
/* report_html_settings.c: what the runtime was told and why, and how the figures came about. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/size_text.h"
#include "launch/html_text.h"
#include "launch/report_html_parts.h"
#include "launch/time_text.h"

static const char *const whose[] = {"set", "added to yours", "yours, corrected", "yours, kept"};

static void setting_row(FILE *out, const ul_knob *knob) {
  char text[640];
  ul_knob_text(knob, text, sizeof text);
  fputs("<tr><th scope=\"row\"><code>", out);
  ul_html_text(out, text, false);
  fprintf(out, "</code></th><td class=\"whose\">%s</td><td class=\"note\">", whose[knob->origin]);
  ul_html_text(out, knob->why, false);
  fputs("</td></tr>\n", out);
}

/* One table for each runtime and variable, as the rows stand together. */
void ul_html_settings(FILE *out, const ul_report_view *view) {
  const ul_knobs *knobs = view->knobs;
  fputs("<section aria-labelledby=\"settings\"><h2 id=\"settings\">What was set, and why</h2>\n",
        out);
  if (!knobs) {
    fputs("<p>The run had no budget, so nothing was set.</p></section>\n", out);
    return;
  }
  if (ul_knobs_own_count(knobs) == 0)
    fputs("<p>Its runtime has nothing that could be told.</p>\n", out);
  for (size_t i = 0; i < ul_knobs_own_count(knobs);) {
    const ul_knob *first = &knobs->rows[i];
    fprintf(out, "<table class=\"settings\"><caption>%s", ul_runtime_title(first->runtime));
    if (first->option[0]) {
      fputs(", <code>", out);
      ul_html_text(out, first->variable[0] ? first->variable : "command line", false);
      fputs("</code>", out);
    }
    fputs("</caption><thead><tr><th scope=\"col\">setting</th><th scope=\"col\">whose</th>"
          "<th scope=\"col\">why</th></tr></thead><tbody>\n",
          out);
    for (; i < ul_knobs_own_count(knobs); i++) {
      const ul_knob *knob = &knobs->rows[i];
      if (knob->runtime != first->runtime || !knob->option[0] != !first->option[0] ||
          (knob->option[0] && strcmp(knob->variable, first->variable) != 0)) {
        break;
      }
      setting_row(out, knob);
    }
    fputs("</tbody></table>\n", out);
  }
  for (size_t i = 0; i < knobs->warning_count; i++) {
    fputs("<p>", out);
    ul_html_text(out, knobs->warnings[i], false);
    fputs("</p>\n", out);
  }
  fputs("</section>\n", out);
}

/* ---- How it was measured ---------------------------------------------------------------------- */

static void write_command(FILE *out, const ul_report_view *view) {
  fputs("<h3 class=\"unseen\">Command line</h3>\n<pre>", out);
  for (char *const *at = view->arguments; *at; at++) {
    if (at != view->arguments) fputc(' ', out);
    ul_html_argument(out, *at);
  }
  fputs("</pre>\n<p>The file that was executed: <code>", out);
  ul_html_text(out, view->result->program.path, false);
  fprintf(out, "</code>, %s%s.</p>\n", ul_runtime_title(view->result->program.runtime),
          view->result->preloaded ? ", with libullage preloaded" : "");
  if (view->result->became.path[0]) {
    fputs("<p>The program that did the work in the end: <code>", out);
    ul_html_text(out, view->result->became.path, false);
    fprintf(out, "</code>, %s.</p>\n", ul_runtime_title(view->result->became.runtime));
  }
}

static void write_enclosure(FILE *out, const ul_run_result *result) {
  const ul_enclose *enclose = &result->enclose;
  char              size[UL_SIZE_TEXT_MAX];
  if (enclose->kind != UL_ENCLOSURE_NONE) {
    fprintf(out, "<p>It was enclosed in a cgroup (version %d) of %s",
            enclose->kind == UL_ENCLOSURE_CGROUP1 ? 1 : 2, ul_size_mib(size, enclose->limit_bytes));
    if (enclose->peak_bytes) {
      fprintf(out, ", whose count reached %s; that has the page cache too, and no page twice",
              ul_size_mib(size, enclose->peak_bytes));
    }
    fputs(".</p>\n", out);
  } else if (enclose->why_not[0]) {
    fputs("<p>It was not enclosed: ", out);
    ul_html_text(out, enclose->why_not, false);
    fputs("; it was watched only.</p>\n", out);
  } else if (result->budget_bytes) {
    fputs("<p>It was not enclosed, as was asked; it was watched only.</p>\n", out);
  }
}

void ul_html_measured(FILE *out, const ul_report_view *view) {
  const ul_run_result *result = view->result;
  char                 a[UL_TIME_TEXT_MAX], date[64] = "at a time that is not known";
  time_t               started = (time_t)(result->started_unix_ns / 1000000000u);
  struct tm            parts;
  fputs("<section aria-labelledby=\"measured\"><h2 id=\"measured\">What ran, and how it was "
        "measured</h2>\n",
        out);
  write_command(out, view);
  if (gmtime_r(&started, &parts)) strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S UTC", &parts);
  fprintf(out,
          "<p>Started %s. ullage looked at the process tree %" PRIu64 " times, which took %s "
          "of processor time. Resident bytes are the sum over all processes of the tree, so "
          "pages that they share count in each.",
          date, result->samples, ul_time_text(a, result->own_cpu_ns));
  if (view->timeline->looks > view->timeline->count) {
    fprintf(out, " The picture has %zu points; each is the highest of its time.",
            view->timeline->count);
  }
  if (view->timeline->live_seen) {
    fputs(" Live bytes are what libullage counts, usable bytes of objects that were not freed.",
          out);
  }
  fputs("</p>\n", out);
  write_enclosure(out, result);
  fputs("</section>\n", out);
}
