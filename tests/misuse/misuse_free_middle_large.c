/* SPDX-License-Identifier: MIT */
/* free of the middle of a large object. */
#include <stdlib.h>

int main(void) {
  char *object = malloc(1 << 20);
  free(object + 300000);
  return 0;
}
