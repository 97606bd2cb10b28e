/* SPDX-License-Identifier: MIT */
/* enclose.h: the enclosure of a run, and what is done at its wall.
 *
 *     tripwires   become marks: told by the system, or found by sampling where there is no group
 *     near        the limit is raised within the most allowed, before anybody stands at the wall
 *     the wall    the tree stands still: what it holds is written down, then
 *                   it has freed enough by itself, and goes on; or
 *                   the limit is raised within the most allowed, and it goes on; or
 *                   it is ended (exit code 137), with that page as its last words
 *
 * Where a group cannot be had, the run is watched only; which of the two it is, is always said.
 *
 * Threads one.  Design: docs/design/launch.md [launch.enclosure]
 */
#ifndef UL_LAUNCH_ENCLOSE_H
#define UL_LAUNCH_ENCLOSE_H

#include <limits.h>

#include "launch/marks.h"
#include "launch/wall.h"
#include "launch/watch.h"
#include "os/enclosure.h"

typedef struct ul_enclose {
  ul_enclosure           group;
  enum ul_enclosure_kind kind; /* stays when the group is gone */
  char                   path[512];
  char                   why_not[UL_ENCLOSURE_WHY_MAX]; /* "" when enclosed, or not asked for */
  int                    join_fd; /* for the program to join; -1: none, or joined already */
  uint64_t               limit_bytes, max_bytes;
  uint64_t               asked_bytes;     /* more than limit_bytes where a wall around us is near */
  uint64_t               raised_to_bytes; /* 0: never */
  uint64_t               raises, pauses, paused_ns;
  uint64_t               peak_bytes; /* most that the system counted; 0: unknown */
  bool                   was_full;   /* it came near the wall with nothing to reclaim */
  bool                   ended_at_wall;
  bool                   moved_out; /* the program went to another group, where nothing stops it */
  bool                   left_behind; /* processes stayed in the group */
  unsigned               told;        /* tripwires that were told already */
  uint64_t               raised_at_ns, raise_step_bytes;
  uint64_t               freed_since_ns, freed; /* how often it got away from the wall by itself */
  bool                   heaps_to_tell;         /* of a raise, after the next look */
  uint64_t               heap_budget_bytes;     /* of libullage before the first raise */
  char                   wall_text[UL_WALL_TEXT_MAX]; /* who held what at the last wall */
  char                   wall_path[PATH_MAX];         /* the longer text of it; "": none */
} ul_enclose;

typedef void ul_mark_sink(enum ul_mark_kind kind, uint64_t bytes, const char *text, void *arg);

/* Makes the group where that is permitted and wanted. `max_bytes` 0: never raised. `announce` is told
 * its directory before it is made. */
void ul_enclose_start(ul_enclose *ret_enclose, bool wanted, uint64_t limit_bytes,
                      uint64_t max_bytes, ul_enclosure_announce *announce, void *arg);

/* Is the program, which was just started, in the group? Where not, the group goes, and why_not says
 * so. */
bool ul_enclose_check(ul_enclose *enclose, int pid);

/* "enclosed in a cgroup (version 1) of 1430.5 MiB" or "not enclosed: …; watched only". */
#define UL_ENCLOSE_TEXT_MAX 512
void ul_enclose_sentence(const ul_enclose *enclose, char ret_text[UL_ENCLOSE_TEXT_MAX]);

/* A descriptor of the group has news. Returns false when the tree was ended at its wall. */
bool ul_enclose_news(ul_enclose *enclose, int fd, const ul_watch *watch, ul_mark_sink *sink,
                     void *arg);

/* After a look: the tripwires of a run that has no group, whether the program is still in its group,
 * and what a raise left to do. */
void ul_enclose_sample(ul_enclose *enclose, const ul_watch *watch, ul_mark_sink *sink, void *arg);

/* The run is over: the group goes. */
void ul_enclose_end(ul_enclose *enclose);

#endif
