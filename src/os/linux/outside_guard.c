/* SPDX-License-Identifier: MIT */
/* outside_guard.c: the guard of os/child.h on Linux.
 *
 * A killed supervisor cannot clean up, and the kernel's "signal when the parent dies" reaches only
 * the program itself, not what it started. So a copy of us, made before anything else, sleeps on a
 * pipe whose other end only we hold. When that end goes, without a dismissal, it ends the tree:
 *
 *     known    processes we named on the shared page, by pid and start
 *     children those whose parent is one of them
 *     marked   those with this run's mark in their environment (ULLAGE_RUN=…): also orphans, also
 *              ones that were started a moment ago
 *     enclosed those in the run's cgroup, where it has one: nobody gets away
 *
 * Round after round, until a round finds nobody. Without a cgroup a process that cleaned its
 * environment, was never seen by the watcher and lost its parent gets away; one that raised its privileges cannot be
 * killed by us. The guard is a session of its own: what is sent to our group does not end it.
 *
 * Source  The mark is what Jenkins's process tree killer uses.
 */
#include "os/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "os/process.h"

/* Written by the supervisor, read by the guard after the supervisor's end. A half-written entry is
 * harmless: pid and start must both be right. */
struct ul_guard_page {
  bool     dismissed;
  uint32_t count;
  int      pids[UL_GUARD_KEPT_MAX];
  uint64_t starts[UL_GUARD_KEPT_MAX];
  char     group[512]; /* of the enclosure */
};

/* Rounds take a few milliseconds; a fork bomb is given up on after some seconds. */
#define ROUNDS_MAX 400

struct hunt {
  const ul_guard *guard;
  int             spared[2]; /* the guard, and us */
  int             condemned[4096];
  size_t          condemned_count;
  size_t          alive;
  int             enclosed[4096]; /* who is in the run's group, read anew each round */
  size_t          enclosed_count;
};

static bool is_named(const struct hunt *hunt, int pid, uint64_t start) {
  const struct ul_guard_page *page = hunt->guard->page;
  for (uint32_t i = 0; i < page->count && i < UL_GUARD_KEPT_MAX; i++) {
    if (page->pids[i] == pid && page->starts[i] == start) return true;
  }
  return false;
}

static bool is_condemned(const struct hunt *hunt, int pid) {
  for (size_t i = 0; i < hunt->condemned_count; i++) {
    if (hunt->condemned[i] == pid) return true;
  }
  return false;
}

static void list_enclosed(struct hunt *hunt) {
  const char *group = hunt->guard->page->group;
  char        path[600];
  int         pid;
  hunt->enclosed_count = 0;
  if (!group[0]) return;
  snprintf(path, sizeof path, "%s/cgroup.procs", group);
  FILE *file = fopen(path, "re");
  while (file && hunt->enclosed_count < UL_ARRAY_LEN(hunt->enclosed) &&
         fscanf(file, "%d", &pid) == 1) {
    hunt->enclosed[hunt->enclosed_count++] = pid;
  }
  if (file) fclose(file);
}

static bool is_enclosed(const struct hunt *hunt, int pid) {
  for (size_t i = 0; i < hunt->enclosed_count; i++) {
    if (hunt->enclosed[i] == pid) return true;
  }
  return false;
}

/* Is the mark in the process's environment? It is long and random: wherever it stands, it is ours. */
static bool is_marked(const struct hunt *hunt, int pid) {
  const char *mark = hunt->guard->mark;
  size_t      length = strlen(mark), kept = 0;
  char        path[64], buffer[8192];
  bool        found = false;
  snprintf(path, sizeof path, "/proc/%d/environ", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  while (!found) {
    ssize_t n = read(fd, buffer + kept, sizeof buffer - kept);
    if (n <= 0) break;
    size_t have = kept + (size_t)n;
    found = memmem(buffer, have, mark, length) != NULL;
    kept = UL_MIN(have, length);
    memmove(buffer, buffer + have - kept, kept);
  }
  close(fd);
  return found;
}

/* Kills exactly the process that was looked at: a pidfd does not follow the number to another. */
static void kill_exactly(int pid, uint64_t start) {
  ul_process_usage again;
  int              fd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (ul_process_usage_read(pid, &again) == 0 && again.start == start) {
    if (fd < 0 || syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0) kill(pid, SIGKILL);
  }
  if (fd >= 0) close(fd);
}

static void consider(int pid, void *arg) {
  struct hunt     *hunt = arg;
  ul_process_usage usage;
  if (pid == hunt->spared[0] || pid == hunt->spared[1] || pid <= 1) return;
  if (ul_process_usage_read(pid, &usage) < 0 || usage.is_zombie) return;
  if (!is_named(hunt, pid, usage.start) && !is_condemned(hunt, usage.parent) &&
      !is_enclosed(hunt, pid) && !is_marked(hunt, pid)) {
    return;
  }
  if (!is_condemned(hunt, pid) && hunt->condemned_count < UL_ARRAY_LEN(hunt->condemned)) {
    hunt->condemned[hunt->condemned_count++] = pid;
  }
  hunt->alive++;
  kill_exactly(pid, usage.start);
}

void ul_guard_end_tree(ul_guard *guard) {
  static struct hunt hunt; /* 32 KiB, and the command has one run */
  hunt = (struct hunt){.guard = guard, .spared = {getpid(), guard->pid}};
  for (int round = 0; round < ROUNDS_MAX; round++) {
    hunt.alive = 0;
    list_enclosed(&hunt);
    ul_process_each(consider, &hunt);
    if (hunt.alive == 0) return;
    nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
  }
}

/* The guard's whole life. Never returns. */
static void stand_guard(ul_guard *guard, int pipe) {
  sigset_t all;
  char     byte;
  setsid();
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  prctl(PR_SET_NAME, "ullage-guard", 0, 0, 0);
  /* Whoever reads our output must not wait for the guard; no descriptor of ours stays open. */
  dup2(pipe, 0);
  if (syscall(SYS_close_range, 1u, ~0u, 0u) < 0) {
    for (int fd = 1; fd < 1024; fd++) close(fd);
  }
  if (chdir("/") < 0) {
  } /* does not keep a file system from being unmounted */
  for (;;) {
    ssize_t n = read(0, &byte, 1);
    if (n == 0 || (n < 0 && errno != EINTR)) break;
  }
  if (!guard->page->dismissed) {
    ul_guard_end_tree(guard);
    const char *group = guard->page->group;
    for (int i = 0; group[0] && rmdir(group) < 0 && errno == EBUSY && i < 100; i++) {
      nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL); /* they are still ending */
    }
  }
  _exit(0);
}

int ul_guard_start(ul_guard *ret_guard) {
  ul_guard guard = {.pid = -1};
  int      ends[2];
  uint64_t random[1] = {0};
  if (syscall(SYS_getrandom, random, sizeof random, 1u) < 0) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    random[0] = (uint64_t)now.tv_nsec;
  }
  snprintf(guard.mark, sizeof guard.mark, "%d-%016llx", getpid(), (unsigned long long)random[0]);
  guard.page =
      mmap(NULL, sizeof *guard.page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (guard.page == MAP_FAILED) return -UL_E_NOMEM;
  if (pipe2(ends, O_CLOEXEC) < 0) return -UL_E_SYSTEM;
  guard.pid = fork();
  if (guard.pid == 0) stand_guard(&guard, ends[0]);
  close(ends[0]);
  if (guard.pid < 0) {
    close(ends[1]);
    return -UL_E_SYSTEM;
  }
  guard.pipe = ends[1];
  *ret_guard = guard;
  return 0;
}

void ul_guard_tell(ul_guard *guard, const int *pids, const uint64_t *starts, size_t count) {
  count = UL_MIN(count, (size_t)UL_GUARD_KEPT_MAX);
  memcpy(guard->page->pids, pids, count * sizeof *pids);
  memcpy(guard->page->starts, starts, count * sizeof *starts);
  guard->page->count = (uint32_t)count;
}

void ul_guard_tell_group(ul_guard *guard, const char *directory) {
  snprintf(guard->page->group, sizeof guard->page->group, "%s", directory);
}

void ul_guard_dismiss(ul_guard *guard) {
  guard->page->dismissed = true;
  close(guard->pipe);
  while (waitpid(guard->pid, NULL, 0) < 0 && errno == EINTR) {
  }
  guard->pid = -1;
}
