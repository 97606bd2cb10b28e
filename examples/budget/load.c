/* SPDX-License-Identifier: MIT */
/* load.c: see load.h. */
#include "load.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Noreturn void load_fail(const char *what, const char *advice) {
  fprintf(stderr, "%s: %s; %s\n", program_invocation_short_name, what, advice);
  exit(2);
}

uint64_t load_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t load_mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

uint64_t load_draw(uint64_t *random) {
  return load_mix(*random += 0x9e3779b97f4a7c15u);
}

uint64_t load_draw_below(uint64_t *random, uint64_t limit) {
  return ((load_draw(random) >> 32) * limit) >> 32;
}

/* By bisection on erfc: the inverse is not in libm. */
void load_sizes_init(load_sizes *sizes, double median) {
  const double sigma = 0.8;
  double       sum = 0;
  for (int i = 0; i < LOAD_SIZES; i++) {
    double low = -8, high = 8, probability = (i + 0.5) / LOAD_SIZES;
    for (int step = 0; step < 40; step++) {
      double middle = (low + high) / 2;
      if (0.5 * erfc(-middle / sqrt(2)) < probability)
        low = middle;
      else
        high = middle;
    }
    sizes->size[i] = (uint32_t)fmin(fmax(median * exp(sigma * low), 1), LOAD_SIZE_MAX);
    sum += sizes->size[i];
  }
  sizes->mean = sum / LOAD_SIZES;
}

uint64_t load_size_of(const char *text) {
  static const char letters[] = "kMGT";
  char             *end;
  double            number = strtod(text, &end), unit = 1;
  const char       *letter = *end ? strchr(letters, *end == 'K' ? 'k' : *end) : NULL;
  if (letter) {
    double base = end[1] == 'i' ? 1024 : 1000;
    for (const char *at = letters; at <= letter; at++) unit *= base;
    end += end[1] == 'i' ? 2 : 1;
  }
  if (end == text || *end || !(number * unit >= 1e6 && number * unit <= 1e15))
    load_fail("a size from 1M on is wanted", "for example 1230M or 512Mi");
  return (uint64_t)(number * unit);
}

uint64_t load_peak_rss_bytes(void) {
  char               line[256];
  unsigned long long kib = 0;
  FILE              *status = fopen("/proc/self/status", "re");
  while (status && fgets(line, sizeof line, status)) {
    if (sscanf(line, "VmHWM: %llu", &kib) == 1) break;
  }
  if (status) fclose(status);
  return kib * 1024;
}

/* When the first byte is right and each byte equals the one before it, all are right. */
void load_value_check(const uint8_t *value, size_t bytes, uint8_t expected) {
  if (bytes == 0 || (value[0] == expected && !memcmp(value, value + 1, bytes - 1))) return;
  fprintf(stderr, "%s: a value was overwritten while it was live; the heap is broken\n",
          program_invocation_short_name);
  abort();
}
