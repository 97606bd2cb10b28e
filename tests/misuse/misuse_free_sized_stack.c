/* SPDX-License-Identifier: MIT */
/* free_sized of a variable on the stack. */
#include <stdlib.h>

void free_sized(void *object, size_t size);
void free_aligned_sized(void *object, size_t alignment, size_t size);

int main(void) {
  long variable[4] = {0};
  free_sized(variable, sizeof variable);
  return 0;
}
