/* SPDX-License-Identifier: MIT */
/* malloc_usable_size of the middle of a large object. */
#include <stdlib.h>
#include <malloc.h>

int main(void) {
  char *object = malloc(1 << 20);
  return malloc_usable_size(object + 300000) == 1;
  return 0;
}
