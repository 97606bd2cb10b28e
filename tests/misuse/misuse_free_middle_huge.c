/* SPDX-License-Identifier: MIT */
/* free of the middle of an object of 1 GiB. */
#include <stdlib.h>

int main(void) {
  char *object = malloc(1 << 30);
  free(object + (1 << 29));
  return 0;
}
