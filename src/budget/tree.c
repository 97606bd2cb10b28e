/* SPDX-License-Identifier: MIT */
/* tree.c: see tree.h. */
#include "budget/tree.h"

#include "base/atomic.h"
#include "os/segment.h"
#include "os/self.h"
#include "os/usage.h"

/* Others may ask for the page just now, without a lock: it comes last. */
static void publish(ul_tree *tree, ul_tree_page *page, int id) {
  tree->id = id;
  tree->pid = (uint32_t)ul_os_pid();
  tree->namespace_id = ul_os_pid_namespace();
  ul_store_release(&tree->page, page);
}

int ul_tree_join(ul_tree *tree, const char *name) {
  uint64_t token;
  int      id;
  if (!ul_tree_name_parse(name, &id, &token)) return -UL_E_NOTFOUND;
  ul_tree_page *page = ul_os_segment_attach(id, sizeof *page);
  if (!page) return -UL_E_NOTFOUND;
  if (ul_load_acquire(&page->magic) != UL_TREE_MAGIC || page->token != token) {
    ul_os_segment_drop(page);
    return -UL_E_NOTFOUND;
  }
  publish(tree, page, id);
  return 0;
}

int ul_tree_make(ul_tree *tree, uint64_t budget_bytes, uint64_t token) {
  int           id;
  ul_tree_page *page = ul_os_segment_make(sizeof *page, &id);
  if (!page) return -UL_E_SYSTEM;
  ul_tree_page_init(page, budget_bytes, token, ul_os_pid_namespace());
  publish(tree, page, id);
  return 0;
}

void ul_tree_name(const ul_tree *tree, char ret_name[UL_TREE_NAME_MAX]) {
  ul_tree_name_write(tree->id, tree->page->token, ret_name);
}

static uint32_t used_slots(const ul_tree_page *page) {
  uint32_t used = ul_load(&page->used);
  return UL_MIN(used, (uint32_t)UL_TREE_SLOTS); /* others write this page */
}

/* A process keeps its number over exec, so a slot of that number is ours. */
static void claim(ul_tree *tree) {
  ul_tree_page *page = ul_tree_page_of(tree);
  uint32_t      used = used_slots(page);
  bool          knows = page->namespace_id == tree->namespace_id;
  for (uint32_t i = 0; knows && i < used && !tree->slot; i++) {
    if (ul_load(&page->slot[i].pid) == tree->pid) tree->slot = &page->slot[i];
  }
  for (uint32_t i = 0; i < UL_TREE_SLOTS && !tree->slot; i++) {
    if (ul_load(&page->slot[i].pid) != 0) continue;
    if (!ul_cas_u32(&page->slot[i].pid, 0, tree->pid)) continue;
    tree->slot = &page->slot[i];
    used = ul_load(&page->used);
    while (used < i + 1 && !ul_cas_u32(&page->used, used, i + 1)) used = ul_load(&page->used);
  }
}

static uint64_t sum(uint64_t a, uint64_t b) {
  return b > UINT64_MAX - a ? UINT64_MAX : a + b; /* others write this page */
}

void ul_tree_add_up(ul_tree *tree, uint64_t held_bytes, ul_tree_sum *ret_sum) {
  ul_tree_page *page = ul_tree_page_of(tree);
  *ret_sum = (ul_tree_sum){.held_bytes = held_bytes, .promised_bytes = held_bytes, .members = 1};
  if (!page) return;
  uint64_t    own = held_bytes - UL_MIN(held_bytes, tree->inherited_bytes);
  ul_tree_sum all = {.held_bytes = own, .promised_bytes = own, .members = 1};
  if (!tree->slot) claim(tree);
  if (tree->slot) ul_store(&tree->slot->held_bytes, own);
  uint32_t used = used_slots(page);
  for (uint32_t i = 0; i < used; i++) {
    const ul_tree_slot *slot = &page->slot[i];
    if (ul_load(&slot->pid) == 0 || slot == tree->slot) continue;
    uint64_t theirs = ul_load(&slot->held_bytes), granted = ul_load_ordered(&slot->granted_bytes);
    all.held_bytes = sum(all.held_bytes, theirs);
    all.promised_bytes = sum(all.promised_bytes, UL_MAX(theirs, granted));
    all.members++;
  }
  *ret_sum = all;
}

void ul_tree_grant(ul_tree *tree, uint64_t room_bytes) {
  ul_tree_slot *slot = tree->slot;
  if (slot) ul_store_ordered(&slot->granted_bytes, sum(ul_load(&slot->held_bytes), room_bytes));
}

void ul_tree_sweep(ul_tree *tree) {
  ul_tree_page *page = ul_tree_page_of(tree);
  if (!page || page->namespace_id != tree->namespace_id) return;
  uint32_t used = used_slots(page);
  for (uint32_t i = 0; i < used; i++) {
    ul_tree_slot *slot = &page->slot[i];
    uint32_t      pid = ul_load(&slot->pid);
    uint64_t      resident_bytes;
    if (pid == 0 || slot == tree->slot) continue;
    int error = ul_os_resident_of(pid, &resident_bytes);
    if (error == -UL_E_NOTFOUND) {
      ul_store(&slot->held_bytes, (uint64_t)0);
      ul_store(&slot->granted_bytes, (uint64_t)0);
      ul_cas_u32(&slot->pid, pid, 0); /* unless somebody else was faster */
    } else if (error == 0 && ul_load(&slot->held_bytes) > resident_bytes) {
      ul_store(&slot->held_bytes, resident_bytes);
      ul_store(&slot->granted_bytes, resident_bytes);
    }
  }
}

void ul_tree_forked(ul_tree *tree, uint64_t held_bytes) {
  tree->slot = NULL;
  tree->pid = (uint32_t)ul_os_pid();
  /* Looked at now: later the child may have forbidden itself to look at files. */
  if (tree->page) tree->namespace_id = ul_os_pid_namespace();
  tree->inherited_bytes = held_bytes;
}

void ul_tree_leave(ul_tree *tree) {
  if (!tree->slot) return;
  ul_store(&tree->slot->held_bytes, (uint64_t)0);
  ul_store(&tree->slot->granted_bytes, (uint64_t)0);
  ul_store_release(&tree->slot->pid, 0u);
  tree->slot = NULL;
}
