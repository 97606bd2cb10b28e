/* SPDX-License-Identifier: MIT */
/* lock.h: a mutex of four bytes that needs no initialiser beyond zero and no allocation.
 *
 *     0 free     1 held     2 held, and somebody may sleep
 *
 * Threads     any. Not recursive. A forked child resets the locks it inherited held with
 *             ul_lock_reset.
 * Source      U. Drepper, "Futexes are tricky", mutex 2.
 */
#ifndef UL_OS_LOCK_H
#define UL_OS_LOCK_H

#include "base/atomic.h"

typedef struct ul_lock {
  uint32_t state;
} ul_lock;

void ul_lock_wait(ul_lock *lock); /* slow half of ul_lock_take */
void ul_lock_wake(ul_lock *lock); /* slow half of ul_lock_drop */

UL_INLINE void ul_lock_take(ul_lock *lock) {
  if (UL_UNLIKELY(!ul_cas_u32(&lock->state, 0, 1))) ul_lock_wait(lock);
}

UL_INLINE bool ul_lock_try(ul_lock *lock) {
  return ul_cas_u32(&lock->state, 0, 1);
}

UL_INLINE void ul_lock_drop(ul_lock *lock) {
  if (UL_UNLIKELY(__atomic_exchange_n(&lock->state, 0, __ATOMIC_RELEASE) == 2)) ul_lock_wake(lock);
}

UL_INLINE void ul_lock_reset(ul_lock *lock) {
  __atomic_store_n(&lock->state, 0, __ATOMIC_RELEASE);
}

/* Sleeps while *word == expected, at most timeout_ns (UINT64_MAX: for ever). May return early. */
void ul_os_wait(uint32_t *word, uint32_t expected, uint64_t timeout_ns);
void ul_os_wake_all(uint32_t *word);

#endif
