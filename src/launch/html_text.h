/* SPDX-License-Identifier: MIT */
/* html_text.h: bytes from outside as text of an HTML page.
 *
 * Names, arguments and values of variables are bytes that anybody may have chosen. Here is the only
 * door through which they come into the page: what could be markup becomes an entity, what is no
 * UTF-8 becomes U+FFFD, and a control character becomes its picture (ESC: U+241B), so that it is
 * seen and does nothing. Characters that turn the direction of writing are treated like those.
 *
 * Threads any.
 */
#ifndef UL_LAUNCH_HTML_TEXT_H
#define UL_LAUNCH_HTML_TEXT_H

#include <stdio.h>

#include "base/base.h"

/* Writes `text` as text or as the value of an attribute in quotes. Line feeds and tabs stay where
 * `keeps_lines`, for a <pre>. */
void ul_html_text(FILE *out, const char *text, bool keeps_lines);

/* Writes an argument as it would be typed into a shell: in quotes where it needs them, as $'…\x1b…'
 * where it has bytes that cannot be shown. Escaped as above. */
void ul_html_argument(FILE *out, const char *argument);

#endif
