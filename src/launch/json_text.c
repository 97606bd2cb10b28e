/* SPDX-License-Identifier: MIT */
/* json_text.c: see json_text.h. */
#include "launch/json_text.h"

#include <stdlib.h>
#include <string.h>

/* Bytes that follow a first byte; 9: it is not a first byte. */
static unsigned more_of(unsigned char first) {
  if (first < 0x80) return 0;
  if (first >= 0xc2 && first < 0xe0) return 1;
  if (first >= 0xe0 && first < 0xf0) return 2;
  if (first >= 0xf0 && first < 0xf5) return 3;
  return 9;
}

bool ul_json_is_utf8(const char *text) {
  const unsigned char *s = (const unsigned char *)text;
  while (*s) {
    unsigned more = more_of(*s);
    if (more == 9) return false;
    if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) || (*s == 0xf0 && s[1] < 0x90) ||
        (*s == 0xf4 && s[1] > 0x8f)) {
      return false;
    }
    for (s++; more > 0; more--, s++) {
      if ((*s & 0xc0) != 0x80) return false;
    }
  }
  return true;
}

char *ul_json_text(const char *text) {
  char *copy = strdup(text);
  if (!copy || ul_json_is_utf8(copy)) return copy;
  for (char *at = copy; *at; at++) {
    if ((unsigned char)*at >= 0x80) *at = '?';
  }
  return copy;
}

char *ul_json_line(char *text) {
  if (!text) return NULL;
  size_t length = strlen(text);
  char  *whole = realloc(text, length + 2);
  if (!whole) {
    free(text);
    return NULL;
  }
  memcpy(whole + length, "\n", 2);
  return whole;
}
