/* SPDX-License-Identifier: MIT */
/* live_line.c: see live_line.h.
 *
 *     now 1402.1 MiB  peak 1432.1 MiB  [##############------]  94 % of 1500.0 MiB  live 1230.0 MiB
 *     +1.2 MiB/s
 *
 * The most important comes first, because what does not fit the terminal is cut off.
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
#define BAR_CELLS 20

void ul_live_line_init(ul_live_line *ret_line, bool quiet) {
  const char *terminal = getenv("TERM"), *no_colour = getenv("NO_COLOR");
  bool        capable = terminal && strcmp(terminal, "dumb") != 0 && terminal[0];
  *ret_line = (ul_live_line){.enabled = !quiet && capable && isatty(STDERR_FILENO),
                             .colour = !(no_colour && no_colour[0]),
                             .due_ns = ul_os_now_ns() + FIRST_NS};
}

static void add_size(ul_text *text, const char *label, uint64_t bytes) {
  char mib[UL_SIZE_TEXT_MAX];
  ul_text_add(text, label);
  ul_text_add(text, ul_size_mib(mib, bytes));
}

static void add_bar(ul_text *text, uint64_t now, uint64_t budget, bool colour) {
  double   share = (double)now / (double)budget;
  unsigned percent = (unsigned)(share * 100 + 0.5);
  unsigned cells = share >= 1 ? BAR_CELLS : (unsigned)(share * BAR_CELLS);
  char     bar[BAR_CELLS + 1];
  memset(bar, '-', BAR_CELLS);
  memset(bar, '#', cells);
  bar[BAR_CELLS] = 0;
  ul_text_add(text, "  [");
  if (colour) ul_text_add(text, share > 1 ? "\033[31m" : share > 0.9 ? "\033[33m" : "\033[32m");
  ul_text_add(text, bar);
  if (colour) ul_text_add(text, "\033[0m");
  ul_text_add(text, "] ");
  ul_text_add_u64(text, percent);
  add_size(text, " % of ", budget);
}

void ul_live_line_text(char *buffer, size_t capacity, const ul_watch *watch, bool colour) {
  const ul_figures *figures = &watch->figures;
  ul_text           text = ul_text_init(buffer, capacity);
  int64_t           growth = ul_figures_growth(figures);
  add_size(&text, "now ", figures->now_bytes);
  add_size(&text, "  peak ", figures->peak_bytes);
  if (figures->budget_bytes) add_bar(&text, figures->now_bytes, figures->budget_bytes, colour);
  if (watch->live_now_bytes) add_size(&text, "  live ", watch->live_now_bytes);
  add_size(&text, growth < 0 ? "  -" : "  +", (uint64_t)(growth < 0 ? -growth : growth));
  ul_text_add(&text, "/s");
}

/* Cuts the text to `width` columns; escapes take none. It is ASCII. */
static void cut(char *text, size_t width) {
  size_t column = 0;
  for (char *at = text; *at; at++) {
    if (*at == '\033') {
      at += strcspn(at, "m");
      if (*at == 0) return;
    } else if (++column > width) {
      *at = 0;
      return;
    }
  }
}

static size_t terminal_width(void) {
  struct winsize size;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10) return size.ws_col;
  return 80;
}

void ul_live_line_draw(ul_live_line *line, const ul_watch *watch) {
  char     text[320], screen[400];
  uint64_t now_ns = ul_os_now_ns();
  if (!line->enabled || now_ns < line->due_ns) return;
  line->due_ns = now_ns + REDRAW_NS;
  if (tcgetpgrp(STDERR_FILENO) != getpgrp()) return; /* in the background: not our line to draw */
  ul_live_line_text(text, sizeof text, watch, line->colour);
  cut(text, terminal_width() - 1);
  int n = snprintf(screen, sizeof screen, "\r%s%s\033[K", text, line->colour ? "\033[0m" : "");
  line->shown = true;
  if (write(STDERR_FILENO, screen, (size_t)n) < 0) line->enabled = false;
}

void ul_live_line_erase(ul_live_line *line) {
  if (!line->shown) return;
  line->shown = false;
  if (write(STDERR_FILENO, "\r\033[K", 4) < 0) line->enabled = false;
}
