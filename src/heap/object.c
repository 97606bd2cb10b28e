/* SPDX-License-Identifier: MIT */
/* object.c: see object.h. */
#include "heap/object.h"

#include "heap/heap.h"
#include "os/fatal.h"

/* Is the object free? leaf.h has the rule. The scavenger may take the leaf between our two looks: it
 * marks it BUSY first, so a byte that still says active vouches for the word read before. */
static UL_NO_TSAN bool small_is_live(const ul_heap *heap, const ul_mspan *span, uintptr_t base) {
  const uint8_t *state = &heap->leaf_state[ul_leaf_of(heap, base)];
  uint8_t        active = ul_load(&span->leaf_value);
  if (ul_load_acquire(state) != active) return false;
  uint64_t word = ul_load((const uint64_t *)base);
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
  if (ul_load(state) != active) return false;
  return word != ul_cookie(heap, (const void *)base);
}

bool ul_object_find(const ul_heap *heap, uintptr_t address, ul_object *ret_object) {
  ul_mspan *span = ul_mspan_of(heap, address);
  if (!span) return false;
  uint8_t   state = ul_load_acquire(&span->state);
  uintptr_t start = ul_page_address(heap, ul_load(&span->first_page));
  size_t    bytes = ul_load(&span->object_bytes);
  if (state == UL_MSPAN_LARGE) {
    if (address - start >= bytes) return false;
    *ret_object = (ul_object){.base = start, .bytes = bytes, .live = true, .span = span};
    return true;
  }
  if (state != UL_MSPAN_SMALL) return false;
  uint32_t index = ul_div_quotient(address - start, ul_load(&span->magic));
  if (index >= ul_load(&span->capacity)) return false;
  uintptr_t base = start + index * bytes;
  *ret_object = (ul_object){
      .base = base, .bytes = bytes, .live = small_is_live(heap, span, base), .span = span};
  return true;
}

/* Visits the live objects of one small span, whose central was read under pages.lock: whoever frees
 * the span takes that. Which are allocated is copied under the lock; which of
 * those are live is asked one by one just before the visit. */
static void walk_small(ul_heap *heap, ul_mspan *span, ul_mcentral *central, size_t *ret_pages,
                       void (*visit)(const ul_object *, void *), void *arg) {
  uint64_t allocated[UL_PAGE_BYTES / 8 / 64];
  size_t   page = (size_t)(span - heap->spans);
  uint32_t capacity;

  ul_lock_take(&central->lock);
  bool same = ul_load(&span->state) == UL_MSPAN_SMALL && ul_load(&span->first_page) == page &&
              ul_load(&span->central) == central;
  if (same) {
    capacity = span->capacity;
    UL_CHECK(capacity <= sizeof allocated * 8);
    for (uint32_t w = 0; w < (capacity + 63) / 64; w++) allocated[w] = span->bits[w];
    *ret_pages = span->pages;
  }
  ul_lock_drop(&central->lock);
  if (!same) return;

  uintptr_t start = ul_page_address(heap, page);
  for (uint32_t i = 0; i < capacity; i++) {
    ul_object object;
    if (!(allocated[i / 64] >> (i % 64) & 1)) continue;
    if (!ul_object_find(heap, start + i * central->object_bytes, &object) || !object.live) continue;
    visit(&object, arg);
  }
}

void ul_object_walk(ul_heap *heap, void (*visit)(const ul_object *, void *), void *arg) {
  size_t page = 0;
  while (page < ul_load(&heap->committed_pages)) {
    size_t    pages = 1;
    ul_object object;
    ul_lock_take(&heap->pages.lock);
    ul_mspan *span = ul_mspan_of(heap, ul_page_address(heap, page));
    bool      is_first = span && span->first_page == page;
    uint8_t   state = is_first ? ul_load(&span->state) : (uint8_t)UL_MSPAN_NONE;
    if (state != UL_MSPAN_NONE) pages = span->pages;
    ul_mcentral *central = state == UL_MSPAN_SMALL ? span->central : NULL;
    bool         large = state == UL_MSPAN_LARGE;
    if (large) {
      object = (ul_object){.base = ul_page_address(heap, page),
                           .bytes = span->object_bytes,
                           .live = true,
                           .span = span};
    }
    ul_lock_drop(&heap->pages.lock);
    if (large) visit(&object, arg);
    if (central) walk_small(heap, span, central, &pages, visit, arg);
    page += pages;
  }
}

static UL_COLD UL_NORETURN void fatal_misuse(const void *address, const char *function,
                                             const ul_object *object) {
  char    message[256];
  ul_text text = ul_text_init(message, sizeof message);
  ul_text_add(&text, function);
  ul_text_add(&text, "(");
  ul_text_add_hex(&text, (uintptr_t)address);
  ul_text_add(&text, "): ");
  if (!object) {
    ul_text_add(&text, "not an address of this allocator; it was never returned by malloc, or comes"
                       " from another allocator");
  } else if (object->base != (uintptr_t)address) {
    ul_text_add(&text, "inside an object of ");
    ul_text_add_u64(&text, object->bytes);
    ul_text_add(&text, " bytes that starts at ");
    ul_text_add_hex(&text, object->base);
    ul_text_add(&text, "; pass the address malloc returned");
  } else {
    ul_text_add(&text, "this object of ");
    ul_text_add_u64(&text, object->bytes);
    ul_text_add(&text, " bytes was freed before; it is freed twice or used after free");
  }
  ul_fatal(message);
}

/* A span that is gone leaves its object size in the record of its first page until that page begins
 * another span. Small spans have at most 16 pages. */
static bool find_former(const ul_heap *heap, uintptr_t address, ul_object *ret_object) {
  size_t leaf = ul_leaf_of(heap, address);
  if (leaf >= ul_load(&heap->leaf_count)) return false;
  size_t page = leaf / UL_LEAVES_PER_PAGE;
  for (size_t back = 0; back < 16 && back <= page; back++) {
    const ul_mspan *span = &heap->spans[page - back];
    size_t          bytes = span->former_bytes;
    uintptr_t       start = ul_page_address(heap, page - back);
    if (bytes == 0 || span->former_pages <= back) continue;
    if ((address - start) % bytes != 0) return false;
    *ret_object = (ul_object){.base = address, .bytes = bytes, .live = false, .span = NULL};
    return true;
  }
  return false;
}

ul_object ul_object_expect(const ul_heap *heap, const void *address, const char *function) {
  ul_object object;
  if (!ul_object_find(heap, (uintptr_t)address, &object)) {
    bool former = find_former(heap, (uintptr_t)address, &object);
    fatal_misuse(address, function, former ? &object : NULL);
  }
  if (object.base != (uintptr_t)address || !object.live) fatal_misuse(address, function, &object);
  return object;
}
