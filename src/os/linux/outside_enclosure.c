/* SPDX-License-Identifier: MIT */
/* outside_enclosure.c: os/enclosure.h on Linux, what both versions of cgroups share: names, making,
 * leftovers, the end. What differs is in outside_enclosure_v1.c and _v2.c.
 *
 *     <our own group>/ullage-run-<pid>-<start>
 *
 * The name tells whose it is: where that process is gone (number and start together), the group is
 * a leftover and is taken away, if nobody is in it.
 *
 * Invariants  A group is never above what limits us already. One that processes stay in has no limit
 *             and is not frozen. Nothing but groups of that name is ever removed, and what is in them.
 * Threads     one.
 */
#include "os/enclosure.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os/linux/outside_enclosure.h"
#include "os/linux/outside_group.h"
#include "os/process.h"

#define NAME        "ullage-run-"
#define KILL_ROUNDS 200 /* of 5 ms: more than a process needs to give back some GB */
#define DEPTH_MAX   8   /* of groups below ours */
#define SHORT_PATH  60
#define PARTS_MAX   250 /* bytes of a path in a sentence; a name has 255 at most */

/* What may be charged between a word from the kernel and our answer: it charges in batches of 64
 * pages for each core, and a thread may be in the middle of a huge page. */
#define NEAR_SHARE 128
#define NEAR_LEAST (4 * UL_MIB)

/* Less than this much to take back is nothing: reclaiming it would not last. */
#define LEFT_SHARE 50

/* So much of mapped files is taken for text that is needed: 1/16, but not more than a JVM has. */
#define TEXT_SHARE 16
#define TEXT_MOST  (48 * UL_MIB)

void ul_enclosure_init(ul_enclosure *ret_enclosure) {
  *ret_enclosure = (ul_enclosure){0};
  for (int i = 0; i < UL_ENCLOSURE_FDS; i++) ret_enclosure->fd[i] = -1;
}

/* Removes a group and those below it. What has processes in it stays: rmdir refuses. */
static bool remove_groups(const char *group, int depth) {
  char path[800];
  DIR *directory = depth > 0 ? opendir(group) : NULL;
  for (struct dirent *entry; directory && (entry = readdir(directory)) != NULL;) {
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    if (snprintf(path, sizeof path, "%s/%s", group, entry->d_name) < (int)sizeof path) {
      (void)remove_groups(path, depth - 1);
    }
  }
  if (directory) closedir(directory);
  return rmdir(group) == 0 || errno == ENOENT;
}

/* Takes away the groups of runs that are gone. */
static void sweep(const char *parent) {
  DIR *directory = opendir(parent);
  if (!directory) return;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    unsigned long long start;
    int                pid;
    char               path[800];
    ul_process_usage   usage;
    if (sscanf(entry->d_name, NAME "%d-%llu", &pid, &start) != 2) continue;
    if (ul_process_usage_read(pid, &usage) == 0 && usage.start == start) continue;
    snprintf(path, sizeof path, "%s/%s", parent, entry->d_name);
    (void)remove_groups(path, DEPTH_MAX);
  }
  closedir(directory);
}

static int make(ul_enclosure *enclosure, const char *parent, ul_enclosure_announce *announce,
                void *arg) {
  ul_process_usage self;
  if (ul_process_usage_read(getpid(), &self) < 0) return -EIO;
  sweep(parent);
  int length = snprintf(enclosure->group, sizeof enclosure->group, "%s/" NAME "%d-%llu", parent,
                        (int)getpid(), (unsigned long long)self.start);
  if (length >= (int)sizeof enclosure->group) return -ENAMETOOLONG;
  announce(enclosure->group, arg);
  if (mkdir(enclosure->group, 0755) == 0 || errno == EEXIST) return 0;
  return -errno;
}

/* A short path; of a longer one the last two parts, each whole: names are often long numbers, and half of one
 * finds nothing. The last one alone where two are too long for a sentence. */
static const char *last_parts(const char *group) {
  const char *last = strrchr(group, '/'), *before = last;
  if (!last || strlen(group) < SHORT_PATH) return group;
  while (before > group && *--before != '/') {
  }
  const char *from = *before == '/' && strlen(before) < PARTS_MAX ? before : last;
  return from + (from > group ? 1 : 0); /* not the slash, but where it is all of the path */
}

static void explain(int error, const char *group, char why_not[UL_ENCLOSURE_WHY_MAX]) {
  const char *parts = last_parts(group), *dots = parts > group ? ".../" : "";
  switch (-error) {
  case EACCES:
  case EPERM:
    snprintf(
        why_not, UL_ENCLOSURE_WHY_MAX,
        "making a cgroup below %s%.250s is not permitted; run as root, or in a delegated scope "
        "(systemd-run --user --scope -p Delegate=yes)",
        dots, parts);
    return;
  case EROFS:
    snprintf(why_not, UL_ENCLOSURE_WHY_MAX, "%s%.250s is mounted read-only, as containers do", dots,
             parts);
    return;
  case EBUSY:
    snprintf(why_not, UL_ENCLOSURE_WHY_MAX,
             "the cgroup %s%.250s holds processes itself, so it can have no limited part", dots,
             parts);
    return;
  default:
    snprintf(why_not, UL_ENCLOSURE_WHY_MAX, "a cgroup below %s%.250s: %.60s", dots, parts,
             strerror(-error));
  }
}

int ul_enclosure_open(uint64_t limit_bytes, ul_enclosure_announce *announce, void *arg,
                      ul_enclosure *ret_enclosure, char ret_why_not[UL_ENCLOSURE_WHY_MAX]) {
  ul_enclosure enclosure;
  char         v1[512], v2[512];
  ul_enclosure_init(&enclosure);
  ul_group_of(getpid(), v1, v2);
  char *parent = v1[0] ? v1 : v2;
  if (!parent[0]) {
    snprintf(ret_why_not, UL_ENCLOSURE_WHY_MAX, "no memory cgroup is visible from here");
    return -UL_E_SYSTEM;
  }
  int error = 0;
  if (!v1[0]) error = ul_enclosure_v2_prepare(v2);
  if (!error) error = make(&enclosure, parent, announce, arg);
  if (!error) {
    enclosure.kind = v1[0] ? UL_ENCLOSURE_CGROUP1 : UL_ENCLOSURE_CGROUP2;
    enclosure.limit_bytes = limit_bytes;
    error = v1[0] ? ul_enclosure_v1_arm(&enclosure) : ul_enclosure_v2_arm(&enclosure);
    if (error) (void)ul_enclosure_close(&enclosure);
  }
  if (error) {
    explain(error, parent, ret_why_not);
    return -UL_E_SYSTEM;
  }
  *ret_enclosure = enclosure;
  return 0;
}

void ul_enclosure_join_file(const ul_enclosure *enclosure, char ret_path[600]) {
  snprintf(ret_path, 600, "%s/cgroup.procs", enclosure->group);
}

int ul_enclosure_join_open(const ul_enclosure *enclosure) {
  char path[600];
  ul_enclosure_join_file(enclosure, path);
  return open(path, O_WRONLY | O_CLOEXEC);
}

bool ul_enclosure_holds(const ul_enclosure *enclosure, int pid) {
  char   v1[512], v2[512];
  size_t length = strlen(enclosure->group);
  ul_group_of(pid, v1, v2);
  const char *group = enclosure->kind == UL_ENCLOSURE_CGROUP1 ? v1 : v2;
  if (!group[0]) return true;
  return strncmp(group, enclosure->group, length) == 0 &&
         (group[length] == 0 || group[length] == '/');
}

unsigned ul_enclosure_read(ul_enclosure *enclosure, int fd) {
  for (int i = 0; i < UL_ENCLOSURE_FDS; i++) {
    if (fd < 0 || enclosure->fd[i] != fd) continue;
    return enclosure->kind == UL_ENCLOSURE_CGROUP1 ? ul_enclosure_v1_read(enclosure, i)
                                                   : ul_enclosure_v2_read(enclosure, i);
  }
  return 0;
}

static uint64_t count(const ul_enclosure *enclosure, const char *first, const char *second) {
  if (enclosure->kind == UL_ENCLOSURE_NONE) return 0;
  const char *file = enclosure->kind == UL_ENCLOSURE_CGROUP1 ? first : second;
  uint64_t    bytes = ul_group_number(enclosure->group, file, "");
  return bytes == UINT64_MAX ? 0 : bytes;
}

uint64_t ul_enclosure_usage(const ul_enclosure *enclosure) {
  return count(enclosure, "memory.usage_in_bytes", "memory.current");
}

uint64_t ul_enclosure_peak(const ul_enclosure *enclosure) {
  return count(enclosure, "memory.max_usage_in_bytes", "memory.peak");
}

/* What memory.stat tells, by version. */
enum { ANONYMOUS, CACHE, SHARED, MAPPED, KERNEL, SLAB, STATS };
static const char *const stats_v1[STATS] = {
    "total_rss ",         "total_cache ",           "total_shmem ",
    "total_mapped_file ", "(in a file of its own)", "(not told)"};
static const char *const stats_v2[STATS] = {"anon ",        "file ",   "shmem ",
                                            "file_mapped ", "kernel ", "slab_reclaimable "};

static void read_stats(const ul_enclosure *enclosure, uint64_t ret_stats[STATS]) {
  bool v1 = enclosure->kind == UL_ENCLOSURE_CGROUP1;
  ul_group_numbers(enclosure->group, "memory.stat", v1 ? stats_v1 : stats_v2, STATS, ret_stats);
}

int ul_enclosure_parts_read(const ul_enclosure *enclosure, ul_enclosure_parts *ret_parts) {
  uint64_t stats[STATS];
  if (enclosure->kind == UL_ENCLOSURE_NONE) return -UL_E_SYSTEM;
  read_stats(enclosure, stats);
  if (enclosure->kind == UL_ENCLOSURE_CGROUP1) {
    uint64_t kernel = ul_group_number(enclosure->group, "memory.kmem.usage_in_bytes", "");
    stats[KERNEL] = kernel == UINT64_MAX ? 0 : kernel;
  }
  *ret_parts = (ul_enclosure_parts){
      .anonymous_bytes = stats[ANONYMOUS],
      .file_bytes = stats[CACHE] - UL_MIN(stats[CACHE], stats[SHARED]),
      .shared_bytes = stats[SHARED],
      .kernel_bytes = stats[KERNEL], /* version 2: since 5.18 */
  };
  return 0;
}

bool ul_enclosure_is_full(const ul_enclosure *enclosure) {
  uint64_t stats[STATS], limit = enclosure->limit_bytes;
  read_stats(enclosure, stats);
  uint64_t text = UL_MIN(stats[MAPPED], UL_MIN(limit / TEXT_SHARE, TEXT_MOST));
  uint64_t kept = stats[SHARED] + text;
  return stats[CACHE] - UL_MIN(stats[CACHE], kept) + stats[SLAB] < limit / LEFT_SHARE;
}

uint64_t ul_enclosure_near_bytes(uint64_t limit_bytes) {
  return UL_MIN(UL_MAX(limit_bytes / NEAR_SHARE, NEAR_LEAST), limit_bytes / 16);
}

bool ul_enclosure_stands(const ul_enclosure *enclosure) {
  /* Version 2 is frozen whole: nobody in it can free anything. */
  return enclosure->kind != UL_ENCLOSURE_CGROUP1 ||
         ul_group_number(enclosure->group, "memory.oom_control", "under_oom ") == 1;
}

void ul_enclosure_resume(ul_enclosure *enclosure) {
  if (enclosure->kind != UL_ENCLOSURE_CGROUP2) return;
  (void)ul_group_write(enclosure->group, "cgroup.freeze", "0");
}

int ul_enclosure_raise(ul_enclosure *enclosure, uint64_t limit_bytes) {
  int error = enclosure->kind == UL_ENCLOSURE_CGROUP1
                  ? ul_enclosure_v1_limit(enclosure, limit_bytes)
                  : ul_enclosure_v2_limit(enclosure, limit_bytes);
  if (error) return -UL_E_SYSTEM;
  enclosure->limit_bytes = limit_bytes;
  return 0;
}

/* One round of kills; returns how many processes there were. */
static size_t kill_all(const ul_enclosure *enclosure) {
  char   path[600];
  size_t count = 0;
  int    pid;
  ul_enclosure_join_file(enclosure, path);
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  while (fscanf(file, "%d", &pid) == 1) {
    if (pid == getpid() || pid <= 0) continue; /* 0: of another namespace */
    kill(pid, SIGKILL);
    count++;
  }
  fclose(file);
  return count;
}

void ul_enclosure_kill(ul_enclosure *enclosure) {
  if (enclosure->kind == UL_ENCLOSURE_NONE) return;
  if (enclosure->kind == UL_ENCLOSURE_CGROUP2) {
    (void)ul_group_write(enclosure->group, "cgroup.kill", "1"); /* since 5.14, and all at once */
    (void)ul_group_write(enclosure->group, "cgroup.freeze", "0");
  }
  for (int round = 0; round < KILL_ROUNDS && kill_all(enclosure) > 0; round++) {
    nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
  }
}

bool ul_enclosure_close(ul_enclosure *enclosure) {
  bool gone = true;
  for (int i = 0; i < UL_ENCLOSURE_FDS; i++) {
    if (enclosure->fd[i] >= 0) close(enclosure->fd[i]);
  }
  if (enclosure->group[0] && !remove_groups(enclosure->group, DEPTH_MAX)) {
    /* Who stays behind must not stand at a wall that nobody watches. */
    gone = ul_enclosure_raise(enclosure, UINT64_MAX) > 0; /* false, whether it can or not */
  }
  ul_enclosure_init(enclosure);
  return gone;
}
