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

/* What begins at `page`: its pages, and the large object or the allocation bits that it holds. */
typedef struct found {
  size_t    pages;
  bool      large, small;
  ul_object object;
  uint32_t  capacity;
  size_t    object_bytes;
  uint64_t  allocated[UL_PAGE_BYTES / 8 / 64];
} found;

/* Context: locked(scavenge_lock): no private heap, and so no central, goes away meanwhile. */
static void look_at(ul_heap *heap, size_t page, found *ret_found) {
  *ret_found = (found){.pages = 1, .large = false};
  ul_lock_take(&heap->pages.lock);
  ul_mspan    *span = ul_mspan_of(heap, ul_page_address(heap, page));
  bool         is_first = span && span->first_page == page;
  uint8_t      state = is_first ? ul_load(&span->state) : (uint8_t)UL_MSPAN_NONE;
  ul_mcentral *central = state == UL_MSPAN_SMALL ? span->central : NULL;
  if (state != UL_MSPAN_NONE) ret_found->pages = span->pages;
  if (state == UL_MSPAN_LARGE) {
    ret_found->large = true;
    ret_found->object = (ul_object){.base = ul_page_address(heap, page),
                                    .bytes = span->object_bytes,
                                    .live = true,
                                    .span = span};
  }
  ul_lock_drop(&heap->pages.lock);
  if (!central) return;

  ul_lock_take(&central->lock);
  bool same = ul_load(&span->state) == UL_MSPAN_SMALL && ul_load(&span->first_page) == page &&
              ul_load(&span->central) == central;
  if (same) {
    UL_CHECK(span->capacity <= sizeof ret_found->allocated * 8);
    ret_found->small = true;
    ret_found->capacity = span->capacity;
    ret_found->object_bytes = span->object_bytes;
    for (uint32_t w = 0; w < (span->capacity + 63) / 64; w++) {
      ret_found->allocated[w] = span->bits[w];
    }
  }
  ul_lock_drop(&central->lock);
}

/* Which objects are allocated is copied under locks; which of those are live is asked one by one
 * just before the visit, when none is held. */
void ul_object_walk(ul_heap *heap, void (*visit)(const ul_object *, void *), void *arg) {
  found here;
  for (size_t page = 0; page < ul_load(&heap->committed_pages); page += here.pages) {
    ul_lock_take(&heap->scavenge_lock);
    look_at(heap, page, &here);
    ul_lock_drop(&heap->scavenge_lock);
    if (here.large) visit(&here.object, arg);
    if (!here.small) continue;
    uintptr_t start = ul_page_address(heap, page);
    for (uint32_t i = 0; i < here.capacity; i++) {
      ul_object object;
      if (!(here.allocated[i / 64] >> (i % 64) & 1)) continue;
      if (!ul_object_find(heap, start + i * here.object_bytes, &object) || !object.live) continue;
      visit(&object, arg);
    }
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
