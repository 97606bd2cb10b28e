/* SPDX-License-Identifier: MIT */
/* control.h: the command's end of the control socket (wire/control.h). For the command only; the
 * program's end is listen.h.
 *
 * The socket's directory is believed only where it is a directory of the program's user that nobody
 * else can enter, and the answer only where the kernel says that the process at the other end is the
 * one that was meant. Whoever can put a file into the temporary directory can keep us from asking,
 * but cannot answer in the program's place.
 *
 * A request is sent once: one that may have arrived is not sent to another place.
 *
 * Threads any.
 */
#ifndef UL_OS_CONTROL_H
#define UL_OS_CONTROL_H

#include "base/base.h"

enum ul_control_failure {
  UL_CONTROL_FINE = 0,
  UL_CONTROL_NO_SOCKET, /* it has none: no libullage, or too small a heap so far */
  UL_CONTROL_STALE,    /* one is there, but nobody listens: of a program that was killed; removed */
  UL_CONTROL_UNSAFE,   /* the directory is not the user's alone, or no directory */
  UL_CONTROL_IMPOSTOR, /* another process listens there, or it is no socket */
  UL_CONTROL_NO_ANSWER, /* nothing within the time */
  UL_CONTROL_GARBLED,   /* hung up, or answered less than a reply */
  UL_CONTROL_FORBIDDEN, /* of another user, and we are not root */
};

/* Where it was looked, for a message: the socket or the directory of the failure. */
typedef struct ul_control_place {
  char path[256];
} ul_control_place;

/* Sends one request to a process and waits for the reply; bytes beyond `reply_bytes`, of a later
 * version, are dropped. *ret_place is filled also on failure. Never takes much longer than
 * `timeout_ns`, whatever the other end does. */
enum ul_control_failure ul_control_ask(int pid, const void *request, size_t request_bytes,
                                       void *ret_reply, size_t reply_bytes, uint64_t timeout_ns,
                                       ul_control_place *ret_place);

/* May we look at that process, and would it answer: is it of this user, or are we root? False also
 * when it is gone. */
bool ul_control_is_ours(int pid);

#endif
