/* SPDX-License-Identifier: MIT */
/* free of an object that realloc has moved away. */
#include <stdlib.h>

int main(void) {
  char *object = malloc(24), *moved = realloc(object, 30000);
  moved[0] = 1;
  free(object);
  return 0;
}
