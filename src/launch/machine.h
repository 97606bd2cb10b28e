/* SPDX-License-Identifier: MIT */
/* machine.h: what there is to share out: cores, memory, and what the container allows of them.
 *
 * A container's limit is the smallest of its group's and those above it; where the groups above are
 * not visible (their own mount), the visible ones count.
 */
#ifndef UL_LAUNCH_MACHINE_H
#define UL_LAUNCH_MACHINE_H

#include "base/base.h"

typedef struct ul_machine {
  unsigned cores;           /* that this process may run on; at least 1 */
  unsigned quota_millicpus; /* of the group: 1500 is one and a half cores; 0: none */
  uint64_t memory_bytes;    /* of the machine; 0: unknown */
  uint64_t limit_bytes;     /* of the container; 0: none */
} ul_machine;

/* Reads some ten small files. What cannot be read is as if it were not limited. */
void ul_machine_read(ul_machine *ret_machine);

/* What a percentage of memory is of: the container's limit, else the machine's memory; 0: unknown. */
uint64_t ul_machine_memory(const ul_machine *machine);

#endif
