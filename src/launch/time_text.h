/* SPDX-License-Identifier: MIT */
/* time_text.h: a length of time for people, the same on the terminal and on the page. */
#ifndef UL_LAUNCH_TIME_TEXT_H
#define UL_LAUNCH_TIME_TEXT_H

#include "base/base.h"

#define UL_TIME_TEXT_MAX 32

/* "3.1 ms", "420 ms", "1.42 s", "12.3 s", "3 min 20 s", "2 h 05 min". Returns `buffer`. */
const char *ul_time_text(char buffer[UL_TIME_TEXT_MAX], uint64_t ns);

#endif
