/* SPDX-License-Identifier: MIT */
/* pages.h: address space and the memory behind it.
 *
 * The contract every system's file fulfils. Addresses and sizes are multiples of
 * ul_os_page_bytes() unless said; nothing here takes a lock or allocates; errno is left alone.
 * Context: any, except where two threads touch the same pages.
 */
#ifndef UL_OS_PAGES_H
#define UL_OS_PAGES_H

#include "base/base.h"

/* The system's page: 4, 16 or 64 KiB. Constant for the life of the process. */
size_t ul_os_page_bytes(void);

/* Reserves address space that may not be touched yet and costs no memory.
 * Returns its start, or NULL when the system has no such stretch (a limit on address space). */
void *ul_os_reserve(size_t bytes);

/* The most address space that a reservation may take without starving the rest of the program:
 * SIZE_MAX when there is no limit on it. */
size_t ul_os_reserve_limit(void);

/* Makes reserved pages readable and writable; they read as zero. 0 or -UL_E_NOMEM. */
UL_MUST_USE int ul_os_commit(void *start, size_t bytes);

/* Gives the memory behind committed pages back; they stay usable and read as zero again.
 * 0, or -UL_E_SYSTEM when the system refused (locked pages, or sealed: os/confine.h): contents are then
 * unchanged. */
UL_MUST_USE int ul_os_release(void *start, size_t bytes);

/* The same for several stretches at once, which costs a third of doing it one by one. Sets `done` of
 * each. At most UL_OS_STRETCHES. */
#define UL_OS_STRETCHES 64
typedef struct ul_os_stretch {
  void  *start;
  size_t bytes;
  bool   done;
} ul_os_stretch;

void ul_os_release_many(ul_os_stretch *stretches, size_t count);

/* Moves the memory behind [from, from + bytes) to `to`, both committed and not overlapping,
 * without copying; `from` then reads as zero. 0, or -UL_E_SYSTEM: nothing has changed. */
UL_MUST_USE int ul_os_move(void *to, void *from, size_t bytes);

/* Asks for ordinary pages: a huge page behind a few small objects would cost 2 MiB. */
void ul_os_no_huge_pages(void *start, size_t bytes);

#if ULLAGE_INVARIANTS >= 1
/* Tests make the n-th call fail by defining this: nonzero means fail. Weak, absent otherwise. */
enum ul_os_call { UL_OS_CALL_RESERVE, UL_OS_CALL_COMMIT, UL_OS_CALL_RELEASE, UL_OS_CALL_MOVE };
UL_WEAK int ul_os_fault_hook(int call);
#endif

#endif
