/* SPDX-License-Identifier: MIT */
/* facts.h: what the system says about its memory and the rules it deals it out by. For the command
 * only, not for the library.
 *
 * One look fills one struct, without judging anything: what is good or bad about a figure is
 * decided in toolbox/doctor, from the struct alone. So every system one can think of can be judged
 * in a test, and the reader can be pointed at a copied tree (`root`).
 *
 * Invariants  A figure that could not be read is UL_FACT_UNKNOWN, never 0; a limit that is none is
 *             UL_FACT_UNLIMITED. Why something could not be read stands in hidden[]. Texts end.
 *             Names, paths and values are foreign bytes: whoever shows them makes them harmless.
 * Units       Bytes, unless the field says otherwise.
 * Threads     any; nothing here has state of its own. The struct is large: not for a stack.
 */
#ifndef UL_OS_FACTS_H
#define UL_OS_FACTS_H

#include "base/base.h"

#define UL_FACT_UNKNOWN   UINT64_MAX
#define UL_FACT_UNLIMITED (UINT64_MAX - 1)

/* Is it a plain figure, neither unknown nor "no limit"? */
UL_INLINE bool ul_fact_is(uint64_t figure) {
  return figure < UL_FACT_UNLIMITED;
}

/* Where the memory of the machine is. */
typedef struct ul_facts_memory {
  uint64_t total, free, available;
  uint64_t anonymous, page_cache; /* page cache without shared memory */
  uint64_t shared;                /* tmpfs, shared mappings, System V segments */
  uint64_t slab_kept, slab_reclaimable, page_tables;
  uint64_t commit_limit, committed;
  uint64_t swap_total, swap_free;
  uint64_t huge_page, huge_total, huge_free, huge_promised; /* the latter three: pages */
} ul_facts_memory;

/* Numbers as the system's switches have them. */
typedef struct ul_facts_rules {
  uint64_t overcommit_mode, overcommit_ratio_pct;
  uint64_t swappiness, min_free, max_map_count, zone_reclaim, numa_balancing;
  uint64_t panic_on_oom, oom_kill_allocating;
  uint64_t oom_kills; /* on the whole system, since it started */
  uint64_t ksm_run, ksm_sharing_pages, page;
  char     thp[24], thp_defrag[24];  /* the chosen word; "" unknown */
  uint64_t thp_max_holes, thp_pages; /* khugepaged's max_ptes_none; small pages in a huge one */
} ul_facts_rules;

typedef struct ul_facts_swap {
  char     name[128];
  bool     is_compressed_memory; /* zram */
  uint64_t total, used;
} ul_facts_swap;

/* Time in which some or all tasks waited for memory, in hundredths of a percent. */
typedef struct ul_facts_pressure {
  uint64_t some_10s, some_60s, full_10s, full_60s;
} ul_facts_pressure;

/* One group (cgroup) that counts memory; [0] is the process's own, the next the one above it. */
typedef struct ul_facts_group {
  unsigned          version;        /* 1, 2 */
  char              path[384];      /* as the system names it: "/system.slice/x.service" */
  char              directory[512]; /* where its files are */
  uint64_t          limit, high, swap_limit, usage;
  uint64_t          reclaimable; /* of usage: file pages not used lately */
  uint64_t          kills;
  bool              kills_disabled; /* version 1: pauses at the wall instead */
  ul_facts_pressure pressure;
} ul_facts_group;

enum ul_facts_limit {
  UL_LIMIT_ADDRESS_SPACE,
  UL_LIMIT_DATA,
  UL_LIMIT_STACK,
  UL_LIMIT_LOCKED,
  UL_LIMIT_PROCESSES,
  UL_LIMIT_FILES,
  UL_LIMIT_COUNT
};

typedef struct ul_facts_node {
  unsigned number;
  uint64_t total, free;
} ul_facts_node;

typedef struct ul_facts_user {
  int      pid;
  char     name[16];
  uint64_t resident, proportional, swapped; /* proportional: shared pages by the part */
  uint64_t mappings;                        /* how many */
} ul_facts_user;

/* A file system that lives in memory. */
typedef struct ul_facts_tmpfs {
  char     path[256];
  uint64_t size, used;
} ul_facts_tmpfs;

typedef struct ul_facts_hidden {
  char path[256];
  char why[64];
} ul_facts_hidden;

#define UL_FACTS_GROUPS_MAX 16
#define UL_FACTS_SWAPS_MAX  8
#define UL_FACTS_NODES_MAX  64
#define UL_FACTS_USERS_MAX  5
#define UL_FACTS_TMPFS_MAX  16
#define UL_FACTS_HIDDEN_MAX 24

typedef struct ul_facts {
  int               pid;                        /* of the process looked at; 0: this one */
  unsigned          kernel_major, kernel_minor; /* 0.0: unknown */
  char              kernel[96];
  ul_facts_memory   memory;
  ul_facts_rules    rules;
  bool              has_pressure;
  ul_facts_pressure pressure;
  struct {
    uint64_t soft, hard;
  } limits[UL_LIMIT_COUNT];
  int             oom_score_adjust;
  bool            oom_score_known;
  bool            swaps_known;
  bool            groups_known; /* false: whether there are limits cannot be told */
  size_t          swap_count, group_count, node_count, user_count, tmpfs_count, hidden_count;
  ul_facts_swap   swaps[UL_FACTS_SWAPS_MAX];
  ul_facts_group  groups[UL_FACTS_GROUPS_MAX];
  ul_facts_node   nodes[UL_FACTS_NODES_MAX];
  ul_facts_user   users[UL_FACTS_USERS_MAX]; /* the largest, largest first */
  ul_facts_tmpfs  tmpfs[UL_FACTS_TMPFS_MAX]; /* those that hold something, fullest first */
  ul_facts_hidden hidden[UL_FACTS_HIDDEN_MAX];
  bool            environment_known;
  size_t          environment_bytes;
  char            environment[128 * 1024]; /* NAME=VALUE, each ended by 0 */
} ul_facts;

/* Reads everything, of process `pid` where it is about one (0: this one). `root` stands before
 * every path: "" is the system itself. Tens of milliseconds; more where a large user has many
 * mappings. Returns 0, or -UL_E_NOTFOUND: there is no such process. What else cannot be read is
 * unknown. Context: outside. */
UL_MUST_USE int ul_facts_read(const char *root, int pid, ul_facts *ret_facts);

/* A struct in which nothing is known: what tests start from. */
void ul_facts_init(ul_facts *ret_facts);

/* The value of an environment variable; NULL: not set. */
const char *ul_facts_variable(const ul_facts *facts, const char *name);

#endif
