/* SPDX-License-Identifier: MIT */
/* outside_gctime.c: insight.h on Linux.
 *
 *     threads       /proc/PID/task, /proc/PID/task/TID/schedstat (or stat)
 *     variables     /proc/PID/maps: rw mappings of the file that /proc/PID/exe names, and the anonymous
 *                   one that follows without a gap
 *     JVM's memory  /proc/PID/smaps
 *     JVM           /proc/PID/root/tmp/hsperfdata_USER/NSPID: also of a JVM in a container, whose
 *                   /tmp and whose number are its own
 *
 * Source  proc(5); the place and the name of hsperfdata: HotSpot's perfMemory_posix.cpp.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/insight.h"
#include "os/process.h"

#define COMPRESSED_MOST (32 * UL_GIB)

static int failure(void) {
  return errno == ENOENT || errno == ESRCH ? -UL_E_NOTFOUND : -UL_E_SYSTEM;
}

/* A small file as a terminated text; its length, or negative. */
static ssize_t read_text(const char *path, char *text, size_t capacity) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failure();
  size_t  length = 0;
  ssize_t got;
  while (length < capacity - 1 && (got = read(fd, text + length, capacity - 1 - length)) > 0) {
    length += (size_t)got;
  }
  close(fd);
  text[length] = 0;
  return (ssize_t)length;
}

/* ---- Threads ---------------------------------------------------------------------------------- */

size_t ul_insight_threads(int pid, ul_insight_thread *ret_threads, size_t capacity) {
  char path[80];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR   *directory = opendir(path);
  size_t count = 0;
  if (!directory) return 0;
  for (struct dirent *entry; count < capacity && (entry = readdir(directory)) != NULL;) {
    char name[32];
    if (!isdigit((unsigned char)entry->d_name[0])) continue;
    int id = atoi(entry->d_name);
    snprintf(path, sizeof path, "/proc/%d/task/%d/comm", pid, id);
    if (read_text(path, name, sizeof name) <= 0) continue;
    name[strcspn(name, "\n")] = 0;
    ret_threads[count].id = id;
    snprintf(ret_threads[count].name, sizeof ret_threads[count].name, "%.15s", name);
    count++;
  }
  closedir(directory);
  return count;
}

/* utime and stime are the 12th and 13th after the name, which may hold spaces and brackets. */
static int cpu_from_stat(int pid, int thread, uint64_t *ret_ns) {
  char     path[80], text[512];
  uint64_t user = 0, system = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, thread);
  ssize_t length = read_text(path, text, sizeof text);
  if (length < 0) return (int)length;
  const char *after = strrchr(text, ')');
  if (!after ||
      sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user,
             &system) != 2) {
    return -UL_E_SYSTEM;
  }
  *ret_ns = (user + system) * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
  return 0;
}

int ul_insight_thread_cpu(int pid, int thread, uint64_t *ret_ns) {
  char path[80], text[96];
  snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pid, thread);
  if (read_text(path, text, sizeof text) > 0 && sscanf(text, "%" SCNu64, ret_ns) == 1) return 0;
  return cpu_from_stat(pid, thread, ret_ns);
}

/* ---- Mappings --------------------------------------------------------------------------------- */

static void add_data(ul_insight_map *map, uint64_t start, uint64_t end) {
  if (map->data_count > 0) {
    size_t last = map->data_count - 1;
    if (map->data[last].start + map->data[last].bytes == start) {
      map->data[last].bytes = end - map->data[last].start;
      return;
    }
  }
  if (map->data_count == UL_ARRAY_LEN(map->data)) return;
  map->data[map->data_count].start = start;
  map->data[map->data_count++].bytes = end - start;
}

/* One line; *own_end: where the program's file, or what follows it, ended so far. */
static void take_mapping(ul_insight_map *map, const char *line, const char *program,
                         uint64_t *own_end) {
  uint64_t start, end;
  char     rights[5] = "";
  int      at = 0;
  if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s %n", &start, &end, rights, &at) < 3 ||
      at == 0 || end <= start) {
    return;
  }
  const char *name = line + at;
  bool        is_own = strcmp(name, program) == 0;
  bool        is_anonymous = name[0] == 0 || strncmp(name, "[anon:", 6) == 0;
  bool        is_behind = is_anonymous && start == *own_end;
  if (is_own || is_behind) {
    *own_end = end;
    if (rights[1] == 'w') add_data(map, start, end);
  }
  if (is_anonymous && rights[1] == 'w' && rights[2] == 'x') map->code_bytes += end - start;
  if (!is_own && name[0] == '/' && rights[2] == 'x') map->has_libraries = true;
}

int ul_insight_map_read(int pid, ul_insight_map *ret_map) {
  char           path[80], program[4096], *line = NULL;
  size_t         capacity = 0;
  uint64_t       own_end = 0;
  ul_insight_map map = {0};
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  ssize_t length = readlink(path, program, sizeof program - 1);
  if (length < 0) return failure();
  program[length] = 0;
  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  FILE *in = fopen(path, "re");
  if (!in) return failure();
  for (ssize_t bytes; (bytes = getline(&line, &capacity, in)) > 0;) {
    if (line[bytes - 1] == '\n') line[bytes - 1] = 0;
    take_mapping(&map, line, program, &own_end);
  }
  free(line);
  fclose(in);
  *ret_map = map;
  return 0;
}

/* ---- Environment ------------------------------------------------------------------------------ */

int ul_insight_environment(int pid, const char *name, char *ret_value, size_t capacity) {
  char   path[80], *entry = NULL;
  size_t room = 0, length = strlen(name);
  int    error = -UL_E_NOTFOUND;
  snprintf(path, sizeof path, "/proc/%d/environ", pid);
  FILE *in = fopen(path, "re");
  if (!in) return failure();
  while (error != 0 && getdelim(&entry, &room, 0, in) > 0) {
    if (strncmp(entry, name, length) != 0 || entry[length] != '=') continue;
    snprintf(ret_value, capacity, "%s", entry + length + 1);
    error = 0;
  }
  free(entry);
  fclose(in);
  return error;
}

/* ---- The counters of a JVM -------------------------------------------------------------------- */

static int open_counters(const char *path, uid_t user) {
  struct stat facts;
  int         fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return failure();
  if (fstat(fd, &facts) < 0 || !S_ISREG(facts.st_mode) || facts.st_uid != user) {
    close(fd);
    return -UL_E_SYSTEM;
  }
  return fd;
}

int ul_insight_jvm_open(int pid, int *ret_fd) {
  char          path[512], names[1024];
  struct passwd entry, *found = NULL;
  struct stat   facts;
  snprintf(path, sizeof path, "/proc/%d", pid);
  if (stat(path, &facts) < 0) return failure();
  uid_t user = facts.st_uid;
  int   inner = ul_process_inner_pid(pid);
  /* The name of the directory is the user's, as the JVM's own system knows him. */
  if (getpwuid_r(user, &entry, names, sizeof names, &found) == 0 && found) {
    snprintf(path, sizeof path, "/proc/%d/root/tmp/hsperfdata_%.200s/%d", pid, entry.pw_name,
             inner);
    int fd = open_counters(path, user);
    if (fd >= 0) {
      *ret_fd = fd;
      return 0;
    }
  }
  snprintf(path, sizeof path, "/proc/%d/root/tmp", pid);
  DIR *directory = opendir(path);
  int  fd = -UL_E_NOTFOUND;
  if (!directory) return failure();
  for (struct dirent *row; fd < 0 && (row = readdir(directory)) != NULL;) {
    if (strncmp(row->d_name, "hsperfdata_", 11) != 0) continue;
    snprintf(path, sizeof path, "/proc/%d/root/tmp/%s/%d", pid, row->d_name, inner);
    fd = open_counters(path, user);
  }
  closedir(directory);
  if (fd < 0) return -UL_E_NOTFOUND;
  *ret_fd = fd;
  return 0;
}

int ul_insight_file_read(int fd, void *ret_bytes, size_t capacity, size_t *ret_count) {
  ssize_t got = pread(fd, ret_bytes, capacity, 0);
  if (got < 0) return -UL_E_SYSTEM;
  *ret_count = (size_t)got;
  return 0;
}

/* A line of smaps that begins a mapping: is it the heap, something beside it, or none of both? */
static void take_head(const char *line, ul_insight_jvm_memory *memory, uint64_t **ret_of) {
  uint64_t start, end;
  char     rights[5] = "";
  int      at = 0;
  if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s %n", &start, &end, rights, &at) < 3 ||
      at == 0) {
    return; /* not the first line of one */
  }
  bool is_file = line[at] == '/', is_break = strncmp(line + at, "[heap]", 6) == 0;
  *ret_of = is_file || rights[2] == 'x'           ? NULL
            : end <= COMPRESSED_MOST && !is_break ? &memory->heap_bytes
                                                  : &memory->beside_bytes;
}

int ul_insight_jvm_memory_read(int pid, ul_insight_jvm_memory *ret_memory) {
  char                  path[80], *line = NULL;
  size_t                capacity = 0;
  uint64_t             *of = NULL, kib;
  ul_insight_jvm_memory memory = {0};
  snprintf(path, sizeof path, "/proc/%d/smaps", pid);
  FILE *in = fopen(path, "re");
  if (!in) return failure();
  while (getline(&line, &capacity, in) > 0) {
    if (sscanf(line, "Anonymous: %" SCNu64, &kib) != 1) {
      take_head(line, &memory, &of);
    } else if (of) {
      *of += kib * UL_KIB;
    }
  }
  free(line);
  fclose(in);
  if (memory.heap_bytes == 0) return -UL_E_NOTFOUND;
  *ret_memory = memory;
  return 0;
}

void ul_insight_file_close(int fd) {
  if (fd >= 0) close(fd);
}
