/* SPDX-License-Identifier: MIT */
/* symbol.h: what the loader knows under a name. */
#ifndef UL_OS_SYMBOL_H
#define UL_OS_SYMBOL_H

#include "base/base.h"

/* The definition of `name` that a program would have without this library: the next one in the order
 * in which the loader searches. NULL: there is none, or nobody to ask (a static program, or one with
 * a glibc before 2.34 that has no libdl). Takes the loader's lock. */
void *ul_os_next_symbol(const char *name);

#endif
