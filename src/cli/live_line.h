/* SPDX-License-Identifier: MIT */
/* live_line.h: one line on the terminal that tells how the run goes.
 *
 * Only where stderr is a terminal that we are in the foreground of, not under TERM=dumb, from the
 * first second on, at most ten times a second; in colour unless NO_COLOR is set. The line is
 * erased when the run ends or the terminal is given away.
 */
#ifndef UL_CLI_LIVE_LINE_H
#define UL_CLI_LIVE_LINE_H

#include "launch/watch.h"

typedef struct ul_live_line {
  bool     enabled, colour, shown;
  uint64_t due_ns;
} ul_live_line;

void ul_live_line_init(ul_live_line *ret_line, bool quiet);
void ul_live_line_draw(ul_live_line *line, const ul_watch *watch);
void ul_live_line_erase(ul_live_line *line);

/* The text of the line, at most `width` columns, every figure whole; without escapes when `colour` is
 * false. For tests, too. */
void ul_live_line_text(char *buffer, size_t capacity, const ul_watch *watch, size_t width,
                       bool colour);

#endif
