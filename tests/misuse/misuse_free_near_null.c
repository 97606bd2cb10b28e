/* SPDX-License-Identifier: MIT */
/* free of a field of a NULL struct. */
#include <stdlib.h>

int main(void) {
  free((void *)16);
  return 0;
}
