/* SPDX-License-Identifier: MIT */
/* time_text.c: see time_text.h. */
#include "launch/time_text.h"

#include <inttypes.h>
#include <stdio.h>

const char *ul_time_text(char buffer[UL_TIME_TEXT_MAX], uint64_t ns) {
  double   seconds = (double)ns / 1e9;
  uint64_t whole = ns / 1000000000u;
  if (seconds < 1) {
    snprintf(buffer, UL_TIME_TEXT_MAX, seconds < 0.01 ? "%.1f ms" : "%.0f ms", seconds * 1e3);
  } else if (seconds < 10) {
    snprintf(buffer, UL_TIME_TEXT_MAX, "%.2f s", seconds);
  } else if (seconds < 120) {
    snprintf(buffer, UL_TIME_TEXT_MAX, "%.1f s", seconds);
  } else if (whole < 7200) {
    snprintf(buffer, UL_TIME_TEXT_MAX, "%" PRIu64 " min %02" PRIu64 " s", whole / 60, whole % 60);
  } else {
    snprintf(buffer, UL_TIME_TEXT_MAX, "%" PRIu64 " h %02" PRIu64 " min", whole / 3600,
             whole / 60 % 60);
  }
  return buffer;
}
