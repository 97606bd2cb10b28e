/* SPDX-License-Identifier: MIT */
/* outside_enclosure_v2.c: enclosures with cgroups version 2.
 *
 *     memory.max                   the wall
 *     memory.swap.max 0            what is swapped out is held all the same
 *     memory.high                  the tripwire at 90 %: taken away at its first word, since without
 *                                  swap it slows a program down without end
 *     memory.events                counts of `high` and `max`, told by inotify when they change
 *     cgroup.freeze                stops all at the wall: `max` counts attempts that had to reclaim,
 *                                  which comes before a kill
 *
 * Where a group holds processes itself it can have no limited group below it. If those processes are
 * we alone, as in a scope that was made for this command, we step aside into a group of our own.
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

int ul_enclosure_v2_prepare(const char *parent) {
  if (offers_memory(parent)) return 0;
  int error = ul_group_write(parent, "cgroup.subtree_control", "+memory");
  if (error != -EBUSY) return error;
  error = step_aside(parent);
  return error ? error : ul_group_write(parent, "cgroup.subtree_control", "+memory");
}

int ul_enclosure_v2_limit(ul_enclosure *enclosure, uint64_t limit_bytes) {
  const char *group = enclosure->group;
  int         error;
  if (limit_bytes == UINT64_MAX) {
    error = ul_group_write(group, "memory.max", "max");
    (void)ul_group_write(group, "memory.high", "max");
  } else {
    error = ul_group_write_number(group, "memory.max", limit_bytes);
    (void)ul_group_write_number(group, "memory.high", limit_bytes / 100 * 90);
  }
  (void)ul_group_write(group, "cgroup.freeze", "0");
  return error;
}

static void read_events(ul_enclosure *enclosure, uint64_t *ret_high, uint64_t *ret_max) {
  *ret_high = ul_group_number(enclosure->group, "memory.events", "high ");
  *ret_max = ul_group_number(enclosure->group, "memory.events", "max ");
}

int ul_enclosure_v2_arm(ul_enclosure *enclosure) {
  char path[640];
  int  error = ul_enclosure_v2_limit(enclosure, enclosure->limit_bytes);
  if (error) return error;
  (void)ul_group_write(enclosure->group, "memory.swap.max", "0");
  read_events(enclosure, &enclosure->seen_high, &enclosure->seen_max);
  int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  snprintf(path, sizeof path, "%s/memory.events", enclosure->group);
  if (fd >= 0 && inotify_add_watch(fd, path, IN_MODIFY) < 0) {
    close(fd);
    fd = -1;
  }
  enclosure->fd[0] = fd;
  enclosure->pauses = fd >= 0 && access(enclosure->group, W_OK) == 0;
  return 0;
}

unsigned ul_enclosure_v2_read(ul_enclosure *enclosure, int which) {
  char     notices[512];
  uint64_t high, max;
  unsigned events = 0;
  while (read(enclosure->fd[which], notices, sizeof notices) > 0) {
  }
  read_events(enclosure, &high, &max);
  if (high != enclosure->seen_high) {
    (void)ul_group_write(enclosure->group, "memory.high", "max");
    events |= UL_ENCLOSED_90;
  }
  if (max != enclosure->seen_max) {
    /* Page cache is reclaimed at the wall all the time; it is one only where nothing is left. */
    uint64_t file = ul_group_number(enclosure->group, "memory.stat", "file ");
    if (file == UINT64_MAX || file < enclosure->limit_bytes / 50) {
      (void)ul_group_write(enclosure->group, "cgroup.freeze", "1");
      events |= UL_ENCLOSED_WALL;
    }
  }
  enclosure->seen_high = high;
  enclosure->seen_max = max;
  return events;
}
