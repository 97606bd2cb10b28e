/* SPDX-License-Identifier: MIT */
/* live.h: the writer of the page of counters (wire/live.h).
 *
 * The page costs system calls that a sandbox may not allow (os/confine.h), so it is made where they are
 * expected: as the program starts, and by the agent. An allocating thread only keeps it fresh.
 *
 * Threads     any; one lock. A page that cannot be made is tried again at the next update.
 */
#ifndef UL_RUNTIME_LIVE_H
#define UL_RUNTIME_LIVE_H

#include "os/lock.h"
#include "wire/live.h"

typedef struct ul_live {
  ul_lock       lock;
  ul_live_page *page; /* NULL: none yet */
} ul_live;

/* Writes the counters of now, making the page first where there is none. */
void ul_live_update(ul_live *live);

/* The same where there is a page. */
void ul_live_refresh(ul_live *live);

/* In a forked child: the page is the parent's and is not mapped here. */
void ul_live_forget(ul_live *live);

#endif
