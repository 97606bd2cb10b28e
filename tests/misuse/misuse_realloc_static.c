/* SPDX-License-Identifier: MIT */
/* realloc of static data. */
#include <stdlib.h>

static char data[256] __attribute__((aligned(16)));

int main(void) {
  free(realloc(data, 200));
  return 0;
}
