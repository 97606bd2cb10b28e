/* SPDX-License-Identifier: MIT */
/* outside_enclosure_v1.c: enclosures with cgroups version 1.
 *
 *     memory.limit_in_bytes        the wall
 *     memory.memsw.limit_in_bytes  the same, with swap: what is swapped out is held all the same
 *     memory.oom_control 1         at the wall a process sleeps instead of being killed, until the
 *                                  limit is raised or somebody kills
 *     cgroup.event_control         "EVENTFD FILE-FD ARGUMENT": a word at 80 and 90 % of usage, near
 *                                  the wall, at critical pressure, and when somebody stands there
 *
 * The pause is for page faults. Who needs memory inside a system call at the wall is not paused: the
 * call fails, with ENOMEM, or EFAULT where it fills a buffer. So there is a word just below, at which
 * the limit can be raised before anybody stands there.
 *
 * Pressure "low" is page cache coming and going, "medium" is ordinary reclaim; only "critical" says
 * something.
 *
 * Source  Kernel documentation, admin-guide/cgroup-v1/memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "os/linux/outside_enclosure.h"
#include "os/linux/outside_group.h"

static int listen_to(ul_enclosure *enclosure, int which, const char *file, const char *argument,
                     uint8_t event) {
  char path[640], line[96];
  snprintf(path, sizeof path, "%s/%s", enclosure->group, file);
  int source = open(path, O_RDONLY | O_CLOEXEC);
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  int error = source < 0 || fd < 0 ? -errno : 0;
  if (!error) {
    snprintf(line, sizeof line, "%d %d %s", fd, source, argument);
    error = ul_group_write(enclosure->group, "cgroup.event_control", line);
  }
  if (source >= 0) close(source); /* the registration keeps what it needs */
  if (error) {
    if (fd >= 0) close(fd);
    return error;
  }
  enclosure->fd[which] = fd;
  enclosure->event[which] = event;
  return 0;
}

static int listen_at(ul_enclosure *enclosure, int which, uint64_t bytes, uint8_t event) {
  char number[24];
  if (enclosure->fd[which] >= 0) close(enclosure->fd[which]); /* of an earlier limit */
  enclosure->fd[which] = -1;
  snprintf(number, sizeof number, "%llu", (unsigned long long)bytes);
  return listen_to(enclosure, which, "memory.usage_in_bytes", number, event);
}

static uint64_t threshold(const ul_enclosure *enclosure, unsigned event) {
  uint64_t limit = enclosure->limit_bytes;
  switch (event) {
  case UL_ENCLOSED_80: return limit / 100 * 80;
  case UL_ENCLOSED_90: return limit / 100 * 90;
  case UL_ENCLOSED_NEAR: return limit - ul_enclosure_near_bytes(limit);
  default: return 0;
  }
}

/* The limit with swap may never be below the one without: the order depends on the direction. */
int ul_enclosure_v1_limit(ul_enclosure *enclosure, uint64_t limit_bytes) {
  const char *group = enclosure->group;
  char        text[24];
  if (limit_bytes == UINT64_MAX) {
    strcpy(text, "-1");
  } else {
    snprintf(text, sizeof text, "%llu", (unsigned long long)limit_bytes);
  }
  int swap = ul_group_write(group, "memory.memsw.limit_in_bytes", text);
  int error = ul_group_write(group, "memory.limit_in_bytes", text);
  if (error) return error;
  if (swap) swap = ul_group_write(group, "memory.memsw.limit_in_bytes", text);
  if (swap) (void)ul_group_write(group, "memory.swappiness", "0"); /* swap is not counted here */
  if (limit_bytes != UINT64_MAX) {
    enclosure->limit_bytes = limit_bytes;
    (void)listen_at(enclosure, 0, threshold(enclosure, UL_ENCLOSED_80), UL_ENCLOSED_80);
    (void)listen_at(enclosure, 1, threshold(enclosure, UL_ENCLOSED_90), UL_ENCLOSED_90);
    (void)listen_at(enclosure, 4, threshold(enclosure, UL_ENCLOSED_NEAR), UL_ENCLOSED_NEAR);
  }
  return 0;
}

int ul_enclosure_v1_arm(ul_enclosure *enclosure) {
  int error = ul_enclosure_v1_limit(enclosure, enclosure->limit_bytes);
  if (error) return error;
  (void)listen_to(enclosure, 2, "memory.pressure_level", "critical", UL_ENCLOSED_PRESSURE);
  /* Without a word at the wall nobody would ever end the pause: then the kernel may kill. */
  if (listen_to(enclosure, 3, "memory.oom_control", "", UL_ENCLOSED_WALL) == 0) {
    enclosure->pauses = ul_group_write(enclosure->group, "memory.oom_control", "1") == 0;
  }
  return 0;
}

unsigned ul_enclosure_v1_read(ul_enclosure *enclosure, int which) {
  uint64_t count;
  if (read(enclosure->fd[which], &count, sizeof count) != (ssize_t)sizeof count) return 0;
  unsigned event = enclosure->event[which];
  /* The word comes again when the pause ends, and may be old. */
  if (event == UL_ENCLOSED_WALL &&
      ul_group_number(enclosure->group, "memory.oom_control", "under_oom ") != 1) {
    return 0;
  }
  /* Thresholds are told in both directions. */
  if (ul_enclosure_usage(enclosure) < threshold(enclosure, event)) return 0;
  if (event == UL_ENCLOSED_NEAR && !ul_enclosure_is_full(enclosure)) return 0;
  return event;
}
