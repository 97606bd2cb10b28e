/* SPDX-License-Identifier: MIT */
/* free of an offset from NULL, as container_of of a NULL gives. */
#include <stdlib.h>

int main(void) {
  free((char *)NULL - 64);
  return 0;
}
