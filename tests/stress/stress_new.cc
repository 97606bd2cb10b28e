/* SPDX-License-Identifier: MIT */
/* stress_new.cc: operator new and delete in every form C++17 has.
 *
 * plain, array, nothrow, aligned, aligned nothrow; delete plain, sized, aligned, sized and aligned,
 * nothrow. Failure: std::bad_alloc where it is promised, NULL where nothrow is; the new_handler is
 * called first, may free memory and let the request succeed, may throw, may uninstall itself. */
#include "stress.h"

#include <malloc.h>
#include <new>
#include <vector>

/* clang 14 declares the sized forms only with -fsized-deallocation; they exist all the same. */
#ifndef __cpp_sized_deallocation
void operator delete(void *object, std::size_t size) noexcept;
void operator delete[](void *object, std::size_t size) noexcept;
void operator delete(void *object, std::size_t size, std::align_val_t alignment) noexcept;
void operator delete[](void *object, std::size_t size, std::align_val_t alignment) noexcept;
#endif

namespace {

const size_t impossible = static_cast<size_t>(PTRDIFF_MAX) - 4096;

void check_object(void *object, size_t size, size_t alignment) {
  CHECK(object, "operator new(%zu) gave NULL", size);
  CHECK(reinterpret_cast<uintptr_t>(object) % alignment == 0,
        "operator new(%zu, align %zu) gave %p: not aligned", size, alignment, object);
  CHECK(malloc_usable_size(object) >= size, "operator new(%zu): only %zu usable", size,
        malloc_usable_size(object));
  memset(object, 0x5a, size);
}

size_t natural(size_t size) {
  return size >= 16 ? 16 : 8;
}

void plain_forms(size_t size) {
  void *object = ::operator new(size);
  check_object(object, size, natural(size));
  ::         operator delete(object);
  object = ::operator new(size);
  check_object(object, size, natural(size));
  ::         operator delete(object, size);
  object = ::operator new[](size);
  check_object(object, size, natural(size));
  ::         operator delete[](object);
  object = ::operator new[](size);
  ::         operator delete[](object, size);
  object = ::operator new(size, std::nothrow);
  check_object(object, size, natural(size));
  ::         operator delete(object, std::nothrow);
  object = ::operator new[](size, std::nothrow);
  check_object(object, size, natural(size));
  ::operator delete[](object, std::nothrow);
}

void aligned_forms(size_t size, size_t alignment) {
  std::align_val_t align{alignment};
  void *object = ::operator new(size, align);
  check_object(object, size, alignment);
  ::         operator delete(object, align);
  object = ::operator new(size, align);
  check_object(object, size, alignment);
  ::         operator delete(object, size, align);
  object = ::operator new[](size, align);
  check_object(object, size, alignment);
  ::         operator delete[](object, align);
  object = ::operator new[](size, align);
  ::         operator delete[](object, size, align);
  object = ::operator new(size, align, std::nothrow);
  check_object(object, size, alignment);
  ::         operator delete(object, align, std::nothrow);
  object = ::operator new[](size, align, std::nothrow);
  check_object(object, size, alignment);
  ::operator delete[](object, align, std::nothrow);
}

template <typename Request> void expect_bad_alloc(Request request, const char *what) {
  bool thrown = false;
  try {
    void *object = request();
    CHECK(0, "%s of an impossible size gave %p", what, object);
  } catch (const std::bad_alloc &) {
    thrown = true;
  }
  CHECK(thrown, "%s of an impossible size did not throw std::bad_alloc", what);
}

void failures() {
  volatile size_t  too_large = impossible;
  std::align_val_t align{128};
  expect_bad_alloc([&] { return ::operator new(too_large); }, "operator new");
  expect_bad_alloc([&] { return ::operator new[](too_large); }, "operator new[]");
  expect_bad_alloc([&] { return ::operator new(too_large, align); }, "aligned operator new");
  expect_bad_alloc([&] { return ::operator new[](too_large, align); }, "aligned operator new[]");
  CHECK(!::operator new(too_large, std::nothrow), "nothrow new of an impossible size");
  CHECK(!::operator new[](too_large, std::nothrow), "nothrow new[] of an impossible size");
  CHECK(!::operator new(too_large, align, std::nothrow), "aligned nothrow new, impossible");
  CHECK(!::operator new[](too_large, align, std::nothrow), "aligned nothrow new[], impossible");
}

int  handler_calls;
void count_then_leave() {
  if (++handler_calls == 3) std::set_new_handler(nullptr);
}
struct Thrown : std::bad_alloc {};
void throw_own() {
  throw Thrown();
}

void *plain_new(size_t size) {
  return ::operator new(size);
}

void handlers() {
  volatile size_t too_large = impossible;
  std::set_new_handler(count_then_leave);
  expect_bad_alloc([&] { return ::operator new(too_large); }, "new with a handler");
  CHECK(handler_calls == 3, "new_handler ran %d times instead of until it left", handler_calls);
  handler_calls = 0;
  std::set_new_handler(count_then_leave);
  CHECK(!::operator new(too_large, std::nothrow), "nothrow new with a handler");
  CHECK(handler_calls == 3, "nothrow new called the handler %d times", handler_calls);
  handler_calls = 0;
  std::set_new_handler(count_then_leave);
  expect_bad_alloc([&] { return ::operator new (too_large, std::align_val_t{256}); }, "aligned");
  CHECK(handler_calls == 3, "aligned new called the handler %d times", handler_calls);
  std::set_new_handler(throw_own);
  bool own = false;
  try {
    static_cast<void>(plain_new(too_large));
  } catch (const Thrown &) {
    own = true;
  }
  CHECK(own, "what the new_handler threw did not arrive");
  CHECK(!::operator new(too_large, std::nothrow), "nothrow new must swallow the handler's throw");
  std::set_new_handler(nullptr);
}

struct alignas(256) Wide {
  char body[300];
};

void mixed_with_malloc() {
  std::vector<Wide> wide(100);
  std::vector<int>  numbers;
  for (int i = 0; i < 1000000; i++) numbers.push_back(i);
  CHECK(numbers[999999] == 999999, "vector growth lost data");
  CHECK(reinterpret_cast<uintptr_t>(&wide[1]) % 256 == 0, "over-aligned vector element");
  free(::operator new(100));
  ::operator delete(malloc(100));
  ::operator delete(nullptr);
  ::operator delete[](nullptr, std::align_val_t{64});
}

} // namespace

int main(int argc, char **argv) {
  stress_start(argc, argv, 100);
  for (size_t size = 0; size < 300000; size = size * 9 / 8 + 1) {
    plain_forms(size);
    for (size_t alignment = 1; alignment <= 65536; alignment *= 4) aligned_forms(size, alignment);
  }
  failures();
  handlers();
  mixed_with_malloc();
  return stress_done("stress_new", "every form of new and delete, failures and new_handler");
}
