/* SPDX-License-Identifier: MIT */
/* run_tree.h: a treap of free runs, ordered by (pages, first page).
 *
 * A search tree by key and a heap by priority; priorities are a hash of the first page, so the shape
 * depends only on what is in it and expected depth is O(log n), with no balance to store. Loops, no
 * recursion: threads with 16 KiB of stack free memory too.
 *
 * Threads     guarded by who owns the root.
 * Source      C. Aragon, R. Seidel, "Randomized search trees", 1989.
 */
#ifndef UL_HEAP_RUN_TREE_H
#define UL_HEAP_RUN_TREE_H

#include "heap/mspan.h"

void ul_run_tree_insert(ul_mspan **root, ul_mspan *run);
void ul_run_tree_remove(ul_mspan **root, ul_mspan *run);

/* The smallest run with (pages, first_page) >= the key; NULL when there is none. */
ul_mspan *ul_run_tree_at_least(ul_mspan *root, size_t pages, size_t first_page);

#endif
