/* SPDX-License-Identifier: MIT */
/* Sized operator delete of a variable on the stack. */
#include <new>

void operator delete(void *object, std::size_t size) noexcept;

int main() {
  long variable[4] = {0};
  ::   operator delete(variable, sizeof variable);
  return 0;
}
