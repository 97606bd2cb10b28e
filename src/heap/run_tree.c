/* SPDX-License-Identifier: MIT */
/* run_tree.c: see run_tree.h. */
#include "heap/run_tree.h"

#include "os/fatal.h"

static uint32_t priority(const ul_mspan *run) {
  uint32_t hash = run->first_page * 0x9e3779b1u;
  return hash ^ hash >> 15;
}

static bool is_less(const ul_mspan *run, size_t pages, size_t first_page) {
  return run->pages != pages ? run->pages < pages : run->first_page < first_page;
}

void ul_run_tree_insert(ul_mspan **root, ul_mspan *run) {
  ul_mspan **at = root;
  while (*at && priority(*at) >= priority(run)) {
    at = is_less(*at, run->pages, run->first_page) ? &(*at)->right : &(*at)->left;
  }
  /* `run` takes this place; what was below is split into its two sides. */
  ul_mspan  *below = *at;
  ul_mspan **less = &run->left, **more = &run->right;
  *at = run;
  while (below) {
    if (is_less(below, run->pages, run->first_page)) {
      *less = below;
      less = &below->right;
      below = below->right;
    } else {
      *more = below;
      more = &below->left;
      below = below->left;
    }
  }
  *less = *more = NULL;
}

void ul_run_tree_remove(ul_mspan **root, ul_mspan *run) {
  ul_mspan **at = root;
  while (*at != run) {
    UL_CHECK(*at != NULL);
    at = is_less(*at, run->pages, run->first_page) ? &(*at)->right : &(*at)->left;
  }
  ul_mspan *less = run->left, *more = run->right;
  while (less && more) {
    if (priority(less) >= priority(more)) {
      *at = less;
      at = &less->right;
      less = less->right;
    } else {
      *at = more;
      at = &more->left;
      more = more->left;
    }
  }
  *at = less ? less : more;
}

ul_mspan *ul_run_tree_at_least(ul_mspan *root, size_t pages, size_t first_page) {
  ul_mspan *best = NULL;
  while (root) {
    if (is_less(root, pages, first_page)) {
      root = root->right;
    } else {
      best = root;
      root = root->left;
    }
  }
  return best;
}
