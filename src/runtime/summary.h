/* SPDX-License-Identifier: MIT */
/* summary.h: what ULLAGE_STATS=1 prints when the program ends, and malloc_stats when it is called. */
#ifndef UL_RUNTIME_SUMMARY_H
#define UL_RUNTIME_SUMMARY_H

/* A few lines on stderr, by write(2). */
void ul_summary_print(void);

#endif
