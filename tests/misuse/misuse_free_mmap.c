/* SPDX-License-Identifier: MIT */
/* free of memory that mmap gave. */
#include <stdlib.h>
#include <sys/mman.h>

int main(void) {
  void *mapped = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  free(mapped);
  return 0;
}
