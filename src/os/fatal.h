/* SPDX-License-Identifier: MIT */
/* fatal.h: the last words of a process.
 *
 * One line on stderr, written by one write(2), then abort. No allocation, no lock, no stdio: the
 * heap may be broken.
 */
#ifndef UL_OS_FATAL_H
#define UL_OS_FATAL_H

#include "base/text.h"

/* Writes "ullage: fatal: <message>\n" and aborts. Context: any. */
UL_NORETURN void ul_fatal(const char *message);

/* A broken invariant of ours. Always compiled in: use it where the check is cheap. */
#define UL_CHECK(condition)                                                        \
  do {                                                                             \
    if (UL_UNLIKELY(!(condition))) ul_fatal_check(#condition, __FILE__, __LINE__); \
  } while (0)
UL_NORETURN void ul_fatal_check(const char *condition, const char *file, int line);

/* The same in builds with invariants; nothing otherwise. */
#if ULLAGE_INVARIANTS >= 1
#define UL_ASSERT(condition) UL_CHECK(condition)
#else
#define UL_ASSERT(condition) ((void)0)
#endif

/* Writes a line of ours that is not fatal: "ullage: <message>\n". Context: any. */
void ul_say(const char *message);

#endif
