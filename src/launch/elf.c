/* SPDX-License-Identifier: MIT */
/* elf.c: see elf.h.
 *
 *     header -> program headers -> PT_INTERP                     static or dynamic
 *                               -> PT_DYNAMIC -> DT_NEEDED       which libraries
 *                                             -> DT_STRTAB       which names it offers or asks for
 *                               -> first writable PT_LOAD        Go's mark, when sections are gone
 *            -> section headers -> .go.buildinfo, .rodata
 *
 * A symbol-stripped program still has all of this: the loader needs it.
 */
#include "launch/elf.h"

#include <string.h>

/* Bounds. The largest found among the programs of Debian: 16 program headers, 60 sections, 90
 * DT_NEEDED (a browser), names of 5.3 MB (node). */
#define PROGRAM_HEADERS_MAX 256
#define SECTIONS_MAX        1024
#define DYNAMIC_MAX         2048
#define NAMES_MAX           ((uint64_t)16 << 20)
#define RODATA_MAX          ((uint64_t)1 << 20)
#define GO_DATA_MAX         ((uint64_t)1 << 20)

enum { PT_LOAD = 1, PT_DYNAMIC = 2, PT_INTERP = 3, PF_W = 2 };
enum { DT_NULL = 0, DT_NEEDED = 1, DT_STRTAB = 5, DT_STRSZ = 10 };

/* Where the fields of the 32-bit and the 64-bit layout lie; `wide` fields have 4 or 8 bytes. */
struct layout {
  unsigned wide, header_bytes;
  unsigned phoff, shoff, phentsize, phnum, shentsize, shnum, shstrndx;
  unsigned p_flags, p_offset, p_vaddr, p_filesz;
  unsigned s_offset, s_size;
};
static const struct layout layout_32 = {4, 52, 28, 32, 42, 44, 46, 48, 50, 24, 4, 8, 16, 16, 20};
static const struct layout layout_64 = {8, 64, 32, 40, 54, 56, 58, 60, 62, 4, 8, 16, 32, 24, 32};

struct segment {
  uint64_t type, flags, offset, address, bytes;
};

struct elf {
  const ul_elf_reader *reader;
  const struct layout *layout;
  bool                 big;
  struct segment       segments[PROGRAM_HEADERS_MAX];
  size_t               segment_count;
  bool                 needs_cxx;       /* libstdc++ is needed */
  bool                 rodata_searched; /* once is enough: a hostile file may name a thousand */
};

/* An unsigned field of `width` bytes. 0 or -UL_E_INVAL. */
static int field(const struct elf *elf, uint64_t offset, unsigned width, uint64_t *ret) {
  unsigned char bytes[8];
  uint64_t      value = 0;
  if (elf->reader->read(elf->reader->source, offset, bytes, width) < 0) return -UL_E_INVAL;
  for (unsigned i = 0; i < width; i++) {
    value |= (uint64_t)bytes[elf->big ? width - 1 - i : i] << (8 * i);
  }
  *ret = value;
  return 0;
}

/* base + index * size without wrapping round; UINT64_MAX, which no file reaches, when it would. */
static uint64_t place(uint64_t base, uint64_t index, uint64_t size) {
  uint64_t product, sum;
  if (__builtin_mul_overflow(index, size, &product)) return UINT64_MAX;
  return __builtin_add_overflow(base, product, &sum) ? UINT64_MAX : sum;
}

/* A terminated text at `offset`, cut to the buffer. False when nothing can be read there. */
static bool text_at(const struct elf *elf, uint64_t offset, char *buffer, size_t capacity) {
  size_t n = 0;
  if (elf->reader->read(elf->reader->source, offset, buffer, capacity - 1) == 0) {
    buffer[capacity - 1] = 0;
    return true;
  }
  for (; n + 1 < capacity; n++) { /* near the end of the file */
    if (elf->reader->read(elf->reader->source, place(offset, n, 1), buffer + n, 1) < 0) break;
    if (buffer[n] == 0) return true;
  }
  buffer[n] = 0;
  return n > 0;
}

struct needle {
  const char *text;
  unsigned    mark;
};

/* Looks for the needles in [offset, offset + bytes) of the file. Returns the marks found. */
static unsigned search(const struct elf *elf, uint64_t offset, uint64_t bytes,
                       const struct needle *needles, size_t count) {
  enum { CHUNK = 32768, OVERLAP = 64 };
  char     buffer[CHUNK];
  unsigned found = 0;
  size_t   kept = 0;
  for (uint64_t at = 0; at < bytes;) {
    size_t n = (size_t)UL_MIN(bytes - at, (uint64_t)(CHUNK - kept));
    if (elf->reader->read(elf->reader->source, place(offset, at, 1), buffer + kept, n) < 0) break;
    at += n;
    n += kept;
    for (size_t i = 0; i < count; i++) {
      if (memmem(buffer, n, needles[i].text, strlen(needles[i].text))) found |= needles[i].mark;
    }
    kept = UL_MIN(n, (size_t)OVERLAP); /* a needle may lie across two chunks */
    memmove(buffer, buffer + n - kept, kept);
  }
  return found;
}

static int read_segments(struct elf *elf, ul_elf_facts *facts) {
  const struct layout *l = elf->layout;
  uint64_t             table, size, count;
  if (field(elf, l->phoff, l->wide, &table) < 0 || field(elf, l->phentsize, 2, &size) < 0 ||
      field(elf, l->phnum, 2, &count) < 0) {
    return -UL_E_INVAL;
  }
  count = UL_MIN(count, (uint64_t)PROGRAM_HEADERS_MAX);
  for (uint64_t i = 0; i < count; i++) {
    struct segment *s = &elf->segments[elf->segment_count];
    uint64_t        at = place(table, i, size);
    if (field(elf, at, 4, &s->type) < 0 || field(elf, place(at, l->p_flags, 1), 4, &s->flags) < 0 ||
        field(elf, place(at, l->p_offset, 1), l->wide, &s->offset) < 0 ||
        field(elf, place(at, l->p_vaddr, 1), l->wide, &s->address) < 0 ||
        field(elf, place(at, l->p_filesz, 1), l->wide, &s->bytes) < 0) {
      return -UL_E_INVAL;
    }
    elf->segment_count++;
    if (s->type == PT_INTERP) {
      facts->is_dynamic = true;
      text_at(elf, s->offset, facts->interpreter,
              (size_t)UL_MIN(s->bytes, (uint64_t)sizeof facts->interpreter - 1) + 1);
    }
  }
  return 0;
}

/* Where in the file the byte at `address` of the loaded program lies. */
static bool file_offset(const struct elf *elf, uint64_t address, uint64_t *ret) {
  for (size_t i = 0; i < elf->segment_count; i++) {
    const struct segment *s = &elf->segments[i];
    if (s->type != PT_LOAD || address < s->address || address - s->address >= s->bytes) continue;
    *ret = place(s->offset, address - s->address, 1);
    return true;
  }
  return false;
}

/* What the name of a needed library says. */
static unsigned library_mark(const char *name) {
  static const struct needle prefixes[] = {
      {"libjli.so", UL_ELF_JVM},        {"libjvm.so", UL_ELF_JVM},
      {"libnode.so", UL_ELF_NODE},      {"libpython", UL_ELF_PYTHON},
      {"libasan.so", UL_ELF_SANITIZER}, {"libtsan.so", UL_ELF_SANITIZER},
      {"liblsan.so", UL_ELF_SANITIZER}, {"libclang_rt.", UL_ELF_SANITIZER},
  };
  for (size_t i = 0; i < UL_ARRAY_LEN(prefixes); i++) {
    if (strncmp(name, prefixes[i].text, strlen(prefixes[i].text)) == 0) return prefixes[i].mark;
  }
  return 0;
}

/* The names that a runtime linked into the program itself offers to its extensions. */
static const struct needle offered_names[] = {
    {"napi_module_register", UL_ELF_NODE}, {"Py_BytesMain", UL_ELF_PYTHON},
    {"Py_RunMain", UL_ELF_PYTHON},         {"__asan_init", UL_ELF_SANITIZER},
    {"__tsan_init", UL_ELF_SANITIZER},     {"__msan_init", UL_ELF_SANITIZER},
};

static void read_dynamic(struct elf *elf, const struct segment *dynamic, ul_elf_facts *facts) {
  unsigned wide = elf->layout->wide;
  uint64_t needed[DYNAMIC_MAX];
  size_t   needed_count = 0;
  uint64_t names = 0, names_bytes = 0, names_at;
  for (uint64_t i = 0; i < DYNAMIC_MAX && (i + 1) * 2 * wide <= dynamic->bytes; i++) {
    uint64_t tag, value, at = place(dynamic->offset, i, 2 * wide);
    if (field(elf, at, wide, &tag) < 0 || field(elf, place(at, wide, 1), wide, &value) < 0) break;
    if (tag == DT_NULL) break;
    if (tag == DT_NEEDED) needed[needed_count++] = value;
    if (tag == DT_STRTAB) names = value;
    if (tag == DT_STRSZ) names_bytes = value;
  }
  if (!file_offset(elf, names, &names_at)) return;
  for (size_t i = 0; i < needed_count; i++) {
    char name[64];
    if (text_at(elf, place(names_at, needed[i], 1), name, sizeof name)) {
      facts->marks |= library_mark(name);
      if (strncmp(name, "libstdc++.so", 12) == 0) elf->needs_cxx = true;
    }
  }
  facts->marks |= search(elf, names_at, UL_MIN(names_bytes, NAMES_MAX), offered_names,
                         UL_ARRAY_LEN(offered_names));
}

static void read_section(struct elf *elf, uint64_t at, const char *name, ul_elf_facts *facts) {
  static const struct needle host = {"hostfxr_main_startupinfo", UL_ELF_DOTNET};
  const struct layout       *l = elf->layout;
  uint64_t                   offset, bytes;
  if (strcmp(name, ".go.buildinfo") == 0) facts->marks |= UL_ELF_GO;
  /* .NET's host is a C++ program and small; nothing else is searched (our own .rodata, for one,
   * holds the very text we look for). */
  if (strcmp(name, ".rodata") != 0 || !elf->needs_cxx || elf->rodata_searched) return;
  if (field(elf, place(at, l->s_offset, 1), l->wide, &offset) < 0 ||
      field(elf, place(at, l->s_size, 1), l->wide, &bytes) < 0) {
    return;
  }
  elf->rodata_searched = true;
  if (bytes <= RODATA_MAX) facts->marks |= search(elf, offset, bytes, &host, 1);
}

static void read_sections(struct elf *elf, ul_elf_facts *facts) {
  const struct layout *l = elf->layout;
  uint64_t             table, size, count, names_index, names;
  if (field(elf, l->shoff, l->wide, &table) < 0 || field(elf, l->shentsize, 2, &size) < 0 ||
      field(elf, l->shnum, 2, &count) < 0 || field(elf, l->shstrndx, 2, &names_index) < 0 ||
      table == 0 || names_index >= count) {
    return;
  }
  uint64_t names_header = place(table, names_index, size);
  if (field(elf, place(names_header, l->s_offset, 1), l->wide, &names) < 0) return;
  count = UL_MIN(count, (uint64_t)SECTIONS_MAX);
  for (uint64_t i = 0; i < count; i++) {
    uint64_t at = place(table, i, size), name_at;
    char     name[16];
    if (field(elf, at, 4, &name_at) < 0) return;
    if (text_at(elf, place(names, name_at, 1), name, sizeof name)) {
      read_section(elf, at, name, facts);
    }
  }
}

/* Go's linker writes the mark at the start of the data, aligned to 16. */
static void read_go_data(const struct elf *elf, ul_elf_facts *facts) {
  static const struct needle go = {"\xff Go buildinf:", UL_ELF_GO};
  for (size_t i = 0; i < elf->segment_count; i++) {
    const struct segment *s = &elf->segments[i];
    if (s->type != PT_LOAD || !(s->flags & PF_W)) continue;
    facts->marks |= search(elf, s->offset, UL_MIN(s->bytes, GO_DATA_MAX), &go, 1);
    return;
  }
}

int ul_elf_read(const ul_elf_reader *reader, ul_elf_facts *ret_facts) {
  struct elf    elf = {.reader = reader};
  ul_elf_facts  facts = {0};
  unsigned char ident[16];
  uint64_t      type, machine;
  if (reader->read(reader->source, 0, ident, sizeof ident) < 0) return -UL_E_INVAL;
  if (memcmp(ident, "\177ELF", 4) != 0 || ident[4] < 1 || ident[4] > 2 || ident[5] < 1 ||
      ident[5] > 2) {
    return -UL_E_INVAL;
  }
  elf.layout = ident[4] == 2 ? &layout_64 : &layout_32;
  elf.big = ident[5] == 2;
  if (field(&elf, 16, 2, &type) < 0 || field(&elf, 18, 2, &machine) < 0) return -UL_E_INVAL;
  if (type != 2 && type != 3) return -UL_E_INVAL; /* ET_EXEC, ET_DYN: what can be started */
  facts.machine = (unsigned)machine;
  facts.bits = ident[4] == 2 ? 64 : 32;
  facts.is_big_endian = elf.big;
  if (read_segments(&elf, &facts) < 0) return -UL_E_INVAL;
  for (size_t i = 0; i < elf.segment_count; i++) {
    if (elf.segments[i].type != PT_DYNAMIC) continue;
    read_dynamic(&elf, &elf.segments[i], &facts);
    break;
  }
  read_sections(&elf, &facts);
  if (!(facts.marks & UL_ELF_GO) && !(facts.marks & ~(unsigned)UL_ELF_SANITIZER)) {
    read_go_data(&elf, &facts);
  }
  *ret_facts = facts;
  return 0;
}
