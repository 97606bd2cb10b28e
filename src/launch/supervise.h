/* SPDX-License-Identifier: MIT */
/* supervise.h: one run of one program, from its name to what it used.
 *
 *     recognise -> guard -> plan -> start -> look, forward signals … -> end of the program -> result
 *
 * Threads one. A process can have one run.
 */
#ifndef UL_LAUNCH_SUPERVISE_H
#define UL_LAUNCH_SUPERVISE_H

#include "launch/enclose.h"
#include "launch/fault.h"
#include "launch/knobs.h"
#include "launch/prepare.h"
#include "launch/recognise.h"
#include "launch/watch.h"

#define UL_UNKNOWN UINT64_MAX /* a number that nobody could see */

typedef struct ul_run_order {
  char            **arguments; /* the program and its arguments, ended by NULL */
  char            **environment;
  uint64_t          budget_bytes;     /* 0: none */
  uint64_t          max_budget_bytes; /* the budget may be raised so far; 0: not at all */
  enum ul_on_budget on_budget;        /* what happens at the budget */
  bool              no_enclose;       /* do not put it into a group of its own */
  const ul_knobs   *knobs;            /* what its runtime is told; NULL: nothing */
  /* What the caller shows meanwhile; each may be NULL. */
  void (*on_plan)(const ul_plan *plan, void *arg); /* before the program starts */
  /* likewise, where there is a budget; and again when it turns out that the program is not in it */
  void (*on_enclose)(const ul_enclose *enclose, void *arg);
  void (*on_look)(const ul_watch *watch, void *arg); /* after each look */
  void (*on_mark)(enum ul_mark_kind kind, uint64_t at_ns, uint64_t bytes, const char *text,
                  void *arg);  /* something happened; `bytes` as it suits the kind */
  void (*on_pause)(void *arg); /* before the terminal is somebody else's */
  void *arg;
} ul_run_order;

enum ul_exit_reason {
  UL_EXIT_REASON_NORMAL,   /* it returned 0 */
  UL_EXIT_REASON_CODE,     /* it returned something else */
  UL_EXIT_REASON_SIGNAL,   /* a signal ended it */
  UL_EXIT_REASON_OOM_KILL, /* the kernel ended it for memory */
  UL_EXIT_REASON_WALL,     /* we ended it at the wall of its enclosure */
};

typedef struct ul_run_result {
  ul_program program;
  ul_program became; /* what did the work, where that was another (follow.h); path "" where not */
  bool       preloaded;
  uint64_t   started_unix_ns, wall_ns;
  /* how it ended */
  enum ul_exit_reason exit_reason;
  int                 exit_code; /* -1 when a signal ended it */
  int                 exit_signal;
  bool                dumped_core;
  int                 told_to_end; /* the last signal by which we were told to end it; 0: none */
  ul_oom_facts        oom;
  uint64_t            left_running; /* processes of the tree that outlive the program */
  /* memory of the tree; UL_UNKNOWN where nobody could see */
  uint64_t   peak_rss_bytes, peak_at_ns, p99_rss_bytes, startup_peak_rss_bytes, floor_rss_bytes;
  uint64_t   peak_pss_bytes, live_bytes, live_resident_bytes;
  uint64_t   budget_bytes, budget_exceeded_at_ns;
  ul_enclose enclose; /* its group is gone by now */
  /* the rest */
  uint64_t samples, pss_samples, threads_peak, processes_peak;
  uint64_t minor_faults, major_faults, cpu_user_ns, cpu_system_ns;
  uint64_t own_cpu_ns; /* what watching cost */
} ul_run_result;

/* Runs it to its end. 0 with *ret_result, or negative with *fault: the program was not started. */
UL_MUST_USE int ul_supervise(const ul_run_order *order, ul_run_result *ret_result, ul_fault *fault);

/* What `ullage run` returns for that result: the program's code, or 128 + signal; 137 at the wall. */
int ul_run_exit_code(const ul_run_result *result);

#endif
