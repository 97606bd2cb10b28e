/* SPDX-License-Identifier: MIT */
/* interpose_prctl.c: prctl under its own name, to hear of a sandbox before it is there.
 *
 * A program that puts itself under a seccomp filter (sshd's child before authentication, whoever uses
 * libseccomp) lists the system calls it makes, and is ended at the first one that is not on the list.
 * It does not know ours: those that start the agent, its socket, the page of counters, files below
 * /proc. And we cannot find out: every question about a filter is a system call, which the filter may
 * answer by ending the process. So we must hear of it before, and there is one place that nearly all
 * pass: without privileges a filter may be installed only after prctl(PR_SET_NO_NEW_PRIVS), and before
 * seccomp(2) prctl(PR_SET_SECCOMP) was the way to install it. libseccomp, sshd, and what is written by
 * their example call prctl first.
 *
 *     PR_SET_NO_NEW_PRIVS, 1          a filter may follow
 *     PR_SET_SECCOMP, filter          follows now
 *     PR_SET_SECCOMP, strict          read, write, exit and nothing else: not even memory
 *     all else                        is passed on
 *
 * What is heard is told to the runtime, which ends its thread before this returns; then the call is
 * made. That a filter was only possible and does not come costs little: allocating threads do the
 * agent's work from here on (runtime/unaided.h).
 *
 * Not heard: a filter that was there before the program was executed, since memory of ours begins
 * after it; and seccomp(2) called as a number by a process with CAP_SYS_ADMIN that did not call prctl.
 * For these there is ULLAGE_AGENT=0, or what [heap.sandbox] says such a filter must allow.
 *
 * Context  any: prctl may be called from a signal handler, with any lock held, and from a callback on
 *          the agent itself.
 */
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/runtime.h"

/* Called without a filter the kernel is only asked whether it knows of filters. */
static bool asks_for_filter(int option, unsigned long what, unsigned long filter) {
  if (option == PR_SET_NO_NEW_PRIVS) return what == 1;
  return option == PR_SET_SECCOMP && what == SECCOMP_MODE_FILTER && filter != 0;
}

UL_EXPORT int prctl(int option, ...) {
  unsigned long argument[4];
  va_list       list;
  va_start(list, option);
  for (int i = 0; i < 4; i++) argument[i] = va_arg(list, unsigned long);
  va_end(list);
  if (option == PR_SET_SECCOMP && argument[0] == SECCOMP_MODE_STRICT) {
    ul_runtime_sandboxed(true);
  } else if (asks_for_filter(option, argument[0], argument[1])) {
    ul_runtime_sandboxed(false);
  }
  return (int)syscall(SYS_prctl, option, argument[0], argument[1], argument[2], argument[3]);
}
