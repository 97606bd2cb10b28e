/* SPDX-License-Identifier: MIT */
/* delete of the middle of an object. */
#include <new>

int main() {
  char *object = new char[100];
  delete (object + 16);
  return 0;
}
