/* SPDX-License-Identifier: MIT */
/* segment.h: a piece of memory that the processes of a tree share without sharing a descriptor.
 *
 * A descriptor would be lost wherever a program closes what it does not know before it starts
 * another; a file would outlive a killed program. So it is a segment with a number that may be told
 * in the environment: who knows number and token attaches, and it is gone with the last process
 * that is attached (it is marked for removal from the start, which Linux allows to be attached
 * still).
 *
 * Only processes of the same user can attach; a forked child has it anyway.
 */
#ifndef UL_OS_SEGMENT_H
#define UL_OS_SEGMENT_H

#include "base/base.h"

/* A new segment of zeros. Its address, or NULL; *ret_id tells it to others. */
void *ul_os_segment_make(size_t bytes, int *ret_id);

/* NULL when it is gone, too small, or not of this user. Nothing is known about what it holds. */
void *ul_os_segment_attach(int id, size_t bytes);

void ul_os_segment_drop(void *segment);

#endif
