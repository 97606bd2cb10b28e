/* SPDX-License-Identifier: MIT */
/* free of the middle of a small object. */
#include <stdlib.h>

int main(void) {
  char *object = malloc(100);
  free(object + 48);
  return 0;
}
