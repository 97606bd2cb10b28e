/* SPDX-License-Identifier: MIT */
/* realloc of a variable on the stack. */
#include <stdlib.h>

int main(void) {
  long variable[4] = {0};
  free(realloc(&variable[2], 200));
  return 0;
}
