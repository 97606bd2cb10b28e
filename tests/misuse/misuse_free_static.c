/* SPDX-License-Identifier: MIT */
/* free of static data. */
#include <stdlib.h>

static char data[256] __attribute__((aligned(16)));

int main(void) {
  free(data);
  return 0;
}
