/* SPDX-License-Identifier: MIT */
/* free of a large object twice, malloc_trim between. */
#include <stdlib.h>
#include <malloc.h>

int main(void) {
  void *object = malloc(1 << 24);
  free(object);
  malloc_trim(0);
  free(object);
  return 0;
}
