/* SPDX-License-Identifier: MIT */
/* mspan.c: see mspan.h. Only small spans have anything to do here. */
#include "heap/mspan.h"

#include <string.h>

#include "base/bitmap.h"
#include "heap/heap.h"
#include "os/fatal.h"

ul_mspan *ul_mspan_of(const ul_heap *heap, uintptr_t address) {
  size_t leaf = ul_leaf_of(heap, address);
  if (leaf >= ul_load(&heap->leaf_count)) return NULL;
  size_t   page = leaf / UL_LEAVES_PER_PAGE;
  uint32_t head = ul_load_acquire(&heap->head_of_page[page]);
  if (head == 0) return NULL;
  ul_mspan *span = &heap->spans[head - 1];
  /* Pages inside a free run keep what they said before it was free: believe only a span that
   * contains the page. */
  if (ul_load(&span->state) == UL_MSPAN_NONE) return NULL;
  size_t first = ul_load(&span->first_page);
  if (page < first || page - first >= ul_load(&span->pages)) return NULL;
  return span;
}

static uintptr_t span_start(const ul_heap *heap, const ul_mspan *span) {
  return ul_page_address(heap, span->first_page);
}

static uint8_t *leaf_bytes(const ul_heap *heap, const ul_mspan *span) {
  return heap->leaf_state + (size_t)span->first_page * UL_LEAVES_PER_PAGE;
}

/* Leaves that hold objects; the tail has none. */
static uint32_t used_leaves(const ul_mspan *span) {
  size_t bytes = (size_t)span->capacity * span->object_bytes;
  return (uint32_t)((bytes + UL_LEAF_BYTES - 1) >> UL_LEAF_SHIFT);
}

/* Objects that overlap leaf `leaf` of the span: [*ret_first, *ret_end). */
static void objects_in_leaf(const ul_mspan *span, uint32_t leaf, uint32_t *ret_first,
                            uint32_t *ret_end) {
  uint64_t start = (uint64_t)leaf << UL_LEAF_SHIFT;
  uint32_t last = ul_div_quotient(start + UL_LEAF_BYTES - 1, span->magic);
  *ret_first = ul_div_quotient(start, span->magic);
  *ret_end = UL_MIN(last + 1, span->capacity);
}

static bool object_is_active(const ul_heap *heap, const ul_mspan *span, uint32_t index) {
  const uint8_t *leaves = leaf_bytes(heap, span);
  size_t         start = index * span->object_bytes;
  size_t         last = (start + span->object_bytes - 1) >> UL_LEAF_SHIFT;
  for (size_t leaf = start >> UL_LEAF_SHIFT; leaf <= last; leaf++) {
    if (ul_load(&leaves[leaf]) != span->leaf_value) return false;
  }
  return true;
}

bool ul_mspan_is_allocated(const ul_heap *heap, const ul_mspan *span, uint32_t index) {
  return ul_bitmap_get(span->bits, index) && object_is_active(heap, span, index);
}

void ul_mspan_init_small(ul_heap *heap, ul_mspan *span, ul_mcentral *central, uint64_t *bits) {
  ul_store(&span->object_bytes, (size_t)central->object_bytes);
  ul_store(&span->magic, central->magic);
  ul_store(&span->capacity, central->span_objects);
  span->live = 0;
  span->parked = span->capacity;
  span->hint = (uint32_t)ul_bitmap_words(span->capacity);
  span->bits = bits;
  ul_store(&span->central, central);
  ul_store(&span->leaf_value, central->leaf_value);
  span->adopted = span->releasing = 0;
  span->changed = span->dirty > 0;
  span->former_bytes = 0;
  span->list = UINT8_MAX;
  span->moved_up = 0;
  memset(bits, 0xff, ul_bitmap_words(span->capacity) * sizeof *bits);
  ul_link_init(&span->link);
  (void)heap;
  ul_store_release(&span->state, (uint8_t)UL_MSPAN_SMALL);
}

uint32_t ul_mspan_take(ul_heap *heap, ul_mspan *span, void **ret_objects, uint32_t want) {
  uintptr_t start = span_start(heap, span);
  size_t    object_bytes = span->object_bytes;
  uint32_t  count = UL_MIN(want, ul_mspan_free_objects(span));
  uint32_t  left = count, w = span->hint;
  for (; left > 0; w++) {
    uint64_t clear = ~span->bits[w];
    for (; clear != 0 && left > 0; clear &= clear - 1) {
      uint32_t index = w * 64 + (uint32_t)__builtin_ctzll(clear);
      ret_objects[--left] = (void *)(start + index * object_bytes);
    }
    span->bits[w] = ~clear;
    if (clear != 0) break;
  }
  span->hint = w;
  span->live += count;
  return count;
}

static UL_COLD UL_NORETURN void fatal_twice(const ul_mspan *span, const void *object) {
  char    message[256];
  ul_text text = ul_text_init(message, sizeof message);
  ul_text_add(&text, "free(");
  ul_text_add_hex(&text, (uintptr_t)object);
  ul_text_add(&text, "): this object of ");
  ul_text_add_u64(&text, span->object_bytes);
  ul_text_add(&text, " bytes was freed before; it is freed twice or used after free");
  ul_fatal(message);
}

uint32_t ul_mspan_put(ul_heap *heap, ul_mspan *span, void **objects, uint32_t count) {
  uintptr_t start = span_start(heap, span);
  size_t    bytes = (size_t)span->pages << UL_PAGE_SHIFT;
  uint64_t  magic = span->magic, *bits = span->bits;
  uint32_t  put = 0, hint = span->hint;
  do {
    uint32_t index = ul_div_quotient((uintptr_t)objects[put] - start, magic);
    uint64_t bit = 1ull << (index % 64), word = bits[index / 64];
    if (UL_UNLIKELY(!(word & bit))) fatal_twice(span, objects[put]);
    bits[index / 64] = word & ~bit;
    hint = UL_MIN(hint, index / 64);
    put++;
  } while (put < count && (uintptr_t)objects[put] - start < bytes);
  span->hint = hint;
  span->live -= put;
  span->changed = 1;
  return put;
}

/* Writes the cookie of every object that starts in the leaf, which is about to be active. */
static void write_cookies(ul_heap *heap, const ul_mspan *span, uint32_t leaf) {
  uintptr_t start = span_start(heap, span) + ((uintptr_t)leaf << UL_LEAF_SHIFT);
  uint32_t  first, end;
  objects_in_leaf(span, leaf, &first, &end);
  uintptr_t object = span_start(heap, span) + first * span->object_bytes;
  if (object < start) object += span->object_bytes, first++;
  for (; first < end; first++, object += span->object_bytes) {
    *(uint64_t *)object = ul_cookie(heap, (void *)object);
  }
  /* What lies behind the last object looks like the start of one to the fast path of free: it never
   * is live. */
  uintptr_t leaf_end = start + UL_LEAF_BYTES;
  if (end == span->capacity && object >= start && object + sizeof(uint64_t) <= leaf_end) {
    *(uint64_t *)object = ul_cookie(heap, (void *)object);
  }
}

static uint32_t activate_leaf(ul_heap *heap, ul_mspan *span, uint32_t leaf) {
  uint8_t *state = &leaf_bytes(heap, span)[leaf];
  uint32_t first, end, gained = 0;

  if (*state == UL_LEAF_CLEAN) {
    ul_heap_backed(heap, 1);
  } else {
    span->dirty--;
    span->central->dirty_leaves--;
  }
  write_cookies(heap, span, leaf);
  ul_store_release(state, span->leaf_value);

  /* Those wholly inside are usable now; those at the edges when their other leaves are active. */
  objects_in_leaf(span, leaf, &first, &end);
  if (first < end && !object_is_active(heap, span, first)) first++;
  if (first < end && !object_is_active(heap, span, end - 1)) end--;
  gained = ul_bitmap_clear_range(span->bits, first, end);
  span->parked -= gained;
  if (gained && first / 64 < span->hint) span->hint = first / 64;
  return gained;
}

uint32_t ul_mspan_activate(ul_heap *heap, ul_mspan *span) {
  const uint8_t *leaves = leaf_bytes(heap, span);
  uint32_t       count = used_leaves(span);
  uint32_t       gained = 0;
  for (uint32_t leaf = 0; leaf < count && gained == 0; leaf++) {
    if (leaves[leaf] == UL_LEAF_CLEAN || leaves[leaf] == UL_LEAF_DIRTY) {
      gained = activate_leaf(heap, span, leaf);
    }
  }
  return gained;
}

/* May the leaf go back? Inactive ones that still have memory may; active ones when no allocated
 * object overlaps. An object at an edge may be parked because of the leaf beyond. */
static bool leaf_is_idle(const ul_heap *heap, const ul_mspan *span, uint32_t leaf) {
  uint8_t  state = leaf_bytes(heap, span)[leaf];
  uint32_t first, end;
  if (state == UL_LEAF_DIRTY || state == UL_LEAF_CLEAN) return true;
  if (state != span->leaf_value) return false;
  objects_in_leaf(span, leaf, &first, &end);
  if (first < end && ul_bitmap_get(span->bits, first)) {
    if (object_is_active(heap, span, first)) return false;
    first++;
  }
  if (first < end && ul_bitmap_get(span->bits, end - 1)) {
    if (object_is_active(heap, span, end - 1)) return false;
    end--;
  }
  return !ul_bitmap_any(span->bits, first, end);
}

uint32_t ul_mspan_park(ul_heap *heap, ul_mspan *span, uint32_t *ret_leaves, uint32_t most) {
  uint8_t *leaves = leaf_bytes(heap, span);
  uint32_t group = (uint32_t)(heap->os_page_bytes >> UL_LEAF_SHIFT);
  uint32_t count = span->pages * (uint32_t)UL_LEAVES_PER_PAGE;
  uint32_t parked = 0, active = 0;
  for (uint32_t leaf = 0; leaf < count; leaf += group) {
    bool     idle = true;
    uint32_t backed = 0, used = 0;
    for (uint32_t i = leaf; i < leaf + group; i++) {
      backed += leaves[i] != UL_LEAF_CLEAN;
      used += leaves[i] == span->leaf_value;
    }
    if (backed == 0 || active + used > most) continue;
    for (uint32_t i = leaf; i < leaf + group && idle; i++) idle = leaf_is_idle(heap, span, i);
    if (!idle) continue;
    active += used;
    for (uint32_t i = leaf; i < leaf + group; i++) {
      uint32_t first, end;
      if (leaves[i] == UL_LEAF_CLEAN) continue;
      if (leaves[i] == UL_LEAF_DIRTY) {
        span->dirty--;
        span->central->dirty_leaves--;
      }
      objects_in_leaf(span, i, &first, &end);
      span->parked += ul_bitmap_set_range(span->bits, first, end);
      ul_store(&leaves[i], (uint8_t)UL_LEAF_BUSY);
      ret_leaves[parked++] = span->first_page * (uint32_t)UL_LEAVES_PER_PAGE + i;
    }
  }
  return parked;
}

void ul_mspan_check(const ul_heap *heap, const ul_mspan *span) {
  uint32_t allocated = 0, parked = 0;
  UL_CHECK(span->state == UL_MSPAN_SMALL);
  UL_CHECK(span->capacity * span->object_bytes <= (size_t)span->pages << UL_PAGE_SHIFT);
  for (uint32_t i = 0; i < span->capacity; i++) {
    bool set = ul_bitmap_get(span->bits, i);
    bool active = object_is_active(heap, span, i);
    UL_CHECK(set || active); /* free objects have memory behind them */
    UL_CHECK(set || i / 64 >= span->hint);
    if (set && active) allocated++;
    if (set && !active) parked++;
  }
  UL_CHECK(allocated == span->live);
  UL_CHECK(parked == span->parked);
}
