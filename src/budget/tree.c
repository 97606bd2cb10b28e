/* SPDX-License-Identifier: MIT */
/* tree.c: see tree.h. */
#include "budget/tree.h"

#include "base/atomic.h"
#include "base/text.h"
#include "os/segment.h"
#include "os/self.h"
#include "os/usage.h"

/* A decimal and a hexadecimal number with a colon between; nothing else before the end. */
static bool parse_name(const char *name, int *ret_id, uint64_t *ret_token) {
  uint64_t id = 0, token = 0;
  int      digits = 0;
  for (; *name >= '0' && *name <= '9' && id <= INT32_MAX; name++, digits++) {
    id = id * 10 + (uint64_t)(*name - '0');
  }
  if (digits == 0 || id > INT32_MAX || *name++ != ':') return false;
  for (digits = 0; digits < 16; name++, digits++) {
    uint64_t digit;
    if (*name >= '0' && *name <= '9') {
      digit = (uint64_t)(*name - '0');
    } else if (*name >= 'a' && *name <= 'f') {
      digit = (uint64_t)(*name - 'a' + 10);
    } else {
      break;
    }
    token = token << 4 | digit;
  }
  *ret_id = (int)id;
  *ret_token = token;
  return digits > 0 && *name == 0;
}

int ul_tree_join(ul_tree *tree, const char *name) {
  uint64_t token;
  int      id;
  if (!parse_name(name, &id, &token)) return -UL_E_NOTFOUND;
  ul_tree_page *page = ul_os_segment_attach(id, sizeof *page);
  if (!page) return -UL_E_NOTFOUND;
  if (ul_load_acquire(&page->magic) != UL_TREE_MAGIC || page->token != token) {
    ul_os_segment_drop(page);
    return -UL_E_NOTFOUND;
  }
  *tree = (ul_tree){.page = page, .id = id, .pid = (uint32_t)ul_os_pid()};
  return 0;
}

int ul_tree_make(ul_tree *tree, uint64_t budget_bytes, uint64_t token) {
  int           id;
  ul_tree_page *page = ul_os_segment_make(sizeof *page, &id);
  if (!page) return -UL_E_SYSTEM;
  page->token = token;
  page->budget_bytes = budget_bytes;
  page->namespace_id = ul_os_pid_namespace();
  ul_store_release(&page->magic, UL_TREE_MAGIC);
  *tree = (ul_tree){.page = page, .id = id, .pid = (uint32_t)ul_os_pid()};
  return 0;
}

void ul_tree_name(const ul_tree *tree, char ret_name[UL_TREE_NAME_MAX]) {
  ul_text text = ul_text_init(ret_name, UL_TREE_NAME_MAX);
  char    hex[24];
  ul_text number = ul_text_init(hex, sizeof hex);
  ul_text_add(&text, "@");
  ul_text_add_u64(&text, (uint64_t)tree->id);
  ul_text_add(&text, ":");
  ul_text_add_hex(&number, tree->page->token);
  ul_text_add(&text, hex + 2); /* without 0x */
}

static uint32_t used_slots(const ul_tree_page *page) {
  uint32_t used = ul_load(&page->used);
  return UL_MIN(used, (uint32_t)UL_TREE_SLOTS); /* others write this page */
}

/* A process keeps its number over exec, so a slot of that number is ours. */
static void claim(ul_tree *tree) {
  ul_tree_page *page = tree->page;
  uint32_t      used = used_slots(page);
  bool          knows = page->namespace_id == ul_os_pid_namespace();
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

uint64_t ul_tree_total(ul_tree *tree, uint64_t held_bytes, uint64_t *ret_members) {
  ul_tree_page *page = tree->page;
  *ret_members = 1;
  if (!page) return held_bytes;
  uint64_t own = held_bytes - UL_MIN(held_bytes, tree->inherited_bytes), total = own;
  if (!tree->slot) claim(tree);
  if (tree->slot) ul_store(&tree->slot->held_bytes, own);
  uint32_t used = used_slots(page);
  for (uint32_t i = 0; i < used; i++) {
    const ul_tree_slot *slot = &page->slot[i];
    uint32_t            pid = ul_load(&slot->pid);
    if (pid == 0 || slot == tree->slot) continue;
    uint64_t theirs = ul_load(&slot->held_bytes);
    total = theirs > UINT64_MAX - total ? UINT64_MAX : total + theirs;
    (*ret_members)++;
  }
  return total;
}

void ul_tree_sweep(ul_tree *tree) {
  ul_tree_page *page = tree->page;
  if (!page || page->namespace_id != ul_os_pid_namespace()) return;
  uint32_t used = used_slots(page);
  for (uint32_t i = 0; i < used; i++) {
    ul_tree_slot *slot = &page->slot[i];
    uint32_t      pid = ul_load(&slot->pid);
    uint64_t      resident_bytes;
    if (pid == 0 || slot == tree->slot) continue;
    int error = ul_os_resident_of(pid, &resident_bytes);
    if (error == -UL_E_NOTFOUND) {
      ul_store(&slot->held_bytes, (uint64_t)0);
      ul_cas_u32(&slot->pid, pid, 0); /* unless somebody else was faster */
    } else if (error == 0 && ul_load(&slot->held_bytes) > resident_bytes) {
      ul_store(&slot->held_bytes, resident_bytes);
    }
  }
}

void ul_tree_forked(ul_tree *tree, uint64_t held_bytes) {
  tree->slot = NULL;
  tree->pid = (uint32_t)ul_os_pid();
  tree->inherited_bytes = held_bytes;
}

void ul_tree_leave(ul_tree *tree) {
  if (!tree->slot) return;
  ul_store(&tree->slot->held_bytes, (uint64_t)0);
  ul_store_release(&tree->slot->pid, 0u);
  tree->slot = NULL;
}
