/* SPDX-License-Identifier: MIT */
/* free one byte into an object. */
#include <stdlib.h>

int main(void) {
  char *object = malloc(24);
  free(object + 1);
  return 0;
}
