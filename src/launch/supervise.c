/* SPDX-License-Identifier: MIT */
/* supervise.c: see supervise.h.
 *
 * Signals. What a process sends us is passed on to the program; what the terminal sends reaches it
 * anyway, unless it has left our process group. We do not end before the program does: it may
 * need a while to shut down, and its exit code is ours.
 *
 * The end. The run ends with the program. If we were told to end it, what else is left of the tree
 * is ended too: asked first, killed after GRACE_NS. If nobody told us, the rest is left alone, as a
 * shell would, and the report says that it still runs. Design: docs/design/launch.md [launch.end]
 */
#include "launch/supervise.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "launch/follow.h"
#include "launch/tree.h"
#include "os/child.h"
#include "os/self.h"

#define GRACE_NS  ((uint64_t)2000000000u)
#define SECOND_NS ((uint64_t)1000000000u)
/* Relief that is worth telling: one part in so many of the budget. */
#define RELIEF_SHARE 100

struct run {
  const ul_run_order *order;
  ul_signals          signals;
  ul_guard            guard;
  ul_plan             plan;
  ul_watch            watch;
  ul_enclose          enclose;
  ul_follow           follow;
  ul_run_tree         tree;
  int                 pid;
  bool                ended;
  ul_child_end        end;
  uint64_t            start_ns, end_ns;
  int                 told_to_end;
  ul_watch_totals     collected; /* of orphans that we collected */
  uint64_t            largest_rss_bytes;
  uint64_t            own_cpu_start_ns;
  uint64_t            level, relief_bytes, relief_told_ns; /* of the library, as told last */
};

static bool ends_a_program(int signal) {
  return signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
}

static void collect(struct run *run) {
  ul_child_end end;
  while (ul_child_collect(&end) == 0) {
    if (end.pid == run->guard.pid) continue;
    run->largest_rss_bytes = UL_MAX(run->largest_rss_bytes, end.largest_rss_bytes);
    run->collected.minor_faults += end.minor_faults;
    run->collected.major_faults += end.major_faults;
    run->collected.user_ns += end.user_ns;
    run->collected.system_ns += end.system_ns;
    ul_watch_forget(&run->watch, end.pid);
    if (end.pid == run->pid) {
      run->end = end;
      run->end_ns = ul_os_now_ns();
      run->ended = true;
    }
  }
}

static void handle(struct run *run, ul_signal signal) {
  if (signal.number == 0 || signal.number == SIGCHLD) return;
  if (ends_a_program(signal.number)) run->told_to_end = signal.number;
  if (!signal.from_terminal || !ul_child_shares_group(run->pid)) {
    ul_child_signal(run->pid, signal.number);
  }
  if (signal.number == SIGTSTP) {
    if (run->order->on_pause) run->order->on_pause(run->order->arg);
    ul_signals_stop_here();
  }
}

/* Tells the guard whom it would have to end. */
static void brief_guard(struct run *run) {
  static int      pids[UL_GUARD_KEPT_MAX];
  static uint64_t starts[UL_GUARD_KEPT_MAX];
  size_t          count = UL_MIN(run->watch.count, (size_t)UL_GUARD_KEPT_MAX);
  if (!run->watch.changed) return;
  for (size_t i = 0; i < count; i++) {
    pids[i] = run->watch.members[i].process.pid;
    starts[i] = run->watch.members[i].usage.start;
  }
  ul_guard_tell(&run->guard, pids, starts, count);
  run->watch.changed = false;
}

static void mark(enum ul_mark_kind kind, uint64_t bytes, const char *text, void *arg) {
  struct run         *run = arg;
  const ul_run_order *order = run->order;
  if (order->on_mark) order->on_mark(kind, ul_os_now_ns() - run->start_ns, bytes, text, order->arg);
}

/* What the library says of itself: another level, and relief that gave something, at most once a
 * second. */
static void mark_library(struct run *run, uint64_t now_ns) {
  static const char *const levels[] = {"calm", "tight", "critical", "over"};
  const ul_watch          *watch = &run->watch;
  if (watch->level_now != run->level && watch->level_now < UL_ARRAY_LEN(levels)) {
    run->level = watch->level_now;
    mark(UL_MARK_LEVEL, watch->live_now_bytes, levels[run->level], run);
  }
  uint64_t given = watch->relief_now_bytes - UL_MIN(watch->relief_now_bytes, run->relief_bytes);
  if (given > run->order->budget_bytes / RELIEF_SHARE &&
      now_ns >= run->relief_told_ns + SECOND_NS) {
    run->relief_bytes = watch->relief_now_bytes;
    run->relief_told_ns = now_ns;
    mark(UL_MARK_RELIEF, given, "", run);
  }
}

static void look(struct run *run) {
  ul_watch_tick(&run->watch, ul_os_now_ns());
  brief_guard(run);
  ul_enclose_sample(&run->enclose, &run->watch, mark, run);
  mark_library(run, ul_os_now_ns());
  ul_follow_look(&run->follow, &run->watch);
  if (run->order->on_look) run->order->on_look(&run->watch, run->order->arg);
}

static void listen_to_group(struct run *run) {
  ul_signals_watch(&run->signals, run->enclose.group.fd, run->enclose.group.urgent,
                   UL_ENCLOSURE_FDS);
}

static void take_news(struct run *run, int fd) {
  ul_watch_refresh(&run->watch);
  if (!ul_enclose_news(&run->enclose, fd, &run->watch, mark, run) && !run->ended) {
    ul_child_signal(run->pid, SIGKILL); /* in case it had moved to another group */
  }
  listen_to_group(run); /* another limit has other descriptors */
}

static void watch_until_end(struct run *run) {
  ul_signal signal;
  brief_guard(run);
  listen_to_group(run);
  while (!run->ended) {
    if (ul_watch_wait_ns(&run->watch, ul_os_now_ns()) == 0) look(run);
    ul_signals_next(&run->signals, ul_watch_wait_ns(&run->watch, ul_os_now_ns()), &signal);
    handle(run, signal);
    if (signal.number == SIGCHLD) collect(run);
    if (signal.ready_fd >= 0) take_news(run, signal.ready_fd);
  }
}

/* The program has ended, and we were told to: ask the rest, give it a moment, end it. */
static void end_the_rest(struct run *run) {
  uint64_t  until_ns = ul_os_now_ns() + GRACE_NS;
  ul_signal signal;
  ul_watch_refresh(&run->watch);
  for (size_t i = 0; i < run->watch.count; i++) {
    ul_child_signal(run->watch.members[i].process.pid, SIGTERM);
  }
  while (run->watch.count > 0 && ul_os_now_ns() < until_ns) {
    ul_signals_next(&run->signals, 20 * 1000 * 1000, &signal);
    if (ends_a_program(signal.number)) break;                  /* told again: no more patience */
    if (signal.ready_fd >= 0) take_news(run, signal.ready_fd); /* one may need memory to end */
    collect(run);
    ul_watch_refresh(&run->watch);
  }
  ul_guard_end_tree(&run->guard);
  collect(run);
  ul_watch_refresh(&run->watch);
}

/* ---- The result ------------------------------------------------------------------------------- */

static void judge_end(struct run *run, ul_run_result *result) {
  const ul_child_end *end = &run->end;
  result->exit_code = end->exit_code;
  result->exit_signal = end->signal;
  result->dumped_core = end->dumped_core;
  result->told_to_end = run->told_to_end;
  ul_oom_watch_read(&run->watch.oom, &result->oom);
  result->exit_reason = end->signal           ? UL_EXIT_REASON_SIGNAL
                        : end->exit_code != 0 ? UL_EXIT_REASON_CODE
                                              : UL_EXIT_REASON_NORMAL;
  /* We send SIGKILL to the program only at its wall. */
  if (end->signal == SIGKILL && (result->oom.group_kills > 0 || result->oom.system_kills > 0)) {
    result->exit_reason = UL_EXIT_REASON_OOM_KILL;
  }
  if (run->enclose.ended_at_wall) result->exit_reason = UL_EXIT_REASON_WALL;
  if (result->exit_reason == UL_EXIT_REASON_OOM_KILL) {
    mark(UL_MARK_OOM_KILL, result->oom.limit_bytes, result->oom.group, run);
  }
}

static void fill_memory(struct run *run, ul_run_result *result) {
  ul_watch   *watch = &run->watch;
  ul_figures *figures = &watch->figures;
  /* A short process may peak between two looks; the kernel remembers. But it remembers of us, too,
   * from the moment before the child became the program: only more than that tells something. */
  if (run->largest_rss_bytes > ul_child_own_largest_rss()) {
    ul_figures_raise_peak(figures, run->largest_rss_bytes);
  }
  if (figures->peak_bytes == 0) ul_figures_raise_peak(figures, run->largest_rss_bytes);
  result->peak_rss_bytes = figures->peak_bytes;
  result->peak_at_ns = figures->peak_at_ns;
  result->p99_rss_bytes = ul_figures_p99(figures);
  result->startup_peak_rss_bytes = result->floor_rss_bytes = UL_UNKNOWN;
  (void)ul_figures_startup_peak(figures, result->wall_ns, &result->startup_peak_rss_bytes);
  (void)ul_figures_floor(figures, result->wall_ns, &result->floor_rss_bytes);
  result->peak_pss_bytes = watch->pss_looks ? watch->peak_pss_bytes : UL_UNKNOWN;
  result->live_bytes = watch->live_seen ? watch->live_bytes : UL_UNKNOWN;
  result->live_resident_bytes = watch->live_seen ? watch->live_resident_bytes : UL_UNKNOWN;
  result->budget_bytes = figures->budget_bytes;
  result->budget_exceeded_at_ns = figures->exceeded_at_ns;
  result->samples = figures->samples;
  result->pss_samples = watch->pss_looks;
}

static void fill_use(struct run *run, ul_run_result *result) {
  ul_watch_totals running;
  ul_watch_running_totals(&run->watch, &running);
  result->minor_faults = run->collected.minor_faults + running.minor_faults;
  result->major_faults = run->collected.major_faults + running.major_faults;
  result->cpu_user_ns = run->collected.user_ns + running.user_ns;
  result->cpu_system_ns = run->collected.system_ns + running.system_ns;
  result->threads_peak = UL_MAX(run->watch.threads_peak, (uint64_t)1);
  result->processes_peak = UL_MAX(run->watch.processes_peak, (uint64_t)1);
  result->left_running = run->watch.count;
  result->own_cpu_ns = ul_process_own_cpu_ns() - run->own_cpu_start_ns;
}

/* ---- Start ------------------------------------------------------------------------------------ */

static int explain_start(const char *name, int error, ul_fault *fault) {
  switch (error) {
  case ENOENT:
    return ul_fault_set(fault, UL_EXIT_NOT_EXECUTABLE,
                        "%s: the interpreter or loader that it names does not exist; its first "
                        "line, or `file`, shows which",
                        name);
  case ENOEXEC:
    return ul_fault_set(fault, UL_EXIT_NOT_EXECUTABLE,
                        "%s: is not a program that this machine can run; `file` shows what it is",
                        name);
  case EAGAIN:
  case ENOMEM:
    return ul_fault_set(fault, UL_EXIT_OURS,
                        "cannot start another process: %s; a limit on processes (ulimit -u) or "
                        "memory is reached",
                        strerror(error));
  case EMFILE:
  case ENFILE:
    return ul_fault_set(fault, UL_EXIT_OURS,
                        "cannot start another process: %s; ulimit -n sets how many there may be",
                        strerror(error));
  default:
    return ul_fault_set(fault, UL_EXIT_NOT_EXECUTABLE, "%s: cannot be executed: %s", name,
                        strerror(error));
  }
}

static int start(struct run *run, const ul_program *program, ul_fault *fault) {
  const ul_run_order *order = run->order;
  int                 error = 0;
  if (ul_plan_make(program, order->arguments, order->environment, order->budget_bytes,
                   run->guard.mark, order->knobs, &run->plan) < 0) {
    return ul_fault_set(fault, UL_EXIT_OURS, "no memory left to start %s", order->arguments[0]);
  }
  ul_run_tree_open(&run->tree, &run->plan);
  if (order->on_plan) order->on_plan(&run->plan, order->arg);
  if (order->on_enclose && order->budget_bytes) order->on_enclose(&run->enclose, order->arg);
  ul_child_order child = {.path = run->plan.path,
                          .arguments = run->plan.arguments,
                          .environment = run->plan.environment,
                          .signals = &run->signals,
                          .join_fd = run->enclose.join_fd};
  run->start_ns = ul_os_now_ns();
  if (ul_child_start(&child, &run->pid, &error) < 0) {
    ul_plan_done(&run->plan);
    return explain_start(order->arguments[0], error, fault);
  }
  return 0;
}

static void tell_guard(const char *directory, void *arg) {
  ul_guard_tell_group(arg, directory);
}

int ul_supervise(const ul_run_order *order, ul_run_result *ret_result, ul_fault *fault) {
  static struct run run; /* 80 KiB of figures */
  struct timespec   now;
  run = (struct run){.order = order, .own_cpu_start_ns = ul_process_own_cpu_ns()};
  memset(ret_result, 0, sizeof *ret_result);
  if (ul_recognise(order->arguments[0], getenv("PATH"), &ret_result->program, fault) < 0) return -1;
  if (ul_signals_open(&run.signals) < 0) {
    return ul_fault_set(fault, UL_EXIT_OURS, "cannot wait for signals: %s", strerror(errno));
  }
  if (ul_guard_start(&run.guard) < 0) {
    return ul_fault_set(fault, UL_EXIT_OURS, "cannot start the guard process: %s", strerror(errno));
  }
  ul_enclose_start(&run.enclose, !order->no_enclose, order->budget_bytes, order->max_budget_bytes,
                   tell_guard, &run.guard);
  ul_guard_tell_group(&run.guard, run.enclose.path); /* "" where there is none after all */
  clock_gettime(CLOCK_REALTIME, &now);
  ret_result->started_unix_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
  if (start(&run, &ret_result->program, fault) < 0) {
    ul_run_tree_close(&run.tree);
    ul_enclose_end(&run.enclose);
    ul_guard_dismiss(&run.guard);
    ul_signals_close(&run.signals);
    return -1;
  }
  if (!ul_enclose_check(&run.enclose, run.pid) && order->on_enclose) {
    ul_guard_tell_group(&run.guard, "");
    order->on_enclose(&run.enclose, order->arg);
  }
  ret_result->preloaded = run.plan.preloaded;
  ul_plan_done(&run.plan);
  ul_watch_init(&run.watch, run.pid, run.guard.pid, ret_result->preloaded, order->budget_bytes,
                run.start_ns);
  watch_until_end(&run);
  const ul_program *became = ul_follow_became(&run.follow, &ret_result->program);
  if (became) ret_result->became = *became;
  ret_result->wall_ns = run.end_ns - run.start_ns;
  judge_end(&run, ret_result);
  ul_watch_refresh(&run.watch);
  if (run.told_to_end) end_the_rest(&run);
  fill_memory(&run, ret_result);
  fill_use(&run, ret_result);
  ul_run_tree_close(&run.tree);
  ul_enclose_end(&run.enclose);
  ret_result->enclose = run.enclose;
  ul_guard_dismiss(&run.guard);
  ul_watch_done(&run.watch);
  ul_signals_close(&run.signals);
  return 0;
}

int ul_run_exit_code(const ul_run_result *result) {
  if (result->exit_reason == UL_EXIT_REASON_WALL) return UL_EXIT_SIGNAL + SIGKILL;
  return result->exit_signal ? UL_EXIT_SIGNAL + result->exit_signal : result->exit_code;
}
