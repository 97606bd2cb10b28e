/* SPDX-License-Identifier: MIT */
/* free of the last byte of an object. */
#include <stdlib.h>

int main(void) {
  char *object = malloc(16384);
  free(object + 16383);
  return 0;
}
