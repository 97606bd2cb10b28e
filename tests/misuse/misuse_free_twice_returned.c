/* SPDX-License-Identifier: MIT */
/* free twice after 64 MiB of such objects were freed and went back to the system. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  enum { COUNT = 65536 };
  static void *object[COUNT];
  for (int i = 0; i < COUNT; i++) object[i] = memset(malloc(1024), 1, 1024);
  for (int i = 0; i < COUNT; i++) free(object[i]);
  sleep(2);
  free(object[COUNT / 2]);
  return 0;
}
