/* SPDX-License-Identifier: MIT */
/* malloc_usable_size of an object freed just before. */
#include <stdlib.h>
#include <malloc.h>

int main(void) {
  void *object = malloc(24);
  free(object);
  return malloc_usable_size(object) == 1;
  return 0;
}
