/* SPDX-License-Identifier: MIT */
/* free of a page boundary inside a large object. */
#include <stdlib.h>

int main(void) {
  char *object = malloc(1 << 20);
  free(object + 65536);
  return 0;
}
