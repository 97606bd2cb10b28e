/* SPDX-License-Identifier: MIT */
/* realloc of the middle of a small object. */
#include <stdlib.h>

int main(void) {
  char *object = malloc(100);
  free(realloc(object + 48, 200));
  return 0;
}
