/* SPDX-License-Identifier: MIT */
/* bits.h: powers of two, and division by a constant as a multiplication.
 *
 * Division. For a divisor d with m = ceil(2^64 / d) and x * d < 2^64:
 *     x / d            ==  high64(x * m)
 *     d divides x      <=> low64(x * m) < m
 * Source: D. Lemire, O. Kaser, N. Kurz, "Faster remainder by direct computation", 2019.
 */
#ifndef UL_BASE_BITS_H
#define UL_BASE_BITS_H

#include "base/base.h"

UL_INLINE size_t ul_round_up(size_t n, size_t power_of_two) {
  return (n + power_of_two - 1) & ~(power_of_two - 1);
}

UL_INLINE size_t ul_round_down(size_t n, size_t power_of_two) {
  return n & ~(power_of_two - 1);
}

UL_INLINE bool ul_is_power_of_two(size_t n) {
  return n != 0 && (n & (n - 1)) == 0;
}

/* floor(log2(n)), n > 0. */
UL_INLINE unsigned ul_log2_floor(size_t n) {
  return 63u - (unsigned)__builtin_clzll(n);
}

/* ceil(log2(n)), n > 0. */
UL_INLINE unsigned ul_log2_ceil(size_t n) {
  return n <= 1 ? 0 : ul_log2_floor(n - 1) + 1;
}

UL_INLINE uint64_t ul_div_magic(uint32_t divisor) {
  return UINT64_MAX / divisor + 1;
}

UL_INLINE uint32_t ul_div_quotient(uint64_t x, uint64_t magic) {
  return (uint32_t)(((unsigned __int128)x * magic) >> 64);
}

UL_INLINE bool ul_div_exact(uint64_t x, uint64_t magic) {
  return x * magic < magic;
}

#endif
