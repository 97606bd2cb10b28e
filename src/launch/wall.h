/* SPDX-License-Identifier: MIT */
/* wall.h: what a tree of processes holds while it stands at its wall, as text: one screen for the
 * terminal and the report, and a longer one for a file.
 *
 * Everything in it is read from outside (/proc, the counters page): a program that stands still
 * cannot be asked.
 *
 * Threads one.
 */
#ifndef UL_LAUNCH_WALL_H
#define UL_LAUNCH_WALL_H

#include "launch/watch.h"
#include "os/enclosure.h"

#define UL_WALL_TEXT_MAX 4096

typedef struct ul_wall_detail {
  size_t processes; /* that are shown, the largest first */
  size_t mappings;  /* of the largest process */
  size_t sizes;     /* of the objects in its heap, where libullage runs in it */
} ul_wall_detail;

/* Describes it for a screen. About a millisecond for each GB, for the list of mappings. */
void ul_wall_describe(const ul_enclosure *group, const ul_watch *watch,
                      char ret_text[UL_WALL_TEXT_MAX]);

/* The same with all processes and more mappings, into a new file of the user's alone:
 *
 *     $XDG_STATE_HOME/ullage/walls/<time>-<program>-<our pid>.txt      (~/.local/state)
 *
 * Of such files the newest UL_WALLS_KEPT stay. False: there is no such place, or it is full. */
#define UL_WALLS_KEPT 20
bool ul_wall_save(const ul_enclosure *group, const ul_watch *watch, char *ret_path,
                  size_t capacity);

#endif
