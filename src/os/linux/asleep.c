/* SPDX-License-Identifier: MIT */
/* asleep.c: os/asleep.h on Linux.
 *
 *     /proc/self/task/TID/syscall     "running"                      not asleep
 *                                     "-1 SP PC"                     asleep, but not in a system call
 *                                     "NUMBER 6 arguments SP PC"
 *
 * A thread's own record and its thread-local variables lie at the upper end of its stack, so the
 * address of one of them is above all frames. The first thread's lie elsewhere; libc keeps its end.
 */
#include "os/asleep.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/bits.h"
#include "os/confine.h"

extern void *__libc_stack_end;

static UL_TLS char above_frames;

#define MEMBARRIER_PRIVATE          (1 << 3)
#define MEMBARRIER_PRIVATE_REGISTER (1 << 4)

/* Deeper stacks than this are not searched; their thread counts as awake. */
#define STACK_SEARCH_MAX ((size_t)1 << 20)
#define CHUNK_WORDS      512

bool ul_os_fence_all_threads(void) {
  if (ul_os_is_confined()) return false;
  int  saved_errno = errno;
  long done = syscall(SYS_membarrier, MEMBARRIER_PRIVATE, 0, 0);
  if (done != 0 && errno == EPERM) { /* not registered yet, or a new program since */
    done = syscall(SYS_membarrier, MEMBARRIER_PRIVATE_REGISTER, 0, 0);
    if (done == 0) done = syscall(SYS_membarrier, MEMBARRIER_PRIVATE, 0, 0);
  }
  errno = saved_errno;
  return done == 0;
}

uint32_t ul_os_thread_id(void) {
  return ul_os_is_confined() ? 0 : (uint32_t)syscall(SYS_gettid);
}

/* The kernel keeps at least so much between the first thread's stack and what is mapped below. */
#define FIRST_STACK_GAP ((uintptr_t)128 << 20)

uintptr_t ul_os_thread_stack_end(void) {
  char      here;
  uintptr_t first_end = (uintptr_t)__libc_stack_end;
  if (first_end - (uintptr_t)&here < FIRST_STACK_GAP) return first_end;
  return (uintptr_t)&above_frames;
}

/* "TID" in decimal before `end`. */
static char *write_number(char *end, uint32_t number) {
  *--end = 0;
  do {
    *--end = (char)('0' + number % 10);
    number /= 10;
  } while (number);
  return end;
}

static bool read_state(uint32_t tid, char *ret_text, size_t capacity) {
  char path[64] = "/proc/self/task/", digits[12];
  strcat(path, write_number(digits + sizeof digits, tid));
  strcat(path, "/syscall");
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = read(fd, ret_text, capacity - 1);
  close(fd);
  if (n <= 0) return false;
  ret_text[n] = 0;
  return true;
}

static const char *skip_word(const char *at) {
  while (*at && *at != ' ') at++;
  while (*at == ' ') at++;
  return at;
}

static uintptr_t read_hex(const char *at) {
  uintptr_t number = 0;
  if (at[0] == '0' && at[1] == 'x') at += 2;
  for (;; at++) {
    if (*at >= '0' && *at <= '9') {
      number = number * 16 + (uintptr_t)(*at - '0');
    } else if (*at >= 'a' && *at <= 'f') {
      number = number * 16 + (uintptr_t)(*at - 'a' + 10);
    } else {
      return number;
    }
  }
}

/* Calls during which somebody else may run in this memory on the caller's behalf. */
static bool lends_memory(unsigned long number) {
#ifdef SYS_vfork
  if (number == SYS_vfork) return true;
#endif
  return number == SYS_clone || number == 435 /* clone3 */;
}

static bool stack_mentions(uintptr_t from, uintptr_t to, ul_code_range code) {
  uintptr_t words[CHUNK_WORDS];
  from = ul_round_down(from, sizeof(uintptr_t));
  while (from < to) {
    size_t       bytes = UL_MIN(to - from, sizeof words);
    struct iovec mine = {words, bytes}, there = {(void *)from, bytes};
    long         n = syscall(SYS_process_vm_readv, getpid(), &mine, 1ul, &there, 1ul, 0ul);
    if (n != (long)bytes) return true; /* there is a hole: not one stack */
    for (size_t i = 0; i < bytes / sizeof *words; i++) {
      if (words[i] >= code.start && words[i] < code.end) return true;
    }
    from += bytes;
  }
  return false;
}

bool ul_os_thread_is_asleep(uint32_t tid, uintptr_t stack_end, ul_code_range code) {
  int  saved_errno = errno;
  char text[256];
  bool asleep = false;
  if (read_state(tid, text, sizeof text) && text[0] >= '0' && text[0] <= '9') {
    unsigned long number = 0;
    for (const char *at = text; *at >= '0' && *at <= '9'; at++) number = number * 10 + (*at - '0');
    const char *at = text;
    for (int i = 0; i < 7; i++) at = skip_word(at);
    uintptr_t sp = read_hex(at), pc = read_hex(skip_word(at));
    asleep = !lends_memory(number) && sp != 0 && sp < stack_end &&
             stack_end - sp <= STACK_SEARCH_MAX && !(pc >= code.start && pc < code.end) &&
             !stack_mentions(sp, stack_end, code);
  }
  errno = saved_errno;
  return asleep;
}
