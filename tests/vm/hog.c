/* SPDX-License-Identifier: MIT */
/* hog.c: a program that takes memory, for the cases in the small machine (tools/check_vm.sh).
 *
 *     hog MIB [PROCESSES]   touches that much in each process, a MiB at a time, then says "done"
 *     hog leap MIB          the same in one system call
 *     hog map FILE          reads a whole file through a mapping, twice
 *     hog daemon SECONDS    leaves the program behind, with its environment empty
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static char *take(size_t bytes) {
  char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) exit(3);
  return memory;
}

static int touch(long mib) {
  for (long i = 0; i < mib; i++) {
    memset(take(MIB), 1, MIB);
    usleep(1000);
  }
  return 0;
}

static int leap(size_t bytes) {
  char *memory = take(bytes);
  int   zeros = open("/dev/zero", O_RDONLY);
  for (size_t done = 0; done < bytes;) {
    ssize_t n = read(zeros, memory + done, bytes - done);
    if (n <= 0) return 4;
    done += (size_t)n;
  }
  return 0;
}

static int map(const char *path) {
  struct stat facts;
  int         fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &facts) < 0) return 4;
  const volatile char *bytes = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED) return 3;
  unsigned sum = 0;
  for (int round = 0; round < 2; round++) {
    for (off_t at = 0; at < facts.st_size; at += 4096) sum += (unsigned char)bytes[at];
  }
  return sum == 1; /* of a file of zeros: never */
}

static int be_daemon(char **argv, const char *seconds) {
  static char *none[] = {NULL};
  if (fork() > 0) return 0;
  setsid();
  if (fork() > 0) _exit(0);
  for (int fd = 0; fd < 3; fd++) close(fd);
  char *arguments[] = {argv[0], "sleep", (char *)seconds, NULL};
  execve("/proc/self/exe", arguments, none);
  return 1;
}

static int many(long mib, long processes) {
  int status, worst = 0;
  for (long i = 1; i < processes; i++) {
    if (fork() == 0) _exit(touch(mib));
  }
  touch(mib);
  while (wait(&status) > 0) worst |= status;
  return worst != 0;
}

int main(int argc, char **argv) {
  int code;
  if (argc < 2) return 2;
  if (strcmp(argv[1], "sleep") == 0) {
    sleep((unsigned)atoi(argv[2]));
    return 0;
  }
  if (strcmp(argv[1], "daemon") == 0) return be_daemon(argv, argv[2]);
  if (strcmp(argv[1], "leap") == 0) {
    code = leap((size_t)atol(argv[2]) * MIB);
  } else if (strcmp(argv[1], "map") == 0) {
    code = map(argv[2]);
  } else {
    code = many(atol(argv[1]), argc > 2 ? atol(argv[2]) : 1);
  }
  if (code == 0) puts("done");
  return code;
}
