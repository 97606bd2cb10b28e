/* SPDX-License-Identifier: MIT */
/* free of the middle of an object from memalign. */
#include <stdlib.h>
#include <malloc.h>

int main(void) {
  char *object = memalign(4096, 65536);
  free(object + 4096);
  return 0;
}
