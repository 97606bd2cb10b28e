/* SPDX-License-Identifier: MIT */
/* enclose.h: the enclosure of a run, and what is done at its wall.
 *
 *     tripwires   become marks
 *     the wall    the tree stands still: what it holds is written down, then
 *                   the limit is raised within --max-budget, and it goes on; or
 *                   it is ended (exit code 137), with that page as its last words
 *
 * Where a group cannot be had, the run is watched only; which of the two it is, is always said.
 *
 * Threads one.
 */
#ifndef UL_LAUNCH_ENCLOSE_H
#define UL_LAUNCH_ENCLOSE_H

#include "launch/marks.h"
#include "launch/watch.h"
#include "os/enclosure.h"

#define UL_WALL_TEXT_MAX 4096

typedef struct ul_enclose {
  ul_enclosure           group;
  enum ul_enclosure_kind kind; /* stays when the group is gone */
  char                   path[512];
  char                   why_not[200]; /* "" when enclosed, or not asked for */
  uint64_t               limit_bytes, max_bytes;
  uint64_t               raised_to_bytes; /* 0: never */
  uint64_t               pauses, paused_ns;
  uint64_t               peak_bytes; /* most that the system counted; 0: unknown */
  bool                   ended_at_wall;
  bool                   left_behind;                 /* processes stayed in the group */
  unsigned               told;                        /* tripwires that were told already */
  char                   wall_text[UL_WALL_TEXT_MAX]; /* who held what at the last wall */
} ul_enclose;

typedef void ul_mark_sink(enum ul_mark_kind kind, uint64_t bytes, const char *text, void *arg);

/* Makes the group where that is permitted and wanted. `max_bytes` 0: never raised. */
void ul_enclose_start(ul_enclose *ret_enclose, bool wanted, uint64_t limit_bytes,
                      uint64_t max_bytes);

/* "enclosed in a cgroup (version 1) of 1430.5 MiB" or "not enclosed: …; watched only". */
void ul_enclose_sentence(const ul_enclose *enclose, char ret_text[320]);

/* A descriptor of the group has news. Returns false when the tree was ended at its wall. */
bool ul_enclose_news(ul_enclose *enclose, int fd, const ul_watch *watch, ul_mark_sink *sink,
                     void *arg);

/* The run is over: the group goes. */
void ul_enclose_end(ul_enclose *enclose);

#endif
