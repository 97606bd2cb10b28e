/* SPDX-License-Identifier: MIT */
/* stress_mappings.c: the number of mappings stays far below the kernel's 65,530.
 *
 * Memory that is returned page by page, protected in strips or mapped object by object splits
 * mappings; at vm.max_map_count every mmap of the process fails, in other libraries too. Here
 * 40,000 large objects live at once, every second is freed, memory goes back to the system,
 * objects of other sizes take the places, over and over; the lines of /proc/self/maps are
 * counted. */
#include "stress.h"

#include <malloc.h>

enum { OBJECTS = 40000, ROUNDS = 4, BOUND = 5000 };

static size_t mappings(void) {
  static char text[65536];
  size_t      lines = 0;
  ssize_t     got;
  int         fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0, "/proc/self/maps: %s", strerror(errno));
  while ((got = read(fd, text, sizeof text)) > 0)
    for (ssize_t i = 0; i < got; i++) lines += text[i] == '\n';
  close(fd);
  return lines;
}

int main(int argc, char **argv) {
  void   **object = stress_map(OBJECTS * sizeof *object);
  size_t   most = 0, before = mappings();
  uint64_t random;
  stress_start(argc, argv, 120);
  random = stress_seed;
  for (int round = 0; round < ROUNDS; round++) {
    for (size_t i = 0; i < OBJECTS; i++)
      if (!object[i]) {
        /* Sizes that need mappings of their own in a naive allocator; only the ends are touched. */
        size_t bytes = 33 * KIB + stress_random(&random) % (160 * KIB);
        object[i] = malloc(bytes);
        CHECK(object[i], "malloc(%zu) gave NULL: %zu mappings", bytes, mappings());
        *(char *)object[i] = ((char *)object[i])[bytes - 1] = 1;
      }
    for (size_t i = (size_t)round % 2; i < OBJECTS; i += 2) {
      free(object[i]);
      object[i] = NULL;
    }
    malloc_trim(0);
    size_t now = mappings() - before;
    most = now > most ? now : most;
    CHECK(now < BOUND, "%zu mappings after round %d: at 65530 the whole process fails", now, round);
  }
  for (size_t i = 0; i < OBJECTS; i++) free(object[i]);
  return stress_done("stress_mappings", "40000 large objects in few mappings");
}
