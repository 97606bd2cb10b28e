/* SPDX-License-Identifier: MIT */
/* free of a large object freed just before. */
#include <stdlib.h>

int main(void) {
  void *object = malloc(1 << 20);
  free(object);
  free(object);
  return 0;
}
