/* SPDX-License-Identifier: MIT */
/* report_svg.h: the pictures of the page: the timeline, the bar of the peak, the price curve.
 *
 * A picture is stretched to the width that there is; its labels are text of the page that stands at
 * the same shares of it, so that they stay readable on a telephone and can be enlarged. What a
 * picture shows is said in words in its label, and in figures in a table beside it.
 */
#ifndef UL_LAUNCH_REPORT_SVG_H
#define UL_LAUNCH_REPORT_SVG_H

#include <stdio.h>

#include "launch/report_html.h"

void ul_svg_timeline(FILE *out, const ul_report_view *view);
void ul_svg_peak(FILE *out, const ul_report_view *view); /* nothing where parts are not valid */
void ul_svg_price(FILE *out, const ul_report_price *price);

/* The marks that stand nearer together than can be read are one: this many groups, and for each mark
 * the number of its group, from 1. */
size_t ul_svg_group_marks(const ul_timeline *timeline, uint64_t end_ns,
                          unsigned ret_group[UL_TIMELINE_MARKS]);

/* ---- Axes ------------------------------------------------------------------------------------- */

/* The step of an axis that has at most `ticks` steps up to `most`: sizes by 1, 2, 5 … of KiB, MiB or
 * GiB; times by what a clock has. At least 1. */
uint64_t ul_axis_size_step(uint64_t most_bytes, unsigned ticks);
uint64_t ul_axis_time_step(uint64_t most_ns, unsigned ticks);

/* Written in the unit that fits the end of the axis, so that all labels of an axis share it. */
void ul_axis_size_label(uint64_t bytes, uint64_t most_bytes, char ret_text[32]);
void ul_axis_time_label(uint64_t ns, uint64_t most_ns, char ret_text[32]);

#endif
