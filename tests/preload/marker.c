/* SPDX-License-Identifier: MIT */
/* marker.c: preloaded beside the allocator; every process says which object serves its malloc.
 *
 * A program can slip out of a preload without anybody noticing: it drops LD_PRELOAD, is static, brings a
 * malloc of its own, or the library cannot be opened by its user. All of these would compare equal and
 * prove nothing. So each process appends one line to $PRELOAD_MARKER when it starts:
 *
 *     PID <tab> executable <tab> object that malloc resolves to <tab> object that free resolves to
 *
 * run.py reads the lines and fails the program when one of them does not name the library. The marker
 * is preloaded in the runs without the library too, so both runs differ in the allocator alone. It
 * stands before the library in LD_PRELOAD: RTLD_NEXT must find the library from here. It keeps no
 * descriptor and allocates nothing itself. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An executable that is not position independent and takes malloc's address owns the symbol by a stub in
 * its PLT (undefined, yet with an address), which jumps to the first real definition behind it. */
static const char *object_of(const char *symbol) {
  Dl_info info;
  const ElfW(Sym) *entry = NULL;
  void *address = dlsym(RTLD_DEFAULT, symbol);
  if (address != NULL && dladdr1(address, &info, (void **)&entry, RTLD_DL_SYMENT) != 0 &&
      entry != NULL && entry->st_shndx == SHN_UNDEF) {
    address = dlsym(RTLD_NEXT, symbol);
  }
  if (address == NULL || dladdr(address, &info) == 0 || info.dli_fname == NULL) {
    return "?";
  }
  return info.dli_fname;
}

__attribute__((constructor)) static void mark(void) {
  const char *path = getenv("PRELOAD_MARKER");
  if (path == NULL) {
    return;
  }
  char    executable[PATH_MAX], line[3 * PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
  executable[length > 0 ? length : 0] = '\0';
  int size = snprintf(line, sizeof line, "%d\t%s\t%s\t%s\n", (int)getpid(), executable,
                      object_of("malloc"), object_of("free"));
  int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd >= 0) {
    /* One write: lines of processes that start together do not mix (O_APPEND). */
    ssize_t written = write(fd, line, (size_t)size);
    (void)written;
    close(fd);
  }
}
