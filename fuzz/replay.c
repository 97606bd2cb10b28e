/* SPDX-License-Identifier: MIT */
/* replay.c: runs a fuzz target over the files of a corpus, without a fuzzer: the corpus is a test.
 *
 *     replay FILE|DIRECTORY…
 *
 * Each input is a block of its own, so that a sanitizer sees the first byte read beyond it. An empty
 * corpus is a failure: it would test nothing.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path) {
  struct stat file;
  FILE       *in = fopen(path, "rb");
  if (!in || fstat(fileno(in), &file) < 0) {
    perror(path);
    exit(1);
  }
  size_t   size = (size_t)file.st_size;
  uint8_t *data = malloc(size ? size : 1);
  if (!data || fread(data, 1, size, in) != size) {
    perror(path);
    exit(1);
  }
  fclose(in);
  LLVMFuzzerTestOneInput(data, size);
  free(data);
  return 1;
}

static int replay(const char *path) {
  int  count = 0;
  char inner[PATH_MAX];
  DIR *directory = opendir(path);
  if (!directory) return replay_file(path);
  for (struct dirent *entry; (entry = readdir(directory));) {
    if (entry->d_name[0] == '.') continue;
    snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
    count += replay(inner);
  }
  closedir(directory);
  return count;
}

int main(int argc, char **argv) {
  int count = 0;
  for (int i = 1; i < argc; i++) count += replay(argv[i]);
  printf("replayed %d inputs\n", count);
  return count > 0 ? 0 : 1;
}
