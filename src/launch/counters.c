/* SPDX-License-Identifier: MIT */
/* counters.c: see counters.h. */
#include "launch/counters.h"

#include <string.h>

#include "os/process.h"

#define ATTEMPTS 3

int ul_counters_find(int pid, uint64_t *ret_address) {
  return ul_process_find_page(pid, UL_LIVE_NAME, ret_address);
}

int ul_counters_read(int pid, uint64_t address, ul_counters *ret_counters) {
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    ul_live_page page = {0};
    uint64_t     after = 0;
    if (ul_process_peek(pid, address, &page, sizeof page) < 0 || page.magic != UL_LIVE_MAGIC ||
        page.pid != (uint64_t)pid || page.count == 0) {
      return -UL_E_NOTFOUND;
    }
    if (page.version != UL_LIVE_VERSION) return -UL_E_RANGE;
    uint64_t sequence_at = address + offsetof(ul_live_page, sequence);
    if (ul_process_peek(pid, sequence_at, &after, sizeof after) < 0) return -UL_E_NOTFOUND;
    if (after != page.sequence || after % 2 != 0) continue;
    *ret_counters = (ul_counters){.updated_ns = page.updated_ns,
                                  .count = UL_MIN(page.count, (uint32_t)UL_COUNTER_COUNT)};
    memcpy(ret_counters->value, page.value, ret_counters->count * sizeof *page.value);
    return 0;
  }
  return -UL_E_SYSTEM;
}
