/* SPDX-License-Identifier: MIT */
/* size_class.c: see size_class.h. Every size is computed; there is no table of sizes to keep. */
#include "heap/size_class.h"

#include "os/fatal.h"

/* c-th coarse size: 8, the multiples of 16 to 128, then eight to a doubling. */
static uint32_t coarse_bytes(unsigned c) {
  if (c == 0) return 8;
  if (c <= 8) return 16 * c;
  unsigned doubling = (c - 9) / 8, eighth = (c - 9) % 8;
  return (128u << doubling) + (eighth + 1) * (16u << doubling);
}

/* f-th fine size: what coarse sizes leave out. From 256 to 512 alignment allows one between two
 * coarse sizes, from 512 on there are three. */
static uint32_t fine_bytes(unsigned f) {
  if (f < 8) return 272 + 32 * f;
  unsigned doubling = (f - 8) / 24, eighth = (f - 8) % 24 / 3, quarter = (f - 8) % 3;
  return (512u << doubling) + eighth * (64u << doubling) + (quarter + 1) * (16u << doubling);
}

/* The first coarse classes are 8, 16, 32, 48 bytes: the ones that have colours. */
uint32_t ul_size_class_bytes(unsigned size_class) {
  if (size_class >= UL_CLASS_PLAIN)
    return coarse_bytes((size_class - UL_CLASS_PLAIN) % UL_COLOUR_CLASSES);
  unsigned c = size_class - UL_CLASS_FIRST;
  return c < UL_CLASS_COARSE ? coarse_bytes(c) : fine_bytes(c - UL_CLASS_COARSE);
}

uint32_t ul_size_class_span_bytes(unsigned size_class) {
  uint32_t bytes = ul_size_class_bytes(size_class);
  return bytes <= 1024 ? 64 * 1024 : 256 * 1024;
}

size_t ul_size_step_bytes(size_t step) {
  if (step <= UL_STEP_LINEAR_MAX / 8) return step * 8;
  step -= UL_STEP_LINEAR_MAX / 8 + 1;
  unsigned power = 10 + (unsigned)(step / 32);
  return (step % 32 + 33) << (power - 5);
}

unsigned ul_size_class_aligned(size_t size, size_t alignment) {
  unsigned best = 0;
  for (unsigned c = UL_CLASS_FIRST; c < UL_CLASS_PLAIN; c++) {
    uint32_t bytes = ul_size_class_bytes(c);
    if (bytes < size || bytes % alignment != 0) continue;
    if (best == 0 || bytes < ul_size_class_bytes(best)) best = c;
  }
  UL_CHECK(best != 0);
  return best;
}

void ul_size_table_init(ul_size_table *table) {
  unsigned c = 0;
  for (size_t step = 0; step < UL_STEPS; step++) {
    while (coarse_bytes(c) < ul_size_step_bytes(step)) c++;
    table->class_of_step[step] = (uint8_t)(UL_CLASS_FIRST + c);
  }
}

void ul_size_table_colour(ul_size_table *table, const ul_size_table *from, unsigned colour) {
  *table = *from;
  if (colour == 0) return;
  for (size_t step = 0; step < UL_COLOUR_STEPS; step++) {
    unsigned class_index = from->class_of_step[step] - UL_CLASS_FIRST;
    table->class_of_step[step] =
        (uint8_t)(UL_CLASS_PLAIN + (colour - 1) * UL_COLOUR_CLASSES + class_index);
  }
}

void ul_size_table_refine(ul_size_table *table, unsigned size_class) {
  for (size_t step = 0; step < UL_STEPS; step++) {
    if (table->class_of_step[step] != size_class) continue;
    uint32_t best = ul_size_class_bytes(size_class);
    for (unsigned f = 0; f < UL_CLASS_FINE; f++) {
      uint32_t bytes = fine_bytes(f);
      if (bytes < ul_size_step_bytes(step) || bytes >= best) continue;
      best = bytes;
      ul_store(&table->class_of_step[step], (uint8_t)(UL_CLASS_FIRST + UL_CLASS_COARSE + f));
    }
  }
}
