/* SPDX-License-Identifier: MIT */
/* size_class.h: which sizes small objects come in.
 *
 *     bytes      8   16 32 48 … 128   144 … 256   288 … 512   576 … 1024   …   … 32768
 *     coarse     1   every 16         8 between one power of two and the next
 *     fine                                        16 ……………    32 between one power and the next
 *
 * A request is rounded up twice: to a *step* (a row of a table of bytes, found with one shift), and
 * from the step to a *class* by that table. At the start the table knows only the coarse classes.
 * Each class in use costs at least one partly filled leaf, so a small program wants few; a large
 * heap loses more to rounding than to partly filled leaves, so in a large heap a coarse class that has
 * come to hold UL_REFINE_BYTES is *refined*: its steps then point to the fine classes in between.
 *
 * Waste       Above 128 bytes a coarse class wastes at most 1/9 (11.1 %) of an object; above 512
 *             bytes a fine one at most 1/33 (3 %); up to 128 bytes at most 15 bytes, which is what
 *             alignment to 16 costs. What that comes to on log-normal sizes, and where it is
 *             computed: docs/design/heap.md [heap.classes].
 * Alignment   8 bytes for the class of 8, 16 for all others; a class that is a multiple of 2^k is
 *             aligned to 2^k up to 4096, because spans are.
 * Numbers     A class's number is also what the leaf map says of its leaves (leaf.h), so numbers
 *             start at UL_CLASS_FIRST; coarse classes come first to keep small programs' records
 *             together.
 * Threads     Pure, but for the tables: each cache has one, its bytes written by whoever refines a
 *             class and read by the owner; either value of a byte is a right answer.
 */
#ifndef UL_HEAP_SIZE_CLASS_H
#define UL_HEAP_SIZE_CLASS_H

#include "base/atomic.h"
#include "base/bits.h"

#define UL_SMALL_MAX_BYTES ((size_t)32768) /* as in Go; larger objects are page runs */

#define UL_CLASS_COARSE 73
#define UL_CLASS_FINE   152
#define UL_CLASS_FIRST  4
#define UL_CLASS_PLAIN  (UL_CLASS_FIRST + UL_CLASS_COARSE + UL_CLASS_FINE)
#define UL_CLASS_END    (UL_CLASS_PLAIN + UL_COLOUR_CLASSES * (UL_COLOURS - 1))

/* Objects of 8, 16, 32 and 48 bytes share cache lines, so these four classes exist once for each of
 * six *colours*, and so does all that belongs to them: bins, spans, leaves. A thread allocates from
 * its own colour only. What it frees of another goes into a bin that malloc never takes from, and
 * from there back to that colour: two threads that each free a neighbour do not end up writing to
 * one line for ever. Colour 0 is the first thread's, and the plain class numbers. */
#define UL_COLOURS        6
#define UL_COLOUR_CLASSES 4
#define UL_COLOUR_STEPS   (48 / 8 + 1)

/* Steps of 8 bytes up to 1024, then 32 to a doubling. */
#define UL_STEP_LINEAR_MAX 1024
#define UL_STEPS           (UL_STEP_LINEAR_MAX / 8 + 1 + 5 * 32)

/* A class that holds UL_REFINE_BYTES is refined once the heap is UL_REFINE_HEAP_BYTES large. Small
 * heaps lose more to partly used leaves than rounding costs (refined from 1 MiB a class on, heaps of
 * 70 MiB peak 10 to 20 % higher); large ones must not wait, since what was rounded up before stays
 * and leaves holes for few to use (4 MiB a class: 1.23 GB of entries peak 4 % higher than at 1 MiB). */
#define UL_REFINE_BYTES      ((uint64_t)1 << 20)
#define UL_REFINE_HEAP_BYTES ((uint64_t)192 << 20)

typedef struct ul_size_table {
  uint8_t class_of_step[UL_STEPS];
} ul_size_table;

/* The step of a request, size <= UL_SMALL_MAX_BYTES. */
UL_INLINE size_t ul_size_step(size_t size) {
  if (UL_LIKELY(size <= UL_STEP_LINEAR_MAX)) return (size + 7) / 8;
  unsigned power = ul_log2_floor(size - 1);
  return UL_STEP_LINEAR_MAX / 8 + 1 + (size_t)(power - 10) * 32 + ((size - 1) >> (power - 5)) - 32;
}

UL_INLINE unsigned ul_size_class(const ul_size_table *table, size_t size) {
  return ul_load(&table->class_of_step[ul_size_step(size)]);
}

/* Largest request of a step. */
size_t ul_size_step_bytes(size_t step);

/* Bytes of an object of this class. UL_CLASS_FIRST <= size_class < UL_CLASS_END. */
uint32_t ul_size_class_bytes(unsigned size_class);

/* Bytes of a span of this class: a power of two, at least a page. Up to 1 KiB what is left over at
 * the end is below 1/64; above, most of it is leaves that are never touched. */
uint32_t ul_size_class_span_bytes(unsigned size_class);

/* The smallest class, enabled or not, of at least `size` bytes and a multiple of `alignment`. */
unsigned ul_size_class_aligned(size_t size, size_t alignment);

void ul_size_table_init(ul_size_table *table);

/* Copies `from`, with the small classes of a colour. */
void ul_size_table_colour(ul_size_table *table, const ul_size_table *from, unsigned colour);

/* Makes the fine classes below the coarse `size_class` usable. Context: locked(caches). */
void ul_size_table_refine(ul_size_table *table, unsigned size_class);

/* Can this class be refined? */
UL_INLINE bool ul_size_class_is_coarse(unsigned size_class) {
  return size_class >= UL_CLASS_FIRST + 17 && size_class < UL_CLASS_FIRST + UL_CLASS_COARSE;
}

#endif
