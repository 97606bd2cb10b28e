/* SPDX-License-Identifier: MIT */
/* pages.c: os/pages.h on Linux.
 *
 *     reserve   mmap PROT_NONE, NORESERVE     not charged, not in core dumps
 *     commit    mprotect READ|WRITE           neighbours merge into one mapping
 *     release   madvise DONTNEED              at once: MADV_FREE would leave freed memory in RSS
 *     move      mremap DONTUNMAP (5.7)        the hole keeps its mapping, so nobody can slip in
 */
#include "os/pages.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "os/confine.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#if ULLAGE_INVARIANTS >= 1
#define FAULT(call) (ul_os_fault_hook && ul_os_fault_hook(call))
#else
#define FAULT(call) 0
#endif

size_t ul_os_page_bytes(void) {
  size_t real_bytes = (size_t)sysconf(_SC_PAGESIZE);
  return real_bytes > ULLAGE_OS_PAGE_BYTES ? real_bytes : (size_t)ULLAGE_OS_PAGE_BYTES;
}

void *ul_os_reserve(size_t bytes) {
  if (FAULT(UL_OS_CALL_RESERVE)) return NULL;
  int   saved_errno = errno;
  void *start = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  errno = saved_errno;
  return start == MAP_FAILED ? NULL : start;
}

size_t ul_os_reserve_limit(void) {
  struct rlimit limit;
  if (ul_os_is_confined()) return SIZE_MAX;
  int saved_errno = errno;
  int failed = getrlimit(RLIMIT_AS, &limit);
  errno = saved_errno;
  if (failed || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  /* The program's own mappings (stacks, libraries, files) need the rest. */
  size_t rest = UL_MAX((size_t)limit.rlim_cur / 8, 32 * UL_MIB);
  return limit.rlim_cur > 2 * rest ? (size_t)limit.rlim_cur - rest : (size_t)limit.rlim_cur / 2;
}

int ul_os_commit(void *start, size_t bytes) {
  if (FAULT(UL_OS_CALL_COMMIT) || ul_os_is_sealed()) return -UL_E_NOMEM;
  int saved_errno = errno;
  int failed = mprotect(start, bytes, PROT_READ | PROT_WRITE);
  errno = saved_errno;
  return failed ? -UL_E_NOMEM : 0;
}

int ul_os_release(void *start, size_t bytes) {
  if (FAULT(UL_OS_CALL_RELEASE) || ul_os_is_sealed()) return -UL_E_SYSTEM;
  int saved_errno = errno;
  int failed;
  do {
    failed = madvise(start, bytes, MADV_DONTNEED);
  } while (failed && errno == EAGAIN);
  errno = saved_errno;
  return failed ? -UL_E_SYSTEM : 0;
}

/* process_madvise takes a list, and one flush of the processors' address caches serves it all; for
 * MADV_DONTNEED of one's own memory since Linux 6.13. Returns the bytes that were done. */
static size_t release_list(const ul_os_stretch *stretches, size_t count) {
  static bool  cannot; /* this kernel: asked once */
  struct iovec list[UL_OS_STRETCHES];
  long         done = 0;
  if (count < 2 || ul_load(&cannot) || ul_os_is_confined()) return 0;
  int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
  for (size_t i = 0; i < count; i++) {
    list[i] = (struct iovec){stretches[i].start, stretches[i].bytes};
  }
  if (self >= 0) {
    done = syscall(SYS_process_madvise, self, list, count, MADV_DONTNEED, 0);
    close(self);
  }
  if (self < 0 || (done < 0 && errno != EAGAIN && errno != EINTR)) ul_store(&cannot, true);
  return done > 0 ? (size_t)done : 0;
}

void ul_os_release_many(ul_os_stretch *stretches, size_t count) {
  int    saved_errno = errno;
  size_t done = 0;
#if ULLAGE_INVARIANTS >= 1
  if (!ul_os_fault_hook) done = release_list(stretches, count); /* a test counts single calls */
#else
  done = release_list(stretches, count);
#endif
  errno = saved_errno;
  for (size_t i = 0; i < count; i++) {
    stretches[i].done = done >= stretches[i].bytes;
    done -= stretches[i].done ? stretches[i].bytes : 0;
    if (stretches[i].done) continue;
    done = 0;
    stretches[i].done = ul_os_release(stretches[i].start, stretches[i].bytes) == 0;
  }
}

int ul_os_move(void *to, void *from, size_t bytes) {
  if (FAULT(UL_OS_CALL_MOVE) || ul_os_is_sealed()) return -UL_E_SYSTEM;
  int   saved_errno = errno;
  void *at = mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to);
  errno = saved_errno;
  return at == to ? 0 : -UL_E_SYSTEM;
}

void ul_os_no_huge_pages(void *start, size_t bytes) {
  int saved_errno = errno;
  if (ul_os_is_sealed()) return;
  (void)madvise(start, bytes, MADV_NOHUGEPAGE); /* EINVAL: a kernel without huge pages */
  errno = saved_errno;
}
