/* SPDX-License-Identifier: MIT */
/* listen.h: the program's end of the control socket (wire/control.h), and the place where its agent
 * sleeps while it has one.
 *
 * Inside a program that knows nothing of us, descriptors are not safe: it may close all it does not
 * know, and open something else of the same number. So ours have high numbers, and before each use
 * it is checked that they are still what they were; where not they are forgotten, never closed.
 *
 * Threads  one, the agent's; but ul_os_listen_wake: any.
 */
#ifndef UL_OS_LISTEN_H
#define UL_OS_LISTEN_H

#include "base/base.h"

typedef struct ul_os_descriptor {
  int      number; /* -1: none */
  uint64_t device, inode;
} ul_os_descriptor;

typedef struct ul_os_listen {
  ul_os_descriptor socket, event;
  char             path[108];
  uint32_t         named; /* path is whole; it is unlinked when the process ends, by any thread */
} ul_os_listen;

void ul_os_listen_init(ul_os_listen *listen);

/* Opens the socket of this process in a directory that is this user's alone. 0, -UL_E_SYSTEM: there
 * is no such directory to be had, or no socket. Allocates nothing. */
UL_MUST_USE int ul_os_listen_open(ul_os_listen *listen);
bool            ul_os_listen_is_open(const ul_os_listen *listen);

/* Sleeps until a request comes (true), ul_os_listen_wake is called or the time is up. Where the
 * descriptors are not ours any more, returns at once and is closed. */
bool ul_os_listen_wait(ul_os_listen *listen, uint64_t timeout_ns);
void ul_os_listen_wake(const ul_os_listen *listen);

/* Takes one request of at least `bytes`, of which so many are kept, from a process of this user or of root. Returns the
 * connection, or -1: none, of somebody else, or not whole within a tenth of a second. */
int  ul_os_listen_take(ul_os_listen *listen, void *ret_request, size_t bytes);
void ul_os_listen_reply(int connection, const void *reply, size_t bytes);

/* Takes the name away, at the process's end: others may still sleep on it. Context: any thread. */
void ul_os_listen_unname(const ul_os_listen *listen);

/* Takes the name away and closes. / In a forked child: closes, the name is the parent's. */
void ul_os_listen_close(ul_os_listen *listen);
void ul_os_listen_forget(ul_os_listen *listen);

#endif
