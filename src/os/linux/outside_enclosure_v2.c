/* SPDX-License-Identifier: MIT */
/* outside_enclosure_v2.c: enclosures with cgroups version 2.
 *
 *     memory.max              the wall itself; the kernel kills there, and asks nobody
 *     memory.oom.group 1      if it comes to that, all die, not one that the others wait for
 *     memory.swap.max 0       what is swapped out is held all the same
 *     memory.high             a tripwire that moves: 80 %, 90 %, just below the wall
 *     memory.events           counts of `high` and `max`, told by inotify when they change
 *     memory.pressure         told by poll when tasks waited for memory (PSI)
 *     cgroup.freeze           stops all of them
 *
 * Version 2 has no pause at the wall, and freezing when the kernel already looks for a victim is too
 * late. But whoever goes over memory.high is slowed down, more the further it is over, so there is
 * time to answer. Left where it is, without swap, it would slow a program down without end. So it is
 * never left: at its first word the tripwire is told and moved up, and the last one, just below the
 * wall, freezes the group, which then is raised or ended.
 *
 *     0            80 %        90 %     99 %  limit
 *     |             |           |         |   |
 *     memory.high   0    ---->  1  ---->  2        `step`: what it stands at
 *
 * Page cache also reaches memory.high; the kernel takes it back there, and the program goes on. The
 * wall is where nothing is left to take back: files that no process has mapped, a share of those that
 * are mapped (a program's own text is; taking that back makes it crawl), and slabs. While it reclaims
 * at the last step the kernel counts on, every 10 ms at most, and we look again each time.
 *
 * Where a group holds processes itself it can have no limited group below it. If those processes are
 * we alone, as in a scope that was made for this command, we step aside into a group of our own.
 * If not, the group above is tried, provided that the one we leave limits nothing.
 *
 * Source  Kernel documentation, admin-guide/cgroup-v2. Tried with Linux 6.1 in tools/check_vm.sh.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/linux/outside_enclosure.h"
#include "os/linux/outside_group.h"
#include "os/process.h"

#define STEPS 3 /* 80 %, 90 %, the wall's */

/* ---- A place for it --------------------------------------------------------------------------- */

static bool offers_memory(const char *parent) {
  char path[640], line[256] = "";
  snprintf(path, sizeof path, "%s/cgroup.subtree_control", parent);
  FILE *file = fopen(path, "re");
  bool  there = file && fgets(line, sizeof line, file) && strstr(line, "memory");
  if (file) fclose(file);
  return there;
}

/* Are only we in it, and our guard? */
static bool is_ours_alone(const char *group) {
  char path[640];
  bool alone = true;
  int  pid;
  snprintf(path, sizeof path, "%s/cgroup.procs", group);
  FILE *file = fopen(path, "re");
  while (file && alone && fscanf(file, "%d", &pid) == 1) {
    ul_process_usage usage;
    alone =
        pid == getpid() || (ul_process_usage_read(pid, &usage) == 0 && usage.parent == getpid());
  }
  if (file) fclose(file);
  return file && alone;
}

static int step_aside(const char *parent) {
  char group[640], path[640], line[24];
  int  error = 0, pid;
  if (!is_ours_alone(parent)) return -EBUSY;
  snprintf(group, sizeof group, "%s/ullage-self", parent);
  if (mkdir(group, 0755) != 0 && errno != EEXIST) return -errno;
  snprintf(path, sizeof path, "%s/cgroup.procs", parent);
  FILE *file = fopen(path, "re");
  while (file && !error && fscanf(file, "%d", &pid) == 1) {
    snprintf(line, sizeof line, "%d", pid);
    error = ul_group_write(group, "cgroup.procs", line);
  }
  if (file) fclose(file);
  return error;
}

static int offer_memory(const char *parent) {
  if (offers_memory(parent)) return 0;
  int error = ul_group_write(parent, "cgroup.subtree_control", "+memory");
  if (error != -EBUSY) return error;
  error = step_aside(parent);
  return error ? error : ul_group_write(parent, "cgroup.subtree_control", "+memory");
}

/* Does it limit anything? Who runs in it must not get out of that. "max" is no number. */
static bool limits_something(const char *group) {
  static const char *const files[] = {"memory.max", "memory.high", "memory.swap.max", "cpu.max",
                                      "pids.max"};
  for (size_t i = 0; i < UL_ARRAY_LEN(files); i++) {
    if (ul_group_number(group, files[i], "") != UINT64_MAX) return true;
  }
  return false;
}

/* The group above. False: there is none that can be seen. */
static bool go_up(char group[512]) {
  char  path[640];
  char *slash = strrchr(group, '/');
  if (!slash || slash == group) return false;
  snprintf(path, sizeof path, "%.*s/cgroup.subtree_control", (int)(slash - group), group);
  if (access(path, F_OK) != 0) return false;
  *slash = 0;
  return true;
}

int ul_enclosure_v2_prepare(char parent[512]) {
  int first = offer_memory(parent), error = first;
  while (error == -EBUSY && !limits_something(parent) && go_up(parent)) {
    error = offer_memory(parent);
  }
  return error ? first : 0;
}

/* ---- The limit -------------------------------------------------------------------------------- */

static uint64_t threshold(uint64_t limit_bytes, unsigned step) {
  if (step == 0) return limit_bytes / 100 * 80;
  if (step == 1) return limit_bytes / 100 * 90;
  return limit_bytes - ul_enclosure_near_bytes(limit_bytes);
}

/* Puts memory.high at the first step that is still ahead. Never below what is used: whoever writes
 * that has to wait until the kernel has reclaimed. */
static void set_high(ul_enclosure *enclosure, uint64_t usage) {
  while (enclosure->step + 1 < STEPS &&
         usage >= threshold(enclosure->limit_bytes, enclosure->step)) {
    enclosure->step++;
  }
  (void)ul_group_write_number(enclosure->group, "memory.high",
                              threshold(enclosure->limit_bytes, enclosure->step));
}

int ul_enclosure_v2_limit(ul_enclosure *enclosure, uint64_t limit_bytes) {
  const char *group = enclosure->group;
  int         error;
  if (limit_bytes == UINT64_MAX) {
    error = ul_group_write(group, "memory.max", "max");
    (void)ul_group_write(group, "memory.high", "max");
  } else {
    error = ul_group_write_number(group, "memory.max", limit_bytes);
    enclosure->limit_bytes = limit_bytes;
    enclosure->step = 0;
    if (enclosure->pauses) set_high(enclosure, ul_enclosure_usage(enclosure));
  }
  (void)ul_group_write(group, "cgroup.freeze", "0");
  return error;
}

/* ---- News ------------------------------------------------------------------------------------- */

static void read_events(ul_enclosure *enclosure, uint64_t *ret_high, uint64_t *ret_max) {
  *ret_high = ul_group_number(enclosure->group, "memory.events", "high ");
  *ret_max = ul_group_number(enclosure->group, "memory.events", "max ");
}

static void listen_to_events(ul_enclosure *enclosure) {
  char path[640];
  int  fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  snprintf(path, sizeof path, "%s/memory.events", enclosure->group);
  if (fd >= 0 && inotify_add_watch(fd, path, IN_MODIFY) < 0) {
    close(fd);
    fd = -1;
  }
  enclosure->fd[0] = fd;
}

/* Some of its tasks waited for memory 15 % of a second. Who is not root may only ask for windows of
 * two seconds. */
static void listen_to_pressure(ul_enclosure *enclosure) {
  static const char *const triggers[] = {"some 150000 1000000", "some 300000 2000000"};
  char                     path[640];
  snprintf(path, sizeof path, "%s/memory.pressure", enclosure->group);
  for (size_t i = 0; i < UL_ARRAY_LEN(triggers) && enclosure->fd[1] < 0; i++) {
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return;
    if (write(fd, triggers[i], strlen(triggers[i]) + 1) < 0) {
      close(fd);
      continue;
    }
    enclosure->fd[1] = fd;
    enclosure->urgent[1] = true;
    enclosure->event[1] = UL_ENCLOSED_PRESSURE;
  }
}

int ul_enclosure_v2_arm(ul_enclosure *enclosure) {
  char path[640];
  (void)ul_group_write(enclosure->group, "memory.swap.max", "0");
  (void)ul_group_write(enclosure->group, "memory.oom.group", "1");
  read_events(enclosure, &enclosure->seen_high, &enclosure->seen_max);
  listen_to_events(enclosure);
  listen_to_pressure(enclosure);
  /* Without a word of it, and a way to stop, memory.high would be left on: then it is not used. */
  snprintf(path, sizeof path, "%s/cgroup.freeze", enclosure->group);
  enclosure->pauses = enclosure->fd[0] >= 0 && access(path, W_OK) == 0;
  return ul_enclosure_v2_limit(enclosure, enclosure->limit_bytes);
}

static unsigned over_high(ul_enclosure *enclosure) {
  unsigned events = 0, before = enclosure->step;
  uint64_t usage = ul_enclosure_usage(enclosure);
  if (enclosure->step + 1 < STEPS) {
    /* It was there, or the kernel would not have counted; since then it may have gone back. */
    usage = UL_MAX(usage, threshold(enclosure->limit_bytes, enclosure->step));
    set_high(enclosure, usage);
    if (before < 1) events |= UL_ENCLOSED_80;
    if (enclosure->step > 1) events |= UL_ENCLOSED_90;
  }
  if (enclosure->step + 1 == STEPS && usage >= threshold(enclosure->limit_bytes, enclosure->step) &&
      ul_enclosure_is_full(enclosure)) {
    events |= UL_ENCLOSED_WALL;
  }
  return events;
}

unsigned ul_enclosure_v2_read(ul_enclosure *enclosure, int which) {
  char     notices[512];
  uint64_t high, max;
  unsigned events = 0;
  if (which == 1) return enclosure->event[1]; /* nothing to read: the word was the poll's */
  while (read(enclosure->fd[which], notices, sizeof notices) > 0) {
  }
  read_events(enclosure, &high, &max);
  if (enclosure->pauses && high != enclosure->seen_high) events |= over_high(enclosure);
  /* In one leap past the tripwires: the kernel may be killing already. */
  if (max != enclosure->seen_max && ul_enclosure_is_full(enclosure)) events |= UL_ENCLOSED_WALL;
  if (events & UL_ENCLOSED_WALL) (void)ul_group_write(enclosure->group, "cgroup.freeze", "1");
  enclosure->seen_high = high;
  enclosure->seen_max = max;
  return events;
}
