/* SPDX-License-Identifier: MIT */
/* enclose.c: see enclose.h.
 *
 * At the wall nothing may be lost and nothing may wait: first the page is written, since afterwards
 * there is nobody to ask; then the tree goes on or ends. It never stays paused.
 */
#include "launch/enclose.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/size_text.h"
#include "launch/counters.h"
#include "os/control.h"
#include "os/self.h"
#include "os/usage.h"
#include "wire/control.h"

/* A step of raising: a tenth, so that a program that needs a little more gets a little more; twice
 * the last one where that was used up at once. */
#define RAISE_SHARE 10
/* What the command and its guard hold at most: 5 MiB were seen. */
#define OURS_BYTES    ((uint64_t)8 << 20)
#define RAISE_LEAST   ((uint64_t)16 << 20)
#define RAISE_SOON_NS ((uint64_t)200 * 1000 * 1000)

/* So often in so long it may get away from the wall by itself. */
#define FREED_MOST 10
#define FREED_NS   ((uint64_t)1000 * 1000 * 1000)

/* What it takes to start the program, and to read about it afterwards: where a limit (ulimit -n)
 * leaves hardly any, running it matters more than its enclosure. */
#define DESCRIPTORS_KEPT 4

/* How long one program may take to hear of its new budget, and how many are told at a time: while we
 * wait, nobody answers the next word from the wall. */
#define TELL_NS   ((uint64_t)5 * 1000 * 1000)
#define TELL_MOST 8

/* A container's own wall counts us, too, and whoever reaches it is killed, we perhaps first: so the
 * run's wall stands before it. */
static uint64_t below_outer_wall(uint64_t limit_bytes) {
  uint64_t outer = ul_os_container_limit();
  if (outer == 0 || outer <= 4 * OURS_BYTES || limit_bytes + OURS_BYTES <= outer)
    return limit_bytes;
  return outer - OURS_BYTES;
}

static void free_descriptors(const int kept[DESCRIPTORS_KEPT]) {
  for (int i = 0; i < DESCRIPTORS_KEPT; i++) {
    if (kept[i] >= 0) close(kept[i]);
  }
}

static bool keep_descriptors(int ret_kept[DESCRIPTORS_KEPT]) {
  bool all = true;
  for (int i = 0; i < DESCRIPTORS_KEPT; i++) {
    ret_kept[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    all = all && (ret_kept[i] >= 0 || errno != EMFILE);
  }
  if (!all) free_descriptors(ret_kept);
  return all;
}

static void open_group(ul_enclose *enclose, ul_enclosure_announce *announce, void *arg) {
  enclose->limit_bytes = below_outer_wall(enclose->asked_bytes);
  if (ul_enclosure_open(enclose->limit_bytes, announce, arg, &enclose->group, enclose->why_not) <
      0) {
    ul_enclosure_init(&enclose->group);
    return;
  }
  /* Before anything is said: in the child it could fail. */
  enclose->join_fd = ul_enclosure_join_open(&enclose->group);
  if (enclose->join_fd < 0) {
    snprintf(enclose->why_not, sizeof enclose->why_not,
             "the program could not be put into a cgroup: %s", strerror(errno));
    (void)ul_enclosure_close(&enclose->group);
    return;
  }
  enclose->kind = enclose->group.kind;
  snprintf(enclose->path, sizeof enclose->path, "%s", enclose->group.group);
}

void ul_enclose_start(ul_enclose *ret_enclose, bool wanted, uint64_t limit_bytes,
                      uint64_t max_bytes, ul_enclosure_announce *announce, void *arg) {
  ul_enclose *enclose = ret_enclose;
  int         kept[DESCRIPTORS_KEPT];
  memset(enclose, 0, sizeof *enclose);
  ul_enclosure_init(&enclose->group);
  enclose->join_fd = -1;
  enclose->limit_bytes = enclose->asked_bytes = limit_bytes;
  enclose->max_bytes = max_bytes;
  if (!wanted || limit_bytes == 0) return;
  if (!keep_descriptors(kept)) {
    snprintf(enclose->why_not, sizeof enclose->why_not,
             "hardly any file descriptors are left; ulimit -n sets how many there may be");
    return;
  }
  open_group(enclose, announce, arg);
  free_descriptors(kept);
}

static void close_join(ul_enclose *enclose) {
  if (enclose->join_fd >= 0) close(enclose->join_fd);
  enclose->join_fd = -1;
}

bool ul_enclose_check(ul_enclose *enclose, int pid) {
  close_join(enclose);
  if (enclose->kind == UL_ENCLOSURE_NONE || ul_enclosure_holds(&enclose->group, pid)) return true;
  (void)ul_enclosure_close(&enclose->group);
  enclose->kind = UL_ENCLOSURE_NONE;
  enclose->path[0] = 0;
  snprintf(enclose->why_not, sizeof enclose->why_not,
           "the program could not be put into its cgroup, or left it at once");
  return false;
}

void ul_enclose_sentence(const ul_enclose *enclose, char ret_text[UL_ENCLOSE_TEXT_MAX]) {
  char mib[UL_SIZE_TEXT_MAX], below[UL_SIZE_TEXT_MAX], outer[160] = "";
  if (enclose->limit_bytes < enclose->asked_bytes) {
    snprintf(outer, sizeof outer,
             "; it is %s below the limit around us, which counts ullage as well",
             ul_size_mib(below, OURS_BYTES));
  }
  if (enclose->kind != UL_ENCLOSURE_NONE) {
    snprintf(ret_text, UL_ENCLOSE_TEXT_MAX, "enclosed in a cgroup (version %d) of %s%s%s",
             enclose->kind == UL_ENCLOSURE_CGROUP1 ? 1 : 2, ul_size_mib(mib, enclose->limit_bytes),
             enclose->group.pauses ? "; at that wall it is paused" : "", outer);
  } else if (enclose->why_not[0]) {
    snprintf(ret_text, UL_ENCLOSE_TEXT_MAX, "not enclosed, so nothing stops it at its budget: %s",
             enclose->why_not);
  } else {
    snprintf(ret_text, UL_ENCLOSE_TEXT_MAX, "not enclosed, so nothing stops it at its budget");
  }
}

/* ---- The wall --------------------------------------------------------------------------------- */

/* libullage's own limit in these programs moves with the wall, or it would go on relieving for a
 * limit that is none any more. The other runtimes cannot be told while they run. */
static void tell_heaps(ul_enclose *enclose, const ul_watch *watch) {
  unsigned told = 0;
  enclose->heaps_to_tell = false;
  for (size_t i = 0; i < watch->count && told < TELL_MOST; i++) {
    const ul_watched  *member = &watch->members[i];
    ul_counters        counters;
    ul_control_place   place;
    ul_control_reply   reply;
    ul_control_request request = {
        .magic = UL_CONTROL_MAGIC, .version = UL_CONTROL_VERSION, .verb = UL_CONTROL_BUDGET};
    if (!member->live_address ||
        ul_counters_read(member->process.pid, member->live_address, &counters) < 0) {
      continue;
    }
    uint64_t budget = counters.value[UL_COUNTER_budget_bytes];
    if (budget == 0) continue;
    if (enclose->heap_budget_bytes == 0) enclose->heap_budget_bytes = budget;
    request.value = (uint64_t)((double)enclose->heap_budget_bytes *
                               ((double)enclose->raised_to_bytes / (double)enclose->limit_bytes));
    if (budget >= request.value) continue; /* told by another member, or the user's own */
    (void)ul_control_ask(member->process.pid, &request, sizeof request, &reply, sizeof reply,
                         TELL_NS, &place);
    told++;
  }
}

static bool raise_limit(ul_enclose *enclose, ul_mark_sink *sink, void *arg) {
  uint64_t limit = enclose->group.limit_bytes, now_ns = ul_os_now_ns();
  if (enclose->max_bytes <= limit) return false;
  uint64_t step = UL_MAX(limit / RAISE_SHARE, RAISE_LEAST);
  if (enclose->raises > 0 && now_ns - enclose->raised_at_ns < RAISE_SOON_NS) {
    step = UL_MAX(step, 2 * enclose->raise_step_bytes);
  }
  uint64_t next = limit + UL_MIN(step, enclose->max_bytes - limit);
  if (ul_enclosure_raise(&enclose->group, next) < 0) return false;
  enclose->raised_at_ns = now_ns;
  enclose->raise_step_bytes = step;
  enclose->raised_to_bytes = next;
  enclose->raises++;
  enclose->told = 0;
  enclose->heaps_to_tell = true;
  sink(UL_MARK_RAISED, next, "", arg);
  return true;
}

/* It freed something by itself while we wrote. But not for ever: who comes back at once, again and
 * again, only crawls. */
static bool freed_enough(ul_enclose *enclose, uint64_t now_ns) {
  if (ul_enclosure_stands(&enclose->group)) return false;
  if (now_ns - enclose->freed_since_ns > FREED_NS) {
    enclose->freed_since_ns = now_ns;
    enclose->freed = 0;
  }
  return ++enclose->freed <= FREED_MOST;
}

static bool at_wall(ul_enclose *enclose, const ul_watch *watch, ul_mark_sink *sink, void *arg) {
  uint64_t begin_ns = ul_os_now_ns();
  bool     goes_on = false;
  enclose->pauses++;
  sink(UL_MARK_PAUSED, enclose->group.limit_bytes, "", arg);
  ul_wall_describe(&enclose->group, watch, enclose->wall_text);
  if (freed_enough(enclose, begin_ns)) {
    ul_enclosure_resume(&enclose->group);
    goes_on = true;
  } else {
    goes_on = raise_limit(enclose, sink, arg);
  }
  if (!goes_on) {
    enclose->ended_at_wall = true;
    if (!ul_wall_save(&enclose->group, watch, enclose->wall_path, sizeof enclose->wall_path)) {
      enclose->wall_path[0] = 0;
    }
    sink(UL_MARK_WALL, enclose->group.limit_bytes, enclose->wall_text, arg);
    ul_enclosure_kill(&enclose->group);
  }
  enclose->paused_ns += ul_os_now_ns() - begin_ns;
  return goes_on;
}

/* ---- Tripwires -------------------------------------------------------------------------------- */

/* A tripwire is told once for each limit: usage goes back and forth over it. */
static void tell(ul_enclose *enclose, unsigned events, unsigned which, enum ul_mark_kind kind,
                 uint64_t bytes, ul_mark_sink *sink, void *arg) {
  if (!(events & which) || (enclose->told & which)) return;
  enclose->told |= which;
  sink(kind, bytes, "", arg);
}

bool ul_enclose_news(ul_enclose *enclose, int fd, const ul_watch *watch, ul_mark_sink *sink,
                     void *arg) {
  unsigned events = ul_enclosure_read(&enclose->group, fd);
  uint64_t usage = events ? ul_enclosure_usage(&enclose->group) : 0;
  tell(enclose, events, UL_ENCLOSED_80, UL_MARK_TRIPWIRE_80, usage, sink, arg);
  tell(enclose, events, UL_ENCLOSED_90, UL_MARK_TRIPWIRE_90, usage, sink, arg);
  tell(enclose, events, UL_ENCLOSED_PRESSURE, UL_MARK_PRESSURE, usage, sink, arg);
  if (enclose->ended_at_wall) return true;
  if (events & UL_ENCLOSED_NEAR) {
    enclose->was_full = true;
    (void)raise_limit(enclose, sink, arg);
  }
  if (!(events & UL_ENCLOSED_WALL)) return true;
  enclose->was_full = true;
  return at_wall(enclose, watch, sink, arg);
}

/* The watch follows the program's group, once a second, to count kills there. */
static bool has_moved_out(const ul_enclose *enclose, const ul_watch *watch) {
  const char *group =
      enclose->kind == UL_ENCLOSURE_CGROUP1 ? watch->oom.group_v1 : watch->oom.group_v2;
  return group[0] && strncmp(group, enclose->path, strlen(enclose->path)) != 0;
}

void ul_enclose_sample(ul_enclose *enclose, const ul_watch *watch, ul_mark_sink *sink, void *arg) {
  uint64_t resident_bytes = watch->figures.now_bytes;
  unsigned events = 0;
  if (enclose->heaps_to_tell) tell_heaps(enclose, watch);
  if (enclose->kind != UL_ENCLOSURE_NONE) {
    if (has_moved_out(enclose, watch)) enclose->moved_out = true;
    return;
  }
  if (enclose->limit_bytes == 0) return;
  if (resident_bytes >= enclose->limit_bytes / 100 * 80) events |= UL_ENCLOSED_80;
  if (resident_bytes >= enclose->limit_bytes / 100 * 90) events |= UL_ENCLOSED_90;
  tell(enclose, events, UL_ENCLOSED_80, UL_MARK_TRIPWIRE_80, resident_bytes, sink, arg);
  tell(enclose, events, UL_ENCLOSED_90, UL_MARK_TRIPWIRE_90, resident_bytes, sink, arg);
}

void ul_enclose_end(ul_enclose *enclose) {
  close_join(enclose);
  if (enclose->kind == UL_ENCLOSURE_NONE) return;
  enclose->peak_bytes = ul_enclosure_peak(&enclose->group);
  enclose->left_behind = !ul_enclosure_close(&enclose->group);
}
