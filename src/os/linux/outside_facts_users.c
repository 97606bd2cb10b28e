/* SPDX-License-Identifier: MIT */
/* outside_facts_users.c: one process's limits and environment; who holds the most memory.
 *
 * The largest are found by resident size, which costs some microseconds a process; only the few
 * that are shown are asked for their proportional size (the kernel walks all their pages: 38 ms for
 * one of 2 GB) and for the number of their mappings. Another user's process does not tell its
 * proportional size; then the resident one has to do, and one line says so for all of them.
 *
 * tmpfs is memory that belongs to no process: a log in /dev/shm or /tmp counts until it is removed.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "os/linux/outside_facts.h"

/* ---- One process ------------------------------------------------------------------------------ */

static void read_limits(const ul_facts_reader *reader) {
  static const char *const names[UL_LIMIT_COUNT] = {"Max address space", "Max data size",
                                                    "Max stack size",    "Max locked memory",
                                                    "Max processes",     "Max open files"};
  char                     text[4096];
  if (!ul_facts_text(reader, UL_FACTS_MUST, text, sizeof text, "/proc/%s/limits", reader->who)) {
    return;
  }
  for (size_t i = 0; i < UL_LIMIT_COUNT; i++) {
    const char *line = strstr(text, names[i]);
    if (!line) continue;
    line += strlen(names[i]);
    line += strspn(line, " ");
    reader->facts->limits[i].soft = ul_facts_parse(line);
    line += strcspn(line, " \n");
    line += strspn(line, " ");
    reader->facts->limits[i].hard = ul_facts_parse(line);
  }
}

static void read_environment(const ul_facts_reader *reader) {
  char      path[PATH_MAX];
  ul_facts *facts = reader->facts;
  if (!ul_facts_path(reader, path, "/proc/%s/environ", reader->who)) return;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  while (fd >= 0 && facts->environment_bytes < sizeof facts->environment - 1) {
    ssize_t n = read(fd, facts->environment + facts->environment_bytes,
                     sizeof facts->environment - 1 - facts->environment_bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      ul_facts_hide(reader, path + strlen(reader->root), errno);
      close(fd);
      facts->environment_bytes = 0;
      return;
    }
    if (n == 0) break;
    facts->environment_bytes += (size_t)n;
  }
  if (fd < 0) {
    ul_facts_hide(reader, path + strlen(reader->root), errno);
    return;
  }
  close(fd);
  facts->environment[facts->environment_bytes] = 0;
  facts->environment_known = true;
}

void ul_facts_read_process(const ul_facts_reader *reader) {
  char text[32];
  read_limits(reader);
  read_environment(reader);
  if (ul_facts_text(reader, UL_FACTS_MUST, text, sizeof text, "/proc/%s/oom_score_adj",
                    reader->who)) {
    reader->facts->oom_score_known = true;
    reader->facts->oom_score_adjust = (int)strtol(text, NULL, 10);
  }
}

/* ---- The largest ------------------------------------------------------------------------------ */

/* Keeps `users` sorted, the largest first, and drops the smallest. */
static void keep(ul_facts *facts, const ul_facts_user *user) {
  size_t at = facts->user_count;
  while (at > 0 && facts->users[at - 1].resident < user->resident) at--;
  if (at == UL_FACTS_USERS_MAX) return;
  size_t last = UL_MIN(facts->user_count, (size_t)UL_FACTS_USERS_MAX - 1);
  memmove(&facts->users[at + 1], &facts->users[at], (last - at) * sizeof facts->users[0]);
  facts->users[at] = *user;
  facts->user_count = last + 1;
}

static void look_at(const ul_facts_reader *reader, int pid) {
  char          text[4096];
  ul_facts_user user = {.pid = pid, .proportional = UL_FACT_UNKNOWN, .mappings = UL_FACT_UNKNOWN};
  if (!ul_facts_text(reader, UL_FACTS_MAY, text, sizeof text, "/proc/%d/status", pid)) return;
  user.resident = ul_facts_keyed(text, "VmRSS");
  user.swapped = ul_facts_keyed(text, "VmSwap");
  if (!ul_fact_is(user.resident)) return; /* one of the kernel's, or a zombie */
  if (strncmp(text, "Name:", 5) == 0) {
    const char *name = text + 5 + strspn(text + 5, " \t");
    snprintf(user.name, sizeof user.name, "%.*s", (int)strcspn(name, "\n"), name);
  }
  keep(reader->facts, &user);
}

static uint64_t count_mappings(const ul_facts_reader *reader, int pid) {
  char     path[PATH_MAX], buffer[16384];
  uint64_t lines = 0;
  ssize_t  n;
  if (!ul_facts_path(reader, path, "/proc/%d/maps", pid)) return UL_FACT_UNKNOWN;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return UL_FACT_UNKNOWN;
  while ((n = read(fd, buffer, sizeof buffer)) > 0) {
    for (ssize_t i = 0; i < n; i++) lines += buffer[i] == '\n';
  }
  close(fd);
  return n < 0 ? UL_FACT_UNKNOWN : lines;
}

/* Without noting each: that is said once. */
static uint64_t proportional(const ul_facts_reader *reader, int pid) {
  char   path[PATH_MAX], text[4096];
  size_t length = 0;
  if (!ul_facts_path(reader, path, "/proc/%d/smaps_rollup", pid)) return UL_FACT_UNKNOWN;
  FILE *file = fopen(path, "re");
  if (file) {
    length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
  }
  text[length] = 0;
  return ul_facts_keyed(text, "Pss");
}

static uint64_t shown(const ul_facts_user *user) {
  return ul_fact_is(user->proportional) ? user->proportional : user->resident;
}

static int larger_first(const void *a, const void *b) {
  uint64_t first = shown(a), second = shown(b);
  return first < second ? 1 : first > second ? -1 : 0;
}

void ul_facts_read_users(const ul_facts_reader *reader) {
  ul_facts      *facts = reader->facts;
  char           path[PATH_MAX];
  struct dirent *entry;
  bool           all = true;
  if (!ul_facts_path(reader, path, "/proc")) return;
  DIR *processes = opendir(path);
  if (!processes) {
    ul_facts_hide(reader, "/proc", errno);
    return;
  }
  while ((entry = readdir(processes)) != NULL) {
    if (isdigit((unsigned char)entry->d_name[0])) look_at(reader, atoi(entry->d_name));
  }
  closedir(processes);
  for (size_t i = 0; i < facts->user_count; i++) {
    ul_facts_user *user = &facts->users[i];
    user->proportional = proportional(reader, user->pid);
    user->mappings = count_mappings(reader, user->pid);
    if (!ul_fact_is(user->proportional)) all = false;
  }
  qsort(facts->users, facts->user_count, sizeof facts->users[0], larger_first);
  if (!all) ul_facts_hide(reader, "/proc/PID/smaps_rollup of other users' processes", EACCES);
}

/* ---- tmpfs ------------------------------------------------------------------------------------ */

static void keep_tmpfs(ul_facts *facts, const ul_facts_tmpfs *found) {
  size_t at = facts->tmpfs_count;
  while (at > 0 && facts->tmpfs[at - 1].used < found->used) at--;
  if (at == UL_FACTS_TMPFS_MAX) return;
  size_t last = UL_MIN(facts->tmpfs_count, (size_t)UL_FACTS_TMPFS_MAX - 1);
  memmove(&facts->tmpfs[at + 1], &facts->tmpfs[at], (last - at) * sizeof facts->tmpfs[0]);
  facts->tmpfs[at] = *found;
  facts->tmpfs_count = last + 1;
}

/* A tmpfs mounted at several places has one device number: it is counted where it comes first. */
void ul_facts_read_tmpfs(const ul_facts_reader *reader) {
  char path[PATH_MAX], line[4096];
  struct {
    char device[24], path[256];
  } seen[64];
  FILE *file = ul_facts_path(reader, path, "/proc/self/mountinfo") ? fopen(path, "re") : NULL;
  for (size_t count = 0; file && count < UL_ARRAY_LEN(seen) && fgets(line, sizeof line, file);) {
    ul_facts_tmpfs found;
    struct statvfs space;
    char           device[24];
    bool           again = false;
    if (!strstr(line, " - tmpfs ")) continue;
    if (sscanf(line, "%*s %*s %23s %*s %255s", device, found.path) != 2) continue;
    /* One file system in several places; or several in one place, of which the last is seen there. */
    for (size_t i = 0; i < count; i++) {
      again = again || strcmp(seen[i].device, device) == 0 || strcmp(seen[i].path, found.path) == 0;
    }
    if (again || !ul_facts_path(reader, path, "%s", found.path) || statvfs(path, &space) < 0) {
      continue;
    }
    memcpy(seen[count].device, device, sizeof device);
    memcpy(seen[count++].path, found.path, sizeof found.path);
    found.size = (uint64_t)space.f_blocks * space.f_frsize;
    found.used = (uint64_t)(space.f_blocks - space.f_bfree) * space.f_frsize;
    if (found.used > 0) keep_tmpfs(reader->facts, &found);
  }
  if (file) fclose(file);
}
