/* SPDX-License-Identifier: MIT */
/* html_text.c: see html_text.h. */
#include "launch/html_text.h"

#include <inttypes.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* The length of the character at `s`, with its number; 0: it is no UTF-8. Nothing overlong, no
 * surrogates, nothing above U+10FFFF. Reads no further than the end of the string. */
static unsigned decode(const unsigned char *s, uint32_t *ret_code) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  unsigned              length = *s < 0x80             ? 1
                                 : (*s & 0xe0) == 0xc0 ? 2
                                 : (*s & 0xf0) == 0xe0 ? 3
                                 : (*s & 0xf8) == 0xf0 ? 4
                                                       : 0;
  if (length < 2) {
    *ret_code = *s;
    return length;
  }
  uint32_t code = *s & (0x7fu >> length);
  for (unsigned i = 1; i < length; i++) {
    if ((s[i] & 0xc0) != 0x80) return 0;
    code = code << 6 | (s[i] & 0x3fu);
  }
  *ret_code = code;
  return code < least[length] || code > 0x10ffff || (code & ~0x7ffu) == 0xd800 ? 0 : length;
}

/* It changes how its neighbours are shown: marks, embeddings, overrides and isolates of direction;
 * or HTML may not have it: noncharacters. */
static bool is_unwanted(uint32_t code) {
  return code == 0x61c || code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069) || (code >= 0xfdd0 && code <= 0xfdef) ||
         (code & 0xfffe) == 0xfffe || code == 0xfeff;
}

static void write_ascii(FILE *out, unsigned char c, bool keeps_lines) {
  switch (c) {
  case '&': fputs("&amp;", out); return;
  case '<': fputs("&lt;", out); return;
  case '>': fputs("&gt;", out); return;
  case '"': fputs("&quot;", out); return;
  case '\'': fputs("&#39;", out); return;
  case '\n':
  case '\t':
    if (keeps_lines) {
      fputc(c, out);
      return;
    }
    break;
  default: break;
  }
  if (c < 0x20) {
    fprintf(out, "\xe2\x90%c", 0x80 + c); /* U+2400 + c */
  } else if (c == 0x7f) {
    fputs("\xe2\x90\xa1", out);
  } else {
    fputc(c, out);
  }
}

void ul_html_text(FILE *out, const char *text, bool keeps_lines) {
  const unsigned char *s = (const unsigned char *)text;
  while (*s) {
    uint32_t code = 0;
    unsigned length = decode(s, &code);
    if (length == 0 || (code >= 0x80 && code < 0xa0) || is_unwanted(code)) {
      fputs(REPLACEMENT, out);
      s += length ? length : 1;
    } else if (length == 1) {
      write_ascii(out, *s++, keeps_lines);
    } else {
      fwrite(s, 1, length, out);
      s += length;
    }
  }
}

/* Can it be shown as it is? Else its bytes are. */
static unsigned shown_length(const unsigned char *s) {
  uint32_t code = 0;
  unsigned length = decode(s, &code);
  if (length == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0) || is_unwanted(code)) return 0;
  return length;
}

/* $'…', which shells read byte by byte: exact also where a byte has no picture. */
static void write_bytes(FILE *out, const unsigned char *s) {
  char character[5];
  fputs("$&#39;", out);
  while (*s) {
    unsigned length = shown_length(s);
    if (length == 0) {
      fprintf(out, *s == '\n' ? "\\n" : *s == '\t' ? "\\t" : "\\x%02x", *s);
      s++;
      continue;
    }
    if (*s == '\'' || *s == '\\') fputc('\\', out);
    memcpy(character, s, length);
    character[length] = 0;
    ul_html_text(out, character, false);
    s += length;
  }
  fputs("&#39;", out);
}

void ul_html_argument(FILE *out, const char *argument) {
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                              "_-./:=,+@%^";
  if (argument[0] && argument[strspn(argument, plain)] == 0) {
    ul_html_text(out, argument, false);
    return;
  }
  for (const unsigned char *s = (const unsigned char *)argument; *s; s += shown_length(s)) {
    if (shown_length(s) > 0) continue;
    write_bytes(out, (const unsigned char *)argument);
    return;
  }
  fputs("&#39;", out);
  for (const char *part = argument;;) { /* ' itself: leave the quotes, \', enter them again */
    size_t n = strcspn(part, "'");
    char   piece[256];
    while (n > 0) {
      size_t some = UL_MIN(n, sizeof piece - 1);
      /* never through the middle of a character */
      while (some < n && some > 200 && ((unsigned char)part[some] & 0xc0) == 0x80) some--;
      memcpy(piece, part, some);
      piece[some] = 0;
      ul_html_text(out, piece, false);
      part += some;
      n -= some;
    }
    if (!*part) break;
    fputs("&#39;\\&#39;&#39;", out);
    part++;
  }
  fputs("&#39;", out);
}
