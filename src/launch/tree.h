/* SPDX-License-Identifier: MIT */
/* tree.h: the page on which the processes of a run account for their budget (wire/tree.h).
 *
 * The library makes one itself where there is none; we make it so that it is there for the whole run,
 * whatever the launcher does between: also when one process ends before the next begins, or when
 * the program that starts the others cannot have the library.
 */
#ifndef UL_LAUNCH_TREE_H
#define UL_LAUNCH_TREE_H

#include "launch/prepare.h"
#include "wire/tree.h"

typedef struct ul_run_tree {
  ul_tree_page *page; /* NULL: there is none */
} ul_run_tree;

/* Puts the page's name behind the ULLAGE_BUDGET that the plan's environment holds. Where there is no
 * such size, or no page to be had, nothing changes. */
void ul_run_tree_open(ul_run_tree *ret_tree, ul_plan *plan);
void ul_run_tree_close(ul_run_tree *tree);

#endif
