/* SPDX-License-Identifier: MIT */
/* stress_family.c: the contracts of the malloc family under its ordinary names.
 *
 * The contracts stand in family.h. Here they meet the interposed functions, and those that only
 * exist here: malloc_trim, mallinfo2, malloc_stats, malloc_info, mallopt. Symbols younger than
 * the C library (free_sized, C23) are looked up by dlsym. */
#include "family.h"

#include <dlfcn.h>
#include <malloc.h>

/* Which of the functions is libullage's? The test would mean little if it asked glibc. */
static void check_interposed(void) {
  static const char *const name[] = {"malloc",
                                     "calloc",
                                     "realloc",
                                     "reallocarray",
                                     "free",
                                     "memalign",
                                     "posix_memalign",
                                     "aligned_alloc",
                                     "valloc",
                                     "pvalloc",
                                     "malloc_usable_size",
                                     "malloc_trim",
                                     "mallinfo",
                                     "mallinfo2",
                                     "malloc_stats",
                                     "malloc_info",
                                     "mallopt",
                                     "free_sized",
                                     "free_aligned_sized"};
  void                    *ours = dlsym(RTLD_DEFAULT, "ullage_malloc");
  Dl_info                  library, info;
  if (!ours) return; /* developing against another malloc */
  CHECK(dladdr(ours, &library), "dladdr of ullage_malloc");
  for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
    void *at = dlsym(RTLD_DEFAULT, name[i]);
    CHECK(at, "%s does not exist", name[i]);
    CHECK(dladdr(at, &info) && info.dli_fbase == library.dli_fbase,
          "%s is not libullage's but %s's", name[i], info.dli_fname);
  }
}

static void check_statistics(void) {
  void            *object[1000];
  struct mallinfo2 before = mallinfo2(), during, after;
  for (int i = 0; i < 1000; i++) object[i] = malloc(3000);
  during = mallinfo2();
  CHECK(during.uordblks >= before.uordblks + 1000 * 3000 - 64 * 3000,
        "mallinfo2.uordblks grew by %zd for 3,000,000 live bytes",
        (ssize_t)(during.uordblks - before.uordblks));
  for (int i = 0; i < 1000; i++) free(object[i]);
  after = mallinfo2();
  CHECK(after.uordblks + 1000 * 3000 / 2 < during.uordblks, "mallinfo2.uordblks does not fall");
}

static void check_reports(void) {
  char  *text = NULL;
  size_t bytes = 0;
  FILE  *out = open_memstream(&text, &bytes);
  CHECK(out, "open_memstream: %s", strerror(errno));
  CHECK(malloc_info(0, out) == 0, "malloc_info failed");
  fclose(out);
  CHECK(strncmp(text, "<malloc version=", 16) == 0 && strstr(text, "</malloc>"),
        "malloc_info is not the XML that glibc documents: %.60s", text);
  free(text);
  CHECK(malloc_info(1, stderr) != 0, "malloc_info takes no options but 0");
  /* malloc_stats writes to stderr: have it write into a file. */
  int   kept = dup(2);
  FILE *file = tmpfile();
  CHECK(kept >= 0 && file, "tmpfile: %s", strerror(errno));
  fflush(stderr);
  dup2(fileno(file), 2);
  malloc_stats();
  fflush(stderr);
  dup2(kept, 2);
  close(kept);
  CHECK(lseek(fileno(file), 0, SEEK_END) > 0, "malloc_stats wrote nothing to stderr");
  fclose(file);
}

static void check_tuning(void) {
  enum { COUNT = 40000 };
  void **object = stress_map(COUNT * sizeof *object);
  size_t full, trimmed;
  int    released;
  /* Programs set these without looking at the answer; 1 is success. */
  CHECK(mallopt(M_MMAP_THRESHOLD, 256 * 1024) == 1, "mallopt(M_MMAP_THRESHOLD)");
  CHECK(mallopt(M_TRIM_THRESHOLD, 256 * 1024) == 1, "mallopt(M_TRIM_THRESHOLD)");
  CHECK(mallopt(M_ARENA_MAX, 1) == 1, "mallopt(M_ARENA_MAX)");
  for (int i = 0; i < COUNT; i++) object[i] = memset(malloc(1000), 1, 1000);
  full = stress_rss_bytes();
  for (int i = 0; i < COUNT; i++) free(object[i]);
  released = malloc_trim(0);
  trimmed = stress_rss_bytes();
  CHECK(trimmed + 30 * MIB < full, "malloc_trim: %zu MiB resident before, %zu after freeing 40 MiB",
        full / MIB, trimmed / MIB);
  /* The background work may have been first with all of it; the answer is a truth value. */
  CHECK(released == 0 || released == 1, "malloc_trim returned %d", released);
  munmap(object, COUNT * sizeof *object);
}

int main(int argc, char **argv) {
  family f = {malloc,
              calloc,
              realloc,
              reallocarray,
              free,
              NULL,
              NULL,
              memalign,
              posix_memalign,
              aligned_alloc,
              valloc,
              pvalloc,
              malloc_usable_size,
              (size_t)sysconf(_SC_PAGESIZE),
              stress_heap_page_bytes(),
              256 * MIB};
  stress_start(argc, argv, 200);
  f.free_sized = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
  f.free_aligned_sized =
      (void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, "free_aligned_sized");
  check_interposed();
  family_test_impossible_sizes(&f);
  family_test_size_zero(&f);
  family_test_errno(&f);
  family_test_alignment(&f);
  family_test_usable_size(&f);
  if (dlsym(RTLD_DEFAULT, "ullage_malloc")) {
    family_test_bad_aligned_alloc(&f);
    family_test_waste(&f);
  }
  family_test_calloc(&f);
  family_test_realloc(&f);
  family_test_realloc_growth(&f);
  family_test_no_overlap(&f);
  check_statistics();
  check_reports();
  check_tuning();
  return stress_done("stress_family", "contracts of the whole malloc family");
}
