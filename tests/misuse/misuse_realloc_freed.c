/* SPDX-License-Identifier: MIT */
/* realloc of an object freed just before. */
#include <stdlib.h>

int main(void) {
  void *object = malloc(24);
  free(object);
  free(realloc(object, 200));
  return 0;
}
