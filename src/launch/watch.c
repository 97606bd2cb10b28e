/* SPDX-License-Identifier: MIT */
/* watch.c: see watch.h.
 *
 *     what            costs                 when
 *     resident bytes  1-2 us a process      every look: 10 ms apart in the first half second, 25 ms
 *                                           to the second second, then 50 ms
 *     new members     2 us when none came   every look; see below
 *     faults, CPU,    5-10 us a process,    every 100 ms in the first two seconds, then every
 *     threads, live   more with threads     half second, or 5000 times its cost
 *     memory group    10 us                 after 0.1 s, then every second
 *     PSS             1 ms per GB and more  after 0.25 s, then every 3 s, or 8000 times its cost
 *
 * A look that would take more than 1/700 of a core, waking up included, is put off: a tree of
 * hundreds of processes is looked at less often, at the same price. Together it stays below 0.2 %.
 *
 * New members. The kernel numbers processes and threads in turn and tells the newest number
 * (/proc/loadavg). While it stays, nothing was started anywhere on the system. When it moved from a
 * to b, there are two ways, and the cheaper is taken: what is new has a number in (a, b], and those
 * are asked for their parent, in the order they were made, so that a parent is known before its
 * child; or the members are asked for their children, which is cheaper when somebody else on the
 * system starts many. Only where the kernel does not list children, and many are new, are all
 * processes gone through.
 */
#include "launch/watch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launch/counters.h"
#include "os/self.h"

#define MS ((uint64_t)1000000)

#define LOOK_FIRST_NS   (10 * MS) /* until AGE_FIRST_NS */
#define LOOK_EARLY_NS   (25 * MS) /* until AGE_EARLY_NS */
#define LOOK_NS         (50 * MS)
#define LOOK_SLOWEST_NS (1000 * MS)
#define AGE_FIRST_NS    (500 * MS)
#define AGE_EARLY_NS    (2000 * MS)
#define USAGE_EARLY_NS  (100 * MS)
#define USAGE_NS        (500 * MS)
#define PSS_FIRST_NS    (250 * MS)
#define PSS_NS          (3000 * MS)
#define OOM_FIRST_NS    (100 * MS)
#define OOM_NS          (1000 * MS)
#define WALK_NS         (50 * MS)
#define SCAN_NS         (1000 * MS)
#define PROBE_FIRST_NS  (20 * MS)
#define PROBE_LAST_NS   (30000 * MS)

/* One part in so many of a core, for each kind of look: 0.14, 0.02 and 0.0125 %. */
#define LOOK_SHARE  700
#define USAGE_SHARE 5000
#define PSS_SHARE   8000

#define KEPT_OPEN 300 /* members with two open files; the soft limit on descriptors is often 1024 */

/* What it costs to ask, in units of a microsecond or so. */
#define COST_PROBE      8 /* a number that is new: open, read, close; less when it is gone again */
#define COST_CHILDREN   2 /* a member with one thread: an open file is read */
#define COST_PER_THREAD 6 /* other members, for each thread */
#define PROBES_MAX      4096

/* ---- Members ---------------------------------------------------------------------------------- */

static ul_watched *member(ul_watch *watch, int pid) {
  for (size_t i = 0; i < watch->count; i++) {
    if (watch->members[i].process.pid == pid && !watch->members[i].is_gone) {
      return &watch->members[i];
    }
  }
  return NULL;
}

static void add_member(ul_watch *watch, int pid, const ul_process_usage *usage, uint64_t now_ns) {
  if (watch->count == watch->capacity) {
    size_t      capacity = watch->capacity ? watch->capacity * 2 : 16;
    ul_watched *grown = realloc(watch->members, capacity * sizeof *grown);
    if (!grown) return; /* a member is not seen; the run goes on */
    watch->members = grown;
    watch->capacity = capacity;
  }
  ul_watched *new = &watch->members[watch->count++];
  *new = (ul_watched){
      .usage = *usage, .probe_at_ns = now_ns + PROBE_FIRST_NS, .probe_wait_ns = PROBE_FIRST_NS};
  ul_process_open(pid, watch->count <= KEPT_OPEN, &new->process);
  watch->changed = true;
}

static void drop_gone(ul_watch *watch) {
  size_t kept = 0;
  for (size_t i = 0; i < watch->count; i++) {
    if (watch->members[i].is_gone) {
      ul_process_close(&watch->members[i].process);
      watch->changed = true;
    } else {
      watch->members[kept++] = watch->members[i];
    }
  }
  watch->count = kept;
}

void ul_watch_forget(ul_watch *watch, int pid) {
  ul_watched *ended = member(watch, pid);
  if (ended) ended->is_gone = true;
  drop_gone(watch);
}

/* Makes `pid` a member if it belongs to the tree. */
static void consider(int pid, void *arg) {
  ul_watch        *watch = arg;
  ul_process_usage usage;
  if (pid == watch->own_pid || pid == watch->guard_pid || member(watch, pid)) return;
  if (ul_process_usage_read(pid, &usage) < 0 || usage.is_thread || usage.is_zombie) return;
  bool is_ours = pid == watch->root_pid || member(watch, usage.parent);
  if (!is_ours && usage.parent == watch->own_pid) {
    /* Adopted. Whoever replaced himself by us may have had children before: not of this run. */
    is_ours = usage.start >= watch->root_start;
  }
  if (pid == watch->root_pid) watch->root_start = usage.start;
  if (is_ours) add_member(watch, pid, &usage, ul_os_now_ns());
}

/* Asks us and the members for their children; those found are asked in their turn. Where children
 * are not told, goes through all processes until a pass adds nobody. */
static void walk(ul_watch *watch) {
  size_t before;
  int    passes = 0;
  if (watch->tells_children) {
    ul_process_each_child(&watch->self, false, consider, watch);
    for (size_t i = 0; i < watch->count; i++) {
      /* By value: the array may move when a member is added. */
      ul_process process = watch->members[i].process;
      ul_process_each_child(&process, watch->members[i].usage.threads > 1, consider, watch);
    }
    return;
  }
  do {
    before = watch->count;
    ul_process_each(consider, watch);
  } while (watch->count != before && ++passes < 8);
}

/* Is it cheaper to ask `came` new numbers than all members? */
static bool probing_is_cheaper(const ul_watch *watch, int came) {
  uint64_t cost = COST_CHILDREN;
  if (came > PROBES_MAX) return false;
  if (!watch->tells_children) return true;
  for (size_t i = 0; i < watch->count; i++) {
    uint64_t threads = watch->members[i].usage.threads;
    cost += threads > 1 ? threads * COST_PER_THREAD : COST_CHILDREN;
  }
  return (uint64_t)came * COST_PROBE <= cost;
}

static void find_new(ul_watch *watch, uint64_t now_ns) {
  int before = watch->newest_pid, newest = ul_process_newest(&watch->newest_fd);
  if (newest >= 0 && newest == before) return;
  int came = newest - before;
  if (came < 0) came += watch->pid_max;
  if (newest >= 0 && before >= 0 && probing_is_cheaper(watch, came)) {
    for (int pid = before + 1; came > 0; came--, pid++) {
      if (pid > watch->pid_max) pid = 1;
      consider(pid, watch);
    }
  } else if (now_ns >= watch->walk_due_ns) {
    walk(watch);
    watch->walk_due_ns = now_ns + (watch->tells_children ? WALK_NS : SCAN_NS);
  } else {
    return; /* the numbers since `before` are still to be looked at */
  }
  watch->newest_pid = newest;
}

void ul_watch_refresh(ul_watch *watch) {
  watch->walk_due_ns = 0;
  find_new(watch, ul_os_now_ns());
  for (size_t i = 0; i < watch->count; i++) {
    ul_process_usage usage;
    ul_watched      *m = &watch->members[i];
    if (ul_process_usage_read(m->process.pid, &usage) < 0 || usage.start != m->usage.start) {
      m->is_gone = true;
    }
  }
  drop_gone(watch);
}

/* ---- What is looked at ------------------------------------------------------------------------ */

static uint64_t look_at_memory(ul_watch *watch) {
  uint64_t total = 0;
  for (size_t i = 0; i < watch->count; i++) {
    ul_watched *m = &watch->members[i];
    uint64_t    bytes = 0;
    if (ul_process_rss(&m->process, &bytes) < 0) m->is_gone = true;
    m->rss_bytes = bytes;
    total += bytes;
  }
  drop_gone(watch);
  return total;
}

static void look_at_usage(ul_watch *watch) {
  uint64_t threads = 0;
  for (size_t i = 0; i < watch->count; i++) {
    ul_watched      *m = &watch->members[i];
    ul_process_usage usage;
    if (ul_process_usage_read(m->process.pid, &usage) < 0) continue;
    if (usage.start != m->usage.start) { /* the number was given to somebody else */
      m->is_gone = true;
      continue;
    }
    /* It was asked as if it had one thread; another one may have had a child since. */
    if (m->usage.threads <= 1 && usage.threads > 1) watch->newest_pid = -1;
    m->usage = usage;
    threads += usage.threads;
  }
  drop_gone(watch);
  watch->threads_now = threads;
  watch->threads_peak = UL_MAX(watch->threads_peak, threads);
}

/* The live bytes of one process; false when they cannot be had now. */
static bool read_live(ul_watched *m, uint64_t *ret_bytes) {
  ul_counters counters;
  int         error = ul_counters_read(m->process.pid, m->live_address, &counters);
  if (error == -UL_E_NOTFOUND) {
    m->live_address = 0; /* another program by now, or a fork that has no page of its own yet */
    return false;
  }
  /* Written all the time: the last number will do. */
  *ret_bytes = error ? m->live_bytes : counters.value[UL_COUNTER_live_bytes];
  if (!error && counters.count > UL_COUNTER_relief_bytes) {
    m->level = counters.value[UL_COUNTER_level];
    m->relief_bytes = counters.value[UL_COUNTER_relief_bytes];
  }
  return true;
}

static void look_for_page(ul_watched *m, uint64_t now_ns) {
  if (now_ns < m->probe_at_ns || m->probe_wait_ns > PROBE_LAST_NS) return;
  m->probe_wait_ns *= 3;
  m->probe_at_ns = now_ns + m->probe_wait_ns;
  if (ul_counters_find(m->process.pid, &m->live_address) < 0) m->live_address = 0;
}

static void look_at_live(ul_watch *watch, uint64_t now_ns) {
  uint64_t total = 0, resident = 0, level = 0, relief = 0;
  bool     any = false;
  for (size_t i = 0; i < watch->count; i++) {
    ul_watched *m = &watch->members[i];
    if (m->live_address == 0) look_for_page(m, now_ns);
    if (m->live_address == 0 || !read_live(m, &m->live_bytes)) continue;
    any = true;
    total += m->live_bytes;
    resident += m->rss_bytes;
    level = UL_MAX(level, m->level);
    relief += m->relief_bytes;
  }
  watch->level_now = level;
  watch->relief_now_bytes = relief;
  watch->live_now_bytes = total;
  if (!any) return;
  watch->live_seen = true;
  if (total >= watch->live_bytes) {
    watch->live_bytes = total;
    watch->live_resident_bytes = resident;
  }
}

static void look_at_pss(ul_watch *watch, uint64_t now_ns) {
  uint64_t before_ns = ul_process_own_cpu_ns(), total = 0;
  bool     any = false;
  for (size_t i = 0; i < watch->count; i++) {
    uint64_t bytes;
    if (ul_process_pss(watch->members[i].process.pid, &bytes) < 0) continue;
    total += bytes;
    any = true;
  }
  uint64_t cost_ns = ul_process_own_cpu_ns() - before_ns;
  watch->pss_due_ns = now_ns + UL_MAX(PSS_NS, cost_ns * PSS_SHARE);
  if (!any) return;
  watch->pss_looks++;
  watch->peak_pss_bytes = UL_MAX(watch->peak_pss_bytes, total);
}

/* ---- When ------------------------------------------------------------------------------------- */

/* Everything that is not looked at every time, each when its own time has come. */
static void look_at_the_rest(ul_watch *watch, uint64_t now_ns) {
  bool is_early = now_ns - watch->start_ns < AGE_EARLY_NS;
  if (now_ns >= watch->usage_due_ns) {
    uint64_t before_ns = ul_process_own_cpu_ns();
    look_at_usage(watch);
    if (watch->reads_live) look_at_live(watch, now_ns);
    uint64_t cost_ns = ul_process_own_cpu_ns() - before_ns;
    watch->usage_due_ns =
        now_ns + (is_early ? USAGE_EARLY_NS : UL_MAX(USAGE_NS, cost_ns * USAGE_SHARE));
  }
  if (now_ns >= watch->oom_due_ns) {
    ul_oom_watch_look(&watch->oom, watch->root_pid);
    watch->oom_due_ns = now_ns + OOM_NS;
  }
  if (now_ns >= watch->pss_due_ns) look_at_pss(watch, now_ns);
}

/* `cost_ns`: of this look, waking up and what the caller does included, the rest not. */
static void plan_next(ul_watch *watch, uint64_t now_ns, uint64_t cost_ns) {
  uint64_t age_ns = now_ns - watch->start_ns;
  uint64_t wait_ns = age_ns < AGE_FIRST_NS   ? LOOK_FIRST_NS
                     : age_ns < AGE_EARLY_NS ? LOOK_EARLY_NS
                                             : LOOK_NS;
  watch->look_cost_ns = (watch->look_cost_ns * 15 + cost_ns) / 16;
  if (wait_ns == LOOK_NS) wait_ns = UL_MAX(wait_ns, watch->look_cost_ns * LOOK_SHARE);
  watch->next_ns = now_ns + UL_MIN(wait_ns, LOOK_SLOWEST_NS);
}

uint64_t ul_watch_wait_ns(const ul_watch *watch, uint64_t now_ns) {
  return now_ns >= watch->next_ns ? 0 : watch->next_ns - now_ns;
}

void ul_watch_tick(ul_watch *watch, uint64_t now_ns) {
  if (now_ns < watch->next_ns) return;
  find_new(watch, now_ns);
  uint64_t bytes = look_at_memory(watch);
  watch->processes_peak = UL_MAX(watch->processes_peak, watch->count);
  /* Nothing resident: the program is at its very end, which is not a low of its life. */
  if (bytes > 0) ul_figures_add(&watch->figures, now_ns - watch->start_ns, bytes);
  uint64_t cost_ns = ul_process_own_cpu_ns() - watch->cpu_ns;
  look_at_the_rest(watch, now_ns);
  watch->cpu_ns = ul_process_own_cpu_ns();
  plan_next(watch, now_ns, cost_ns);
}

/* ---- From start to end ------------------------------------------------------------------------ */

void ul_watch_init(ul_watch *ret_watch, int root_pid, int guard_pid, bool reads_live,
                   uint64_t budget_bytes, uint64_t start_ns) {
  ul_watch *watch = ret_watch;
  memset(watch, 0, sizeof *watch);
  watch->root_pid = root_pid;
  watch->own_pid = (int)getpid();
  watch->guard_pid = guard_pid;
  watch->reads_live = reads_live;
  watch->newest_fd = -1;
  watch->tells_children = ul_process_tells_children();
  ul_process_open(watch->own_pid, true, &watch->self);
  watch->newest_pid = ul_process_newest(&watch->newest_fd);
  watch->pid_max = ul_process_pid_max();
  watch->start_ns = start_ns;
  watch->cpu_ns = ul_process_own_cpu_ns();
  watch->pss_due_ns = start_ns + PSS_FIRST_NS;
  watch->oom_due_ns = start_ns + OOM_FIRST_NS;
  ul_figures_init(&watch->figures, budget_bytes);
  ul_oom_watch_init(&watch->oom, root_pid);
  consider(root_pid, watch);
  if (watch->newest_pid != root_pid) walk(watch); /* it was quick to have children */
}

void ul_watch_done(ul_watch *watch) {
  for (size_t i = 0; i < watch->count; i++) ul_process_close(&watch->members[i].process);
  ul_process_close(&watch->self);
  free(watch->members);
  if (watch->newest_fd >= 0) close(watch->newest_fd);
  watch->members = NULL;
  watch->count = 0;
}

void ul_watch_running_totals(const ul_watch *watch, ul_watch_totals *ret_totals) {
  ul_watch_totals totals = {0};
  for (size_t i = 0; i < watch->count; i++) {
    const ul_process_usage *usage = &watch->members[i].usage;
    totals.minor_faults += usage->minor_faults + usage->waited_minor_faults;
    totals.major_faults += usage->major_faults + usage->waited_major_faults;
    totals.user_ns += usage->user_ns + usage->waited_user_ns;
    totals.system_ns += usage->system_ns + usage->waited_system_ns;
  }
  *ret_totals = totals;
}
