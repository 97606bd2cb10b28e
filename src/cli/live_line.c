/* SPDX-License-Identifier: MIT */
/* live_line.c: see live_line.h.
 *
 *     now 1402.1 MiB  peak 1432.1 MiB  [##############------] 94 % of 1500.0 MiB  live 1230.0 MiB
 *     +1.2 MiB/s
 *
 * A figure that is cut in the middle is another figure, so a narrow terminal gets fewer of them, each
 * whole: the live bytes go first, then the rate, the peak, the budget. The bar takes what room is left.
 */
#include "cli/live_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/size_text.h"
#include "base/text.h"
#include "os/self.h"

#define FIRST_NS  ((uint64_t)1000000000u)
#define REDRAW_NS ((uint64_t)100000000u)

#define BAR_CELLS       20
#define BAR_CELLS_LEAST 5 /* fewer tell nothing */
#define BAR_FRAME       4 /* two spaces and the brackets */

/* The fields as they stand on the line. */
enum { NOW, PEAK, BAR, BUDGET, LIVE, RATE, FIELDS };

struct field {
  char   text[64];
  size_t columns; /* escapes take none; 0: not there */
};

void ul_live_line_init(ul_live_line *ret_line, bool quiet) {
  const char *terminal = getenv("TERM"), *no_colour = getenv("NO_COLOR");
  bool        capable = terminal && strcmp(terminal, "dumb") != 0 && terminal[0];
  *ret_line = (ul_live_line){.enabled = !quiet && capable && isatty(STDERR_FILENO),
                             .colour = !(no_colour && no_colour[0]),
                             .due_ns = ul_os_now_ns() + FIRST_NS};
}

static void fill(struct field *field, const char *before, uint64_t bytes, const char *after) {
  char    mib[UL_SIZE_TEXT_MAX];
  ul_text text = ul_text_init(field->text, sizeof field->text);
  ul_text_add(&text, before);
  ul_text_add(&text, ul_size_mib(mib, bytes));
  ul_text_add(&text, after);
  field->columns = strlen(field->text);
}

static void fill_bar(struct field *field, const ul_figures *figures, size_t cells, bool colour) {
  double      share = (double)figures->now_bytes / (double)figures->budget_bytes;
  size_t      full = share >= 1 ? cells : (size_t)(share * (double)cells);
  const char *tint = share > 1 ? "\033[31m" : share > 0.9 ? "\033[33m" : "\033[32m";
  char        bar[BAR_CELLS + 1];
  ul_text     text = ul_text_init(field->text, sizeof field->text);
  memset(bar, '-', cells);
  memset(bar, '#', full);
  bar[cells] = 0;
  ul_text_add(&text, "  [");
  if (colour) ul_text_add(&text, tint);
  ul_text_add(&text, bar);
  if (colour) ul_text_add(&text, "\033[0m");
  ul_text_add(&text, "]");
  field->columns = cells + BAR_FRAME;
}

static void fill_budget(struct field *field, const ul_figures *figures) {
  char    percent[32];
  double  share = (double)figures->now_bytes / (double)figures->budget_bytes;
  ul_text text = ul_text_init(percent, sizeof percent);
  ul_text_add(&text, " ");
  ul_text_add_u64(&text, (uint64_t)(share * 100 + 0.5));
  ul_text_add(&text, " % of ");
  fill(field, percent, figures->budget_bytes, "");
}

/* Without a bar, one more column stands for it before the budget. */
static size_t columns_of(const struct field fields[FIELDS]) {
  size_t columns = fields[BUDGET].columns > 0 ? 1 : 0;
  for (size_t i = 0; i < FIELDS; i++) columns += fields[i].columns;
  return columns;
}

/* Leaves out what does not fit; then the bar gets the room that is left. */
static void fit(struct field fields[FIELDS], const ul_figures *figures, size_t width, bool colour) {
  static const uint8_t least_first[] = {LIVE, RATE, PEAK, BUDGET, NOW};
  for (size_t i = 0; i < UL_ARRAY_LEN(least_first) && columns_of(fields) > width; i++) {
    fields[least_first[i]].columns = 0;
  }
  size_t left = width - columns_of(fields) + 1;
  if (fields[BUDGET].columns == 0 || left < BAR_CELLS_LEAST + BAR_FRAME) return;
  fill_bar(&fields[BAR], figures, UL_MIN(left - BAR_FRAME, (size_t)BAR_CELLS), colour);
}

void ul_live_line_text(char *buffer, size_t capacity, const ul_watch *watch, size_t width,
                       bool colour) {
  const ul_figures *figures = &watch->figures;
  int64_t           growth = ul_figures_growth(figures);
  struct field      fields[FIELDS] = {0};
  ul_text           text = ul_text_init(buffer, capacity);
  fill(&fields[NOW], "now ", figures->now_bytes, "");
  fill(&fields[PEAK], "  peak ", figures->peak_bytes, "");
  if (figures->budget_bytes) fill_budget(&fields[BUDGET], figures);
  if (watch->live_now_bytes) fill(&fields[LIVE], "  live ", watch->live_now_bytes, "");
  fill(&fields[RATE], growth < 0 ? "  -" : "  +", (uint64_t)(growth < 0 ? -growth : growth), "/s");
  fit(fields, figures, width, colour);
  for (size_t i = 0; i < FIELDS; i++) {
    if (fields[i].columns == 0) continue;
    if (i == BUDGET && fields[BAR].columns == 0) ul_text_add(&text, " ");
    ul_text_add(&text, fields[i].text);
  }
}

static size_t terminal_width(void) {
  struct winsize size;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1) return size.ws_col;
  return 80;
}

void ul_live_line_draw(ul_live_line *line, const ul_watch *watch) {
  char     text[320], screen[400];
  uint64_t now_ns = ul_os_now_ns();
  if (!line->enabled || now_ns < line->due_ns) return;
  line->due_ns = now_ns + REDRAW_NS;
  if (tcgetpgrp(STDERR_FILENO) != getpgrp()) return; /* in the background: not our line to draw */
  ul_live_line_text(text, sizeof text, watch, terminal_width() - 1, line->colour);
  int n = snprintf(screen, sizeof screen, "\r%s%s\033[K", text, line->colour ? "\033[0m" : "");
  line->shown = true;
  if (write(STDERR_FILENO, screen, (size_t)n) < 0) line->enabled = false;
}

void ul_live_line_erase(ul_live_line *line) {
  if (!line->shown) return;
  line->shown = false;
  if (write(STDERR_FILENO, "\r\033[K", 4) < 0) line->enabled = false;
}
