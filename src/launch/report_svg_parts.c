/* SPDX-License-Identifier: MIT */
/* report_svg_parts.c: the bar of the peak and the price curve of report_svg.h. */
#include "base/size_text.h"
#include "launch/html_text.h"
#include "launch/report_svg.h"
#include "launch/time_text.h"

/* ---- The bar of the peak ---------------------------------------------------------------------- */

struct part {
  const char *key, *title, *note;
  uint64_t    bytes;
};

#define PARTS 4

static void fill_parts(const ul_peak_parts *p, struct part ret_parts[PARTS]) {
  uint64_t heap = p->live_bytes + p->free_bytes + p->own_bytes;
  ret_parts[0] = (struct part){"live", "live heap", "objects in use", p->live_bytes};
  ret_parts[1] = (struct part){"free", "free but resident",
                               "kept for reuse, or spread between live objects", p->free_bytes};
  ret_parts[2] =
      (struct part){"own", "heap's own records", "what the heap knows about it", p->own_bytes};
  ret_parts[3] = (struct part){"other", "other", "code, mapped files, stacks, other heaps",
                               p->resident_bytes - UL_MIN(heap, p->resident_bytes)};
}

void ul_svg_peak(FILE *out, const ul_report_view *view) {
  const ul_peak_parts *p = view->parts;
  struct part          parts[PARTS];
  char                 size[UL_SIZE_TEXT_MAX], time[UL_TIME_TEXT_MAX];
  double               total = 0, x = 0;
  if (!p || !p->valid) return;
  fill_parts(p, parts);
  for (size_t i = 0; i < PARTS; i++) total += (double)parts[i].bytes;
  if (total <= 0) return;
  fprintf(out,
          "<p>At %s the processes held %s:</p>\n<svg class=\"bar\" viewBox=\"0 0 1000 100\" "
          "preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Shares of the peak; the "
          "figures are in the table below.\">\n",
          ul_time_text(time, p->at_ns), ul_size_mib(size, p->resident_bytes));
  for (size_t i = 0; i < PARTS; i++) {
    double wide = 1000 * (double)parts[i].bytes / total;
    fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"100\"/>\n",
            parts[i].key, x, UL_MAX(wide - (i + 1 < PARTS && wide > 4 ? 1.5 : 0), 0.0));
    x += wide;
  }
  fputs("</svg>\n<table class=\"parts\"><caption class=\"unseen\">Memory at the peak</caption>"
        "<thead class=\"unseen\"><tr><th scope=\"col\">part</th><th scope=\"col\">size</th>"
        "<th scope=\"col\">share</th><th scope=\"col\">what it is</th></tr></thead><tbody>\n",
        out);
  for (size_t i = 0; i < PARTS; i++) {
    fprintf(out,
            "<tr><th scope=\"row\"><i class=\"key %s\"></i>%s</th><td class=\"n\">%s</td>"
            "<td class=\"n\">%.0f %%</td><td class=\"note\">%s</td></tr>\n",
            parts[i].key, parts[i].title, ul_size_mib(size, parts[i].bytes),
            100 * (double)parts[i].bytes / total, parts[i].note);
  }
  fputs("</tbody></table>\n", out);
}

/* ---- The price curve -------------------------------------------------------------------------- */

#define CURVE_STEPS 120
#define SHARE_TOP   0.45

struct range {
  double from, to;
};

/* From where collection takes all that is foretold to a little after where it takes a tenth: beyond,
 * a larger budget buys next to nothing. All points and this run are in it. */
static struct range range_of(const ul_report_price *price) {
  double       most = (double)ul_price_limit(&price->price, UL_PRICE_SHARE_MOST);
  double       cheap = (double)ul_price_limit(&price->price, UL_PRICE_CHEAP);
  struct range range = {most, cheap + (cheap - most) / 4};
  for (size_t i = 0; i < price->count; i++) {
    range.from = UL_MIN(range.from, (double)price->points[i].limit_bytes);
    range.to = UL_MAX(range.to, (double)price->points[i].limit_bytes);
  }
  if (price->limit_bytes) {
    range.from = UL_MIN(range.from, (double)price->limit_bytes);
    range.to = UL_MAX(range.to, (double)price->limit_bytes);
  }
  double room = (range.to - range.from) / 20;
  range.from = range.from > room ? range.from - room : 0;
  range.to += room + 1;
  return range;
}

static double x_of(const struct range *range, double bytes) {
  return 1000 * (bytes - range->from) / (range->to - range->from);
}

static double y_of(double share) {
  return 1000 - 1000 * UL_MIN(share, SHARE_TOP) / SHARE_TOP;
}

static void price_axes(FILE *out, const struct range *range) {
  uint64_t step = ul_axis_size_step((uint64_t)(range->to - range->from), 6);
  uint64_t first = ((uint64_t)range->from / step + 1) * step;
  char     text[32];
  fputs("<div class=\"axis y\" aria-hidden=\"true\">", out);
  for (int at = 0; at <= 40; at += 10) {
    fprintf(out, "<span style=\"top:%.2f%%\">%d %%</span>", y_of(at / 100.0) / 10, at);
  }
  fputs("</div>\n<div class=\"axis x\" aria-hidden=\"true\">", out);
  for (uint64_t at = first; (double)at <= range->to; at += step) {
    ul_axis_size_label(at, (uint64_t)range->to, text);
    fprintf(out, "<span style=\"left:%.2f%%\">%s</span>", x_of(range, (double)at) / 10, text);
  }
  fputs("</div>\n", out);
}

static void price_table(FILE *out, const ul_report_price *price) {
  static const double shares[] = {0.30, 0.20, 0.10, 0.05};
  char                size[UL_SIZE_TEXT_MAX];
  fputs("<table class=\"narrow\"><caption>What other limits would cost</caption><thead><tr><th "
        "scope=\"col\">"
        "collection takes</th><th scope=\"col\" class=\"n\">at a heap limit "
        "of</th></tr></thead><tbody>\n",
        out);
  for (size_t i = 0; i < UL_ARRAY_LEN(shares); i++) {
    fprintf(out,
            "<tr><th scope=\"row\">%.0f %% of the processor time</th><td class=\"n\">%s</td>"
            "</tr>\n",
            100 * shares[i], ul_size_mib(size, ul_price_limit(&price->price, shares[i])));
  }
  fputs("</tbody></table>\n", out);
}

/* A point of the curve by name. The curve falls, so above and to the right of it is room. */
static void price_label(FILE *out, const struct range *range, uint64_t limit, double share,
                        const char *words) {
  double x = x_of(range, (double)limit) / 10;
  fprintf(
      out,
      "<span class=\"peak above price%s\" style=\"%s:%.2f%%;top:%.2f%%\" aria-hidden=\"true\">%s"
      "</span>\n",
      x > 60 ? " before" : "", x > 60 ? "right" : "left", x > 60 ? 100 - x : x, y_of(share) / 10,
      words);
}

/* The runs that are known, this one, and the limit at which collection is cheap. */
static void price_dots(FILE *out, const ul_report_price *price, const struct range *range) {
  uint64_t cheap = ul_price_limit(&price->price, UL_PRICE_CHEAP);
  double   here = price->limit_bytes ? ul_price_share(&price->price, price->limit_bytes) : 0;
  bool     is_known = false;
  char     size[UL_SIZE_TEXT_MAX], words[64];
  for (size_t i = 0; i < price->count; i++) {
    const ul_price_point *point = &price->points[i];
    bool                  is_this = point->limit_bytes == price->limit_bytes;
    is_known |= is_this;
    fprintf(out,
            "<span class=\"dot%s\" style=\"left:%.2f%%;top:%.2f%%\" "
            "aria-hidden=\"true\"></span>\n",
            is_this ? " now" : "", x_of(range, (double)point->limit_bytes) / 10,
            y_of(point->share) / 10);
  }
  if (here > 0 && here < UL_PRICE_SHARE_MOST) {
    if (!is_known) {
      fprintf(out,
              "<span class=\"dot now\" style=\"left:%.2f%%;top:%.2f%%\" aria-hidden=\"true\">"
              "</span>\n",
              x_of(range, (double)price->limit_bytes) / 10, y_of(here) / 10);
    }
    snprintf(words, sizeof words, "this run, %.0f %%", 100 * here);
    price_label(out, range, price->limit_bytes, here, words);
  }
  if (here > UL_PRICE_CHEAP - 0.06 && here < UL_PRICE_CHEAP + 0.06) return; /* no room for two */
  snprintf(words, sizeof words, "%.0f %% at %s", 100 * UL_PRICE_CHEAP, ul_size_mib(size, cheap));
  price_label(out, range, cheap, UL_PRICE_CHEAP, words);
}

void ul_svg_price(FILE *out, const ul_report_price *price) {
  struct range range = range_of(price);
  fputs("<div class=\"plot small\">\n", out);
  price_axes(out, &range);
  fputs("<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" role=\"img\" "
        "aria-label=\"Share of the processor time that garbage collection takes, against the limit "
        "of the heap: it falls as the limit grows. The figures are in the table below.\">\n",
        out);
  fputs("<path class=\"grid\" d=\"", out);
  for (int at = 0; at <= 40; at += 10) fprintf(out, "M0 %.1fH1000", y_of(at / 100.0));
  fputs("\"/>\n<path class=\"resident line\" d=\"", out);
  bool open = false;
  for (int i = 0; i <= CURVE_STEPS; i++) {
    double at = range.from + (range.to - range.from) * i / CURVE_STEPS;
    double share = ul_price_share(&price->price, (uint64_t)at);
    if (share >= UL_PRICE_SHARE_MOST) continue; /* nothing above is foretold */
    fprintf(out, "%s%.1f %.1f", open ? "L" : "M", x_of(&range, at), y_of(share));
    open = true;
  }
  fputs("\"/>\n</svg>\n", out);
  price_dots(out, price, &range);
  fputs("</div>\n", out);
  price_table(out, price);
}
