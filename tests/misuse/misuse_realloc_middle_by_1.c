/* SPDX-License-Identifier: MIT */
/* realloc one byte into an object. */
#include <stdlib.h>

int main(void) {
  char *object = malloc(24);
  free(realloc(object + 1, 200));
  return 0;
}
