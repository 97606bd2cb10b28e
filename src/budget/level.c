/* SPDX-License-Identifier: MIT */
/* level.c: see level.h. */
#include "budget/level.h"

#define TIGHT_PCT    85
#define CRITICAL_PCT 96
#define ASKS_PCT     94
#define FALL_PCT     2
#define LEAST_ROOM   ((uint64_t)1 << 20)

static uint64_t percent(uint64_t bytes, uint64_t pct) {
  return bytes / 100 * pct + bytes % 100 * pct / 100;
}

/* `pct` of the limit, but at least some room below it where the limit has that. */
static uint64_t below(uint64_t limit, uint64_t pct, uint64_t room) {
  uint64_t at = percent(limit, pct);
  if (limit - at < room && limit > 4 * room) at = limit - room;
  return at;
}

uint64_t ul_level_begins(uint64_t limit_bytes, int level, bool asks) {
  if (limit_bytes == 0) return level == UL_LEVEL_CALM ? 0 : UINT64_MAX;
  switch (level) {
  case UL_LEVEL_CALM: return 0;
  case UL_LEVEL_TIGHT: return below(limit_bytes, TIGHT_PCT, 2 * LEAST_ROOM);
  case UL_LEVEL_CRITICAL: return below(limit_bytes, asks ? ASKS_PCT : CRITICAL_PCT, LEAST_ROOM);
  default: return limit_bytes;
  }
}

uint64_t ul_level_falls(uint64_t limit_bytes, int level, bool asks) {
  uint64_t begins = ul_level_begins(limit_bytes, level, asks),
           fall = percent(limit_bytes, FALL_PCT);
  return limit_bytes ? begins - UL_MIN(fall, begins) : begins;
}

int ul_level_next(int before, uint64_t limit_bytes, uint64_t held_bytes, bool asks) {
  int level = UL_LEVEL_CALM;
  if (limit_bytes == 0) return UL_LEVEL_CALM;
  for (int i = UL_LEVEL_TIGHT; i <= UL_LEVEL_OVER; i++) {
    bool     was = i <= before;
    uint64_t begins =
        was ? ul_level_falls(limit_bytes, i, asks) : ul_level_begins(limit_bytes, i, asks);
    /* At the limit itself nothing is over yet. */
    bool beyond = i == UL_LEVEL_OVER && !was ? held_bytes > begins : held_bytes >= begins;
    if (beyond) level = i;
  }
  return level;
}

const char *ul_level_name(int level) {
  static const char *const names[] = {"calm", "tight", "critical", "over"};
  return level >= 0 && level <= UL_LEVEL_OVER ? names[level] : "unknown";
}
