/* SPDX-License-Identifier: MIT */
/* malloc_usable_size past the end of everything. */
#include <stdlib.h>
#include <malloc.h>

int main(void) {
  return malloc_usable_size((void *)~(size_t)15) == 1;
  return 0;
}
