/* SPDX-License-Identifier: MIT */
/* free 16 bytes into an object: where another size would have its object. */
#include <stdlib.h>

int main(void) {
  char *object = malloc(24);
  free(object + 16);
  return 0;
}
