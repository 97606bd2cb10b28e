/* SPDX-License-Identifier: MIT */
/* lock.c: os/lock.h on Linux futexes. */
#include "os/lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "os/arch/cpu.h"

/* Sections under our locks last well under a microsecond, sleeping and waking costs about ten. */
#define SPINS 100

void ul_os_wait(uint32_t *word, uint32_t expected, uint64_t timeout_ns) {
  int             saved_errno = errno;
  struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u),
                             .tv_nsec = (long)(timeout_ns % 1000000000u)};
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ns == UINT64_MAX ? NULL : &timeout,
          NULL, 0);
  errno = saved_errno;
}

void ul_os_wake_all(uint32_t *word) {
  int saved_errno = errno;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
  errno = saved_errno;
}

void ul_lock_wait(ul_lock *lock) {
  for (int i = 0; i < SPINS; i++) {
    if (ul_load(&lock->state) == 0 && ul_cas_u32(&lock->state, 0, 1)) return;
    ul_cpu_relax();
  }
  while (__atomic_exchange_n(&lock->state, 2, __ATOMIC_ACQUIRE) != 0) {
    ul_os_wait(&lock->state, 2, UINT64_MAX);
  }
}

void ul_lock_wake(ul_lock *lock) {
  int saved_errno = errno;
  syscall(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  errno = saved_errno;
}
