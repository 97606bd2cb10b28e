/* SPDX-License-Identifier: MIT */
/* realloc of an address no CPU can have: a live one with a high bit set. */
#include <stdlib.h>

int main(void) {
  char *object = malloc(100);
  free(realloc((void *)((size_t)object | (size_t)1 << 60), 200));
  return 0;
}
