/* SPDX-License-Identifier: MIT */
/* elf.h: what an ELF file tells about the program in it.
 *
 * The file is somebody else's: every offset and count in it is a claim. So nothing is mapped and no
 * structure is laid over the bytes; each field is fetched through the reader, which refuses what
 * lies outside the file, and every loop has a bound of ours.
 *
 * Source  System V ABI (gABI 4.1), ELF-64 object file format; Go's debug/buildinfo for the mark.
 */
#ifndef UL_LAUNCH_ELF_H
#define UL_LAUNCH_ELF_H

#include "base/base.h"

/* Where the bytes come from: a file, or memory in tests and fuzzing. */
typedef struct ul_elf_reader {
  /* Fills `bytes` with exactly `count` bytes at `offset`: 0, or negative when they are not all there. */
  int (*read)(void *source, uint64_t offset, void *bytes, size_t count);
  void *source;
} ul_elf_reader;

/* Marks of a runtime or of something that matters for preloading. */
enum ul_elf_mark {
  UL_ELF_GO = 1 << 0,        /* section .go.buildinfo, or its magic in the data */
  UL_ELF_JVM = 1 << 1,       /* needs libjli.so or libjvm.so */
  UL_ELF_NODE = 1 << 2,      /* needs libnode.so, or offers its native interface */
  UL_ELF_PYTHON = 1 << 3,    /* needs libpython, or offers its interface */
  UL_ELF_DOTNET = 1 << 4,    /* looks for hostfxr */
  UL_ELF_SANITIZER = 1 << 5, /* needs a sanitizer's runtime, which must be loaded first */
};

typedef struct ul_elf_facts {
  unsigned machine; /* e_machine */
  unsigned bits;    /* 32 or 64 */
  bool     is_big_endian;
  bool     is_dynamic;       /* has an interpreter, which reads LD_PRELOAD */
  char     interpreter[128]; /* its path; "" when static */
  unsigned marks;            /* enum ul_elf_mark */
} ul_elf_facts;

/* Returns 0, or -UL_E_INVAL when it is not an ELF program or is cut off. A program that starts but
 * whose tables are odd is described as far as it can be read. */
UL_MUST_USE int ul_elf_read(const ul_elf_reader *reader, ul_elf_facts *ret_facts);

#endif
