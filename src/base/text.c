/* SPDX-License-Identifier: MIT */
/* text.c: see text.h. */
#include "base/text.h"

static void add_char(ul_text *text, char c) {
  if (text->length + 1 >= text->capacity) return;
  text->bytes[text->length++] = c;
  text->bytes[text->length] = 0;
}

void ul_text_add(ul_text *text, const char *string) {
  for (; *string; string++) add_char(text, *string);
}

static void add_number(ul_text *text, uint64_t n, unsigned base) {
  char   digits[24];
  size_t count = 0;
  do {
    digits[count++] = "0123456789abcdef"[n % base];
    n /= base;
  } while (n != 0);
  while (count > 0) add_char(text, digits[--count]);
}

void ul_text_add_u64(ul_text *text, uint64_t n) {
  add_number(text, n, 10);
}

void ul_text_add_hex(ul_text *text, uint64_t n) {
  ul_text_add(text, "0x");
  add_number(text, n, 16);
}

static void add_in_units(ul_text *text, uint64_t bytes, uint64_t unit, const char *name) {
  uint64_t tenths = bytes / unit * 10 + bytes % unit * 10 / unit;
  ul_text_add_u64(text, tenths / 10);
  add_char(text, '.');
  ul_text_add_u64(text, tenths % 10);
  ul_text_add(text, name);
}

void ul_text_add_mib(ul_text *text, uint64_t bytes) {
  add_in_units(text, bytes, UL_MIB, " MiB");
}

void ul_text_add_size(ul_text *text, uint64_t bytes) {
  if (bytes >= UL_MIB) {
    ul_text_add_mib(text, bytes);
  } else if (bytes >= UL_KIB) {
    add_in_units(text, bytes, UL_KIB, " KiB");
  } else {
    ul_text_add_u64(text, bytes);
    ul_text_add(text, bytes == 1 ? " byte" : " bytes");
  }
}
