/* SPDX-License-Identifier: MIT */
/* base.h: the one place that knows the compiler.
 *
 * Everything else says what it means (UL_LIKELY, UL_INLINE, UL_HIDDEN …) and leaves the spelling
 * to this file. No OS, no allocation, no globals.
 */
#ifndef UL_BASE_BASE_H
#define UL_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UL_LIKELY(x)   __builtin_expect(!!(x), 1)
#define UL_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define UL_INLINE      static inline __attribute__((always_inline))
#define UL_NOINLINE    __attribute__((noinline))
#define UL_COLD        __attribute__((noinline, cold))
#define UL_EXPORT      __attribute__((visibility("default")))
#define UL_HIDDEN      __attribute__((visibility("hidden")))
#define UL_SECTION(s)  __attribute__((section(s)))
#define UL_MUST_USE    __attribute__((warn_unused_result))
#define UL_NORETURN    __attribute__((noreturn))
#define UL_UNUSED      __attribute__((unused))
#define UL_ALIGNED(n)  __attribute__((aligned(n)))
#define UL_WEAK        __attribute__((weak))
#define UL_ALIAS(f)    __attribute__((alias(#f)))
#define UL_TLS         __thread __attribute__((tls_model("initial-exec")))

/* Reads memory that the program may be writing (word 0 of an object): a race by design, whose every
 * outcome the caller handles. */
#if defined(__SANITIZE_THREAD__)
#define UL_NO_TSAN __attribute__((no_sanitize("thread")))
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UL_NO_TSAN __attribute__((no_sanitize("thread")))
#else
#define UL_NO_TSAN
#endif
#else
#define UL_NO_TSAN
#endif

#define UL_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define UL_MIN(a, b) ((a) < (b) ? (a) : (b))
#define UL_MAX(a, b) ((a) > (b) ? (a) : (b))

#define UL_KIB ((size_t)1024)
#define UL_MIB (UL_KIB * 1024)
#define UL_GIB (UL_MIB * 1024)

/* The line size that keeps two threads' fields apart; 64 on every CPU we target (two lines are
 * prefetched together on some, which padding to 64 does not prevent and has not shown). */
#define UL_CACHE_LINE 64

/* Errors inside: functions return 0 or one of these, negative. */
enum ul_error {
  UL_E_NOMEM = 1, /* the system gave no memory or address space */
  UL_E_INVAL,     /* an argument is out of range or does not parse */
  UL_E_SYSTEM,    /* a system call failed for another reason */
  UL_E_NOTFOUND,  /* what was asked for does not exist */
  UL_E_RANGE,     /* a number does not fit */
};

#endif
