/* SPDX-License-Identifier: MIT */
/* list.h: a doubly linked ring with a head, links inside the elements.
 *
 * Invariants  an element that is on no list points to itself; so does an empty head.
 */
#ifndef UL_BASE_LIST_H
#define UL_BASE_LIST_H

#include "base/base.h"

typedef struct ul_link {
  struct ul_link *next, *prev;
} ul_link;

#define UL_CONTAINER_OF(link, type, member) \
  ((type *)(void *)((char *)(link)-offsetof(type, member)))

UL_INLINE void ul_link_init(ul_link *link) {
  link->next = link->prev = link;
}

UL_INLINE bool ul_list_empty(const ul_link *head) {
  return head->next == head;
}

/* Puts `link`, which is on no list, first. */
UL_INLINE void ul_list_push(ul_link *head, ul_link *link) {
  link->next = head->next;
  link->prev = head;
  head->next->prev = link;
  head->next = link;
}

/* Puts `link`, which is on no list, last. */
UL_INLINE void ul_list_append(ul_link *head, ul_link *link) {
  ul_list_push(head->prev, link);
}

/* Takes `link` off the list it is on; does nothing when it is on none. */
UL_INLINE void ul_list_remove(ul_link *link) {
  link->prev->next = link->next;
  link->next->prev = link->prev;
  ul_link_init(link);
}

#endif
