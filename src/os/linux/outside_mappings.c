/* SPDX-License-Identifier: MIT */
/* outside_mappings.c: what a process's resident memory is made of (/proc/PID/status, smaps),
 * and which file it runs. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/process.h"

int ul_process_parts_read(int pid, ul_process_parts *ret_parts) {
  char               path[48], line[256];
  unsigned long long kib;
  ul_process_parts   parts = {0};
  bool               any = false;
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *file = fopen(path, "re");
  if (!file) return -UL_E_NOTFOUND;
  while (fgets(line, sizeof line, file)) {
    if (sscanf(line, "RssAnon: %llu", &kib) == 1) {
      parts.anonymous_bytes = kib * 1024;
      any = true;
    } else if (sscanf(line, "RssFile: %llu", &kib) == 1) {
      parts.file_bytes = kib * 1024;
    } else if (sscanf(line, "RssShmem: %llu", &kib) == 1) {
      parts.shared_bytes = kib * 1024;
    }
  }
  fclose(file);
  if (!any) return -UL_E_SYSTEM; /* a zombie, or a kernel before 4.5 */
  *ret_parts = parts;
  return 0;
}

void ul_process_file_name(int pid, char *ret_name, size_t capacity) {
  char path[48], file[PATH_MAX];
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  ssize_t n = readlink(path, file, sizeof file - 1);
  file[n > 0 ? n : 0] = 0;
  const char *slash = strrchr(file, '/');
  snprintf(ret_name, capacity, "%s", slash ? slash + 1 : "");
}

/* Keeps the largest, in order. */
static size_t insert(ul_process_mapping *top, size_t count, size_t capacity,
                     const ul_process_mapping *new) {
  size_t at = count;
  while (at > 0 && top[at - 1].rss_bytes < new->rss_bytes) at--;
  if (at >= capacity) return count;
  if (count < capacity) count++;
  memmove(top + at + 1, top + at, (count - at - 1) * sizeof *top);
  top[at] = *new;
  return count;
}

/* "START-END perms offset dev inode   name": the name is the last part of a path. */
static bool read_head(const char *line, char name[80]) {
  unsigned long long start, end;
  int                at = 0;
  if (sscanf(line, "%llx-%llx %*s %*s %*s %*s %n", &start, &end, &at) < 2 || at == 0) return false;
  size_t      length = strcspn(line + at, "\n");
  const char *slash = memrchr(line + at, '/', length);
  const char *from = slash ? slash + 1 : line + at;
  snprintf(name, 80, "%.*s", (int)(line + at + length - from), from);
  return true;
}

size_t ul_process_largest_mappings(int pid, ul_process_mapping *ret_top, size_t capacity) {
  char               path[48], line[512];
  unsigned long long kib;
  size_t             count = 0;
  ul_process_mapping current = {0};
  snprintf(path, sizeof path, "/proc/%d/smaps", pid);
  FILE *file = fopen(path, "re");
  while (file && fgets(line, sizeof line, file)) {
    if (sscanf(line, "Rss: %llu", &kib) == 1) {
      current.rss_bytes = kib * 1024;
      if (kib > 0) count = insert(ret_top, count, capacity, &current);
    } else {
      (void)read_head(line, current.name);
    }
  }
  if (file) fclose(file);
  return count;
}
