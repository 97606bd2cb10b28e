/* SPDX-License-Identifier: MIT */
/* measure.c: starts one program, waits for it, writes down what it cost.
 *
 *     measure REPORT PRELOAD PROG [ARG...]
 *
 * run.py starts every measured program through this. It is C and not Python because of what the
 * kernel counts: a process's peak RSS (ru_maxrss) includes what it was before exec, so a child forked
 * from a 15 MiB interpreter can never show less than 15 MiB. This program is about 1 MiB.
 *
 * REPORT gets two lines:  "pid N" as soon as the program runs, and at the end
 *     "end CODE SIGNAL WALL_NS CPU_NS MAXRSS_KIB LEFT"
 * MAXRSS_KIB is the largest single process among the program and the children it waited for. LEFT is
 * the number of processes it left behind: they are adopted (subreaper), given GRACE_MS, then killed.
 *
 * Only the program is started with LD_PRELOAD, never this one. A dead parent takes this process along, and
 * this process the program. Exit: the program's code, 128 + signal, 125 for our own failures. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a program's own helpers may take to end after it (git's maintenance, a logger); longer is a leak. */
#define GRACE_MS 2000

static uint64_t now_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
  exit(125);
}

static uint64_t cpu_ns(const struct rusage *usage) {
  uint64_t seconds = (uint64_t)usage->ru_utime.tv_sec + (uint64_t)usage->ru_stime.tv_sec;
  uint64_t micros = (uint64_t)usage->ru_utime.tv_usec + (uint64_t)usage->ru_stime.tv_usec;
  return seconds * 1000000000u + micros * 1000u;
}

static void run_program(const char *preload, char **argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (preload[0] != '\0' && setenv("LD_PRELOAD", preload, 1) != 0) {
    fail("cannot set LD_PRELOAD");
  }
  execvp(argv[0], argv);
  int code = errno == ENOENT ? 127 : 126;
  fprintf(stderr, "measure: cannot start %s: %s\n", argv[0], strerror(errno));
  _exit(code);
}

/* Kills the direct children, whose own children then become ours. Returns how many there were. */
static int kill_children(void) {
  char path[64], pids[4096];
  snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    return 0;
  }
  size_t length = fread(pids, 1, sizeof pids - 1, file);
  fclose(file);
  pids[length] = '\0';
  int count = 0;
  for (char *at = strtok(pids, " \n"); at != NULL; at = strtok(NULL, " \n")) {
    kill((pid_t)strtol(at, NULL, 10), SIGKILL);
    count++;
  }
  return count;
}

/* Waits for what the program left behind. Returns the number of processes that had to be killed. */
static int reap_left(void) {
  uint64_t deadline_ns = now_ns() + GRACE_MS * UINT64_C(1000000);
  int      killed = 0;
  for (;;) {
    pid_t pid = waitpid(-1, NULL, WNOHANG);
    if (pid < 0) {
      return killed;
    }
    if (pid == 0) {
      if (now_ns() > deadline_ns) {
        killed += kill_children();
      }
      usleep(10000);
    }
  }
}

int main(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: measure REPORT PRELOAD PROG [ARG...]\n");
    return 125;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) {
    fail(argv[1]);
  }
  uint64_t start_ns = now_ns();
  pid_t    child = fork();
  if (child < 0) {
    fail("fork");
  }
  if (child == 0) {
    run_program(argv[2], argv + 3);
  }
  /* A terminal's ^C or a server's stop is for the program; its end is then seen below. */
  signal(SIGINT, SIG_IGN);
  dprintf(fd, "pid %d\n", (int)child);
  int           status = 0;
  struct rusage usage;
  pid_t         ended;
  /* Orphans adopted while the program runs are only reaped: what they cost is not the program's. */
  while ((ended = wait4(-1, &status, 0, &usage)) != child) {
    if (ended < 0 && errno != EINTR) {
      fail("wait4");
    }
  }
  uint64_t wall_ns = now_ns() - start_ns;
  int      signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  int      code = signal_number ? 128 + signal_number : WEXITSTATUS(status);
  int      left = reap_left();
  dprintf(fd, "end %d %d %llu %llu %ld %d\n", code, signal_number, (unsigned long long)wall_ns,
          (unsigned long long)cpu_ns(&usage), usage.ru_maxrss, left);
  return code;
}
