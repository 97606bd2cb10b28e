/* SPDX-License-Identifier: MIT */
/* arena.c: the address space the heap lives in.
 *
 *     | meta 1/32 | leaf map 1/4096 | head map 1/16384 | records 1/512 | pages: the heap … |
 *                                                                       ^ base, aligned to 2 MiB
 *
 * One reservation for everything, so that "is it ours" is one comparison. It costs nothing: no
 * memory, no commit charge, not in core dumps. Pages and the tables that describe them become usable
 * in steps, by one mprotect each, which extends the mapping before it.
 *
 * Where address space is limited (ulimit -v, a tool that simulates memory) less is taken, down to
 * 16 MiB; a heap that has used up its reservation answers like one without memory.
 */
#include "heap/heap.h"
#include "os/fatal.h"
#include "os/pages.h"

#define ALIGN_BYTES      ((size_t)2 << 20)
#define RESERVE_LEAST    ((size_t)16 << 20)
#define GROW_PAGES_LEAST (((size_t)4 << 20) / UL_PAGE_BYTES)

enum { TABLE_LEAF, TABLE_HEAD, TABLE_SPAN, TABLES };

static size_t table_entry_bytes(int table) {
  switch (table) {
  case TABLE_LEAF: return UL_LEAVES_PER_PAGE;
  case TABLE_HEAD: return sizeof(uint32_t);
  default: return sizeof(ul_mspan);
  }
}

static uintptr_t table_start(const ul_heap *heap, int table) {
  switch (table) {
  case TABLE_LEAF: return (uintptr_t)heap->leaf_state;
  case TABLE_HEAD: return (uintptr_t)heap->head_of_page;
  default: return (uintptr_t)heap->spans;
  }
}

/* Lays the parts out from `start`; returns where the last one ends. */
static uintptr_t lay_out(ul_heap *heap, uintptr_t start, size_t pages) {
  size_t    meta_bytes = ul_round_up(pages * (UL_PAGE_BYTES / 32), UL_PAGE_BYTES);
  uintptr_t at = ul_round_up(start, UL_PAGE_BYTES);
  ul_meta_init(&heap->meta, at, meta_bytes);
  at += meta_bytes;
  heap->leaf_state = (uint8_t *)at;
  at = ul_round_up(at + pages * table_entry_bytes(TABLE_LEAF), UL_PAGE_BYTES);
  heap->head_of_page = (uint32_t *)at;
  at = ul_round_up(at + pages * table_entry_bytes(TABLE_HEAD), UL_PAGE_BYTES);
  heap->spans = (ul_mspan *)at;
  at = ul_round_up(at + pages * table_entry_bytes(TABLE_SPAN), ALIGN_BYTES);
  heap->base = at;
  heap->reserved_pages = pages;
  for (int table = 0; table < TABLES; table++) heap->tables_end[table] = table_start(heap, table);
  return at + pages * UL_PAGE_BYTES;
}

int ul_heap_init(ul_heap *heap, size_t reserve_bytes, uint64_t key) {
  size_t limit = ul_os_reserve_limit();
  size_t bytes = reserve_bytes;
  void  *start = NULL;

  heap->os_page_bytes = ul_os_page_bytes();
  if (bytes > limit) bytes = limit / 16 * 15;
  for (;;) { /* an eighth less each time: part of a limit is in use already */
    /* Room for the tables, and for aligning each part. */
    start = ul_os_reserve(lay_out(heap, 0, bytes / UL_PAGE_BYTES) + ALIGN_BYTES + UL_PAGE_BYTES);
    if (start) break;
    bytes -= bytes / 8;
    if (bytes < RESERVE_LEAST) return -UL_E_NOMEM;
  }
  lay_out(heap, (uintptr_t)start, bytes / UL_PAGE_BYTES);
  ul_os_no_huge_pages((void *)ul_round_up((uintptr_t)start, heap->os_page_bytes),
                      bytes / UL_PAGE_BYTES * UL_PAGE_BYTES);

  heap->key = key | 1;
  heap->return_memory = true;
  heap->gate_leaves = UINT64_MAX;
  ul_size_table_init(&heap->sizes);
  ul_mheap_init(&heap->pages);
  ul_mcache_table_init(&heap->caches);
  ul_link_init(&heap->zones);
  return 0;
}

/* Makes the tables usable for the first `pages` pages. */
static int commit_tables(ul_heap *heap, size_t pages) {
  for (int table = 0; table < TABLES; table++) {
    uintptr_t end = table_start(heap, table) + pages * table_entry_bytes(table);
    end = ul_round_up(end, UL_PAGE_BYTES);
    if (end <= heap->tables_end[table]) continue;
    size_t bytes = end - heap->tables_end[table];
    int    error = ul_os_commit((void *)heap->tables_end[table], bytes);
    if (error) return error;
    heap->tables_end[table] = end;
    heap->tables_bytes += bytes;
  }
  return 0;
}

int ul_arena_grow(ul_heap *heap, size_t pages, size_t *ret_page, size_t *ret_pages) {
  size_t room = heap->reserved_pages - heap->committed_pages;
  /* An eighth of what is there: the number of system calls stays logarithmic. */
  size_t step = UL_MAX(GROW_PAGES_LEAST, heap->committed_pages / 8);
  step = UL_MIN(UL_MAX(pages, step), room);
  if (pages > room) return -UL_E_NOMEM;
  for (;;) {
    void *start = (void *)ul_page_address(heap, heap->committed_pages);
    int   error = commit_tables(heap, heap->committed_pages + step);
    if (!error) error = ul_os_commit(start, step << UL_PAGE_SHIFT);
    if (!error) break;
    if (step == pages) return error; /* under strict accounting a smaller step may still pass */
    step = pages;
  }
  *ret_page = heap->committed_pages;
  *ret_pages = step;
  ul_store(&heap->committed_pages, heap->committed_pages + step);
  ul_store_release(&heap->leaf_count, heap->committed_pages * UL_LEAVES_PER_PAGE);
  ul_store(&heap->hooks.grown_pending, true);
  return 0;
}
