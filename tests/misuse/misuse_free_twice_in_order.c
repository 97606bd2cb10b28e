/* SPDX-License-Identifier: MIT */
/* free twice when many were freed between: A, B, A. */
#include <stdlib.h>

int main(void) {
  void *a = malloc(24), *b = malloc(24);
  free(a);
  free(b);
  free(a);
  return 0;
}
