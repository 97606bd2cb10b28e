/* SPDX-License-Identifier: MIT */
/* enclosure.h: a group of processes that may hold so much memory together, and a word before and at
 * its limit. For the command only.
 *
 *     0          80 %    90 %    limit
 *     |           |       |       |
 *                tripwires        the wall: the group stands still until its limit is raised or
 *                                 its processes are ended
 *
 * The contract every system's file fulfils. A group is made below the one we are in, so that what
 * already limits us keeps doing so, and is gone when the run is over; one that a killed run left
 * behind is taken away by the next.
 *
 * Threads one.
 */
#ifndef UL_OS_ENCLOSURE_H
#define UL_OS_ENCLOSURE_H

#include "base/base.h"

enum ul_enclosure_kind { UL_ENCLOSURE_NONE = 0, UL_ENCLOSURE_CGROUP1, UL_ENCLOSURE_CGROUP2 };

#define UL_ENCLOSURE_FDS     5
#define UL_ENCLOSURE_WHY_MAX 448

typedef struct ul_enclosure {
  enum ul_enclosure_kind kind;
  char                   group[512];
  uint64_t               limit_bytes;
  bool                   pauses; /* at the wall it stands still; else the system kills */
  int                    fd[UL_ENCLOSURE_FDS];     /* to be polled; -1: none */
  bool                   urgent[UL_ENCLOSURE_FDS]; /* for POLLPRI, not POLLIN */
  uint8_t                event[UL_ENCLOSURE_FDS];  /* ul_enclosure_event of each */
  uint64_t               seen_max, seen_high;      /* version 2: counts of memory.events */
  unsigned               step;                     /* version 2: tripwires that are behind us */
} ul_enclosure;

enum ul_enclosure_event {
  UL_ENCLOSED_80 = 1 << 0,
  UL_ENCLOSED_90 = 1 << 1,
  UL_ENCLOSED_PRESSURE = 1 << 2, /* the system has trouble finding memory for the group */
  UL_ENCLOSED_WALL = 1 << 3,
  UL_ENCLOSED_NEAR = 1 << 4, /* just below the wall, nothing left to reclaim, and nobody stopped */
};

/* How far below its wall a group is "near". */
uint64_t ul_enclosure_near_bytes(uint64_t limit_bytes);

void ul_enclosure_init(ul_enclosure *ret_enclosure);

/* Is told a group's directory before it is made: so that it is known to somebody else at any moment. */
typedef void ul_enclosure_announce(const char *directory, void *arg);

/* Makes the group and sets its limit; swap does not widen it. 0, or -UL_E_SYSTEM with the reason in
 * `ret_why_not`. May move this process to another group without limits, where the system lets a
 * group have either processes or limited parts. */
UL_MUST_USE int ul_enclosure_open(uint64_t limit_bytes, ul_enclosure_announce *announce, void *arg,
                                  ul_enclosure *ret_enclosure,
                                  char          ret_why_not[UL_ENCLOSURE_WHY_MAX]);

/* The file into which a process writes "0" to join, before it becomes the program. */
void ul_enclosure_join_file(const ul_enclosure *enclosure, char ret_path[600]);

/* The same, opened; -1 where it cannot be, with errno set. */
int ul_enclosure_join_open(const ul_enclosure *enclosure);

/* Is the process in it, or in a group below it? True also when it is ending: it may have been. */
bool ul_enclosure_holds(const ul_enclosure *enclosure, int pid);

/* What happened, as bits of ul_enclosure_event; `fd` is one of its own that is ready. */
unsigned ul_enclosure_read(ul_enclosure *enclosure, int fd);

/* What the system counts for the group, now and at most since it was made; 0: unknown. */
uint64_t ul_enclosure_usage(const ul_enclosure *enclosure);
uint64_t ul_enclosure_peak(const ul_enclosure *enclosure);

/* What it is made of, as the system counts it. */
typedef struct ul_enclosure_parts {
  uint64_t anonymous_bytes, file_bytes; /* page cache, without shared memory */
  uint64_t shared_bytes, kernel_bytes;
} ul_enclosure_parts;

UL_MUST_USE int ul_enclosure_parts_read(const ul_enclosure *enclosure,
                                        ul_enclosure_parts *ret_parts);

/* Does it stand at the wall still? Its other threads may have freed something meanwhile. */
bool ul_enclosure_stands(const ul_enclosure *enclosure);

/* Goes on from the wall without another limit, since it does not stand there any more. */
void ul_enclosure_resume(ul_enclosure *enclosure);

/* Another limit; whoever stood at the wall goes on. 0 or -UL_E_SYSTEM. */
UL_MUST_USE int ul_enclosure_raise(ul_enclosure *enclosure, uint64_t limit_bytes);

/* Kills every process in the group. */
void ul_enclosure_kill(ul_enclosure *enclosure);

/* Takes the group away, and empty groups that the program made below it. False: processes are still in it (they outlive the program); it has no
 * limit any more then, and the next run takes it away. */
bool ul_enclosure_close(ul_enclosure *enclosure);

#endif
