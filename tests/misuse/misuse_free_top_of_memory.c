/* SPDX-License-Identifier: MIT */
/* free past the end of everything. */
#include <stdlib.h>

int main(void) {
  free((void *)~(size_t)15);
  return 0;
}
