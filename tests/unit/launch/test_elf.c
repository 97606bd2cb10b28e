/* SPDX-License-Identifier: MIT */
/* test_elf.c: our own file, cut off, overwritten, and made to point nowhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launch/elf.h"

struct memory {
  unsigned char *bytes;
  size_t         size;
};

static int read_memory(void *source, uint64_t offset, void *bytes, size_t count) {
  const struct memory *memory = source;
  if (offset > memory->size || count > memory->size - offset) return -1;
  memcpy(bytes, memory->bytes + offset, count);
  return 0;
}

static struct memory own;

static int load_own(void **state) {
  FILE *file = fopen("/proc/self/exe", "rb");
  (void)state;
  if (!file) return -1;
  own.bytes = malloc((size_t)64 << 20);
  own.size = fread(own.bytes, 1, (size_t)64 << 20, file);
  return fclose(file);
}

static int drop_own(void **state) {
  (void)state;
  free(own.bytes);
  return 0;
}

static void reads_our_own_file(void **state) {
  ul_elf_reader reader = {.read = read_memory, .source = &own};
  ul_elf_facts  facts;
  (void)state;
  assert_int_equal(ul_elf_read(&reader, &facts), 0);
  assert_int_equal(facts.bits, sizeof(void *) * 8);
  assert_true(facts.is_dynamic);
  assert_non_null(strstr(facts.interpreter, "/ld-"));
  assert_int_equal(facts.marks & ~(unsigned)UL_ELF_SANITIZER, 0);
}

static void refuses_what_is_none(void **state) {
  static char texts[][80] = {
      "", "#!/bin/sh\n", "\177ELF", "\177ELF\2\1\1 and then nothing of use",
      "\177ELF\3\1\1 a class that does not exist: sixty-four bytes and more …"};
  ul_elf_facts facts = {.machine = 99};
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(texts); i++) {
    struct memory memory = {(unsigned char *)texts[i], strlen(texts[i])};
    ul_elf_reader reader = {.read = read_memory, .source = &memory};
    assert_int_equal(ul_elf_read(&reader, &facts), -UL_E_INVAL);
    assert_int_equal(facts.machine, 99);
  }
}

/* Cut off anywhere, it is refused or described as far as it goes; nothing beyond is touched
 * (the sanitizer build would see it: each cut is a block of its own). */
static void survives_any_cut(void **state) {
  (void)state;
  for (size_t size = 0; size < own.size; size += size < 4096 ? 61 : own.size / 40) {
    struct memory memory = {malloc(size ? size : 1), size};
    memcpy(memory.bytes, own.bytes, size);
    ul_elf_reader reader = {.read = read_memory, .source = &memory};
    ul_elf_facts  facts;
    int           result = ul_elf_read(&reader, &facts);
    assert_true(result == 0 || result == -UL_E_INVAL);
    free(memory.bytes);
  }
}

/* Each byte of the header in turn as 0, 0x7f, 0xff: offsets and counts that lie. */
static void survives_a_lying_header(void **state) {
  static const unsigned char lies[] = {0, 0x7f, 0xff};
  ul_elf_reader              reader = {.read = read_memory, .source = &own};
  ul_elf_facts               facts;
  (void)state;
  for (size_t i = 4; i < 64 + 56 * 12; i++) {
    unsigned char before = own.bytes[i];
    for (size_t j = 0; j < UL_ARRAY_LEN(lies); j++) {
      own.bytes[i] = lies[j];
      int result = ul_elf_read(&reader, &facts);
      assert_true(result == 0 || result == -UL_E_INVAL);
    }
    own.bytes[i] = before;
  }
}

/* A little-endian 64-bit file of our making: header, one PT_LOAD that may be written, data. */
static void finds_go_without_sections(void **state) {
  unsigned char bytes[512] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
  struct memory memory = {bytes, sizeof bytes};
  ul_elf_reader reader = {.read = read_memory, .source = &memory};
  ul_elf_facts  facts;
  (void)state;
  bytes[16] = 2;    /* ET_EXEC */
  bytes[18] = 0x3e; /* x86-64 */
  bytes[32] = 64;   /* program headers follow */
  bytes[54] = 56;
  bytes[56] = 1;
  bytes[64] = 1;      /* PT_LOAD */
  bytes[68] = 6;      /* readable, writable */
  bytes[73] = 1;      /* at 256 */
  bytes[64 + 33] = 1; /* 256 bytes */
  assert_int_equal(ul_elf_read(&reader, &facts), 0);
  assert_int_equal(facts.marks, 0);
  assert_false(facts.is_dynamic);
  memcpy(bytes + 400, "\xff Go buildinf:", 14);
  assert_int_equal(ul_elf_read(&reader, &facts), 0);
  assert_int_equal(facts.marks, UL_ELF_GO);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_our_own_file),        cmocka_unit_test(refuses_what_is_none),
      cmocka_unit_test(survives_any_cut),          cmocka_unit_test(survives_a_lying_header),
      cmocka_unit_test(finds_go_without_sections),
  };
  return cmocka_run_group_tests(tests, load_own, drop_own);
}
