/* SPDX-License-Identifier: MIT */
/* wall_text.h: what wall.c and wall_file.c share: a page that stops growing when it is full. */
#ifndef UL_LAUNCH_WALL_TEXT_H
#define UL_LAUNCH_WALL_TEXT_H

#include "launch/wall.h"

typedef struct ul_wall_page {
  char  *text; /* ended by 0 at any time */
  size_t length, capacity;
} ul_wall_page;

__attribute__((format(printf, 2, 3))) void ul_wall_add(ul_wall_page *page, const char *format, ...);

void ul_wall_write(const ul_enclosure *group, const ul_watch *watch, const ul_wall_detail *detail,
                   ul_wall_page *page);

#endif
