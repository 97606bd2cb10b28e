/* SPDX-License-Identifier: MIT */
/* timeline.c: see timeline.h.
 *
 * Looks come denser at the start of a run than later. When the points are full, each pair becomes
 * one, and from then on a point covers the mean distance of those that are left: so a run of three
 * days has some 500 to 1000 points of equal length, and its first second is not finer than the rest
 * of them for long. A merge costs 1024 steps and makes room for 512 points.
 */
#include "launch/timeline.h"

#include <string.h>

/* A system that reclaims for days says so hundreds of times; how the budget rose and how the run ended
 * must still find room after that. A budget rises by a tenth: 32 steps are twenty-fold. */
#define COMMON_LEAVE 64u

static const char *const keys[] = {
#define UL_MARK_KEY(id, key, title) key,
    UL_MARKS(UL_MARK_KEY)
#undef UL_MARK_KEY
};
static const char *const titles[] = {
#define UL_MARK_TITLE(id, key, title) title,
    UL_MARKS(UL_MARK_TITLE)
#undef UL_MARK_TITLE
};

const char *ul_mark_key(enum ul_mark_kind kind) {
  return (unsigned)kind < UL_MARK_COUNT ? keys[kind] : "unknown";
}

const char *ul_mark_title(enum ul_mark_kind kind) {
  return (unsigned)kind < UL_MARK_COUNT ? titles[kind] : "unknown";
}

void ul_timeline_init(ul_timeline *ret_timeline, uint64_t budget_bytes) {
  memset(ret_timeline, 0, sizeof *ret_timeline);
  ret_timeline->budget_bytes = budget_bytes;
  ret_timeline->peak_live_bytes = UL_TIMELINE_NO_LIVE;
}

/* ---- Points ----------------------------------------------------------------------------------- */

static uint64_t higher_live(uint64_t a, uint64_t b) {
  if (a == UL_TIMELINE_NO_LIVE) return b;
  if (b == UL_TIMELINE_NO_LIVE) return a;
  return UL_MAX(a, b);
}

/* `into` comes first in time. */
static void join(ul_timeline_point *into, const ul_timeline_point *from) {
  if (from->resident_bytes > into->resident_bytes) {
    into->resident_bytes = from->resident_bytes;
    into->at_ns = from->at_ns;
  }
  into->live_bytes = higher_live(into->live_bytes, from->live_bytes);
  into->relief_bytes += from->relief_bytes;
  into->collections += from->collections;
  into->level = UL_MAX(into->level, from->level);
}

static void merge_pairs(ul_timeline *timeline) {
  size_t half = timeline->count / 2;
  for (size_t i = 0; i < half; i++) {
    ul_timeline_point both = timeline->point[2 * i];
    join(&both, &timeline->point[2 * i + 1]);
    timeline->point[i] = both;
  }
  timeline->count = half;
  timeline->span_ns = (timeline->last_ns - timeline->point[0].from_ns) / half;
}

void ul_timeline_add(ul_timeline *timeline, const ul_timeline_look *look) {
  uint64_t          at_ns = UL_MAX(look->at_ns, timeline->last_ns);
  uint64_t          before = timeline->relief_total_bytes;
  ul_timeline_point point = {.from_ns = at_ns,
                             .at_ns = at_ns,
                             .resident_bytes = look->resident_bytes,
                             .live_bytes = look->live_bytes,
                             .level = look->level};
  /* The sum of all processes falls when one of them ends. */
  if (look->relief_bytes > before) point.relief_bytes = look->relief_bytes - before;
  timeline->relief_total_bytes = UL_MAX(before, look->relief_bytes);
  timeline->last_ns = at_ns;
  timeline->looks++;
  if (look->live_bytes != UL_TIMELINE_NO_LIVE) timeline->live_seen = true;
  if (look->resident_bytes > timeline->peak_bytes) {
    timeline->peak_bytes = look->resident_bytes;
    timeline->peak_at_ns = at_ns;
    timeline->peak_live_bytes = look->live_bytes;
  }
  if (timeline->count > 0) {
    ul_timeline_point *last = &timeline->point[timeline->count - 1];
    if (at_ns - last->from_ns < timeline->span_ns) {
      join(last, &point);
      return;
    }
  }
  if (timeline->count == UL_TIMELINE_POINTS) merge_pairs(timeline);
  timeline->point[timeline->count++] = point;
}

/* ---- Marks ------------------------------------------------------------------------------------ */

static void copy_line(char *into, size_t capacity, const char *text) {
  size_t n = text ? strcspn(text, "\r\n") : 0;
  n = UL_MIN(n, capacity - 1);
  if (n > 0) memcpy(into, text, n);
  into[n] = 0;
}

void ul_timeline_mark(ul_timeline *timeline, enum ul_mark_kind kind, uint64_t at_ns, uint64_t bytes,
                      const char *text) {
  ul_timeline_point *last = timeline->count ? &timeline->point[timeline->count - 1] : NULL;
  switch (kind) {
  case UL_MARK_COLLECTION:
    timeline->collections++;
    if (last) last->collections++;
    return;
  case UL_MARK_RELIEF: /* the looks count it, and its level */
  case UL_MARK_LEVEL: return;
  default: break;
  }
  bool is_common = kind == UL_MARK_PRESSURE || kind == UL_MARK_PAUSED;
  if (timeline->marks >= UL_TIMELINE_MARKS - (is_common ? COMMON_LEAVE : 0u)) {
    timeline->marks_dropped++;
    return;
  }
  ul_timeline_mark_row *row = &timeline->mark[timeline->marks++];
  *row = (ul_timeline_mark_row){.kind = kind, .at_ns = at_ns, .bytes = bytes};
  copy_line(row->text, sizeof row->text, text);
}

uint64_t ul_timeline_budget(const ul_timeline *timeline, uint64_t at_ns) {
  uint64_t budget = timeline->budget_bytes;
  for (size_t i = 0; i < timeline->marks; i++) {
    const ul_timeline_mark_row *row = &timeline->mark[i];
    if (row->kind == UL_MARK_RAISED && row->at_ns <= at_ns) budget = UL_MAX(budget, row->bytes);
  }
  return budget;
}
