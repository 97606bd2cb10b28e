/* SPDX-License-Identifier: MIT */
/* operator delete of what free has freed. */
#include <cstdlib>
#include <new>

int main() {
  int *object = new int[6];
  free(object);
  ::operator delete(object);
  return 0;
}
