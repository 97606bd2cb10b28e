/* SPDX-License-Identifier: MIT */
/* live.c: see runtime/live.h. */
#include "runtime/live.h"

#include "heap/tally.h"
#include "os/confine.h"
#include "os/self.h"
#include "runtime/runtime.h"

static void write_sizes(ul_live_page *page) {
  ul_tally rows[UL_LIVE_SIZES];
  size_t   count = ul_heap_tally(&ul_runtime_self.heap, rows, UL_LIVE_SIZES);
  for (size_t i = 0; i < count; i++) {
    ul_store(&page->size[i].object_bytes, rows[i].object_bytes);
    ul_store(&page->size[i].objects, rows[i].objects);
    ul_store(&page->size[i].bytes, rows[i].bytes);
  }
  ul_store(&page->size_count, (uint64_t)count);
}

static void write_page(ul_live_page *page) {
  ullage_stats_t stats;
  ul_runtime_stats(&stats);
  ul_swap(&page->sequence,
          page->sequence + 1); /* a full barrier: what follows is not seen before */
#define UL_COUNTER(name, unit, help) ul_store(&page->value[UL_COUNTER_##name], stats.name);
#include "wire/counters.def"
#undef UL_COUNTER
  write_sizes(page);
  ul_store(&page->updated_ns, ul_os_now_ns());
  ul_store_release(&page->sequence, page->sequence + 1);
}

void ul_live_update(ul_live *live) {
  if (ul_os_is_sealed()) return;         /* there is no clock to say when */
  if (!ul_lock_try(&live->lock)) return; /* somebody is writing just now */
  ul_live_page *page = live->page;
  if (!page) page = ul_os_shared_page(UL_LIVE_NAME, sizeof *page); /* NULL in a sandbox */
  if (page) {
    bool is_new = page->magic != UL_LIVE_MAGIC;
    write_page(page);
    if (is_new) {
      page->version = UL_LIVE_VERSION;
      page->count = UL_COUNTER_COUNT;
      page->pid = ul_os_pid();
      ul_store_release(&page->magic, UL_LIVE_MAGIC);
    }
    ul_store(&live->page, page);
  }
  ul_lock_drop(&live->lock);
}

void ul_live_refresh(ul_live *live) {
  if (ul_load(&live->page)) ul_live_update(live);
}

void ul_live_forget(ul_live *live) {
  live->page = NULL;
  ul_lock_reset(&live->lock);
}
