/* SPDX-License-Identifier: MIT */
/* free_aligned_sized of the middle of an object. */
#include <stdlib.h>

void free_sized(void *object, size_t size);
void free_aligned_sized(void *object, size_t alignment, size_t size);

int main(void) {
  char *object = aligned_alloc(64, 1024);
  free_aligned_sized(object + 64, 64, 1024);
  return 0;
}
