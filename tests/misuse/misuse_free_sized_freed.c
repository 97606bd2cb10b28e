/* SPDX-License-Identifier: MIT */
/* free_sized of a freed object. */
#include <stdlib.h>

void free_sized(void *object, size_t size);
void free_aligned_sized(void *object, size_t alignment, size_t size);

int main(void) {
  void *object = malloc(100);
  free_sized(object, 100);
  free_sized(object, 100);
  return 0;
}
