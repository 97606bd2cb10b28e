/* SPDX-License-Identifier: MIT */
/* free twice, with 100,000 operations of other sizes between. */
#include <stdlib.h>

int main(void) {
  void *object = malloc(24);
  free(object);
  for (int i = 0; i < 100000; i++) free(malloc(100 + i % 5000));
  free(object);
  return 0;
}
