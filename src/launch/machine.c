/* SPDX-License-Identifier: MIT */
/* machine.c: see machine.h.
 *
 *     version 1   cpu.cfs_quota_us / cpu.cfs_period_us, here and in every group above
 *     version 2   cpu.max "QUOTA PERIOD", here and above
 *
 * The group of version 2 is found as os/process.h finds it for counting kills; memory is the
 * business of os/usage.h.
 */
#include "launch/machine.h"

#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/process.h"
#include "os/self.h"
#include "os/usage.h"

static uint64_t smaller_limit(uint64_t a, uint64_t b) {
  return a == 0 ? b : b == 0 ? a : UL_MIN(a, b);
}

/* First line of DIRECTORY/NAME into `line`. */
static bool read_line(const char *directory, const char *name, char *line, int capacity) {
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return false;
  FILE *file = fopen(path, "re");
  bool  read = file && fgets(line, capacity, file);
  if (file) fclose(file);
  return read;
}

/* Cuts the last part off a path. False at the top. */
static bool go_up(char *directory) {
  char *slash = strrchr(directory, '/');
  if (!slash || slash == directory) return false;
  *slash = 0;
  return true;
}

/* ---- Processors ------------------------------------------------------------------------------- */

static unsigned millicpus(int64_t quota, int64_t period) {
  if (quota <= 0 || period <= 0 || quota / period > 100000) return 0;
  return (unsigned)(quota * 1000 / period);
}

static unsigned smaller_quota(unsigned a, unsigned b) {
  return a == 0 ? b : b == 0 ? a : UL_MIN(a, b);
}

static unsigned quota_v2(const char *group) {
  char     directory[512], line[64];
  unsigned quota = 0;
  snprintf(directory, sizeof directory, "%s", group);
  do {
    int64_t part, period;
    if (read_line(directory, "cpu.max", line, sizeof line) &&
        sscanf(line, "%" SCNd64 " %" SCNd64, &part, &period) == 2) {
      quota = smaller_quota(quota, millicpus(part, period));
    }
  } while (go_up(directory));
  return quota;
}

static unsigned quota_v1_at(char *directory) {
  char     line[64];
  unsigned quota = 0;
  do {
    if (!read_line(directory, "cpu.cfs_quota_us", line, sizeof line)) continue;
    int64_t part = strtoll(line, NULL, 10);
    if (part <= 0 || !read_line(directory, "cpu.cfs_period_us", line, sizeof line)) continue;
    quota = smaller_quota(quota, millicpus(part, strtoll(line, NULL, 10)));
  } while (go_up(directory));
  return quota;
}

/* Version 1 mounts processors beside memory, as cpu or as cpu,cpuacct, and their group may have
 * another name there; inside a container the mount shows the group itself at its top. */
static unsigned quota_v1(void) {
  static const char *const mounts[] = {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"};
  char                     line[512], group[512] = "", directory[PATH_MAX];
  FILE                    *file = fopen("/proc/self/cgroup", "re");
  while (file && fgets(line, sizeof line, file)) {
    char controllers[128];
    if (sscanf(line, "%*[0-9]:%127[^:]:%511[^\n]", controllers, group) == 2 &&
        (strcmp(controllers, "cpu") == 0 || strncmp(controllers, "cpu,", 4) == 0 ||
         strcmp(controllers, "cpuacct,cpu") == 0)) {
      break;
    }
    group[0] = 0;
  }
  if (file) fclose(file);
  for (size_t i = 0; i < UL_ARRAY_LEN(mounts); i++) {
    if (access(mounts[i], F_OK) != 0) continue;
    snprintf(directory, sizeof directory, "%s%s", mounts[i], group);
    if (access(directory, F_OK) != 0) snprintf(directory, sizeof directory, "%s", mounts[i]);
    return quota_v1_at(directory);
  }
  return 0;
}

/* ---- All of it -------------------------------------------------------------------------------- */

static unsigned usable_cores(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) {
    return (unsigned)CPU_COUNT(&set);
  }
  long count = sysconf(_SC_NPROCESSORS_ONLN); /* more than 1024 of them */
  return count > 0 ? (unsigned)count : 1;
}

void ul_machine_read(ul_machine *ret_machine) {
  static ul_oom_watch groups;
  ul_machine          machine = {.cores = usable_cores(), .memory_bytes = ul_os_memory_bytes()};
  ul_oom_watch_init(&groups, (int)getpid());
  machine.limit_bytes = ul_os_container_limit();
  machine.quota_millicpus = quota_v1();
  if (groups.group_v2[0]) {
    machine.quota_millicpus = smaller_quota(machine.quota_millicpus, quota_v2(groups.group_v2));
  }
  *ret_machine = machine;
}

uint64_t ul_machine_memory(const ul_machine *machine) {
  return smaller_limit(machine->memory_bytes, machine->limit_bytes);
}
