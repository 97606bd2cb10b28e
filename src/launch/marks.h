/* SPDX-License-Identifier: MIT */
/* marks.h: what happened during a run, besides that memory went up and down.
 *
 * UL_MARK(id, key, title)
 *   key    in the history and in JSON
 *   title  in a sentence, and on the timeline
 */
#ifndef UL_LAUNCH_MARKS_H
#define UL_LAUNCH_MARKS_H

#define UL_MARKS(UL_MARK)                                   \
  UL_MARK(TRIPWIRE_80, "tripwire_80", "80 % of the budget") \
  UL_MARK(TRIPWIRE_90, "tripwire_90", "90 % of the budget") \
  UL_MARK(PRESSURE, "pressure", "the system is reclaiming") \
  UL_MARK(PAUSED, "paused", "paused at the wall")           \
  UL_MARK(RAISED, "raised", "budget raised")                \
  UL_MARK(WALL, "wall", "ended at the wall")                \
  UL_MARK(LEVEL, "level", "level of the library")           \
  UL_MARK(RELIEF, "relief", "relief by the library")        \
  UL_MARK(COLLECTION, "collection", "garbage collection")   \
  UL_MARK(OOM_KILL, "oom_kill", "killed by the kernel")

enum ul_mark_kind {
#define UL_MARK_ID(id, key, title) UL_MARK_##id,
  UL_MARKS(UL_MARK_ID)
#undef UL_MARK_ID
      UL_MARK_COUNT
};

#endif
