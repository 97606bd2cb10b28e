/* SPDX-License-Identifier: MIT */
/* malloc_usable_size of an address no CPU can have: a live one with a high bit set. */
#include <stdlib.h>
#include <malloc.h>

int main(void) {
  char *object = malloc(100);
  return malloc_usable_size((void *)((size_t)object | (size_t)1 << 60)) == 1;
  return 0;
}
