/* SPDX-License-Identifier: MIT */
/* tree.c: see tree.h. */
#include "launch/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/size_text.h"
#include "os/segment.h"
#include "os/self.h"
#include "os/usage.h"

#define VARIABLE "ULLAGE_BUDGET="

static char **find(ul_plan *plan) {
  for (char **at = plan->environment; *at; at++) {
    if (strncmp(*at, VARIABLE, strlen(VARIABLE)) == 0) return at;
  }
  return NULL;
}

void ul_run_tree_open(ul_run_tree *ret_tree, ul_plan *plan) {
  char   **entry = find(plan), *longer;
  char     name[UL_TREE_NAME_MAX];
  uint64_t bytes, token = ul_os_random_key() ^ ul_os_now_ns();
  int      id;
  *ret_tree = (ul_run_tree){0};
  /* In a run inside a run the name of the outer tree is there already, and stays. */
  if (!entry || ul_size_parse(*entry + strlen(VARIABLE), &bytes) != 0 || bytes == 0) return;
  ul_tree_page *page = ul_os_segment_make(sizeof *page, &id);
  if (!page) return;
  ul_tree_page_init(page, bytes, token, ul_os_pid_namespace());
  ul_tree_name_write(id, token, name);
  longer = malloc(strlen(*entry) + sizeof name);
  if (!longer) {
    ul_os_segment_drop(page);
    return;
  }
  strcat(strcpy(longer, *entry), name);
  free(*entry);
  *entry = longer;
  ret_tree->page = page;
}

void ul_run_tree_close(ul_run_tree *tree) {
  if (tree->page) ul_os_segment_drop(tree->page);
  tree->page = NULL;
}
