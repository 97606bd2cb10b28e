/* SPDX-License-Identifier: MIT */
/* text.h: builds a short line in a buffer of the caller's, without stdio and without allocating.
 *
 * For the places where nothing may be relied on: a fatal error, the summary at exit.
 *
 * Invariants  length < capacity; what does not fit is cut off, the text stays terminated.
 */
#ifndef UL_BASE_TEXT_H
#define UL_BASE_TEXT_H

#include "base/base.h"

typedef struct ul_text {
  char  *bytes;
  size_t length;
  size_t capacity;
} ul_text;

UL_INLINE ul_text ul_text_init(char *bytes, size_t capacity) {
  bytes[0] = 0;
  return (ul_text){.bytes = bytes, .length = 0, .capacity = capacity};
}

void ul_text_add(ul_text *text, const char *string);
void ul_text_add_u64(ul_text *text, uint64_t n);
void ul_text_add_hex(ul_text *text, uint64_t n);     /* 0x7f00… */
void ul_text_add_mib(ul_text *text, uint64_t bytes); /* "12.3 MiB" */

/* The same in what fits: "12.3 MiB", "12.3 KiB" below one MiB, "123 bytes" below one KiB. */
void ul_text_add_size(ul_text *text, uint64_t bytes);

#endif
