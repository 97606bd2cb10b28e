/* SPDX-License-Identifier: MIT */
/* free_sized of the middle of an object. */
#include <stdlib.h>

void free_sized(void *object, size_t size);
void free_aligned_sized(void *object, size_t alignment, size_t size);

int main(void) {
  char *object = malloc(100);
  free_sized(object + 16, 84);
  return 0;
}
