/* SPDX-License-Identifier: MIT */
/* watch.h: looks at a process tree, twenty times a second, for less than 0.2 % of a core.
 *
 * The caller asks when the next look is due, waits, and calls ul_watch_tick. What is looked at when
 * follows from what it costs; see docs/design/launch.md [launch.watch].
 *
 * Who belongs to the tree: the program, whatever a member starts, and orphans that became our
 * children (os/child.h) after the program was started. A member stays one until it ends.
 */
#ifndef UL_LAUNCH_WATCH_H
#define UL_LAUNCH_WATCH_H

#include "launch/figures.h"
#include "os/process.h"

typedef struct ul_watched {
  ul_process       process;
  ul_process_usage usage; /* at the last reading; .start tells a reused pid from the one we know */
  uint64_t         rss_bytes;
  uint64_t         live_address;                    /* 0: not found */
  uint64_t         live_bytes, level, relief_bytes; /* as the library counts them */
  uint64_t         probe_at_ns, probe_wait_ns; /* when to look for the page of counters again */
  bool             is_gone;
} ul_watched;

typedef struct ul_watch {
  int         root_pid, own_pid, guard_pid;
  uint64_t    root_start; /* as ul_process_usage.start */
  bool        reads_live; /* libullage was preloaded: look for pages of counters */
  ul_watched *members;
  size_t      count, capacity;
  bool        changed; /* the members changed since the caller looked */
  /* finding new members */
  ul_process self;
  bool       tells_children;
  int        newest_fd, newest_pid, pid_max;
  /* when what is due, relative to start_ns */
  uint64_t start_ns, next_ns, usage_due_ns, pss_due_ns, oom_due_ns, walk_due_ns;
  uint64_t cpu_ns, look_cost_ns; /* our processor time: after the last look; of one, smoothed */
  /* results */
  ul_figures   figures;
  ul_oom_watch oom;
  uint64_t     peak_pss_bytes, pss_looks;
  uint64_t     live_now_bytes, live_bytes, live_resident_bytes; /* now; highest; RSS at that time */
  bool         live_seen;
  uint64_t     level_now, relief_now_bytes; /* of the library: highest of all members; their sum */
  uint64_t     threads_now, threads_peak, processes_peak;
} ul_watch;

/* Starts watching `root_pid`, which runs. `start_ns`: when it was started, on ul_os_now_ns. */
void ul_watch_init(ul_watch *ret_watch, int root_pid, int guard_pid, bool reads_live,
                   uint64_t budget_bytes, uint64_t start_ns);
void ul_watch_done(ul_watch *watch);

/* Nanoseconds until the next look is due. */
uint64_t ul_watch_wait_ns(const ul_watch *watch, uint64_t now_ns);

/* What is looked at now and then only, and was at `now_ns` of the run: when next. Four times a second at
 * first, since a short run leaves no later moment; then once. */
UL_INLINE uint64_t ul_watch_rare_due_ns(uint64_t now_ns) {
  return now_ns + (now_ns < 3000000000u ? 250000000u : 1000000000u);
}

/* Looks, if it is due. */
void ul_watch_tick(ul_watch *watch, uint64_t now_ns);

/* Looks for members that appeared or ended since; cheap when none did. */
void ul_watch_refresh(ul_watch *watch);

/* A member has ended and was collected by the caller. */
void ul_watch_forget(ul_watch *watch, int pid);

typedef struct ul_watch_totals {
  uint64_t minor_faults, major_faults, user_ns, system_ns;
} ul_watch_totals;

/* What the members that still run have used, with the children they waited for. */
void ul_watch_running_totals(const ul_watch *watch, ul_watch_totals *ret_totals);

#endif
