/* SPDX-License-Identifier: MIT */
/* symbol.c: os/symbol.h on Linux.
 *
 * dlsym moved from libdl into libc with glibc 2.34, as the functions in thread.c moved from libpthread,
 * and the same is done about it: the shared library asks for the old version, weakly. To be weak is not
 * enough: the loader refuses a library for a *version* that is not there, whoever needs it.
 */
#include "os/symbol.h"

#include <dlfcn.h>

#include "os/arch/cpu.h"

#ifdef ULLAGE_OLD_ABI
__asm__(".symver dlsym,dlsym@" UL_CPU_OLDEST_GLIBC);
#endif
#pragma weak dlsym

void *ul_os_next_symbol(const char *name) {
  return dlsym ? dlsym(RTLD_NEXT, name) : NULL;
}
