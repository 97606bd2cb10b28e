/* SPDX-License-Identifier: MIT */
/* hsperf.c: see hsperf.h. */
#include "launch/hsperf.h"

#include <string.h>

#define HEADER_BYTES 32
#define ENTRY_BYTES  20 /* its head, before name and value */
#define NAME_MOST    64 /* longer ones are not among those we want */
#define ENTRIES_MOST 16384

struct view {
  const uint8_t *bytes;
  size_t         count;
  bool           is_big_endian;
};

static const struct wanted {
  const char *name;
  size_t      offset; /* of the field */
} wanted[] = {
#define UL_COUNTER(field, name) {name, offsetof(ul_hsperf, field)},
    UL_HSPERF_COUNTERS(UL_COUNTER)
#undef UL_COUNTER
};

/* `size` bytes at `at`, which the caller has checked, as a number. */
static uint64_t number_at(const struct view *view, size_t at, unsigned size) {
  uint64_t number = 0;
  for (unsigned i = 0; i < size; i++) {
    unsigned place = view->is_big_endian ? i : size - 1 - i;
    number = number << 8 | view->bytes[at + place];
  }
  return number;
}

static bool has(const struct view *view, size_t at, size_t bytes) {
  return at <= view->count && bytes <= view->count - at;
}

/* The name, terminated within `most` bytes, copied so that it cannot change under us. */
static bool copy_name(const struct view *view, size_t at, size_t end, char name[NAME_MOST]) {
  size_t room = UL_MIN((size_t)NAME_MOST, end - at);
  memcpy(name, view->bytes + at, room);
  return memchr(name, 0, room) != NULL;
}

static void take_number(const struct view *view, const char *name, size_t at, ul_hsperf *counters) {
  for (size_t i = 0; i < UL_ARRAY_LEN(wanted); i++) {
    if (strcmp(name, wanted[i].name) != 0) continue;
    uint64_t number = number_at(view, at, 8);
    if (number > INT64_MAX) return; /* negative: it cannot be told there */
    memcpy((char *)counters + wanted[i].offset, &number, sizeof number);
    return;
  }
}

static void take_text(const struct view *view, const char *name, size_t at, size_t end,
                      ul_hsperf *counters) {
  size_t bytes = UL_MIN(end - at, sizeof counters->collector - 1);
  if (strcmp(name, "sun.gc.collector.0.name") != 0) return;
  memcpy(counters->collector, view->bytes + at, bytes);
  counters->collector[bytes] = 0;
}

/* One entry at `at`; returns its length, or 0 when it is not one. */
static size_t take_entry(const struct view *view, size_t at, ul_hsperf *counters) {
  char name[NAME_MOST];
  if (!has(view, at, ENTRY_BYTES)) return 0;
  uint64_t length = number_at(view, at, 4), name_at = number_at(view, at + 4, 4);
  uint64_t elements = number_at(view, at + 8, 4), value_at = number_at(view, at + 16, 4);
  uint8_t  type = view->bytes[at + 12];
  if (length < ENTRY_BYTES || !has(view, at, (size_t)length)) return 0;
  if (name_at < ENTRY_BYTES || name_at >= length || value_at < ENTRY_BYTES || value_at >= length) {
    return 0;
  }
  if (!copy_name(view, at + (size_t)name_at, at + (size_t)length, name)) return (size_t)length;
  if (type == 'J' && elements == 0 && length - value_at >= 8) {
    take_number(view, name, at + (size_t)value_at, counters);
  } else if (type == 'B' && elements > 0 && elements <= length - value_at) {
    take_text(view, name, at + (size_t)value_at, at + (size_t)(value_at + elements), counters);
  }
  return (size_t)length;
}

int ul_hsperf_read(const void *bytes, size_t count, ul_hsperf *ret_counters) {
  static const uint8_t magic[] = {0xca, 0xfe, 0xc0, 0xc0};
  struct view          view = {.bytes = bytes, .count = count};
  ul_hsperf            counters;
  if (count < HEADER_BYTES || memcmp(bytes, magic, sizeof magic) != 0) return -UL_E_INVAL;
  view.is_big_endian = view.bytes[4] == 0; /* 0 big, 1 little */
  if (view.bytes[4] > 1 || view.bytes[5] != 2 || view.bytes[7] != 1) return -UL_E_INVAL;
  memset(&counters, 0xff, sizeof counters); /* all unknown */
  counters.collector[0] = 0;
  size_t   at = (size_t)number_at(&view, 24, 4);
  uint64_t entries = UL_MIN(number_at(&view, 28, 4), (uint64_t)ENTRIES_MOST);
  if (at < HEADER_BYTES) return -UL_E_INVAL;
  for (; entries > 0; entries--) {
    size_t length = take_entry(&view, at, &counters);
    if (length == 0) break; /* cut off, or being written: what came before counts */
    at += length;
  }
  *ret_counters = counters;
  return 0;
}
