/* SPDX-License-Identifier: MIT */
/* free of an object freed just before. */
#include <stdlib.h>

int main(void) {
  void *object = malloc(24);
  free(object);
  free(object);
  return 0;
}
