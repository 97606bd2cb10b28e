/* SPDX-License-Identifier: MIT */
/* confine.h: the process is about to forbid itself system calls.
 *
 * A seccomp filter ends the process, or calls a handler of the program's, at the first call that is not
 * on its list, whoever makes it. The list cannot be read, and no call can be tried. So once the process
 * is *confined*, this room makes only those calls which a program that allocates memory makes anyway:
 *
 *     open       whatever the header says
 *     confined   mmap munmap mprotect madvise mremap, futex, write for last words,
 *                getpid and clock_gettime; all else is answered as by a system that cannot
 *     sealed     the same without mprotect, madvise, mremap and the clock: SECCOMP_MODE_STRICT
 *                allows no memory at all, what there is must do, and forbids even the processor's
 *                counter
 *
 * It never becomes looser, and a forked child inherits it, as it does the filter. Exec ends it: the
 * next program hears nothing of a filter that is there already.
 *
 * Threads  any; one word, written seldom. Who sees it late makes one call more.
 */
#ifndef UL_OS_CONFINE_H
#define UL_OS_CONFINE_H

#include "base/base.h"

enum ul_os_confinement { UL_OS_OPEN = 0, UL_OS_CONFINED, UL_OS_SEALED };

/* From here on at least so. Context: any. */
void ul_os_confine(enum ul_os_confinement how);

/* Context: any. */
bool ul_os_is_confined(void);
bool ul_os_is_sealed(void);

#endif
