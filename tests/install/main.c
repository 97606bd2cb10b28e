/* SPDX-License-Identifier: MIT */
/* A program outside the tree that links libullage: five lines of it. */
#include <stdlib.h>
#include <ullage/ullage.h>

int main(void) {
  ullage_object object = {0};
  char         *memory = calloc(1, 24);
  int           ours = ullage_object_of(memory + 7, &object);
  return ours == 1 && object.base == memory && object.live == 1 ? 0 : 1;
}
