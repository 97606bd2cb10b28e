/* SPDX-License-Identifier: MIT */
/* control.h: what `ullage trim`, `ullage budget` and others ask of a running program.
 *
 *     command                                   program: the agent's thread
 *     connect to <directory>/PID  ───────────>  accepts, checks the peer's user
 *     one request                 ───────────>  does it
 *                                 <───────────  one reply, then both close
 *
 *     directory   $XDG_RUNTIME_DIR/ullage, else ullage-UID in the system's temporary directory:
 *                 mode 0700 and ours, or it is not used
 *     socket      AF_UNIX, SOCK_SEQPACKET, mode 0600: a request is one packet, never half of one
 *
 * A socket whose program was killed refuses connections; whoever finds it so may remove it. A later
 * program of the same number takes its place.
 *
 * Requests are as old as the program that was started: fields are only ever added at the end, and
 * a program answers UL_CONTROL_UNKNOWN to a verb it does not know.
 */
#ifndef UL_WIRE_CONTROL_H
#define UL_WIRE_CONTROL_H

#include <stdint.h>

#define UL_CONTROL_MAGIC    0x4c54434c4c55ull /* "ULLCTL" as it lies in memory, little endian */
#define UL_CONTROL_VERSION  1u
#define UL_CONTROL_PATH_MAX 104 /* room for sun_path everywhere */

enum ul_control_verb {
  UL_CONTROL_REFRESH = 1, /* bring the page of counters up to date */
  UL_CONTROL_TRIM,        /* give all idle memory back; reply value: bytes given back */
  UL_CONTROL_BUDGET,      /* value: bytes, 0 for none; reply value: the budget before */
};

enum ul_control_answer {
  UL_CONTROL_DONE = 0,
  UL_CONTROL_UNKNOWN = 1, /* a verb of a later version */
  UL_CONTROL_INVALID = 2, /* a value that makes no sense */
};

typedef struct ul_control_request {
  uint64_t magic;
  uint32_t version;
  uint32_t verb;
  uint64_t value;
} ul_control_request;

typedef struct ul_control_reply {
  uint64_t magic;
  uint32_t version;
  uint32_t answer;
  uint64_t value;
} ul_control_reply;

#endif
