/* SPDX-License-Identifier: MIT */
/* realloc of a large object freed just before. */
#include <stdlib.h>

int main(void) {
  void *object = malloc(1 << 20);
  free(object);
  free(realloc(object, 200));
  return 0;
}
