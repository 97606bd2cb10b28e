/* SPDX-License-Identifier: MIT */
/* malloc_usable_size one byte into an object. */
#include <stdlib.h>
#include <malloc.h>

int main(void) {
  char *object = malloc(24);
  return malloc_usable_size(object + 1) == 1;
  return 0;
}
