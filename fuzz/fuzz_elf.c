/* SPDX-License-Identifier: MIT */
/* fuzz_elf.c: any bytes as a program's file. Nothing outside them may be read, and it must end. */
#include <string.h>

#include "launch/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
  const uint8_t *bytes;
  size_t         size;
};

static int read_memory(void *source, uint64_t offset, void *bytes, size_t count) {
  const struct memory *memory = source;
  if (offset > memory->size || count > memory->size - offset) return -1;
  memcpy(bytes, memory->bytes + offset, count);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct memory memory = {data, size};
  ul_elf_reader reader = {.read = read_memory, .source = &memory};
  ul_elf_facts  facts;
  if (ul_elf_read(&reader, &facts) == 0) {
    /* What is promised: a terminated text, and one of two widths. */
    if (memchr(facts.interpreter, 0, sizeof facts.interpreter) == NULL) __builtin_trap();
    if (facts.bits != 32 && facts.bits != 64) __builtin_trap();
  }
  return 0;
}
