/* SPDX-License-Identifier: MIT */
/* free of a function. */
#include <stdlib.h>

int main(void) {
  free((void *)main);
  return 0;
}
