/* SPDX-License-Identifier: MIT */
/* follow.h: which program a run turned out to be about.
 *
 * What is started is often not what does the work: a shell script ends in `exec java`, npm starts
 * node, a wrapper becomes a server. Of all processes of the tree that are no launchers themselves, the
 * one that was largest is it. It is recognised by its file while it runs (a wrapper's name says
 * nothing), and only when it is larger than what was taken for it before, so following costs a few
 * reads in a run.
 *
 * Threads one.
 */
#ifndef UL_LAUNCH_FOLLOW_H
#define UL_LAUNCH_FOLLOW_H

#include "launch/recognise.h"
#include "launch/watch.h"

typedef struct ul_follow {
  uint64_t   due_ns;
  uint64_t   rss_bytes; /* the most of the process that is it */
  int        pid;       /* 0: none so far */
  uint64_t   start;     /* as ul_process_usage.start */
  ul_program program;
} ul_follow;

/* After a look of the watcher; looks itself four times a second at first, then once. */
void ul_follow_look(ul_follow *follow, const ul_watch *watch);

/* What it became, where that is not what was started; NULL: the same. */
const ul_program *ul_follow_became(const ul_follow *follow, const ul_program *started);

#endif
