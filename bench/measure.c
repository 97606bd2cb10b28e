/* SPDX-License-Identifier: MIT */
/* measure.c: runs one program and says what it cost: time, processor time, peak RSS.
 *
 *     bench_measure [-e NAME=VALUE]... -- PROG [ARG...]
 *     status=0 wall_ns=1034567890 user_ns=... system_ns=... peak_rss_bytes=... other_ns=...
 *
 * Why a program and not Python's os.wait4: Linux carries the high-water mark of resident memory
 * of the process that calls execve into the new program (fs/exec.c, setmax_mm_hiwater_rss), so a
 * child of a 15 MiB interpreter never reports less than 15 MiB. This one is small enough to lie
 * below anything it measures. For the same reason the environment (LD_PRELOAD) is set in the
 * child only.
 *
 * other_ns is the processor time that everything else on the machine took meanwhile, from
 * /proc/stat: with it a driver can throw away a run that was disturbed. It counts in steps of 10
 * ms.
 *
 * The line goes to the file descriptor 3 if that is open, else to stderr. status is the exit
 * code, or 128 + signal. Exit code: 0 when the program could be run, whatever it returned; 2
 * otherwise. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t timeval_ns(struct timeval time) {
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

/* Processor time that all cores spent on anything but idling. 0 when the system does not say. */
static uint64_t machine_busy_ns(void) {
  char text[512];
  int  fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length <= 0) return 0;
  text[length] = 0;
  uint64_t user, nice, system, idle, iowait, irq, softirq, steal;
  if (sscanf(text,
             "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
             " %" SCNu64,
             &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal) != 8)
    return 0;
  uint64_t ticks = user + nice + system + irq + softirq + steal;
  return ticks * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

int main(int argc, char **argv) {
  int at = 1;
  int environment_end = 1;
  while (at + 1 < argc && !strcmp(argv[at], "-e")) at += 2;
  environment_end = at;
  if (at < argc && !strcmp(argv[at], "--")) at++;
  if (at >= argc) {
    fprintf(stderr, "usage: bench_measure [-e NAME=VALUE]... -- PROG [ARG...]\n");
    return 2;
  }
  uint64_t busy_ns = machine_busy_ns(), start_ns = now_ns();
  pid_t    child = fork();
  if (child < 0) {
    fprintf(stderr, "bench_measure: cannot fork: %s\n", strerror(errno));
    return 2;
  }
  if (child == 0) {
    for (int i = 2; i < environment_end; i += 2) putenv(argv[i]);
    if (fcntl(3, F_GETFD) >= 0) fcntl(3, F_SETFD, FD_CLOEXEC); /* the line's, not the program's */
    execvp(argv[at], argv + at);
    fprintf(stderr, "bench_measure: cannot run %s: %s\n", argv[at], strerror(errno));
    _exit(127);
  }
  int           status;
  struct rusage used;
  while (wait4(child, &status, 0, &used) < 0) {
    if (errno != EINTR) return 2;
  }
  uint64_t wall_ns = now_ns() - start_ns;
  uint64_t user_ns = timeval_ns(used.ru_utime), system_ns = timeval_ns(used.ru_stime);
  uint64_t all_ns = machine_busy_ns() - busy_ns;
  uint64_t other_ns = all_ns > user_ns + system_ns ? all_ns - user_ns - system_ns : 0;
  dprintf(fcntl(3, F_GETFD) >= 0 ? 3 : 2,
          "status=%d wall_ns=%" PRIu64 " user_ns=%" PRIu64 " system_ns=%" PRIu64
          " peak_rss_bytes=%" PRIu64 " other_ns=%" PRIu64 "\n",
          WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), wall_ns, user_ns,
          system_ns, (uint64_t)used.ru_maxrss * 1024, other_ns);
  return 0;
}
