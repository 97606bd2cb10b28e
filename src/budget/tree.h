/* SPDX-License-Identifier: MIT */
/* tree.h: this process's part of a budget that a whole process tree shares (wire/tree.h).
 *
 * What a process holds is written to its slot when it has changed by a step, and whenever somebody
 * adds up. A forked child inherits its parent's pages and shares them until one of the two writes:
 * what it held at the fork (`inherited`) counts in its parent's slot only.
 *
 * Threads  the owner's fields are guarded by the budget's lock; slots are atomic.
 */
#ifndef UL_BUDGET_TREE_H
#define UL_BUDGET_TREE_H

#include "base/atomic.h"
#include "base/base.h"
#include "wire/tree.h"

typedef struct ul_tree {
  ul_tree_page *page; /* NULL: the process is alone */
  ul_tree_slot *slot; /* NULL: not claimed yet, or none was left */
  int           id;
  uint32_t      pid;
  uint64_t      namespace_id; /* in which that number means us */
  uint64_t      inherited_bytes;
} ul_tree;

/* NULL: the process is alone. May be asked without the lock: the page is published last. */
UL_INLINE ul_tree_page *ul_tree_page_of(const ul_tree *tree) {
  return ul_load_acquire(&tree->page);
}

/* Attaches to the tree that "ID:TOKEN" names. 0 or -UL_E_NOTFOUND: it is gone. */
int ul_tree_join(ul_tree *tree, const char *name);

/* A new tree of one. 0 or -UL_E_SYSTEM: this system shares no memory so; the process stays alone. */
int ul_tree_make(ul_tree *tree, uint64_t budget_bytes, uint64_t token);

/* "@ID:TOKEN" of a tree, to be put behind the budget. */
void ul_tree_name(const ul_tree *tree, char ret_name[UL_TREE_NAME_MAX]);

/* What the processes of a tree hold, and what they may grow to before they ask again: who gives out
 * room must take the others at that. */
typedef struct ul_tree_sum {
  uint64_t held_bytes, promised_bytes, members;
} ul_tree_sum;

/* Says what this process holds, and adds up. Claims a slot when there is none. */
void ul_tree_add_up(ul_tree *tree, uint64_t held_bytes, ul_tree_sum *ret_sum);

/* Says that this process may grow by so much from what it last said. */
void ul_tree_grant(ul_tree *tree, uint64_t room_bytes);

/* Clears the slots of processes that are gone, and corrects those that claim more than the process
 * has resident. Some microseconds for each member. */
void ul_tree_sweep(ul_tree *tree);

/* In a forked child: it holds what its parent held, and has no slot yet. */
void ul_tree_forked(ul_tree *tree, uint64_t held_bytes);

/* Gives the slot back. */
void ul_tree_leave(ul_tree *tree);

#endif
