/* SPDX-License-Identifier: MIT */
/* delete[] of a freed array. */
#include <new>

int main() {
  int *object = new int[25];
  delete[] object;
  delete[] object;
  return 0;
}
