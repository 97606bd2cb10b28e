/* SPDX-License-Identifier: MIT */
/* outside_enclosure.h: what the two versions of cgroups do for outside_enclosure.c. All return 0 or
 * the negative of errno's value. */
#ifndef UL_OS_LINUX_OUTSIDE_ENCLOSURE_H
#define UL_OS_LINUX_OUTSIDE_ENCLOSURE_H

#include "os/enclosure.h"

/* Limit and events of a group that was just made. */
int ul_enclosure_v1_arm(ul_enclosure *enclosure);
int ul_enclosure_v2_arm(ul_enclosure *enclosure);

/* Makes it possible to have limited groups below this one; may choose one above it instead. */
int ul_enclosure_v2_prepare(char parent[512]);

/* Is there nothing in the group that the kernel could take back without making it crawl? */
bool ul_enclosure_is_full(const ul_enclosure *enclosure);

int ul_enclosure_v1_limit(ul_enclosure *enclosure, uint64_t limit_bytes);
int ul_enclosure_v2_limit(ul_enclosure *enclosure, uint64_t limit_bytes);

unsigned ul_enclosure_v1_read(ul_enclosure *enclosure, int which);
unsigned ul_enclosure_v2_read(ul_enclosure *enclosure, int which);

#endif
