/* SPDX-License-Identifier: MIT */
/* cpu.h: the little that differs between processors. */
#ifndef UL_OS_ARCH_CPU_H
#define UL_OS_ARCH_CPU_H

#include "base/base.h"

/* The version of glibc's oldest symbols. */
#if defined(__x86_64__)
#define UL_CPU_OLDEST_GLIBC "GLIBC_2.2.5"
#else
#define UL_CPU_OLDEST_GLIBC "GLIBC_2.17"
#endif

/* Tells the core that this is a spin loop. */
UL_INLINE void ul_cpu_relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");
#endif
}

#endif
