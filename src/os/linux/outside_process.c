/* SPDX-License-Identifier: MIT */
/* outside_process.c: the first half of os/process.h on Linux, from /proc.
 *
 * statm costs about a microsecond and is kept open; stat sums over all threads; smaps_rollup and
 * maps walk the address space. Which is read when is the watcher's business.
 */
#include "os/process.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static int open_of(int pid, const char *file) {
  char path[96];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  return open(path, O_RDONLY | O_CLOEXEC);
}

/* Reads from the start of `fd`, terminated. Returns the length, or -1. */
static ssize_t read_text(int fd, char *buffer, size_t capacity) {
  ssize_t n;
  do {
    n = pread(fd, buffer, capacity - 1, 0);
  } while (n < 0 && errno == EINTR);
  buffer[n > 0 ? n : 0] = 0;
  return n;
}

static int read_text_of(int pid, const char *file, char *buffer, size_t capacity) {
  int fd = open_of(pid, file);
  if (fd < 0) return errno == EACCES || errno == EPERM ? -UL_E_SYSTEM : -UL_E_NOTFOUND;
  ssize_t n = read_text(fd, buffer, capacity);
  close(fd);
  return n > 0 ? 0 : -UL_E_NOTFOUND;
}

static int open_children(int pid, int thread) {
  char file[64];
  snprintf(file, sizeof file, "task/%d/children", thread);
  return open_of(pid, file);
}

void ul_process_open(int pid, bool keep_open, ul_process *ret_process) {
  ret_process->pid = pid;
  ret_process->memory_fd = keep_open ? open_of(pid, "statm") : -1;
  ret_process->child_fd = keep_open ? open_children(pid, pid) : -1;
}

void ul_process_close(ul_process *process) {
  if (process->memory_fd >= 0) close(process->memory_fd);
  if (process->child_fd >= 0) close(process->child_fd);
  process->memory_fd = process->child_fd = -1;
}

int ul_process_rss(const ul_process *process, uint64_t *ret_bytes) {
  char buffer[128];
  if (process->memory_fd >= 0) {
    if (read_text(process->memory_fd, buffer, sizeof buffer) <= 0) return -UL_E_NOTFOUND;
  } else {
    int error = read_text_of(process->pid, "statm", buffer, sizeof buffer);
    if (error < 0) return error;
  }
  const char *resident = strchr(buffer, ' ');
  if (!resident) return -UL_E_SYSTEM;
  *ret_bytes = strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
  return 0;
}

/* Fields of /proc/PID/stat, numbered as in proc(5): 3 is the state, the first after the name. */
enum {
  STAT_STATE = 3,
  STAT_PARENT = 4,
  STAT_MINOR = 10,
  STAT_WAITED_MINOR = 11,
  STAT_MAJOR = 12,
  STAT_WAITED_MAJOR = 13,
  STAT_USER = 14,
  STAT_SYSTEM = 15,
  STAT_WAITED_USER = 16,
  STAT_WAITED_SYSTEM = 17,
  STAT_THREADS = 20,
  STAT_START = 22,
  STAT_EXIT_SIGNAL = 38,
  STAT_FIELDS
};

int ul_process_usage_read(int pid, ul_process_usage *ret_usage) {
  char     buffer[1024];
  uint64_t field[STAT_FIELDS] = {0};
  char     state = 0;
  int      error = read_text_of(pid, "stat", buffer, sizeof buffer);
  if (error < 0) return error;
  char *at = strrchr(buffer, ')'); /* the name may hold anything, this too: take the last */
  if (!at || at[1] != ' ') return -UL_E_SYSTEM;
  state = at[2];
  at += 3;
  for (int i = STAT_PARENT; i < STAT_FIELDS; i++) field[i] = (uint64_t)strtoll(at, &at, 10);
  uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
  *ret_usage = (ul_process_usage){
      .parent = (int)field[STAT_PARENT],
      .is_zombie = state == 'Z' || state == 'X',
      .is_thread = (int64_t)field[STAT_EXIT_SIGNAL] < 0,
      .start = field[STAT_START],
      .threads = field[STAT_THREADS],
      .minor_faults = field[STAT_MINOR],
      .major_faults = field[STAT_MAJOR],
      .user_ns = field[STAT_USER] * tick_ns,
      .system_ns = field[STAT_SYSTEM] * tick_ns,
      .waited_minor_faults = field[STAT_WAITED_MINOR],
      .waited_major_faults = field[STAT_WAITED_MAJOR],
      .waited_user_ns = field[STAT_WAITED_USER] * tick_ns,
      .waited_system_ns = field[STAT_WAITED_SYSTEM] * tick_ns,
  };
  return 0;
}

int ul_process_inner_pid(int pid) {
  char  path[64], line[256];
  int   inner = pid;
  FILE *file;
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  file = fopen(path, "re");
  if (!file) return pid;
  while (fgets(line, sizeof line, file)) {
    if (strncmp(line, "NSpid:", 6) != 0) continue;
    char *at = line + 6; /* the number in each namespace, ours first */
    for (char *end = at; *at != '\n' && *at; at = end) {
      long number = strtol(at, &end, 10);
      if (end == at) break;
      inner = (int)number;
    }
    break;
  }
  fclose(file);
  return inner;
}

int ul_process_pss(int pid, uint64_t *ret_bytes) {
  char buffer[2048];
  int  error = read_text_of(pid, "smaps_rollup", buffer, sizeof buffer);
  if (error < 0) return error;
  const char *line = strstr(buffer, "\nPss:");
  if (!line) return -UL_E_SYSTEM;
  *ret_bytes = strtoull(line + 5, NULL, 10) * 1024;
  return 0;
}

int ul_process_find_page(int pid, const char *name, uint64_t *ret_address) {
  char line[4352]; /* addresses, and a path of PATH_MAX */
  char mark[80];
  int  fd = open_of(pid, "maps");
  if (fd < 0) return -UL_E_NOTFOUND;
  FILE *maps = fdopen(fd, "r");
  if (!maps) {
    close(fd);
    return -UL_E_SYSTEM;
  }
  snprintf(mark, sizeof mark, " /memfd:%s ", name); /* followed by "(deleted)" */
  int result = -UL_E_NOTFOUND;
  while (result < 0 && fgets(line, sizeof line, maps)) {
    if (!strstr(line, mark)) continue;
    *ret_address = strtoull(line, NULL, 16);
    result = 0;
  }
  fclose(maps);
  return result;
}

int ul_process_peek(int pid, uint64_t address, void *ret_bytes, size_t bytes) {
  struct iovec here = {.iov_base = ret_bytes, .iov_len = bytes};
  struct iovec there = {.iov_base = (void *)(uintptr_t)address, .iov_len = bytes};
  ssize_t      n = process_vm_readv(pid, &here, 1, &there, 1, 0);
  if (n == (ssize_t)bytes) return 0;
  return n < 0 && (errno == EPERM || errno == ENOSYS) ? -UL_E_SYSTEM : -UL_E_NOTFOUND;
}

int ul_process_newest(int *fd) {
  char buffer[128];
  if (*fd < 0) *fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
  if (*fd < 0 || read_text(*fd, buffer, sizeof buffer) <= 0) return -1;
  const char *last = strrchr(buffer, ' ');
  int         pid = last ? atoi(last) : 0;
  return pid > 0 ? pid : -1;
}

int ul_process_pid_max(void) {
  char buffer[32];
  int  fd = open("/proc/sys/kernel/pid_max", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 32768;
  ssize_t n = read_text(fd, buffer, sizeof buffer);
  close(fd);
  return n > 0 && atoi(buffer) > 0 ? atoi(buffer) : 32768;
}

void ul_process_each(void (*visit)(int pid, void *arg), void *arg) {
  DIR *directory = opendir("/proc");
  if (!directory) return;
  for (struct dirent *entry; (entry = readdir(directory));) {
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') visit(atoi(entry->d_name), arg);
  }
  closedir(directory);
}

/* Calls `visit` for each number of a list "12 34 56 ". */
static void each_number(int fd, void (*visit)(int pid, void *arg), void *arg) {
  char    buffer[4096];
  int     number = 0;
  ssize_t n;
  for (off_t at = 0; (n = pread(fd, buffer, sizeof buffer, at)) > 0; at += n) {
    for (ssize_t i = 0; i < n; i++) {
      if (buffer[i] >= '0' && buffer[i] <= '9') {
        number = number * 10 + (buffer[i] - '0');
      } else if (number > 0) {
        visit(number, arg);
        number = 0;
      }
    }
  }
}

static void each_child_of_thread(int pid, int thread, void (*visit)(int pid, void *arg),
                                 void *arg) {
  int fd = open_children(pid, thread);
  if (fd < 0) return; /* it has ended, and its children have another parent */
  each_number(fd, visit, arg);
  close(fd);
}

void ul_process_each_child(const ul_process *process, bool          has_threads,
                           void (*visit)(int pid, void *arg), void *arg) {
  char path[64];
  int  pid = process->pid;
  if (!has_threads) {
    if (process->child_fd >= 0)
      each_number(process->child_fd, visit, arg);
    else
      each_child_of_thread(pid, pid, visit, arg);
    return;
  }
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *threads = opendir(path);
  if (!threads) return;
  for (struct dirent *entry; (entry = readdir(threads));) {
    if (entry->d_name[0] != '.') each_child_of_thread(pid, atoi(entry->d_name), visit, arg);
  }
  closedir(threads);
}

bool ul_process_tells_children(void) {
  return access("/proc/thread-self/children", R_OK) == 0;
}

void ul_process_name(int pid, char ret_name[16]) {
  ret_name[0] = 0;
  if (read_text_of(pid, "comm", ret_name, 16) < 0) ret_name[0] = 0;
  ret_name[strcspn(ret_name, "\n")] = 0;
}

void ul_process_own_path(char *ret_path, size_t capacity) {
  ssize_t n = readlink("/proc/self/exe", ret_path, capacity - 1);
  ret_path[n > 0 ? n : 0] = 0;
}

uint64_t ul_process_own_cpu_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool ul_process_file_is_secure(const char *path) {
  struct stat    file;
  struct statvfs volume;
  if (stat(path, &file) < 0) return false;
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) return false; /* nothing can be raised */
  if (statvfs(path, &volume) == 0 && (volume.f_flag & ST_NOSUID)) return false;
  if ((file.st_mode & S_ISUID) && file.st_uid != getuid()) return true;
  if ((file.st_mode & S_ISGID) && (file.st_mode & S_IXGRP) && file.st_gid != getgid()) return true;
  return getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

void ul_process_own_machine(unsigned *ret_machine, unsigned *ret_bits) {
  unsigned char header[20] = {0};
  int           fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  *ret_machine = EM_NONE;
  *ret_bits = (unsigned)sizeof(void *) * 8;
  if (fd < 0) return;
  if (pread(fd, header, sizeof header, 0) == (ssize_t)sizeof header) {
    uint16_t machine; /* in our own byte order: it is our own file */
    memcpy(&machine, header + 18, sizeof machine);
    *ret_machine = machine;
  }
  close(fd);
}
