/* SPDX-License-Identifier: MIT */
/* malloc_usable_size of the middle of a small object. */
#include <stdlib.h>
#include <malloc.h>

int main(void) {
  char *object = malloc(100);
  return malloc_usable_size(object + 48) == 1;
  return 0;
}
