/* SPDX-License-Identifier: MIT */
/* realloc past the end of everything. */
#include <stdlib.h>

int main(void) {
  free(realloc((void *)~(size_t)15, 200));
  return 0;
}
