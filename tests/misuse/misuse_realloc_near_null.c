/* SPDX-License-Identifier: MIT */
/* realloc of a field of a NULL struct. */
#include <stdlib.h>

int main(void) {
  free(realloc((void *)16, 200));
  return 0;
}
