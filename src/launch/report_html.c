/* SPDX-License-Identifier: MIT */
/* report_html.c: see report_html.h. The order of the page is that of the questions: did it stay
 * inside, how did it go, where was the memory, what now; then the reasons, for those who ask.
 */
#include "launch/report_html.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/size_text.h"
#include "launch/html_text.h"
#include "launch/report.h"
#include "launch/report_html_parts.h"
#include "launch/report_svg.h"
#include "launch/time_text.h"

#define POLICY                                                                             \
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-" UL_HTML_SCRIPT_HASH \
  "'; img-src data:; base-uri 'none'; form-action 'none'"

static const char *name_of(const ul_report_view *view) {
  const char *slash = strrchr(view->arguments[0], '/');
  return slash && slash[1] ? slash + 1 : view->arguments[0];
}

/* ---- The headline ----------------------------------------------------------------------------- */

/* How it ended, after its name: "ended normally after 5.0 s". */
static void write_end(FILE *out, const ul_run_result *result) {
  char        time[UL_TIME_TEXT_MAX];
  const char *signal = result->exit_signal ? sigabbrev_np(result->exit_signal) : NULL;
  ul_time_text(time, result->wall_ns);
  switch (result->exit_reason) {
  case UL_EXIT_REASON_NORMAL: fprintf(out, "ended normally after %s", time); return;
  case UL_EXIT_REASON_CODE:
    fprintf(out, "ended with exit code %d after %s", result->exit_code, time);
    return;
  case UL_EXIT_REASON_SIGNAL:
    fprintf(out, "was ended by signal %d%s%s%s%s after %s", result->exit_signal,
            signal ? " (SIG" : "", signal ? signal : "", signal ? ")" : "",
            result->dumped_core ? ", core dumped," : "", time);
    return;
  case UL_EXIT_REASON_OOM_KILL:
    fprintf(out, "was killed for memory by the kernel after %s", time);
    return;
  case UL_EXIT_REASON_WALL:
    fprintf(out, "was ended at its wall after %s, with exit code 137", time);
    return;
  }
}

static void write_verdict(FILE *out, const ul_run_result *result) {
  char     budget[UL_SIZE_TEXT_MAX], by[UL_SIZE_TEXT_MAX], to[UL_SIZE_TEXT_MAX];
  uint64_t used = ul_report_used(result), limit = result->budget_bytes;
  double   share;
  if (limit == 0) {
    if (used == UL_UNKNOWN) {
      fputs(" held memory that nobody could see", out);
    } else {
      fprintf(out, " held <span class=\"q\">%s</span> at most, without a budget",
              ul_size_mib(by, used));
    }
    return;
  }
  ul_size_mib(budget, limit);
  share = used == UL_UNKNOWN
              ? 0
              : 100 * (double)(used > limit ? used - limit : limit - used) / (double)limit;
  if (result->enclose.ended_at_wall) {
    fprintf(out,
            " <span class=\"bad\">ended at the wall</span>: it needed more than <span "
            "class=\"q\">%s</span>",
            ul_size_mib(by, UL_MAX(limit, result->enclose.raised_to_bytes)));
  } else if (result->exit_reason == UL_EXIT_REASON_OOM_KILL) {
    fprintf(out,
            " <span class=\"bad\">was killed for memory</span> with a budget of <span "
            "class=\"q\">%s</span>",
            budget);
  } else if (used == UL_UNKNOWN) {
    fprintf(out, " had a budget of <span class=\"q\">%s</span>; what it held, nobody could see",
            budget);
  } else if (ul_report_budget_kept(result) && result->exit_reason != UL_EXIT_REASON_NORMAL) {
    /* It stayed inside, and that was not what mattered. */
    char how[48];
    if (result->exit_reason == UL_EXIT_REASON_CODE) {
      snprintf(how, sizeof how, "ended with exit code %d", result->exit_code);
    } else {
      snprintf(how, sizeof how, "was ended by signal %d", result->exit_signal);
    }
    fprintf(out, " <span class=\"bad\">%s</span>, inside its budget of <span class=\"q\">%s</span>",
            how, budget);
  } else if (ul_report_budget_kept(result)) {
    fprintf(out,
            " <span class=\"good\">kept its budget</span> of <span class=\"q\">%s</span>, with "
            "<span class=\"q\">%s</span> "
            "<span class=\"q\">(%.1f %%)</span> to spare",
            budget, ul_size_mib(by, used < limit ? limit - used : 0), used < limit ? share : 0);
  } else if (result->enclose.raised_to_bytes) {
    fprintf(out,
            " <span class=\"bad\">needed more</span> than its budget of <span "
            "class=\"q\">%s</span>, which rose "
            "to <span class=\"q\">%s</span>",
            budget, ul_size_mib(to, result->enclose.raised_to_bytes));
  } else {
    fprintf(out,
            " <span class=\"bad\">exceeded its budget</span> of <span class=\"q\">%s</span> by "
            "<span class=\"q\">%s</span> (%.1f %%)",
            budget, ul_size_mib(by, used > limit ? used - limit : 0), share);
  }
}

static void write_header(FILE *out, const ul_report_view *view) {
  const ul_run_result *result = view->result;
  char                 size[UL_SIZE_TEXT_MAX];
  fputs("<header>\n<p class=\"kicker\">ullage run &middot; memory report</p>\n<h1><bdi>", out);
  ul_html_text(out, name_of(view), false);
  fputs("</bdi>", out);
  write_verdict(out, result);
  fputs(".</h1>\n<p class=\"lead\">It ", out);
  write_end(out, result);
  if (result->enclose.pauses) {
    char paused[UL_TIME_TEXT_MAX];
    fputs(", and stood still at its limit ", out);
    if (result->enclose.pauses > 1) {
      fprintf(out, "%" PRIu64 " times", result->enclose.pauses);
    } else {
      fputs("once", out);
    }
    fprintf(out, ", for %s", ul_time_text(paused, result->enclose.paused_ns));
  }
  if (view->timeline->relief_total_bytes) {
    fprintf(out, ". Relief by the library gave back %s",
            ul_size_mib(size, view->timeline->relief_total_bytes));
  }
  fputs(".</p>\n</header>\n", out);
}

/* ---- Figures ---------------------------------------------------------------------------------- */

static void figure(FILE *out, const char *name, const char *value, const char *note) {
  fprintf(out, "<div><dt>%s</dt><dd>%s<small>%s</small></dd></div>\n", name, value, note);
}

static void write_figures(FILE *out, const ul_run_result *result) {
  char text[64], note[96], size[UL_SIZE_TEXT_MAX], time[UL_TIME_TEXT_MAX];
  fputs("<dl class=\"figures\">\n", out);
  if (result->peak_rss_bytes != UL_UNKNOWN) {
    if (result->peak_at_ns != UL_UNKNOWN) {
      snprintf(note, sizeof note, "resident, at %s", ul_time_text(time, result->peak_at_ns));
    } else {
      snprintf(note, sizeof note, "resident, between two looks");
    }
    figure(out, "peak", ul_size_mib(size, result->peak_rss_bytes), note);
  }
  if (result->p99_rss_bytes != UL_UNKNOWN) {
    figure(out, "p99", ul_size_mib(size, result->p99_rss_bytes), "99 % of the time at or below");
  }
  if (result->live_bytes != UL_UNKNOWN) {
    double share = result->live_resident_bytes
                       ? 100.0 * (double)result->live_bytes / (double)result->live_resident_bytes
                       : 0;
    snprintf(note, sizeof note, "highest; %.0f %% of what was resident", share);
    figure(out, "live heap", ul_size_mib(size, result->live_bytes), note);
  }
  if (result->floor_rss_bytes != UL_UNKNOWN) {
    figure(out, "floor", ul_size_mib(size, result->floor_rss_bytes), "lowest after start-up");
  }
  if (result->cpu_user_ns != UL_UNKNOWN && result->cpu_system_ns != UL_UNKNOWN) {
    double cores = result->wall_ns ? (double)(result->cpu_user_ns + result->cpu_system_ns) /
                                         (double)result->wall_ns
                                   : 0;
    snprintf(text, sizeof text, "%s",
             ul_time_text(time, result->cpu_user_ns + result->cpu_system_ns));
    snprintf(note, sizeof note, "%.2f cores on average", cores);
    figure(out, "processor time", text, note);
  }
  if (result->threads_peak != UL_UNKNOWN) {
    snprintf(text, sizeof text, "%" PRIu64, result->threads_peak);
    snprintf(note, sizeof note, "in %" PRIu64 " process%s at most", result->processes_peak,
             result->processes_peak == 1 ? "" : "es");
    figure(out, "threads", text, note);
  }
  fputs("</dl>\n", out);
}

/* ---- Sections --------------------------------------------------------------------------------- */

static void write_course(FILE *out, const ul_report_view *view) {
  const ul_timeline *line = view->timeline;
  fputs("<section aria-labelledby=\"course\"><h2 id=\"course\">The course of the run</h2>\n", out);
  if (line->count == 0) {
    fputs("<p>It was over before it could be looked at.</p></section>\n", out);
    return;
  }
  fputs("<figure>\n", out);
  ul_svg_timeline(out, view);
  fputs("<figcaption><ul class=\"legend\">"
        "<li><i class=\"key resident\"></i>resident, all processes</li>",
        out);
  if (line->live_seen) fputs("<li><i class=\"key live\"></i>live heap</li>", out);
  if (line->budget_bytes) fputs("<li><i class=\"key budget\"></i>budget</li>", out);
  if (line->marks) fputs("<li><i class=\"key mark\"></i>marks, numbered</li>", out);
  if (line->relief_total_bytes) {
    fputs("<li>level of the library by height: tight, critical, over</li>", out);
  }
  fputs("</ul>\n<div id=\"readout\" hidden><label for=\"moment\">moment</label>"
        "<input id=\"moment\" type=\"range\" min=\"0\" max=\"0\" value=\"0\" step=\"1\">"
        "<output id=\"said\" for=\"moment\">move over the picture, or use the slider</output></div>"
        "\n</figcaption></figure>\n",
        out);
  ul_html_marks(out, view);
  ul_html_points(out, line);
  fputs("</section>\n", out);
}

static void write_memory(FILE *out, const ul_report_view *view) {
  const ul_enclose *enclose = &view->result->enclose;
  bool              has_parts = view->parts && view->parts->valid;
  fputs("<section aria-labelledby=\"memory\"><h2 id=\"memory\">Where the memory was</h2>\n", out);
  ul_svg_peak(out, view);
  if (!has_parts) {
    fputs("<p>The heap could not be looked into: ", out);
    fputs(view->result->preloaded
              ? "the run was too short, or its processes brought a heap of their own"
              : "the program keeps its memory by itself, so its live bytes are its own to count",
          out);
    fputs(".</p>\n", out);
  }
  if (enclose->wall_text[0]) {
    fputs("<p>What stood there at the last wall:</p>\n<pre>", out);
    ul_html_text(out, enclose->wall_text, true);
    fputs("</pre>\n", out);
  }
  if (enclose->wall_path[0]) {
    fputs("<p>All of it: <code>", out);
    ul_html_text(out, enclose->wall_path, false);
    fputs("</code></p>\n", out);
  }
  fputs("</section>\n", out);
}

static void write_next(FILE *out, const ul_report_view *view) {
  ul_advice advice[UL_ADVICE_MAX];
  size_t    count = ul_advise_told(view->result, view->timeline, view->parts, view->knobs, advice);
  if (view->price && view->price->valid && count < UL_ADVICE_MAX &&
      ul_advise_price_told(view->result, &view->price->price, view->price->limit_bytes, view->knobs,
                           &advice[count])) {
    count++;
  }
  fputs("<section aria-labelledby=\"next\"><h2 id=\"next\">What to do next</h2>\n", out);
  if (count == 0) fputs("<p>Nothing; it did what it was meant to.</p>\n", out);
  if (count > 0) fputs("<ul class=\"next\">\n", out);
  for (size_t i = 0; i < count; i++) {
    fputs("<li>", out);
    ul_html_text(out, advice[i].text, false);
    if (advice[i].flags[0]) {
      fputs(" <code>ullage run ", out);
      ul_html_text(out, advice[i].flags, false);
      fputs(" &hellip;</code>", out);
    }
    fputs("</li>\n", out);
  }
  if (count > 0) fputs("</ul>\n", out);
  fputs("</section>\n", out);
}

static void write_price(FILE *out, const ul_report_price *price) {
  if (!price || !price->valid || ul_price_limit(&price->price, 0.03) > UL_GIB * UL_GIB) return;
  fputs("<section aria-labelledby=\"price\"><h2 id=\"price\">What another budget would cost</h2>\n"
        "<p>Garbage collection takes more of the processor the nearer the limit of the heap is to "
        "what is live. From the runs that are known of this program:</p>\n<figure>\n",
        out);
  ul_svg_price(out, price);
  fputs("<figcaption class=\"lead\">", out);
  if (price->price.points > 0) {
    fprintf(out, "The curve rests on %zu runs", price->price.points);
    if (price->price.points > 2) { /* a curve through two has no distance from them */
      fprintf(out, "; none of them is further from it than %.1f points",
              100 * price->price.worst_miss);
    }
    fputs(". ", out);
  }
  if (price->count > 0) fputs("Rings are runs; the filled one is this. ", out);
  fputs("Nothing above 40 % is foretold.</figcaption></figure></section>\n", out);
}

char *ul_report_html(const ul_report_view *view) {
  char  *text = NULL;
  size_t length = 0;
  FILE  *out = open_memstream(&text, &length);
  if (!out) return NULL;
  fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"" POLICY "\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"referrer\" content=\"no-referrer\">\n"
        "<meta name=\"generator\" content=\"ullage\">\n"
        "<link rel=\"icon\" href=\"data:,\">\n<title>",
        out);
  ul_html_text(out, name_of(view), false);
  fputs(": memory report</title>\n", out);
  ul_html_style(out);
  fputs("</head>\n<body>\n", out);
  write_header(out, view);
  fputs("<main>\n", out);
  write_figures(out, view->result);
  write_course(out, view);
  write_next(out, view);
  write_memory(out, view);
  write_price(out, view->price);
  ul_html_settings(out, view);
  ul_html_measured(out, view);
  fputs("</main>\n<footer><p>Written by ullage. This page is one file and loads nothing.</p>"
        "</footer>\n",
        out);
  if (view->timeline->count > 0) ul_html_script(out, view->timeline);
  fputs("</body>\n</html>\n", out);
  bool failed = ferror(out) != 0;
  if (fclose(out) != 0 || failed) {
    free(text);
    return NULL;
  }
  return text;
}
