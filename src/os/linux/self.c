/* SPDX-License-Identifier: MIT */
/* self.c: os/self.h on Linux. */
#include "os/self.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "os/confine.h"
#include "os/linux/entries.h"

extern char **environ;

uint64_t ul_os_random_key(void) {
  uint64_t    words[2] = {0x9e3779b97f4a7c15u, 0xd1b54a32d192ed03u};
  const void *random = (const void *)getauxval(AT_RANDOM);
  if (random) memcpy(words, random, sizeof words);
  /* glibc derives its stack guard from the same bytes: mix, so that one does not tell the other. */
  uint64_t key = (words[0] ^ (words[1] << 23 | words[1] >> 41)) * 0xff51afd7ed558ccdu;
  key ^= key >> 32;
  return key | 1;
}

bool ul_os_is_secure(void) {
  return getauxval(AT_SECURE) != 0;
}

uint64_t ul_os_now_ns(void) {
  struct timespec now;
  if (ul_os_is_sealed()) return 0; /* the processor's counter is forbidden as well */
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t ul_os_memory_bytes(void) {
  long pages = sysconf(_SC_PHYS_PAGES);
  return pages > 0 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

uint64_t ul_os_pid(void) {
  return (uint64_t)getpid();
}

const char *ul_os_environment(const char *name) {
  size_t length = strlen(name);
  if (!environ) return NULL;
  for (char **entry = environ; *entry; entry++) {
    if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') return *entry + length + 1;
  }
  return NULL;
}

void ul_os_environment_replace(const char *name, char *entry) {
  size_t length = strlen(name);
  for (char **at = environ; at && *at; at++) {
    if (strncmp(*at, name, length) == 0 && (*at)[length] == '=') *at = entry;
  }
}

/* State letter of a thread from its stat file: the one after the last ')'. 0 when it is gone. */
static char thread_state(int task_fd, const char *tid) {
  char path[64];
  char text[256];
  if (strlen(tid) > 20) return 0;
  strcpy(path, tid);
  strcat(path, "/stat");
  int fd = openat(task_fd, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return 0;
  text[n] = 0;
  const char *end = strrchr(text, ')');
  return end && end[1] == ' ' ? end[2] : 0;
}

bool ul_os_thread_is_last(void) {
  char buffer[1024] __attribute__((aligned(8)));
  char own[24];
  int  others = 0;
  int  fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  uint64_t tid = (uint64_t)syscall(SYS_gettid);
  size_t   at = sizeof own - 1;
  own[at] = 0;
  do {
    own[--at] = (char)('0' + tid % 10);
    tid /= 10;
  } while (tid);
  for (;;) {
    long n = ul_linux_entries(fd, buffer, sizeof buffer);
    if (n <= 0) break;
    for (long i = 0; i < n;) {
      const struct ul_linux_entry *entry = (const void *)(buffer + i);
      i += entry->length;
      if (entry->name[0] == '.' || strcmp(entry->name, own + at) == 0) continue;
      char state = thread_state(fd, entry->name);
      if (state != 0 && state != 'Z' && state != 'X') others++;
    }
  }
  close(fd);
  return others == 0;
}

void *ul_os_shared_page(const char *name, size_t bytes) {
  if (ul_os_is_confined()) return NULL;
  int   saved_errno = errno;
  void *page = MAP_FAILED;
  /* Beyond the limit on file sizes the kernel would not refuse, but kill. */
  struct rlimit most;
  bool          allowed = getrlimit(RLIMIT_FSIZE, &most) == 0 && most.rlim_cur >= bytes;
  int           fd = allowed ? (int)syscall(SYS_memfd_create, name, 1u /* MFD_CLOEXEC */) : -1;
  if (fd >= 0) {
    if (ftruncate(fd, (off_t)bytes) == 0) {
      page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    close(fd);
  }
  if (page != MAP_FAILED) (void)madvise(page, bytes, MADV_DONTFORK);
  errno = saved_errno;
  return page == MAP_FAILED ? NULL : page;
}

void ul_os_shared_page_drop(void *page, size_t bytes) {
  int saved_errno = errno;
  munmap(page, bytes);
  errno = saved_errno;
}
