/* SPDX-License-Identifier: MIT */
/* counters.c: see counters.h. */
#include "launch/counters.h"

#include <string.h>

#include "os/process.h"

#define ATTEMPTS 3

int ul_counters_find(int pid, uint64_t *ret_address) {
  return ul_process_find_page(pid, UL_LIVE_NAME, ret_address);
}

/* The number it knows is the one inside its container. */
static bool is_of(const ul_live_page *page, int pid) {
  return page->pid == (uint64_t)pid || page->pid == (uint64_t)ul_process_inner_pid(pid);
}

/* One state of the page, not torn. */
static int read_page(int pid, uint64_t address, ul_live_page *ret_page) {
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    uint64_t after = 0;
    if (ul_process_peek(pid, address, ret_page, sizeof *ret_page) < 0 ||
        ret_page->magic != UL_LIVE_MAGIC || ret_page->count == 0 || !is_of(ret_page, pid)) {
      return -UL_E_NOTFOUND;
    }
    if (ret_page->version != UL_LIVE_VERSION) return -UL_E_RANGE;
    uint64_t sequence_at = address + offsetof(ul_live_page, sequence);
    if (ul_process_peek(pid, sequence_at, &after, sizeof after) < 0) return -UL_E_NOTFOUND;
    if (after == ret_page->sequence && after % 2 == 0) return 0;
  }
  return -UL_E_SYSTEM;
}

int ul_counters_read(int pid, uint64_t address, ul_counters *ret_counters) {
  ul_live_page page = {0};
  int          error = read_page(pid, address, &page);
  if (error < 0) return error;
  *ret_counters = (ul_counters){.updated_ns = page.updated_ns,
                                .count = UL_MIN(page.count, (uint32_t)UL_COUNTER_COUNT)};
  memcpy(ret_counters->value, page.value, ret_counters->count * sizeof *page.value);
  return 0;
}

int ul_counters_read_sizes(int pid, uint64_t address, ul_counters_sizes *ret_sizes) {
  ul_live_page page = {0};
  int          error = read_page(pid, address, &page);
  if (error < 0) return error;
  ret_sizes->count = UL_MIN(page.size_count, (uint64_t)UL_LIVE_SIZES);
  memcpy(ret_sizes->size, page.size, ret_sizes->count * sizeof *page.size);
  return 0;
}
