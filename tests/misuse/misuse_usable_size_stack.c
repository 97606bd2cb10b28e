/* SPDX-License-Identifier: MIT */
/* malloc_usable_size of a variable on the stack. */
#include <stdlib.h>
#include <malloc.h>

int main(void) {
  long variable[4] = {0};
  return malloc_usable_size(&variable[2]) == 1;
  return 0;
}
