/* SPDX-License-Identifier: MIT */
/* outside_oom.c: did the kernel kill for memory? The last part of os/process.h on Linux.
 *
 *     /proc/PID/cgroup      "4:memory:/a/b"   version 1      "0::/a/b"   version 2
 *     /proc/self/mountinfo  where that hierarchy is mounted, and from which of its groups down
 *
 *     version 1   memory.oom_control   oom_kill N    this group only
 *     version 2   memory.events        oom_kill N    this group and those below
 *     system      /proc/vmstat         oom_kill N    everything, groups too
 *
 * The victim learns nothing but SIGKILL, so the counts are all there is. In a container the group
 * may not be visible; then the system's count is the hint that is left.
 */
#include "os/linux/outside_group.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNKNOWN UINT64_MAX

#define PF_EXITING 0x4u /* linux/sched.h; in /proc/PID/stat since 2.6 */

/* The number after `key` at the start of a line of a file; UNKNOWN when there is none. */
static uint64_t number_in(const char *path, const char *key) {
  char     line[512];
  uint64_t number = UNKNOWN;
  size_t   length = strlen(key);
  FILE    *file = fopen(path, "re");
  if (!file) return UNKNOWN;
  while (number == UNKNOWN && fgets(line, sizeof line, file)) {
    char *end, *at = line + length;
    if (strncmp(line, key, length) != 0) continue;
    uint64_t read = strtoull(at, &end, 10);
    if (end != at) number = read;
  }
  fclose(file);
  return number;
}

static uint64_t kills_in_group(const char *group, const char *file) {
  char path[640];
  if (!group[0]) return UNKNOWN;
  snprintf(path, sizeof path, "%s/%s", group, file);
  return number_in(path, "oom_kill ");
}

/* Is `word` one of a comma-separated list that ends at a space, newline or the end? */
static bool lists(const char *list, const char *word) {
  size_t length = strlen(word);
  for (const char *at = list; *at && *at != ' ' && *at != '\n' && *at != ':';) {
    size_t n = strcspn(at, ", \n:");
    if (n == length && strncmp(at, word, n) == 0) return true;
    at += n;
    if (*at == ',') at++;
  }
  return false;
}

/* Finds where a hierarchy is mounted: "… root mountpoint … - type source options". */
static bool find_mount(bool version_2, char root[256], char point[256]) {
  char  line[2048];
  bool  found = false;
  FILE *mounts = fopen("/proc/self/mountinfo", "re");
  if (!mounts) return false;
  while (!found && fgets(line, sizeof line, mounts)) {
    char  type[32], options[512];
    char *tail = strstr(line, " - ");
    if (!tail || sscanf(tail, " - %31s %*s %511s", type, options) != 2) continue;
    if (version_2 ? strcmp(type, "cgroup2") != 0
                  : strcmp(type, "cgroup") != 0 || !lists(options, "memory")) {
      continue;
    }
    found = sscanf(line, "%*s %*s %*s %255s %255s", root, point) == 2;
  }
  fclose(mounts);
  return found;
}

/* The directory of a group as /proc/PID/cgroup names it; "" when it is not visible from here. */
static void group_directory(bool version_2, const char *group, char ret[512]) {
  char   root[256], point[256];
  size_t length;
  ret[0] = 0;
  if (!find_mount(version_2, root, point)) return;
  length = strcmp(root, "/") == 0 ? 0 : strlen(root);
  if (strncmp(group, root, length) != 0) return;
  snprintf(ret, 512, "%s%s", point, strcmp(group + length, "/") == 0 ? "" : group + length);
}

/* What /proc/PID/cgroup says; "" when it cannot be read. */
static void read_groups(int pid, char ret[1024]) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/cgroup", pid);
  int     fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd >= 0 ? read(fd, ret, 1023) : -1;
  ret[n > 0 ? n : 0] = 0;
  if (fd >= 0) close(fd);
}

/* Is the process ending? Version 1 then says "/", whichever group it was in. */
static bool is_ending(int pid) {
  char     path[64], line[512] = "";
  unsigned flags;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "re");
  bool  read = file && fgets(line, sizeof line, file);
  if (file) fclose(file);
  const char *at = read ? strrchr(line, ')') : NULL;
  if (!at || sscanf(at, ") %*c %*d %*d %*d %*d %*d %u", &flags) != 1) return true;
  return flags & PF_EXITING;
}

static void groups_of(const char *groups, char v1[512], char v2[512]) {
  v1[0] = v2[0] = 0;
  for (const char *at = groups; *at;) {
    char   line[512];
    size_t length = strcspn(at, "\n");
    snprintf(line, sizeof line, "%.*s", (int)length, at);
    at += length + (at[length] == '\n');
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) continue;
    if (lists(controllers + 1, "memory")) group_directory(false, group + 1, v1);
    if (strncmp(line, "0::", 3) == 0) group_directory(true, group + 1, v2);
  }
}

void ul_group_of(int pid, char ret_v1[512], char ret_v2[512]) {
  char groups[1024], path[600];
  read_groups(pid, groups);
  if (is_ending(pid)) groups[0] = 0;
  groups_of(groups, ret_v1, ret_v2);
  snprintf(path, sizeof path, "%s/cgroup.controllers", ret_v2);
  if (ret_v2[0]) { /* beside version 1 the second hierarchy may have no controllers at all */
    char  line[256] = "";
    FILE *file = fopen(path, "re");
    if (!file || !fgets(line, sizeof line, file) || !strstr(line, "memory")) ret_v2[0] = 0;
    if (file) fclose(file);
  }
}

uint64_t ul_group_number(const char *group, const char *file, const char *key) {
  char path[640];
  snprintf(path, sizeof path, "%s/%s", group, file);
  return number_in(path, key);
}

void ul_group_numbers(const char *group, const char *file, const char *const *keys, size_t count,
                      uint64_t *ret_numbers) {
  char path[640], line[256];
  for (size_t i = 0; i < count; i++) ret_numbers[i] = 0;
  snprintf(path, sizeof path, "%s/%s", group, file);
  FILE *open = fopen(path, "re");
  while (open && fgets(line, sizeof line, open)) {
    for (size_t i = 0; i < count; i++) {
      size_t length = strlen(keys[i]);
      if (strncmp(line, keys[i], length) == 0) ret_numbers[i] = strtoull(line + length, NULL, 10);
    }
  }
  if (open) fclose(open);
}

int ul_group_write(const char *group, const char *file, const char *text) {
  char path[640];
  int  error = 0;
  snprintf(path, sizeof path, "%s/%s", group, file);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  if (write(fd, text, strlen(text)) < 0) error = -errno;
  close(fd);
  return error;
}

int ul_group_write_number(const char *group, const char *file, uint64_t number) {
  char text[24];
  snprintf(text, sizeof text, "%llu", (unsigned long long)number);
  return ul_group_write(group, file, text);
}

void ul_oom_watch_init(ul_oom_watch *ret_watch, int pid) {
  *ret_watch = (ul_oom_watch){.kills_v1 = UNKNOWN, .kills_v2 = UNKNOWN};
  ret_watch->kills_system = number_in("/proc/vmstat", "oom_kill ");
  ul_oom_watch_look(ret_watch, pid);
}

void ul_oom_watch_look(ul_oom_watch *watch, int pid) {
  char groups[1024], v1[512], v2[512];
  read_groups(pid, groups);
  if (!groups[0] || strcmp(groups, watch->groups) == 0 || is_ending(pid)) return;
  memcpy(watch->groups, groups, sizeof groups);
  groups_of(groups, v1, v2);
  if (v1[0] && strcmp(v1, watch->group_v1) != 0) {
    memcpy(watch->group_v1, v1, sizeof v1);
    watch->kills_v1 = kills_in_group(v1, "memory.oom_control");
  }
  if (v2[0] && strcmp(v2, watch->group_v2) != 0) {
    memcpy(watch->group_v2, v2, sizeof v2);
    watch->kills_v2 = kills_in_group(v2, "memory.events");
  }
}

static uint64_t rise(uint64_t before, uint64_t now) {
  return before == UNKNOWN || now == UNKNOWN || now < before ? 0 : now - before;
}

static uint64_t limit_of(const char *group, const char *file) {
  char path[640];
  snprintf(path, sizeof path, "%s/%s", group, file);
  uint64_t limit = number_in(path, "");
  return limit >= (uint64_t)1 << 60 ? 0 : limit; /* version 1 writes "none" as a huge number */
}

void ul_oom_watch_read(const ul_oom_watch *watch, ul_oom_facts *ret_facts) {
  ul_oom_facts facts = {0};
  uint64_t     v1 = rise(watch->kills_v1, kills_in_group(watch->group_v1, "memory.oom_control"));
  uint64_t     v2 = rise(watch->kills_v2, kills_in_group(watch->group_v2, "memory.events"));
  facts.group_kills = UL_MAX(v1, v2);
  facts.system_kills = rise(watch->kills_system, number_in("/proc/vmstat", "oom_kill "));
  if (v1 > 0) {
    memcpy(facts.group, watch->group_v1, sizeof facts.group);
    facts.limit_bytes = limit_of(watch->group_v1, "memory.limit_in_bytes");
  } else if (v2 > 0) {
    memcpy(facts.group, watch->group_v2, sizeof facts.group);
    facts.limit_bytes = limit_of(watch->group_v2, "memory.max");
  }
  *ret_facts = facts;
}
