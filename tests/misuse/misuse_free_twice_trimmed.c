/* SPDX-License-Identifier: MIT */
/* free twice after malloc_trim. */
#include <stdlib.h>
#include <malloc.h>
#include <string.h>

int main(void) {
  enum { COUNT = 65536 };
  static void *object[COUNT];
  for (int i = 0; i < COUNT; i++) object[i] = memset(malloc(1024), 1, 1024);
  for (int i = 0; i < COUNT; i++) free(object[i]);
  malloc_trim(0);
  free(object[COUNT / 3]);
  return 0;
}
