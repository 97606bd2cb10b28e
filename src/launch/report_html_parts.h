/* SPDX-License-Identifier: MIT */
/* report_html_parts.h: the pieces of the page that have a file of their own; for report_html.c. */
#ifndef UL_LAUNCH_REPORT_HTML_PARTS_H
#define UL_LAUNCH_REPORT_HTML_PARTS_H

#include <stdio.h>

#include "launch/report_html.h"

/* report_html_style.c */
void ul_html_style(FILE *out);
void ul_html_script(FILE *out, const ul_timeline *timeline); /* with its data: numbers only */
/* Of what stands between <script> and </script>, in base64. */
#define UL_HTML_SCRIPT_HASH "ZSibpQh8L8gkn3SBgIxmkiTEfmVMfmQFi0S43PljNbs="

/* report_html_course.c: the marks and the points as tables. */
void ul_html_marks(FILE *out, const ul_report_view *view);
void ul_html_points(FILE *out, const ul_timeline *timeline);

/* report_html_settings.c */
void ul_html_settings(FILE *out, const ul_report_view *view);
void ul_html_measured(FILE *out, const ul_report_view *view);

#endif
