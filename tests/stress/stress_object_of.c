/* SPDX-License-Identifier: MIT */
/* stress_object_of.c: which object an address belongs to, for every address there is.
 *
 * Live objects of every class, small and large: base, interior, last byte, the gap to the next.
 * Freed ones: live is 0, or the address is nobody's. Foreign ones: stack, code, static data, other
 * mappings, unmapped, kernel, NULL, non-canonical: 0, result untouched, no crash. Then threads ask
 * about random addresses of the heap while others churn it; nothing is promised about the answer
 * but that it is well-formed and that nobody crashes. */
#include "stress.h"

#include <malloc.h>
#include <stdatomic.h>
#include <ullage/ullage.h>

enum { CHURNERS = 2, ASKERS = 2, SHARED = 2048, CHURN_MS = 3000 };

static atomic_int        stopped;
static _Atomic(uint64_t) shared_base[SHARED];
static char              static_data[100] = "static";

static void check_live(void *object, size_t asked) {
  unsigned char *base = object;
  size_t         usable = malloc_usable_size(object);
  size_t         probe[] = {0, 1, asked / 3, asked / 2, asked ? asked - 1 : 0, usable - 1};
  for (size_t i = 0; i < sizeof probe / sizeof *probe; i++) {
    ullage_object found = {0};
    CHECK(ullage_object_of(base + probe[i], &found), "object of %zu bytes, byte %zu: not ours",
          asked, probe[i]);
    CHECK(found.base == object, "object of %zu bytes at %p, byte %zu: base %p", asked, object,
          probe[i], found.base);
    CHECK(found.usable_bytes == usable,
          "object of %zu bytes: %zu usable, malloc_usable_size says %zu", asked, found.usable_bytes,
          usable);
    CHECK(found.live == 1, "object of %zu bytes, byte %zu: not live", asked, probe[i]);
  }
  ullage_object next = {0};
  if (ullage_object_of(base + usable, &next))
    CHECK(next.base != object, "one past an object of %zu bytes still belongs to it", asked);
}

static void check_dead(void *object, size_t asked) {
  ullage_object found = {NULL, 0, 4711};
  int           ours = ullage_object_of(object, &found);
  if (ours)
    CHECK(found.live == 0, "a freed object of %zu bytes counts as live", asked);
  else
    CHECK(found.live == 4711 && !found.base, "not ours, but the result was written to");
}

static void check_sizes(void) {
  for (size_t size = 0; size < 40 * MIB; size = size < 2000 ? size + 1 : size * 9 / 8 + 1) {
    void *object = malloc(size), *aligned = memalign(512, size);
    CHECK(object && aligned, "malloc(%zu) gave NULL", size);
    check_live(object, size);
    check_live(aligned, size);
    free(object);
    check_dead(object, size);
    check_live(aligned, size);
    free(aligned);
    check_dead(aligned, size);
  }
}

static void expect_foreign(const void *address, const char *what) {
  ullage_object found = {(void *)&found, 4711, 4711};
  CHECK(!ullage_object_of(address, &found), "%s (%p) counts as ours", what, address);
  CHECK(found.base == (void *)&found && found.usable_bytes == 4711 && found.live == 4711,
        "%s: not ours, but the result was written to", what);
}

static void check_foreign(void) {
  int   on_stack = 0;
  char *mapped = stress_map(MIB), *gone = stress_map(MIB);
  munmap(gone, MIB);
  expect_foreign(NULL, "NULL");
  expect_foreign((void *)1, "1");
  expect_foreign((void *)4096, "4096");
  expect_foreign(&on_stack, "the stack");
  expect_foreign(static_data + 3, "static data");
  expect_foreign((void *)(uintptr_t)check_foreign, "code");
  expect_foreign((void *)(uintptr_t)malloc, "malloc's own code");
  expect_foreign(mapped, "a mapping of the program");
  expect_foreign(mapped + MIB - 1, "the end of a mapping of the program");
  expect_foreign(gone, "an unmapped page");
  for (int bit = 44; bit < 64; bit++) {
    expect_foreign((void *)((uintptr_t)1 << bit), "a power of two");
    expect_foreign((void *)(((uintptr_t)1 << bit) - 1), "one below a power of two");
    expect_foreign((void *)(~(uintptr_t)0 << bit), "a kernel or non-canonical address");
    /* A live object's low bits: a table indexed by some of the bits must check the rest. */
    void *object = malloc(100);
    expect_foreign((void *)((uintptr_t)object ^ (uintptr_t)1 << bit),
                   "a live object's address, one "
                   "high bit changed");
    free(object);
  }
  expect_foreign((void *)UINTPTR_MAX, "the last address");
  expect_foreign((void *)(UINTPTR_MAX - 4095), "the last page");
  munmap(mapped, MIB);
}

static void *churn(void *arg) {
  uint64_t random = stress_seed + (uintptr_t)arg;
  void    *object[SHARED / CHURNERS] = {0};
  size_t   first = (uintptr_t)arg * (SHARED / CHURNERS);
  while (!atomic_load(&stopped)) {
    size_t at = stress_random(&random) % (SHARED / CHURNERS);
    free(object[at]);
    object[at] = malloc(stress_random_size(&random, 4 * MIB));
    atomic_store(&shared_base[first + at], (uint64_t)(uintptr_t)object[at]);
  }
  for (size_t i = 0; i < SHARED / CHURNERS; i++) free(object[i]);
  return NULL;
}

static void *ask(void *arg) {
  uint64_t random = ~stress_seed + (uintptr_t)arg;
  size_t   ours = 0;
  while (!atomic_load(&stopped)) {
    uint64_t      pick = stress_random(&random);
    uintptr_t     address = (uintptr_t)atomic_load(&shared_base[pick % SHARED]);
    ullage_object found = {0};
    switch (pick >> 32 & 3) {
    case 0: break;
    case 1: address += pick >> 40 & 0xfff; break;
    case 2: address ^= pick >> 34 & 0x3ffffff; break;
    default: address = (uintptr_t)stress_random(&random) >> (pick >> 40 & 31); break;
    }
    if (!ullage_object_of((void *)address, &found)) continue;
    ours++;
    CHECK((uintptr_t)found.base <= address && address - (uintptr_t)found.base < found.usable_bytes,
          "asked for %p, told of an object of %zu bytes at %p", (void *)address, found.usable_bytes,
          found.base);
    CHECK(found.live == 0 || found.live == 1, "live is %d", found.live);
  }
  CHECK(ours > 100, "only %zu addresses were ours: the test did not test", ours);
  return NULL;
}

int main(int argc, char **argv) {
  pthread_t thread[CHURNERS + ASKERS];
  stress_start(argc, argv, 120);
  check_sizes();
  check_foreign();
  for (uintptr_t i = 0; i < CHURNERS + ASKERS; i++)
    thread[i] = stress_thread(i < CHURNERS ? churn : ask, (void *)i);
  stress_sleep_ms(CHURN_MS);
  atomic_store(&stopped, 1);
  for (int i = 0; i < CHURNERS + ASKERS; i++) stress_join(thread[i]);
  check_foreign();
  return stress_done("stress_object_of", "every kind of address, also while others churn");
}
