/* SPDX-License-Identifier: MIT */
/* thread.h: a thread of our own, and a word about the end of the program's. */
#ifndef UL_OS_THREAD_H
#define UL_OS_THREAD_H

#include "base/base.h"

/* Starts a detached thread with a small stack, deaf to all signals but those it causes itself.
 * 0 or -UL_E_SYSTEM. One at a time (the runtime's agent). May allocate, so the caller holds no lock of
 * the heap. */
UL_MUST_USE int ul_os_thread_start(void (*run)(void *arg), void *arg, const char *name);

/* Does the system still know this thread of the process? From the last line of a thread to its end
 * there are some calls more. Context: any. */
bool ul_os_thread_exists(uint32_t tid);

/* A slot that each thread has and whose nonzero value is handed to `ends` when the thread ends; set
 * again there, `ends` is called again, in four rounds at most. 0 or -UL_E_SYSTEM. */
UL_MUST_USE int ul_os_thread_key_make(void (*ends)(void *value), uint32_t *ret_key);

/* May allocate. 0 or -UL_E_SYSTEM. */
UL_MUST_USE int ul_os_thread_key_set(uint32_t key, void *value);

/* Calls the three around each fork of the process. May allocate. */
void ul_os_at_fork(void (*before)(void), void (*parent)(void), void (*child)(void));

#endif
