/* SPDX-License-Identifier: MIT */
/* outside_child.c: os/child.h on Linux, but for the guard.
 *
 * Signals come through a signalfd, which also says who sent them: the kernel, for what the terminal
 * sends, or a process. Everything is blocked, nothing has a handler, so nothing is interrupted.
 */
#include "os/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a run has to do with: all that may be sent to a program. SIGTTIN, SIGTTOU and the signals of
 * faults keep their meaning. */
static const int fetched[] = {SIGCHLD, SIGTERM, SIGINT,   SIGHUP,  SIGQUIT,   SIGUSR1, SIGUSR2,
                              SIGCONT, SIGTSTP, SIGWINCH, SIGALRM, SIGVTALRM, SIGPROF, SIGABRT,
                              SIGPIPE, SIGURG,  SIGIO,    SIGPWR,  SIGXCPU,   SIGXFSZ, SIGSTKFLT};

static void fill_fetched(sigset_t *ret_set) {
  sigemptyset(ret_set);
  for (size_t i = 0; i < UL_ARRAY_LEN(fetched); i++) sigaddset(ret_set, fetched[i]);
  for (int i = SIGRTMIN; i <= SIGRTMAX; i++) sigaddset(ret_set, i);
}

/* A write of ours to a closed pipe or past a limit on files, or too much time of ours: the system
 * sends it to us as if we had sent it ourselves, and the program has no part in it. */
static bool is_about_us(const struct signalfd_siginfo *info) {
  return info->ssi_pid == (uint32_t)getpid() || (info->ssi_signo == SIGXCPU && info->ssi_code > 0);
}

/* The kernel sends it (a process's code is 0 or negative), and to the whole group. Of a terminal that
 * was closed only the leader of the session is told; other signals of the kernel, as that of an alarm
 * which was set before we took the process over, are for one process. */
static bool is_from_terminal(const struct signalfd_siginfo *info) {
  if (info->ssi_code <= 0) return false;
  switch (info->ssi_signo) {
  case SIGINT:
  case SIGQUIT:
  case SIGTSTP:
  case SIGWINCH:
  case SIGCONT: return true;
  case SIGHUP: return getsid(0) != getpid();
  }
  return false;
}

int ul_signals_open(ul_signals *ret_signals) {
  ul_signals       signals;
  sigset_t         set;
  struct sigaction plain = {.sa_handler = SIG_DFL}, ignored = {.sa_handler = SIG_IGN};
  fill_fetched(&set);
  if (sigprocmask(SIG_BLOCK, &set, &signals.before) < 0) return -UL_E_SYSTEM;
  /* Started with SIGCHLD ignored, we would never learn how the program ended. */
  sigaction(SIGCHLD, &plain, &signals.child_before);
  /* What is blocked comes to us although it is ignored; afterwards our own writes just fail. */
  sigaction(SIGPIPE, &ignored, &signals.pipe_before);
  sigaction(SIGXFSZ, &ignored, &signals.file_size_before);
  signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals.fd < 0) return -UL_E_SYSTEM;
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  *ret_signals = signals;
  return 0;
}

void ul_signals_close(ul_signals *signals) {
  close(signals->fd);
  sigprocmask(SIG_SETMASK, &signals->before, NULL);
}

void ul_signals_watch(ul_signals *signals, const int *fds, const bool *urgent, size_t count) {
  signals->watched_count = 0;
  for (size_t i = 0; i < count && signals->watched_count < UL_SIGNALS_WATCHED; i++) {
    if (fds[i] < 0) continue;
    signals->urgent[signals->watched_count] = urgent[i];
    signals->watched[signals->watched_count++] = fds[i];
  }
}

void ul_signals_next(ul_signals *signals, uint64_t timeout_ns, ul_signal *ret_signal) {
  struct signalfd_siginfo info;
  struct timespec timeout = {(time_t)(timeout_ns / 1000000000u), (long)(timeout_ns % 1000000000u)};
  struct pollfd   ready[1 + UL_SIGNALS_WATCHED] = {{.fd = signals->fd, .events = POLLIN}};
  for (size_t i = 0; i < signals->watched_count; i++) {
    ready[1 + i] =
        (struct pollfd){.fd = signals->watched[i], .events = signals->urgent[i] ? POLLPRI : POLLIN};
  }
  *ret_signal = (ul_signal){.ready_fd = -1};
  if (ppoll(ready, 1 + signals->watched_count, &timeout, NULL) <= 0) return;
  for (size_t i = 0; i < signals->watched_count; i++) {
    if (ready[1 + i].revents) ret_signal->ready_fd = signals->watched[i];
  }
  if (read(signals->fd, &info, sizeof info) != (ssize_t)sizeof info) return;
  if (is_about_us(&info)) return;
  ret_signal->number = (int)info.ssi_signo;
  ret_signal->from_terminal = is_from_terminal(&info);
}

void ul_signals_stop_here(void) {
  raise(SIGSTOP);
}

/* In the child: undo what ul_signals_open did, then become the program. Only system calls here. */
static void become(const ul_child_order *order, int parent, int report) {
  const ul_signals *signals = order->signals;
  /* Nothing of the program's is to count elsewhere, so before anything of it is there. */
  if (order->join_fd >= 0 && write(order->join_fd, "0", 1) < 0) {
  } /* the parent looks whether we are in it */
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != parent) _exit(127); /* ended before the line above */
  sigaction(SIGCHLD, &signals->child_before, NULL);
  sigaction(SIGPIPE, &signals->pipe_before, NULL);
  sigaction(SIGXFSZ, &signals->file_size_before, NULL);
  sigprocmask(SIG_SETMASK, &signals->before, NULL);
  execve(order->path, order->arguments, order->environment);
  int error = errno;
  while (write(report, &error, sizeof error) < 0 && errno == EINTR) {
  }
  _exit(127);
}

int ul_child_start(const ul_child_order *order, int *ret_pid, int *ret_errno) {
  int     ends[2];
  int     error = 0, parent = getpid();
  ssize_t n;
  if (pipe2(ends, O_CLOEXEC) < 0) {
    *ret_errno = errno;
    return -UL_E_SYSTEM;
  }
  pid_t pid = fork();
  if (pid == 0) become(order, parent, ends[1]);
  error = errno;
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    *ret_errno = error;
    return -UL_E_SYSTEM;
  }
  /* The pipe ends when the program has taken over, or brings the reason why it cannot. */
  do {
    n = read(ends[0], &error, sizeof error);
  } while (n < 0 && errno == EINTR);
  close(ends[0]);
  if (n == (ssize_t)sizeof error) {
    waitpid(pid, NULL, 0);
    *ret_errno = error;
    return -UL_E_SYSTEM;
  }
  *ret_pid = pid;
  return 0;
}

static uint64_t nanoseconds(struct timeval time) {
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

int ul_child_collect(ul_child_end *ret_end) {
  struct rusage usage;
  int           status;
  pid_t         pid = wait4(-1, &status, WNOHANG, &usage);
  if (pid <= 0) return -UL_E_NOTFOUND;
  *ret_end = (ul_child_end){
      .pid = pid,
      .exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
      .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
      .dumped_core = WIFSIGNALED(status) && WCOREDUMP(status),
      .largest_rss_bytes = (uint64_t)usage.ru_maxrss * 1024,
      .minor_faults = (uint64_t)usage.ru_minflt,
      .major_faults = (uint64_t)usage.ru_majflt,
      .user_ns = nanoseconds(usage.ru_utime),
      .system_ns = nanoseconds(usage.ru_stime),
  };
  return 0;
}

void ul_child_signal(int pid, int number) {
  if (pid > 0) kill(pid, number);
}

bool ul_child_shares_group(int pid) {
  return getpgid(pid) == getpgrp();
}

uint64_t ul_child_own_largest_rss(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}
