/* SPDX-License-Identifier: MIT */
/* tree.c: see tree.h. */
#include "wire/tree.h"

#include "base/atomic.h"
#include "base/text.h"

void ul_tree_page_init(ul_tree_page *page, uint64_t budget_bytes, uint64_t token,
                       uint64_t namespace_id) {
  page->token = token;
  page->budget_bytes = budget_bytes;
  page->namespace_id = namespace_id;
  ul_store_release(&page->magic, (uint64_t)UL_TREE_MAGIC);
}

void ul_tree_name_write(int id, uint64_t token, char ret_name[UL_TREE_NAME_MAX]) {
  ul_text text = ul_text_init(ret_name, UL_TREE_NAME_MAX);
  char    hex[24];
  ul_text number = ul_text_init(hex, sizeof hex);
  ul_text_add(&text, "@");
  ul_text_add_u64(&text, (uint64_t)id);
  ul_text_add(&text, ":");
  ul_text_add_hex(&number, token);
  ul_text_add(&text, hex + 2); /* without 0x */
}

/* A decimal and a hexadecimal number with a colon between; nothing else before the end. */
bool ul_tree_name_parse(const char *name, int *ret_id, uint64_t *ret_token) {
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
