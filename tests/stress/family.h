/* SPDX-License-Identifier: MIT */
/* family.h: the contracts of the malloc family, once, for whatever names it goes under.
 *
 * stress_family.c runs them on malloc (interposed, as programs see it), the unit tests run them on
 * ullage_malloc (also under the sanitizers). A `family` is a table of the functions; each
 * family_test_* states one group of promises and ends the program through CHECK when one is broken.
 *
 * Source   C11 7.22.3, C23 7.24.3 (free_sized), POSIX posix_memalign, glibc malloc(3),
 *          reallocarray(3), posix_memalign(3), malloc_usable_size(3); issue text: internal waste at
 *          most 12.5 % above 128 bytes, alignment 16 from 16 bytes on. */
#ifndef FAMILY_H
#define FAMILY_H

#include "stress.h"

typedef struct family {
  void *(*malloc)(size_t size);
  void *(*calloc)(size_t count, size_t size);
  void *(*realloc)(void *object, size_t size);
  void *(*reallocarray)(void *object, size_t count, size_t size);
  void (*free)(void *object);
  void (*free_sized)(void *object, size_t size);                           /* NULL: absent */
  void (*free_aligned_sized)(void *object, size_t alignment, size_t size); /* NULL: absent */
  void *(*memalign)(size_t alignment, size_t size);
  int (*posix_memalign)(void **ret_object, size_t alignment, size_t size);
  void *(*aligned_alloc)(size_t alignment, size_t size);
  void *(*valloc)(size_t size);
  void *(*pvalloc)(size_t size);
  size_t (*usable_size)(void *object);
  size_t page_bytes; /* the system's page */
  size_t step_bytes; /* what large objects are rounded up to: the page the heap was told of */
  size_t max_bytes;  /* largest object that the content tests make */
} family;

/* Impossible sizes, hidden from the compiler, which would warn or fold. */
static volatile size_t family_too_large = (size_t)PTRDIFF_MAX + 1;
static volatile size_t family_largest = SIZE_MAX;

static size_t family_next(size_t size) {
  return size < 1100 ? size + 1 : size + size / 7 + size % 3;
}

#define EXPECT_NOMEM(call)                                                     \
  do {                                                                         \
    errno = 0;                                                                 \
    void *given = (call);                                                      \
    CHECK(!given, #call " gave %p instead of NULL", given);                    \
    CHECK(errno == ENOMEM, #call " set errno to %d instead of ENOMEM", errno); \
  } while (0)

/* What cannot exist is refused, says ENOMEM, and leaves the old object alone. */
static STRESS_UNUSED void family_test_impossible_sizes(const family *f) {
  size_t huge = family_too_large, most = family_largest;
  void  *object, *kept;
  EXPECT_NOMEM(f->malloc(huge));
  EXPECT_NOMEM(f->malloc(most));
  EXPECT_NOMEM(f->malloc(most - 4096));
  EXPECT_NOMEM(f->calloc(1, huge));
  EXPECT_NOMEM(f->calloc(most, 2));
  EXPECT_NOMEM(f->calloc((size_t)1 << 33, (size_t)1 << 33));
  EXPECT_NOMEM(f->calloc(most / 16 + 2, 16)); /* the product wraps to a small number */
  EXPECT_NOMEM(f->memalign(64, huge));
  EXPECT_NOMEM(f->memalign(4096, most - 100));
  EXPECT_NOMEM(f->aligned_alloc(64, most - 63));
  EXPECT_NOMEM(f->valloc(huge));
  EXPECT_NOMEM(f->valloc(most));
  EXPECT_NOMEM(f->pvalloc(huge));
  EXPECT_NOMEM(f->pvalloc(most)); /* rounding up to a page wraps to 0 */
  EXPECT_NOMEM(f->realloc(NULL, huge));
  object = f->malloc(100);
  CHECK(object, "malloc(100) gave NULL");
  stress_fill(object, 100, 7);
  EXPECT_NOMEM(f->realloc(object, huge));
  EXPECT_NOMEM(f->realloc(object, most));
  EXPECT_NOMEM(f->reallocarray(object, most / 8 + 2, 8));
  EXPECT_NOMEM(f->reallocarray(object, (size_t)1 << 32, (size_t)1 << 32));
  EXPECT_NOMEM(f->reallocarray(object, 1, huge));
  CHECK(stress_holds(object, 100, 100, 7), "a refused realloc damaged the object");
  f->free(object);
  kept = object = (void *)&kept;
  errno = 4711;
  CHECK(f->posix_memalign(&object, 64, huge) == ENOMEM, "posix_memalign of PTRDIFF_MAX + 1");
  CHECK(f->posix_memalign(&object, 1 << 20, most - 10) == ENOMEM,
        "posix_memalign of SIZE_MAX - 10");
  CHECK(errno == 4711, "posix_memalign set errno to %d; it returns errors", errno);
  CHECK(object == kept, "a failing posix_memalign wrote to its result");
}

/* Size 0 is an object like another: unique, can be freed and grown; realloc(p, 0) frees p. */
static STRESS_UNUSED void family_test_size_zero(const family *f) {
  void *first = f->malloc(0), *second = f->malloc(0), *third = f->calloc(0, 8), *aligned = NULL;
  CHECK(first && second && third, "an object of size 0 is not NULL here, as in glibc");
  CHECK(first != second && second != third && first != third, "objects of size 0 share an address");
  first = f->realloc(first, 100);
  CHECK(first, "an object of size 0 did not grow");
  memset(first, 1, 100);
  CHECK(f->realloc(first, 0) == NULL, "realloc(p, 0) frees p and gives NULL, as in glibc");
  f->free(second);
  f->free(third);
  CHECK(f->posix_memalign(&aligned, 64, 0) == 0, "posix_memalign of size 0 failed");
  f->free(aligned);
  f->free(f->memalign(64, 0));
  f->free(f->aligned_alloc(64, 0));
  f->free(f->reallocarray(NULL, 0, 8));
  f->free(f->realloc(NULL, 0));
  f->free(f->valloc(0));
  f->free(f->pvalloc(0));
  f->free(NULL);
  CHECK(f->usable_size(NULL) == 0, "the usable size of NULL is 0");
  if (f->free_sized) f->free_sized(NULL, 0), f->free_sized(NULL, 100);
  if (f->free_aligned_sized) f->free_aligned_sized(NULL, 64, 100);
}

/* Frees that succeed leave errno alone (POSIX 2024), and so do allocations that succeed. */
static STRESS_UNUSED void family_test_errno(const family *f) {
  static const size_t size[] = {0, 1, 16, 100, 5000, 40000, 1 << 20, 9 << 20};
  for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
    void *object = NULL;
    errno = 4711;
    f->free(f->malloc(size[i]));
    f->free(f->realloc(f->calloc(1, size[i]), size[i] * 3 + 1));
    CHECK(f->posix_memalign(&object, 256, size[i]) == 0, "posix_memalign(256, %zu)", size[i]);
    f->free(object);
    f->free(NULL);
    CHECK(errno == 4711, "success with size %zu changed errno to %d", size[i], errno);
  }
}

static STRESS_UNUSED void family_check_aligned(const family *f, void *object, size_t size,
                                               size_t alignment) {
  CHECK(object, "alignment %zu, size %zu: NULL", alignment, size);
  CHECK((uintptr_t)object % alignment == 0, "alignment %zu, size %zu: %p", alignment, size, object);
  CHECK(f->usable_size(object) >= size, "alignment %zu, size %zu: only %zu usable", alignment, size,
        f->usable_size(object));
  stress_fill(object, size, size);
}

/* Alignments: what each function accepts, what it answers to the rest, what it gives. */
static STRESS_UNUSED void family_test_alignment(const family *f) {
  void  *object, *old = (void *)&object;
  size_t page = f->page_bytes;
  for (size_t alignment = 1; alignment <= 4 * MIB; alignment *= 2)
    for (size_t size = 1; size < 300000; size = size * 5 + 3) {
      object = f->memalign(alignment, size);
      family_check_aligned(f, object, size, alignment);
      void *second = f->aligned_alloc(alignment, size);
      family_check_aligned(f, second, size, alignment);
      CHECK(stress_holds(object, size, size, size), "two aligned objects overlap");
      second = f->realloc(second, size * 2);
      CHECK(second && stress_holds(second, size, size, size), "realloc of an aligned object");
      f->free(second);
      if (f->free_aligned_sized)
        f->free_aligned_sized(object, alignment, size);
      else
        f->free(object);
      if (alignment < sizeof(void *)) continue;
      CHECK(f->posix_memalign(&object, alignment, size) == 0, "posix_memalign(%zu, %zu)", alignment,
            size);
      family_check_aligned(f, object, size, alignment);
      f->free(object);
    }
  object = old;
  errno = 4711;
  static const size_t bad[] = {0, 1, 2, 4, 3, 12, 24, 100, 4097, SIZE_MAX};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK(f->posix_memalign(&object, bad[i], 8) == EINVAL, "posix_memalign(alignment %zu)", bad[i]);
  CHECK(object == old && errno == 4711, "a refused posix_memalign touched its result or errno");
  object = f->valloc(100);
  family_check_aligned(f, object, 100, page);
  f->free(object);
  object = f->pvalloc(page + 1);
  family_check_aligned(f, object, 2 * page, page);
  f->free(object);
}

/* C11's aligned_alloc refuses what is no power of two; glibc before 2.38 rounded it up, hence this
 * one stands apart from the rest: it is asked of libullage only. */
static STRESS_UNUSED void family_test_bad_aligned_alloc(const family *f) {
  static const size_t bad[] = {0, 3, 12, 24, 100, 4097};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    errno = 0;
    void *object = f->aligned_alloc(bad[i], 48);
    CHECK(!object && errno == EINVAL, "aligned_alloc(alignment %zu) gave %p, errno %d", bad[i],
          object, errno);
  }
}

/* Every size: aligned as any type of that size needs, at least as large as asked, little waste. */
static STRESS_UNUSED void family_test_usable_size(const family *f) {
  for (size_t size = 1; size < 8 * MIB; size = family_next(size)) {
    unsigned char *object = f->malloc(size);
    CHECK(object, "malloc(%zu) gave NULL", size);
    size_t usable = f->usable_size(object);
    size_t needed = size >= 16 ? 16 : size >= 8 ? 8 : 1;
    CHECK((uintptr_t)object % needed == 0, "malloc(%zu) gave %p: not aligned", size,
          (void *)object);
    CHECK(usable >= size, "malloc(%zu): only %zu usable", size, usable);
    stress_fill(object, usable, size); /* all of it may be written */
    CHECK(stress_holds(object, usable, usable, size), "malloc(%zu): usable bytes do not hold",
          size);
    if (f->free_sized && size % 2)
      f->free_sized(object, size);
    else
      f->free(object);
  }
}

/* Above 128 bytes a class wastes at most 12.5 % of an object (large ones: less than one page); and a hole
 * that a larger object left may be filled, an eighth larger than the class, a quarter from 1 KiB on. */
static STRESS_UNUSED void family_test_waste(const family *f) {
  for (size_t size = 1; size < 4 * MIB; size = size < 40000 ? size + 1 : family_next(size)) {
    void  *object = f->malloc(size);
    size_t usable = f->usable_size(object), waste = usable - size;
    f->free(object);
    if (size > 912 && size <= 32 * KIB)
      CHECK(waste * 11 < usable * 3, "malloc(%zu) gives %zu usable bytes: %zu wasted", size, usable,
            waste);
    else if (size > 128 && size <= 912)
      CHECK(waste * 100 < usable * 22, "malloc(%zu) gives %zu usable bytes: %zu wasted", size,
            usable, waste);
    else if (size > 32 * KIB)
      CHECK(waste < f->step_bytes, "malloc(%zu) gives %zu usable bytes: over a page wasted", size,
            usable);
    else
      CHECK(waste < 16 || waste * 8 <= usable, "malloc(%zu) gives %zu usable bytes", size, usable);
  }
}

/* calloc gives zeroes wherever the memory has been before: dirty objects of the same class, dirty
 * spans of other classes, large runs written in part, runs given back to the system. */
static STRESS_UNUSED void family_test_calloc(const family *f) {
  void  *object[32];
  size_t most = f->max_bytes < 16 * MIB ? f->max_bytes : 16 * MIB;
  for (int round = 0; round < 3; round++)
    for (size_t size = 1; size < most; size = size * 9 / 8 + 1) {
      int count = size < 64 * KIB ? 32 : 2;
      for (int i = 0; i < count; i++) {
        object[i] = f->calloc(size % 8 ? 1 : 8, size % 8 ? size : size / 8);
        CHECK(object[i], "calloc of %zu bytes gave NULL", size);
        CHECK(stress_is_zero(object[i], size), "calloc of %zu bytes is not zero (round %d)", size,
              round);
        /* Dirty the whole, or only the first, middle or last page: a heap that remembers
         * zeroedness per run must not forget a part. */
        size_t part = size < 4096 || round == 0 ? size : 4096;
        size_t at = round == 1 ? size - part : i % 2 ? (size - part) / 2 : 0;
        memset((char *)object[i] + at, 0xa5, part);
      }
      for (int i = 0; i < count; i++) f->free(object[i]);
    }
}

static void family_resize(const family *f, size_t from, size_t to, size_t last) {
  unsigned char *object = f->malloc(from);
  CHECK(object, "malloc(%zu) gave NULL", from);
  stress_fill(object, from, from);
  object = f->realloc(object, to);
  CHECK(object, "realloc from %zu to %zu gave NULL", from, to);
  CHECK(stress_holds(object, from < to ? from : to, from, from),
        "realloc from %zu to %zu lost contents", from, to);
  stress_fill(object, to, to);
  object = f->reallocarray(object, last, 1);
  CHECK(object, "realloc from %zu to %zu gave NULL", to, last);
  CHECK(stress_holds(object, to < last ? to : last, to, to),
        "realloc from %zu to %zu lost contents", to, last);
  f->free(object);
}

/* realloc keeps contents over every class boundary, both ways, near and far, in place and moved. */
static STRESS_UNUSED void family_test_realloc(const family *f) {
  for (size_t size = 1; size < 600 * KIB; size = family_next(size)) {
    /* Where the class of `size` ends is where it gets interesting. */
    void  *probe = f->malloc(size);
    size_t edge = f->usable_size(probe);
    f->free(probe);
    family_resize(f, edge, edge + 1, edge);
    family_resize(f, edge + 1, edge, edge + 1);
    family_resize(f, edge, edge * 2 + 1, edge / 2 + 1);
    family_resize(f, size, size / 10 + 1, size * 10);
  }
}

/* Growth by half up to `max_bytes` with an obstacle behind now and then, and back down. */
static STRESS_UNUSED void family_test_realloc_growth(const family *f) {
  unsigned char *object = f->malloc(1);
  void          *obstacle[64] = {0};
  size_t         size = 1, next, rounds = 0;
  object[0] = (unsigned char)9;
  stress_fill(object, 1, 9);
  for (; size < f->max_bytes; size = next, rounds++) {
    next = size + size / 2 + 1;
    object = f->realloc(object, next);
    CHECK(object && stress_holds(object, size, size, 9), "growth from %zu to %zu", size, next);
    stress_fill(object, next, 9);
    if (rounds % 3 == 0 && rounds < 64) obstacle[rounds] = f->malloc(next < MIB ? next : MIB);
  }
  for (; size > 100; size = next) {
    next = size / 3;
    object = f->realloc(object, next);
    CHECK(object && stress_holds(object, next, size, 9), "shrinking from %zu to %zu", size, next);
    stress_fill(object, next, 9);
  }
  f->free(object);
  for (int i = 0; i < 64; i++) f->free(obstacle[i]);
}

/* Many objects at once, each with a pattern of its own: none shares a byte with another. */
static STRESS_UNUSED void family_test_no_overlap(const family *f) {
  enum { COUNT = 6000 };
  void   **object = stress_map(COUNT * sizeof *object);
  size_t  *bytes = stress_map(COUNT * sizeof *bytes);
  uint64_t random = stress_seed;
  for (size_t step = 0; step < 10 * COUNT; step++) {
    size_t at = stress_random(&random) % COUNT;
    CHECK(stress_holds(object[at], bytes[at], bytes[at], at), "object of %zu bytes was overwritten",
          bytes[at]);
    f->free(object[at]);
    size_t asked = stress_random_size(&random, 20 * KIB);
    object[at] = f->malloc(asked);
    CHECK(object[at], "malloc(%zu) gave NULL", asked);
    bytes[at] = f->usable_size(object[at]);
    stress_fill(object[at], bytes[at], at);
  }
  for (size_t at = 0; at < COUNT; at++) {
    CHECK(stress_holds(object[at], bytes[at], bytes[at], at), "object of %zu bytes was overwritten",
          bytes[at]);
    f->free(object[at]);
  }
  munmap(object, COUNT * sizeof *object);
  munmap(bytes, COUNT * sizeof *bytes);
}

#endif
