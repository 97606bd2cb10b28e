/* SPDX-License-Identifier: MIT */
/* self.h: what the inside needs to know of its own process and thread. */
#ifndef UL_OS_SELF_H
#define UL_OS_SELF_H

#include "base/base.h"

/* Sixteen random bytes of the kernel's, folded to eight; nonzero. Context: any. */
uint64_t ul_os_random_key(void);

/* Did privileges change at exec (setuid)? Then the environment is not to be trusted. */
bool ul_os_is_secure(void);

/* Monotonic clock, nanoseconds; sealed (os/confine.h) it stands at 0. */
uint64_t ul_os_now_ns(void);

/* Physical memory of the machine, bytes; 0 when unknown. */
uint64_t ul_os_memory_bytes(void);

uint64_t ul_os_pid(void);

/* Value of an environment variable, NULL when unset or when the environment is not there yet. */
const char *ul_os_environment(const char *name);

/* Puts `entry` ("NAME=value", which stays the caller's) in the place of NAME's, where there is one. */
void ul_os_environment_replace(const char *name, char *entry);

/* Is the calling thread the only one of the process that still runs (the first thread may have
 * ended before the process)? Reads /proc: microseconds. */
bool ul_os_thread_is_last(void);

/* A page shared with readers outside, named in /proc/PID/maps; a forked child does not have it.
 * NULL when the system cannot. */
void *ul_os_shared_page(const char *name, size_t bytes);
void  ul_os_shared_page_drop(void *page, size_t bytes);

#endif
