/* SPDX-License-Identifier: MIT */
/* realloc of the middle of a large object. */
#include <stdlib.h>

int main(void) {
  char *object = malloc(1 << 20);
  free(realloc(object + 300000, 200));
  return 0;
}
