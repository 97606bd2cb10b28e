/* SPDX-License-Identifier: MIT */
/* stress_dlopen.c: shared objects that allocate come and go while threads run.
 *
 * The object is compiled here, at run time, with cc: its constructor and destructor malloc and
 * free, it has thread-local data with a destructor per thread (pthread key), and it hands out
 * objects that outlive its dlclose. Exit 77 where there is no compiler. */
#include "stress.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { ROUNDS = 150, THREADS = 2 };

static const char source[] =
    "#include <stdlib.h>\n"
    "#include <string.h>\n"
    "static void *kept[64]; static __thread void *mine; static __thread char block[3000];\n"
    "__attribute__((constructor)) static void in(void) {\n"
    "  for (int i = 0; i < 64; i++) { kept[i] = malloc(i * 97 + 1); memset(kept[i], i, i * 97 + "
    "1); } }\n"
    "__attribute__((destructor)) static void out(void) {\n"
    "  for (int i = 0; i < 64; i++) { if (((unsigned char *)kept[i])[i * 97] != i) abort();\n"
    "    free(kept[i]); } free(mine); mine = malloc(10); free(mine); }\n"
    "char *give(int n) { char *p = malloc(n + 1); memset(p, 'g', n); p[n] = 0; block[n] = 1;\n"
    "  free(mine); mine = calloc(n + 1, 3); return p; }\n"
    "void drop(void) { free(mine); mine = 0; }\n";

static atomic_int stopped;
static char       directory[] = "/tmp/ullage-dlopen-XXXXXX";
static char       module[2][64];

static void remove_files(void) {
  char path[80];
  snprintf(path, sizeof path, "%s/m.c", directory);
  unlink(path);
  unlink(module[0]);
  unlink(module[1]);
  rmdir(directory);
}

/* Compiles the object twice: two names are two objects to the loader. Returns 0 without a cc. */
static int build(void) {
  char  path[80], command[300];
  FILE *out;
  CHECK(mkdtemp(directory), "mkdtemp: %s", strerror(errno));
  atexit(remove_files);
  snprintf(path, sizeof path, "%s/m.c", directory);
  CHECK((out = fopen(path, "w")), "%s: %s", path, strerror(errno));
  fputs(source, out);
  fclose(out);
  for (int i = 0; i < 2; i++) {
    snprintf(module[i], sizeof module[i], "%s/m%d.so", directory, i);
    snprintf(command, sizeof command, "cc -O1 -fno-builtin -w -shared -fPIC -o %s %s 2>&1",
             module[i], path);
    if (system(command) != 0) return 0;
  }
  return 1;
}

static void *open_and_use(void *arg) {
  uint64_t random = stress_seed + (uintptr_t)arg;
  for (int round = 0; round < ROUNDS; round++) {
    void *handle = dlopen(module[stress_random(&random) & 1], RTLD_NOW | RTLD_LOCAL);
    char *given[20];
    CHECK(handle, "dlopen: %s", dlerror());
    char *(*give)(int) = (char *(*)(int))dlsym(handle, "give");
    void (*drop)(void) = (void (*)(void))dlsym(handle, "drop");
    CHECK(give && drop, "dlsym: %s", dlerror());
    for (int i = 0; i < 20; i++) given[i] = give(i * 100);
    drop();
    CHECK(dlclose(handle) == 0, "dlclose: %s", dlerror());
    for (int i = 0; i < 20; i++) {
      CHECK(strlen(given[i]) == (size_t)i * 100, "object given by a closed module was damaged");
      free(given[i]);
    }
  }
  return NULL;
}

static void *churn(void *arg) {
  uint64_t random = stress_seed - (uintptr_t)arg - 1;
  void    *object[64] = {0};
  while (!atomic_load(&stopped)) {
    size_t at = stress_random(&random) % 64;
    free(object[at]);
    object[at] = malloc(stress_random_size(&random, 64 * KIB));
  }
  for (int i = 0; i < 64; i++) free(object[i]);
  return NULL;
}

int main(int argc, char **argv) {
  pthread_t churner, opener[THREADS];
  stress_start(argc, argv, 200);
  if (!build()) {
    printf("stress_dlopen: skipped: no C compiler `cc` to build the module with\n");
    return 77;
  }
  churner = stress_thread(churn, NULL);
  for (uintptr_t i = 0; i < THREADS; i++) opener[i] = stress_thread(open_and_use, (void *)i);
  for (int i = 0; i < THREADS; i++) stress_join(opener[i]);
  atomic_store(&stopped, 1);
  stress_join(churner);
  return stress_done("stress_dlopen", "300 dlopen/dlclose by 2 threads beside a third");
}
