/* SPDX-License-Identifier: MIT */
/* timeline.h: the course of a run in bounded memory: 1024 points, 256 marks, however long it is.
 *
 *     looks     | . | . | . | . | . | . | . | .      one point each, until there are 1024
 *     merged    | . . | . . | . . | . . |            then two become one, and so again
 *
 * Of two points that become one the highest stays, of resident and of live bytes each for itself:
 * what a limit sees is the peak, and no mean may hide it. What was counted is added up.
 *
 * What comes by the thousand (relief, collections, levels) is kept in the points. What is rare and
 * has a story (a tripwire, a pause, the wall) is a mark of its own; of more than 256 the first stay,
 * and the others are counted. Pressure and pauses leave the last 64 to what is rarer.
 *
 * Pure: no clock, no system, no allocation. Threads any.
 * Invariants  point[i].from_ns never decreases; from_ns <= at_ns; count <= UL_TIMELINE_POINTS.
 */
#ifndef UL_LAUNCH_TIMELINE_H
#define UL_LAUNCH_TIMELINE_H

#include "base/base.h"
#include "launch/marks.h"

#define UL_TIMELINE_POINTS   1024
#define UL_TIMELINE_MARKS    256
#define UL_TIMELINE_TEXT_MAX 96
#define UL_TIMELINE_NO_LIVE  UINT64_MAX /* nobody could count live bytes */

typedef struct ul_timeline_look {
  uint64_t at_ns, resident_bytes;
  uint64_t live_bytes;   /* or UL_TIMELINE_NO_LIVE */
  uint64_t relief_bytes; /* since the start */
  unsigned level;        /* of the library: 0 calm, 1 tight, 2 critical, 3 over */
} ul_timeline_look;

typedef struct ul_timeline_point {
  uint64_t from_ns, at_ns; /* its first look; its highest resident bytes */
  uint64_t resident_bytes, live_bytes;
  uint64_t relief_bytes; /* given back by relief in it */
  uint32_t collections, level;
} ul_timeline_point;

typedef struct ul_timeline_mark_row {
  enum ul_mark_kind kind;
  uint64_t          at_ns, bytes;
  char              text[UL_TIMELINE_TEXT_MAX]; /* its first line; bytes from outside */
} ul_timeline_mark_row;

typedef struct ul_timeline {
  uint64_t             budget_bytes; /* 0: none */
  uint64_t             looks, last_ns;
  uint64_t             span_ns; /* a look that is nearer to its point's first one joins it */
  ul_timeline_point    point[UL_TIMELINE_POINTS];
  size_t               count;
  ul_timeline_mark_row mark[UL_TIMELINE_MARKS];
  size_t               marks, marks_dropped;
  uint64_t             peak_bytes, peak_at_ns, peak_live_bytes; /* live: at that moment */
  uint64_t             relief_total_bytes, collections;
  bool                 live_seen;
} ul_timeline;

void ul_timeline_init(ul_timeline *ret_timeline, uint64_t budget_bytes);

/* Times that go backwards are taken as the last one. */
void ul_timeline_add(ul_timeline *timeline, const ul_timeline_look *look);

/* `text` may be NULL; only its first line is kept, and of that what fits. */
void ul_timeline_mark(ul_timeline *timeline, enum ul_mark_kind kind, uint64_t at_ns, uint64_t bytes,
                      const char *text);

/* The budget at a time: what it was given, or what it was raised to by then. 0: none. */
uint64_t ul_timeline_budget(const ul_timeline *timeline, uint64_t at_ns);

const char *ul_mark_key(enum ul_mark_kind kind);   /* "wall" */
const char *ul_mark_title(enum ul_mark_kind kind); /* "ended at the wall" */

#endif
