/* SPDX-License-Identifier: MIT */
/* malloc_usable_size of a field of a NULL struct. */
#include <stdlib.h>
#include <malloc.h>

int main(void) {
  return malloc_usable_size((void *)16) == 1;
  return 0;
}
