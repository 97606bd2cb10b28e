/* SPDX-License-Identifier: MIT */
/* process.h: other processes, looked at from outside. For the command only, not for the library.
 *
 * The contract every system's file fulfils. Looking must be cheap: the watcher does it twenty times
 * a second for every process of a tree. So the figures are split by what they cost, and a handle
 * keeps the one file open that is read each time.
 *
 * A pid is reused; pid and start together are not, so whoever keeps a pid keeps both.
 *
 * Errors  -UL_E_NOTFOUND: the process is gone (or a zombie, where memory is asked for).
 *         -UL_E_SYSTEM: not allowed, or this system cannot tell.
 * Threads any; nothing here has state of its own.
 */
#ifndef UL_OS_PROCESS_H
#define UL_OS_PROCESS_H

#include "base/base.h"

/* ---- One process ------------------------------------------------------------------------------ */

typedef struct ul_process {
  int pid;
  int memory_fd; /* kept open; -1: opened for each look, as when descriptors are short */
  int child_fd;  /* the same, of the list of its first thread's children */
} ul_process;

/* `keep_open` false saves a descriptor and costs a microsecond a look. */
void ul_process_open(int pid, bool keep_open, ul_process *ret_process);
void ul_process_close(ul_process *process);

/* Resident bytes, shared pages included. About a microsecond. */
UL_MUST_USE int ul_process_rss(const ul_process *process, uint64_t *ret_bytes);

/* What the kernel counts for a process. The waited_ fields hold what its ended children used. */
typedef struct ul_process_usage {
  int      parent;
  bool     is_zombie;
  bool     is_thread; /* the number is a thread's, not a process's */
  uint64_t start;     /* when it started, in units of the system: only comparable */
  uint64_t threads;
  uint64_t minor_faults, major_faults, user_ns, system_ns;
  uint64_t waited_minor_faults, waited_major_faults, waited_user_ns, waited_system_ns;
} ul_process_usage;

/* Some microseconds, more for a process with many threads. */
UL_MUST_USE int ul_process_usage_read(int pid, ul_process_usage *ret_usage);

/* The number by which a process knows itself: in a container another than ours. `pid` where the system
 * does not tell. */
int ul_process_inner_pid(int pid);

/* Proportional set size: shared pages count as the part that falls to this process. Dear: the
 * kernel walks every mapping, about a millisecond for each GB. */
UL_MUST_USE int ul_process_pss(int pid, uint64_t *ret_bytes);

/* What the resident memory of a process is made of. A few microseconds. */
typedef struct ul_process_parts {
  uint64_t anonymous_bytes, file_bytes, shared_bytes;
} ul_process_parts;

UL_MUST_USE int ul_process_parts_read(int pid, ul_process_parts *ret_parts);

/* The mappings with most memory behind them, largest first; returns how many. Dear: see
 * ul_process_pss. */
typedef struct ul_process_mapping {
  uint64_t rss_bytes;
  char     name[80]; /* of the file, or "[heap]"; "" for anonymous memory */
} ul_process_mapping;

size_t ul_process_largest_mappings(int pid, ul_process_mapping *ret_top, size_t capacity);

/* Where the shared page that ul_os_shared_page named `name` lies in that process. Reads the list of
 * its mappings: hundreds of microseconds. -UL_E_NOTFOUND: it has none, or not yet. */
UL_MUST_USE int ul_process_find_page(int pid, const char *name, uint64_t *ret_address);

/* Copies `bytes` of that process's memory, without stopping it. -UL_E_NOTFOUND: not there. */
UL_MUST_USE int ul_process_peek(int pid, uint64_t address, void *ret_bytes, size_t bytes);

/* The newest number given to a process or thread on this system, or -1 when it cannot be told.
 * `*fd` is -1 at first and is kept open between calls. */
int ul_process_newest(int *fd);

/* The number after which the system starts again from small ones. */
int ul_process_pid_max(void);

/* Calls `visit` for every process, in no particular order. */
void ul_process_each(void (*visit)(int pid, void *arg), void *arg);

/* Calls `visit` for every child of a process. A child belongs to the thread that made it, so
 * `has_threads` costs some microseconds for each thread; false asks the first thread only: two. */
void ul_process_each_child(const ul_process *process, bool          has_threads,
                           void (*visit)(int pid, void *arg), void *arg);

/* Does this system list a process's children? */
bool ul_process_tells_children(void);

/* Name of the process as the kernel keeps it (at most 15 characters); "" when it is gone. */
void ul_process_name(int pid, char ret_name[16]);

/* Name of the file it runs, without its directory; "" when that cannot be seen. */
void ul_process_file_name(int pid, char *ret_name, size_t capacity);

/* ---- This process ----------------------------------------------------------------------------- */

/* Path of the running program; the empty text when the system cannot tell. */
void ul_process_own_path(char *ret_path, size_t capacity);

/* Processor time of the calling thread. */
uint64_t ul_process_own_cpu_ns(void);

/* ---- The file of a program -------------------------------------------------------------------- */

/* Would starting this file raise privileges, so that LD_PRELOAD is ignored? */
bool ul_process_file_is_secure(const char *path);

/* Name of the machine's ELF kind, to compare with a program's: e_machine and 32 or 64. */
void ul_process_own_machine(unsigned *ret_machine, unsigned *ret_bits);

/* ---- Killed for memory? ----------------------------------------------------------------------- */

/* The enclosures of a process (cgroups) that count such kills, and how many there were. */
typedef struct ul_oom_watch {
  char     group_v1[512]; /* directory of its memory group; "" when there is none */
  char     group_v2[512];
  uint64_t kills_v1, kills_v2, kills_system; /* counts at the start, UINT64_MAX: unknown */
  char     groups[1024]; /* what the system said at the last look: the same means nothing to do */
} ul_oom_watch;

/* Notes the groups of `pid` and their counts. Call again when the process may have moved: where the
 * group is another one, its count starts anew. */
void ul_oom_watch_look(ul_oom_watch *watch, int pid);
void ul_oom_watch_init(ul_oom_watch *ret_watch, int pid);

typedef struct ul_oom_facts {
  uint64_t group_kills;  /* since the watch began, in its groups */
  uint64_t system_kills; /* on the whole system */
  uint64_t limit_bytes;  /* of the group that counted; 0: unknown or none */
  char     group[512];   /* that group */
} ul_oom_facts;

void ul_oom_watch_read(const ul_oom_watch *watch, ul_oom_facts *ret_facts);

#endif
