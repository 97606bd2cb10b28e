/* SPDX-License-Identifier: MIT */
/* malloc_usable_size of memory that mmap gave. */
#include <stdlib.h>
#include <malloc.h>
#include <sys/mman.h>

int main(void) {
  void *mapped = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return malloc_usable_size(mapped) == 1;
  return 0;
}
