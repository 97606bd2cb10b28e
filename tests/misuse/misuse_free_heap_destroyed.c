/* SPDX-License-Identifier: MIT */
/* free of an object whose heap was destroyed. */
#include <stdlib.h>
#include <ullage/ullage.h>

int main(void) {
  ullage_heap *heap = ullage_heap_new();
  void        *object = ullage_heap_malloc(heap, 100);
  ullage_heap_destroy(heap);
  free(object);
  return 0;
}
