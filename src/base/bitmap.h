/* SPDX-License-Identifier: MIT */
/* bitmap.h: ranges of bits in an array of 64-bit words.
 *
 * Words are plain: whoever calls holds the lock that guards them.
 */
#ifndef UL_BASE_BITMAP_H
#define UL_BASE_BITMAP_H

#include "base/base.h"

UL_INLINE size_t ul_bitmap_words(size_t bits) {
  return (bits + 63) / 64;
}

UL_INLINE bool ul_bitmap_get(const uint64_t *words, size_t i) {
  return (words[i / 64] >> (i % 64)) & 1;
}

UL_INLINE void ul_bitmap_set(uint64_t *words, size_t i) {
  words[i / 64] |= (uint64_t)1 << (i % 64);
}

UL_INLINE void ul_bitmap_clear(uint64_t *words, size_t i) {
  words[i / 64] &= ~((uint64_t)1 << (i % 64));
}

/* The part of word `w` that lies in bits [first, end). */
UL_INLINE uint64_t ul_bitmap_mask(size_t w, size_t first, size_t end) {
  uint64_t mask = ~(uint64_t)0;
  if (first > w * 64) mask &= ~(uint64_t)0 << (first - w * 64);
  if (end < (w + 1) * 64) mask &= ((uint64_t)1 << (end - w * 64)) - 1;
  return mask;
}

/* Is any bit of [first, end) set? */
UL_INLINE bool ul_bitmap_any(const uint64_t *words, size_t first, size_t end) {
  if (first >= end) return false;
  for (size_t w = first / 64; w <= (end - 1) / 64; w++) {
    if (words[w] & ul_bitmap_mask(w, first, end)) return true;
  }
  return false;
}

/* Sets [first, end). Returns how many of them were clear. */
UL_INLINE uint32_t ul_bitmap_set_range(uint64_t *words, size_t first, size_t end) {
  uint32_t changed = 0;
  if (first >= end) return 0;
  for (size_t w = first / 64; w <= (end - 1) / 64; w++) {
    uint64_t mask = ul_bitmap_mask(w, first, end);
    changed += (uint32_t)__builtin_popcountll(mask & ~words[w]);
    words[w] |= mask;
  }
  return changed;
}

/* Clears [first, end). Returns how many of them were set. */
UL_INLINE uint32_t ul_bitmap_clear_range(uint64_t *words, size_t first, size_t end) {
  uint32_t changed = 0;
  if (first >= end) return 0;
  for (size_t w = first / 64; w <= (end - 1) / 64; w++) {
    uint64_t mask = ul_bitmap_mask(w, first, end);
    changed += (uint32_t)__builtin_popcountll(mask & words[w]);
    words[w] &= ~mask;
  }
  return changed;
}

#endif
