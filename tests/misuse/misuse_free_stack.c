/* SPDX-License-Identifier: MIT */
/* free of a variable on the stack. */
#include <stdlib.h>

int main(void) {
  long variable[4] = {0};
  free(&variable[2]);
  return 0;
}
