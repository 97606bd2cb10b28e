/* SPDX-License-Identifier: MIT */
/* malloc_usable_size of static data. */
#include <stdlib.h>
#include <malloc.h>

static char data[256] __attribute__((aligned(16)));

int main(void) {
  return malloc_usable_size(data) == 1;
  return 0;
}
