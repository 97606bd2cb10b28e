/* SPDX-License-Identifier: MIT */
/* json_text.h: arguments and variables are bytes, JSON is UTF-8. */
#ifndef UL_LAUNCH_JSON_TEXT_H
#define UL_LAUNCH_JSON_TEXT_H

#include "base/base.h"

/* Is it UTF-8 as JSON wants it: no surrogates, nothing overlong, nothing above U+10FFFF? */
bool ul_json_is_utf8(const char *text);

/* A copy that is: where `text` is not, '?' stands for each byte above 127. The caller frees it;
 * NULL: no memory. */
char *ul_json_text(const char *text);

/* A document ended by a newline, in the place of `text` (NULL: none), which is freed where there is
 * no memory for that. */
char *ul_json_line(char *text);

#endif
