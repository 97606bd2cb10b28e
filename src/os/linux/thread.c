/* SPDX-License-Identifier: MIT */
/* thread.c: os/thread.h on Linux.
 *
 * glibc 2.34 gave these functions a new version when they moved from libpthread into libc. The shared
 * library asks for the old one, so that it loads from 2.28 on, and weakly: there, a program that was
 * not linked to libpthread does not have them, has no threads, and gets by without. The archive is
 * for whoever links it and asks for what is current, which is why this file is compiled twice.
 */
#include "os/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/arch/cpu.h"

#ifdef ULLAGE_OLD_ABI
#define FROM_OLDEST(name) __asm__(".symver " #name "," #name "@" UL_CPU_OLDEST_GLIBC)
FROM_OLDEST(pthread_create);
FROM_OLDEST(pthread_attr_setstacksize);
FROM_OLDEST(pthread_key_create);
FROM_OLDEST(pthread_setspecific);
#pragma weak pthread_create
#pragma weak pthread_attr_setstacksize
#pragma weak pthread_key_create
#pragma weak pthread_setspecific
#define MISSING(name) (!(name))
#else
#define MISSING(name) false
#endif

struct start {
  void (*run)(void *);
  void       *arg;
  const char *name;
};

static struct start starting;

static void *thread_main(void *record) {
  struct start *start = record;
  syscall(SYS_prctl, PR_SET_NAME, start->name, 0, 0, 0); /* prctl is ours: api/interpose_prctl.c */
  start->run(start->arg);
  return NULL;
}

/* The agent needs about 8 KiB; the rest is for the program's pressure callbacks. Only what is touched
 * costs memory. Signals are blocked, so none lands here. */
#define STACK_BYTES ((size_t)256 * 1024)

/* Signals that others send are not for a thread the program does not know of. Those that a thread
 * causes itself are left: were they blocked, the system would end the process instead of calling the
 * program's handler. With SIGSYS a filter of system calls asks that handler (SECCOMP_RET_TRAP); the
 * others come from the program's pressure callbacks. */
static void block_others(sigset_t *ret_before) {
  sigset_t  blocked;
  const int own[] = {SIGSYS, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  sigfillset(&blocked);
  for (size_t i = 0; i < UL_ARRAY_LEN(own); i++) sigdelset(&blocked, own[i]);
  sigprocmask(SIG_BLOCK, &blocked, ret_before); /* on Linux: of the calling thread */
}

int ul_os_thread_start(void (*run)(void *arg), void *arg, const char *name) {
  pthread_attr_t attributes;
  pthread_t      thread;
  sigset_t       before;
  int            saved_errno = errno;

  if (MISSING(pthread_create)) return -UL_E_SYSTEM;
  starting = (struct start){.run = run, .arg = arg, .name = name};
  if (pthread_attr_init(&attributes) != 0) return -UL_E_SYSTEM;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  size_t least = (size_t)sysconf(_SC_THREAD_STACK_MIN);
  pthread_attr_setstacksize(&attributes, STACK_BYTES + (least > STACK_BYTES ? least : 0));
  block_others(&before);
  int failed = pthread_create(&thread, &attributes, thread_main, &starting);
  sigprocmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  errno = saved_errno;
  return failed ? -UL_E_SYSTEM : 0;
}

bool ul_os_thread_exists(uint32_t tid) {
  int  saved_errno = errno;
  bool exists = syscall(SYS_tgkill, getpid(), (int)tid, 0) == 0 || errno != ESRCH;
  errno = saved_errno;
  return exists;
}

int ul_os_thread_key_make(void (*ends)(void *value), uint32_t *ret_key) {
  pthread_key_t key;
  if (MISSING(pthread_key_create) || pthread_key_create(&key, ends) != 0) return -UL_E_SYSTEM;
  *ret_key = (uint32_t)key;
  return 0;
}

int ul_os_thread_key_set(uint32_t key, void *value) {
  return pthread_setspecific((pthread_key_t)key, value) == 0 ? 0 : -UL_E_SYSTEM;
}

void ul_os_at_fork(void (*before)(void), void (*parent)(void), void (*child)(void)) {
  int saved_errno = errno;
  pthread_atfork(before, parent, child);
  errno = saved_errno;
}
