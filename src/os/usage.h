/* SPDX-License-Identifier: MIT */
/* usage.h: what this process uses and may use, asked from inside it: no stdio, no allocation.
 *
 * Confined (os/confine.h) nothing is known.
 *
 * Threads  any.
 */
#ifndef UL_OS_USAGE_H
#define UL_OS_USAGE_H

#include "base/base.h"

/* Resident memory of this process that is not of files: ours and what others mapped. 0 when the
 * system does not tell. Two microseconds. */
uint64_t ul_os_anonymous_bytes(void);

/* Resident bytes of any process. 0, -UL_E_NOTFOUND: it is gone, -UL_E_SYSTEM: may not be asked. */
UL_MUST_USE int ul_os_resident_of(uint32_t pid, uint64_t *ret_bytes);

/* The least memory limit of the container (group) this process is in and of those around it;
 * 0: none, or not visible from here. Reads some files: a hundred microseconds. */
uint64_t ul_os_container_limit(void);

/* Who shares this shares process numbers. 0: unknown. */
uint64_t ul_os_pid_namespace(void);

/* Processor time of the calling thread. */
uint64_t ul_os_thread_cpu_ns(void);

#endif
