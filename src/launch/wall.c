/* SPDX-License-Identifier: MIT */
/* wall.c: the text of wall.h. Where it is kept: wall_file.c. */
#include "launch/wall.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/size_text.h"
#include "launch/counters.h"
#include "launch/wall_text.h"

/* One screen: this and the rest of the report fit 40 lines. */
static const ul_wall_detail screen = {.processes = 8, .mappings = 4, .sizes = 6};

#define MAPPINGS_MOST 64
#define MAPPING_LEAST (UL_MIB / 10) /* smaller ones show as 0.0 or 0.1 MiB, and explain nothing */

static int larger_first(const void *a, const void *b) {
  const ul_watched *const *first = a, *const *second = b;
  uint64_t                 x = (*first)->rss_bytes, y = (*second)->rss_bytes;
  return x < y ? 1 : x > y ? -1 : 0;
}

/* Names are foreign bytes: what could steer a terminal is shown as '?'. */
static const char *harmless(char *name) {
  for (char *at = name; *at; at++) {
    if ((unsigned char)*at < ' ' || *at == 0x7f) *at = '?';
  }
  return name;
}

static void add_process(ul_wall_page *page, const ul_watched *member) {
  char             name[16], mib[UL_SIZE_TEXT_MAX], part[UL_SIZE_TEXT_MAX];
  uint64_t         rss;
  ul_process_parts parts;
  if (ul_process_rss(&member->process, &rss) < 0) return; /* it has ended */
  ul_process_name(member->process.pid, name);
  ul_wall_add(page, "  %12s  %s (%d)", ul_size_mib(mib, rss), harmless(name), member->process.pid);
  if (ul_process_parts_read(member->process.pid, &parts) == 0) {
    ul_wall_add(page, ": %s anonymous", ul_size_mib(part, parts.anonymous_bytes));
    ul_wall_add(page, ", %s of files", ul_size_mib(part, parts.file_bytes));
    if (parts.shared_bytes >= MAPPING_LEAST) {
      ul_wall_add(page, ", %s shared", ul_size_mib(part, parts.shared_bytes));
    }
  }
  ul_wall_add(page, "\n");
}

/* What libullage in that process says of its heap. */
static void add_heap(ul_wall_page *page, const ul_watched *member) {
  char        live[UL_SIZE_TEXT_MAX], resident[UL_SIZE_TEXT_MAX], own[UL_SIZE_TEXT_MAX];
  ul_counters counters;
  uint64_t    address = member->live_address;
  int         pid = member->process.pid;
  if (address == 0 && ul_counters_find(pid, &address) < 0) return;
  if (ul_counters_read(pid, address, &counters) < 0 || counters.count <= UL_COUNTER_budget_bytes) {
    return;
  }
  const uint64_t *value = counters.value;
  /* Counted one after the other while it grew. */
  uint64_t live_bytes = UL_MIN(value[UL_COUNTER_live_bytes], value[UL_COUNTER_resident_bytes]);
  ul_wall_add(page,
              "  %12s    live in its heap, in %" PRIu64 " objects; the heap holds %s, and %s to "
              "keep account\n",
              ul_size_mib(live, live_bytes), value[UL_COUNTER_live_objects],
              ul_size_mib(resident, value[UL_COUNTER_resident_bytes]),
              ul_size_mib(own, value[UL_COUNTER_metadata_bytes]));
  if (value[UL_COUNTER_budget_bytes]) {
    ul_wall_add(page, "  %12s    is what that heap was told to hold at most\n",
                ul_size_mib(live, value[UL_COUNTER_budget_bytes]));
  }
}

/* Where that memory went, by size. Foreign numbers, so what cannot be is left out. */
static void add_sizes(ul_wall_page *page, const ul_watched *member, size_t most) {
  char              mib[UL_SIZE_TEXT_MAX], each[UL_SIZE_TEXT_MAX];
  ul_counters_sizes sizes;
  uint64_t          address = member->live_address;
  int               pid = member->process.pid;
  if (address == 0 && ul_counters_find(pid, &address) < 0) return;
  if (ul_counters_read_sizes(pid, address, &sizes) < 0) return;
  for (size_t i = 0; i < UL_MIN(sizes.count, most); i++) {
    const ul_live_size *size = &sizes.size[i];
    if (i > 0 && size->bytes < MAPPING_LEAST) break;
    snprintf(each, sizeof each, "up to %" PRIu64 " bytes", size->object_bytes);
    ul_wall_add(page, "  %12s    in %" PRIu64 " objects of %s%s\n", ul_size_mib(mib, size->bytes),
                size->objects, size->object_bytes ? each : "more than 32 KiB",
                i ? "" : "   (what it allocated most)");
  }
}

static void add_mappings(ul_wall_page *page, int pid, size_t most) {
  ul_process_mapping top[MAPPINGS_MOST];
  char               mib[UL_SIZE_TEXT_MAX];
  size_t             count = ul_process_largest_mappings(pid, top, UL_MIN(most, UL_ARRAY_LEN(top)));
  for (size_t i = 0; i < count && (i == 0 || top[i].rss_bytes >= MAPPING_LEAST); i++) {
    ul_wall_add(page, "  %12s    %s%s\n", ul_size_mib(mib, top[i].rss_bytes),
                top[i].name[0] ? harmless(top[i].name) : "anonymous memory",
                i ? "" : "   (its largest mappings)");
  }
}

/* What the system counts for the group, which is more than the processes' pages. */
static void add_group(ul_wall_page *page, const ul_enclosure *group) {
  char               anonymous[UL_SIZE_TEXT_MAX], files[UL_SIZE_TEXT_MAX];
  char               shared[UL_SIZE_TEXT_MAX], kernel[UL_SIZE_TEXT_MAX];
  ul_enclosure_parts parts;
  if (ul_enclosure_parts_read(group, &parts) < 0) return;
  ul_wall_add(page,
              "  The group as a whole: %s anonymous, %s page cache, %s shared memory, %s of the "
              "kernel's\n",
              ul_size_mib(anonymous, parts.anonymous_bytes), ul_size_mib(files, parts.file_bytes),
              ul_size_mib(shared, parts.shared_bytes), ul_size_mib(kernel, parts.kernel_bytes));
}

void ul_wall_write(const ul_enclosure *group, const ul_watch *watch, const ul_wall_detail *detail,
                   ul_wall_page *page) {
  const ul_watched **order = calloc(watch->count + 1, sizeof *order);
  size_t             count = 0;
  char               mib[UL_SIZE_TEXT_MAX];
  for (size_t i = 0; order && i < watch->count; i++) order[count++] = &watch->members[i];
  if (count > 1) qsort(order, count, sizeof *order, larger_first);
  ul_wall_add(page, "At the wall of %s, %zu process%s held:\n",
              ul_size_mib(mib, group->limit_bytes), count, count == 1 ? "" : "es");
  for (size_t i = 0; i < count && i < detail->processes; i++) add_process(page, order[i]);
  if (count > detail->processes) ul_wall_add(page, "  and %zu more\n", count - detail->processes);
  if (count > 0) {
    add_mappings(page, order[0]->process.pid, detail->mappings);
    add_heap(page, order[0]);
    add_sizes(page, order[0], detail->sizes);
  }
  add_group(page, group);
  free(order);
}

void ul_wall_describe(const ul_enclosure *group, const ul_watch *watch,
                      char ret_text[UL_WALL_TEXT_MAX]) {
  ul_wall_page page = {.text = ret_text, .capacity = UL_WALL_TEXT_MAX};
  ret_text[0] = 0;
  ul_wall_write(group, watch, &screen, &page);
}
