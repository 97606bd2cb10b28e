/* SPDX-License-Identifier: MIT */
/* free twice between neighbours that live on. */
#include <stdlib.h>

int main(void) {
  void *object[1000];
  for (int i = 0; i < 1000; i++) object[i] = malloc(100);
  free(object[500]);
  free(object[501]);
  free(object[500]);
  return 0;
}
