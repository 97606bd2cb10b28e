/* SPDX-License-Identifier: MIT */
/* tree.h: the page on which the processes of a tree account for one budget.
 *
 *     ULLAGE_BUDGET=1500000000@ID:TOKEN      ID: number of the segment (os/segment.h)
 *                                            TOKEN: the page's own, hexadecimal
 *
 *     | head: budget, token | slot | slot | slot | …        one slot a process, a cache line each
 *
 * Without a page eight workers that inherit a budget of 1500M would take 12 GB. The first process
 * that reads a budget makes the page and puts its number behind the budget, in the environment it
 * hands on; `ullage run` makes it for whatever it starts. Who is given another budget starts a tree
 * of its own.
 *
 * A slot is written by its process alone. One that ended without a word (killed) is cleared by
 * whoever adds the slots up near the limit and finds the process gone.
 *
 * Invariants  pid 0: the slot is free, whatever else stands there. `used` never falls.
 */
#ifndef UL_WIRE_TREE_H
#define UL_WIRE_TREE_H

#include "base/base.h"

#define UL_TREE_MAGIC 0x315445474c4c55ull /* "ULLGET1" as it lies in memory, little endian */
#define UL_TREE_SLOTS 511

typedef struct ul_tree_slot {
  uint32_t pid; /* claimed by compare and swap */
  uint32_t level;
  uint64_t held_bytes;    /* when it last counted */
  uint64_t granted_bytes; /* up to which it may grow without counting again */
  uint64_t reserved[5];
} ul_tree_slot;

typedef struct ul_tree_page {
  uint64_t     magic;
  uint64_t     token;
  uint64_t     budget_bytes; /* atomic; 0: none; may be changed while it runs */
  uint64_t     namespace_id; /* of process numbers: only who shares it can tell who is gone */
  uint32_t     used;         /* slots that were ever claimed lie below */
  uint32_t     reserved[7];
  ul_tree_slot slot[UL_TREE_SLOTS];
} ul_tree_page;

_Static_assert(sizeof(ul_tree_slot) == 64, "a slot is a cache line");

/* Makes a page of zeros one of a tree without processes. */
void ul_tree_page_init(ul_tree_page *page, uint64_t budget_bytes, uint64_t token,
                       uint64_t namespace_id);

/* "@ID:TOKEN", to be put behind the budget; and "ID:TOKEN" read again. */
#define UL_TREE_NAME_MAX 40
void ul_tree_name_write(int id, uint64_t token, char ret_name[UL_TREE_NAME_MAX]);
bool ul_tree_name_parse(const char *name, int *ret_id, uint64_t *ret_token);

#endif
