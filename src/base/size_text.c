/* SPDX-License-Identifier: MIT */
/* size_text.c: see size_text.h. */
#include "base/size_text.h"

#include "base/text.h"

/* 18 digits of a fraction and a unit of 2^40 stay below 2^128: the product is exact. */
#define FRACTION_DIGITS 18

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* Reads the unit, which must be all that is left. Returns its bytes, 0 when it is none. */
static uint64_t unit_bytes(const char *text) {
  static const char letters[] = "kMGT";
  uint64_t          decimal = 1, binary = 1;
  if (text[0] == 0) return 1;
  char letter = text[0] == 'K' ? 'k' : text[0];
  for (size_t i = 0; letters[i]; i++) {
    decimal *= 1000;
    binary *= 1024;
    if (letter != letters[i]) continue;
    if (text[1] == 0) return decimal;
    return text[1] == 'i' && text[2] == 0 ? binary : 0;
  }
  return 0;
}

int ul_size_parse(const char *text, uint64_t *ret_bytes) {
  unsigned __int128 whole = 0, fraction = 0, scale = 1;
  bool              too_large = false;
  size_t            i = 0;
  if (!is_digit(text[0])) return -UL_E_INVAL;
  for (; is_digit(text[i]); i++) {
    whole = whole * 10 + (unsigned)(text[i] - '0');
    if (whole > UINT64_MAX) too_large = true, whole = 0;
  }
  if (text[i] == '.') {
    i++;
    if (!is_digit(text[i])) return -UL_E_INVAL;
    for (size_t digits = 0; is_digit(text[i]); i++, digits++) {
      if (digits >= FRACTION_DIGITS) continue;
      fraction = fraction * 10 + (unsigned)(text[i] - '0');
      scale *= 10;
    }
  }
  uint64_t unit = unit_bytes(text + i);
  if (unit == 0) return -UL_E_INVAL;
  unsigned __int128 bytes = whole * unit + fraction * unit / scale;
  if (too_large || bytes > UINT64_MAX) return -UL_E_RANGE;
  *ret_bytes = (uint64_t)bytes;
  return 0;
}

char *ul_size_mib(char buffer[UL_SIZE_TEXT_MAX], uint64_t bytes) {
  ul_text  text = ul_text_init(buffer, UL_SIZE_TEXT_MAX);
  uint64_t tenths = bytes / UL_MIB * 10 + (bytes % UL_MIB * 10 + UL_MIB / 2) / UL_MIB;
  ul_text_add_u64(&text, tenths / 10);
  ul_text_add(&text, ".");
  ul_text_add_u64(&text, tenths % 10);
  ul_text_add(&text, " MiB");
  return buffer;
}
