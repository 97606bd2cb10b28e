/* SPDX-License-Identifier: MIT */
/* free eight bytes into an object: aligned, and still wrong. */
#include <stdlib.h>

int main(void) {
  char *object = malloc(24);
  free(object + 8);
  return 0;
}
