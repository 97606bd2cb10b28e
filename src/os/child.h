/* SPDX-License-Identifier: MIT */
/* child.h: starting a program, its signals, and its end, whatever happens to us. For the command
 * only.
 *
 *     ullage ---- program ---- its children ...      descendants whose parent ends become ours
 *        \
 *         guard    a process that does nothing but wait for our end, and then ends the tree
 *
 * The program shares our process group, so a pipeline on a terminal behaves as it would without us:
 * what the terminal sends (^C, ^\, ^Z, a new size) reaches the program by itself, once, and is not
 * forwarded; what a process sends to us is.
 *
 * Threads one: signal masks and the children of a process are the caller's.
 */
#ifndef UL_OS_CHILD_H
#define UL_OS_CHILD_H

#include <signal.h>
#include <sys/types.h>

#include "base/base.h"

/* ---- Signals ---------------------------------------------------------------------------------- */

#define UL_SIGNALS_WATCHED 8

typedef struct ul_signals {
  int              fd;
  int              watched[UL_SIGNALS_WATCHED]; /* other descriptors whose news end the waiting */
  bool             urgent[UL_SIGNALS_WATCHED];
  size_t           watched_count;
  sigset_t         before;       /* the mask we were started with; the program gets it back */
  struct sigaction child_before; /* SIGCHLD, SIGPIPE, SIGXFSZ as we were started with */
  struct sigaction pipe_before, file_size_before;
} ul_signals;

typedef struct ul_signal {
  int  number;        /* 0: none */
  int  ready_fd;      /* a watched descriptor that has news; -1: none */
  bool from_terminal; /* the whole group has it already */
} ul_signal;

/* From here on signals wait to be fetched, and orphaned descendants become our children. What our own
 * writes bring about (SIGPIPE, SIGXFSZ) is never among them, and ends nobody. */
UL_MUST_USE int ul_signals_open(ul_signals *ret_signals);
void            ul_signals_close(ul_signals *signals);

/* From here on news of these descriptors, instead of earlier ones, end the waiting, too; those below
 * 0 are left out. `urgent` ones have news in what poll calls POLLPRI, the others in POLLIN. */
void ul_signals_watch(ul_signals *signals, const int *fds, const bool *urgent, size_t count);

/* Waits at most `timeout_ns` for a signal or for news. */
void ul_signals_next(ul_signals *signals, uint64_t timeout_ns, ul_signal *ret_signal);

/* Stops this process as ^Z would have, until it is continued. */
void ul_signals_stop_here(void);

/* ---- The guard -------------------------------------------------------------------------------- */

#define UL_GUARD_VARIABLE "ULLAGE_RUN" /* holds the marks of the runs that a process belongs to */
#define UL_GUARD_KEPT_MAX 1000         /* processes named to the guard; others are found by mark */

typedef struct ul_guard {
  struct ul_guard_page *page;
  int                   pid;
  int                   pipe;     /* its end tells the guard that we are gone */
  char                  mark[64]; /* of this run; the caller puts it into the variable */
} ul_guard;

/* Starts it. Before anything else is started, while we are small. */
UL_MUST_USE int ul_guard_start(ul_guard *ret_guard);

/* Tells the guard which processes to end. `starts` as in ul_process_usage. */
void ul_guard_tell(ul_guard *guard, const int *pids, const uint64_t *starts, size_t count);

/* Tells it which enclosure the tree is in; "": none. Who is in it belongs to the tree, and it is taken
 * away after the tree. */
void ul_guard_tell_group(ul_guard *guard, const char *directory);

/* Ends the guard without harm to anybody, and waits until it is gone. */
void ul_guard_dismiss(ul_guard *guard);

/* Kills every process of the run, here and now; returns when none is left that can be found. */
void ul_guard_end_tree(ul_guard *guard);

/* ---- The program ------------------------------------------------------------------------------ */

typedef struct ul_child_order {
  const char       *path; /* the file; looked up already */
  char *const      *arguments;
  char *const      *environment;
  const ul_signals *signals;
  int               join_fd; /* into which the child writes "0" first; -1: none */
} ul_child_order;

/* Starts it; it is killed when we end. Returns after the program has replaced us in the child.
 * 0, or -UL_E_SYSTEM with errno's value in *ret_errno: then no child is left. */
UL_MUST_USE int ul_child_start(const ul_child_order *order, int *ret_pid, int *ret_errno);

typedef struct ul_child_end {
  int      pid;
  int      exit_code; /* -1 when a signal ended it */
  int      signal;    /* 0 when it ended by itself */
  bool     dumped_core;
  uint64_t largest_rss_bytes; /* of one process: it, or one of those it waited for */
  uint64_t minor_faults, major_faults, user_ns, system_ns; /* with those it waited for */
} ul_child_end;

/* Collects one ended child, ours or adopted. 0, or -UL_E_NOTFOUND when none has ended. */
UL_MUST_USE int ul_child_collect(ul_child_end *ret_end);

void ul_child_signal(int pid, int number);

/* Is the child in our process group, so that it gets what the terminal sends? */
bool ul_child_shares_group(int pid);

/* The most this process has been resident: what a child's largest_rss_bytes starts from, because
 * it was a copy of us before it became the program. */
uint64_t ul_child_own_largest_rss(void);

#endif
