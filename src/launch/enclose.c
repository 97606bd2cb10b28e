/* SPDX-License-Identifier: MIT */
/* enclose.c: see enclose.h. */
#include "launch/enclose.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size_text.h"
#include "os/self.h"

/* A step of raising: a tenth, so that a program that needs a little more gets a little more. */
#define RAISE_SHARE 10
#define RAISE_LEAST ((uint64_t)16 << 20)

#define PROCESSES_SHOWN 8
#define MAPPINGS_SHOWN  6

void ul_enclose_start(ul_enclose *ret_enclose, bool wanted, uint64_t limit_bytes,
                      uint64_t max_bytes) {
  ul_enclose *enclose = ret_enclose;
  memset(enclose, 0, sizeof *enclose);
  ul_enclosure_init(&enclose->group);
  enclose->limit_bytes = limit_bytes;
  enclose->max_bytes = max_bytes;
  if (!wanted || limit_bytes == 0) return;
  if (ul_enclosure_open(limit_bytes, &enclose->group, enclose->why_not) < 0) {
    ul_enclosure_init(&enclose->group);
    return;
  }
  enclose->kind = enclose->group.kind;
  snprintf(enclose->path, sizeof enclose->path, "%s", enclose->group.group);
}

void ul_enclose_sentence(const ul_enclose *enclose, char ret_text[320]) {
  char mib[UL_SIZE_TEXT_MAX];
  if (enclose->kind != UL_ENCLOSURE_NONE) {
    snprintf(ret_text, 320, "enclosed in a cgroup (version %d) of %s%s",
             enclose->kind == UL_ENCLOSURE_CGROUP1 ? 1 : 2, ul_size_mib(mib, enclose->limit_bytes),
             enclose->group.pauses ? ", paused at the wall" : "");
  } else if (enclose->why_not[0]) {
    snprintf(ret_text, 320, "not enclosed: %s; watched only", enclose->why_not);
  } else {
    snprintf(ret_text, 320, "not enclosed; watched only");
  }
}

/* ---- What stands in memory at the wall ---------------------------------------------------------- */

struct page {
  char  *text;
  size_t length;
};

static void __attribute__((format(printf, 2, 3))) add(struct page *page, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(page->text + page->length, UL_WALL_TEXT_MAX - page->length, format, args);
  va_end(args);
  if (n > 0) page->length = UL_MIN(page->length + (size_t)n, (size_t)UL_WALL_TEXT_MAX - 1);
}

static int larger_first(const void *a, const void *b) {
  const ul_watched *const *first = a, *const *second = b;
  uint64_t                 x = (*first)->rss_bytes, y = (*second)->rss_bytes;
  return x < y ? 1 : x > y ? -1 : 0;
}

static void add_process(struct page *page, const ul_watched *member, uint64_t rss_bytes) {
  char             name[16], mib[UL_SIZE_TEXT_MAX], part[UL_SIZE_TEXT_MAX];
  ul_process_parts parts;
  ul_process_name(member->process.pid, name);
  add(page, "  %12s  %s (%d)", ul_size_mib(mib, rss_bytes), name, member->process.pid);
  if (ul_process_parts_read(member->process.pid, &parts) == 0) {
    add(page, ": %s anonymous", ul_size_mib(part, parts.anonymous_bytes));
    add(page, ", %s of files", ul_size_mib(part, parts.file_bytes));
    if (parts.shared_bytes) add(page, ", %s shared", ul_size_mib(part, parts.shared_bytes));
  }
  if (member->live_bytes) add(page, "; live heap %s", ul_size_mib(part, member->live_bytes));
  add(page, "\n");
}

static void add_mappings(struct page *page, int pid) {
  ul_process_mapping top[MAPPINGS_SHOWN];
  char               mib[UL_SIZE_TEXT_MAX];
  size_t             count = ul_process_largest_mappings(pid, top, MAPPINGS_SHOWN);
  for (size_t i = 0; i < count && top[i].rss_bytes > 0; i++) {
    add(page, "  %12s    %s%s\n", ul_size_mib(mib, top[i].rss_bytes),
        top[i].name[0] ? top[i].name : "anonymous memory", i ? "" : "   (its largest mappings)");
  }
}

static void write_down(ul_enclose *enclose, const ul_watch *watch) {
  struct page        page = {.text = enclose->wall_text};
  const ul_watched **order = calloc(watch->count + 1, sizeof *order);
  size_t             count = 0;
  char               mib[UL_SIZE_TEXT_MAX];
  enclose->wall_text[0] = 0;
  for (size_t i = 0; order && i < watch->count; i++) order[count++] = &watch->members[i];
  if (count > 1) qsort(order, count, sizeof *order, larger_first);
  add(&page, "At the wall of %s, %zu process%s held:\n",
      ul_size_mib(mib, enclose->group.limit_bytes), count, count == 1 ? "" : "es");
  for (size_t i = 0; i < count && i < PROCESSES_SHOWN; i++) {
    uint64_t rss = order[i]->rss_bytes;
    if (ul_process_rss(&order[i]->process, &rss) < 0) continue;
    add_process(&page, order[i], rss);
  }
  if (count > PROCESSES_SHOWN) add(&page, "  and %zu more\n", count - PROCESSES_SHOWN);
  if (count > 0) add_mappings(&page, order[0]->process.pid);
  free(order);
}

/* ---- The wall ----------------------------------------------------------------------------------- */

static bool raise(ul_enclose *enclose, ul_mark_sink *sink, void *arg) {
  uint64_t limit = enclose->group.limit_bytes;
  if (enclose->max_bytes <= limit) return false;
  uint64_t next = limit + UL_MAX(limit / RAISE_SHARE, RAISE_LEAST);
  next = UL_MIN(next, enclose->max_bytes);
  if (ul_enclosure_raise(&enclose->group, next) < 0) return false;
  enclose->raised_to_bytes = next;
  enclose->told = 0;
  sink(UL_MARK_RAISED, next, "", arg);
  return true;
}

static bool at_wall(ul_enclose *enclose, const ul_watch *watch, ul_mark_sink *sink, void *arg) {
  uint64_t begin_ns = ul_os_now_ns();
  enclose->pauses++;
  sink(UL_MARK_PAUSED, enclose->group.limit_bytes, "", arg);
  write_down(enclose, watch);
  bool goes_on = raise(enclose, sink, arg);
  if (!goes_on) {
    enclose->ended_at_wall = true;
    sink(UL_MARK_WALL, enclose->group.limit_bytes, enclose->wall_text, arg);
    ul_enclosure_kill(&enclose->group);
  }
  enclose->paused_ns += ul_os_now_ns() - begin_ns;
  return goes_on;
}

/* A tripwire is told once for each limit: usage goes back and forth over it. */
static void tell(ul_enclose *enclose, unsigned events, unsigned which, enum ul_mark_kind kind,
                 ul_mark_sink *sink, void *arg) {
  if (!(events & which) || (enclose->told & which)) return;
  enclose->told |= which;
  sink(kind, ul_enclosure_usage(&enclose->group), "", arg);
}

bool ul_enclose_news(ul_enclose *enclose, int fd, const ul_watch *watch, ul_mark_sink *sink,
                     void *arg) {
  unsigned events = ul_enclosure_read(&enclose->group, fd);
  tell(enclose, events, UL_ENCLOSED_80, UL_MARK_TRIPWIRE_80, sink, arg);
  tell(enclose, events, UL_ENCLOSED_90, UL_MARK_TRIPWIRE_90, sink, arg);
  tell(enclose, events, UL_ENCLOSED_PRESSURE, UL_MARK_PRESSURE, sink, arg);
  if (!(events & UL_ENCLOSED_WALL) || enclose->ended_at_wall) return true;
  return at_wall(enclose, watch, sink, arg);
}

void ul_enclose_end(ul_enclose *enclose) {
  if (enclose->kind == UL_ENCLOSURE_NONE) return;
  enclose->peak_bytes = ul_enclosure_peak(&enclose->group);
  enclose->left_behind = !ul_enclosure_close(&enclose->group);
}
