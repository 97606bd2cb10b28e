/* SPDX-License-Identifier: MIT */
/* stress_before_main.c: malloc before main and after exit handlers.
 *
 *     constructor 101   allocates, starts and joins a thread, keeps objects
 *     main              verifies them, registers handlers
 *     exit              TSD destructors of several rounds, atexit handlers, destructor 101: all
 *                       allocate and free; the last prints the line
 *
 * The verdict comes after everything: exit code 0 needs every stage to have run. */
#include "stress.h"

enum { OBJECTS = 200, ROUNDS = 4 };

static void         *early[OBJECTS];
static int           constructed, at_exit_ran, key_rounds, thread_ran;
static pthread_key_t key;

static void churn(size_t scale) {
  void *object[50];
  for (size_t i = 0; i < 50; i++) {
    object[i] = calloc(i + 1, scale);
    CHECK(object[i] && stress_is_zero(object[i], (i + 1) * scale), "calloc not zeroed");
    object[i] = realloc(object[i], (i + 1) * scale * 2);
    CHECK(object[i], "realloc gave NULL");
  }
  for (size_t i = 0; i < 50; i++) free(object[i]);
}

static void *before_main_thread(void *arg) {
  churn(700);
  thread_ran = 1;
  return arg;
}

__attribute__((constructor(101))) static void construct(void) {
  for (int i = 0; i < OBJECTS; i++) {
    early[i] = malloc((size_t)i * 321);
    CHECK(early[i], "malloc before main gave NULL");
    stress_fill(early[i], (size_t)i * 321, (uint64_t)i);
  }
  churn(40000);
  stress_join(stress_thread(before_main_thread, NULL));
  constructed = 1;
}

/* Destructors of thread-specific data run in rounds while values reappear: this one makes its value
 * appear again until the last round that POSIX promises. */
static void key_destroyed(void *value) {
  free(value);
  churn(33);
  if (++key_rounds < ROUNDS) pthread_setspecific(key, malloc(500));
}

static void *with_key(void *arg) {
  pthread_setspecific(key, malloc(1000));
  return arg;
}

static void at_exit(void) {
  at_exit_ran = 1;
  churn(999);
  for (int i = 0; i < OBJECTS; i += 2) free(early[i]);
}

__attribute__((destructor(101))) static void destruct(void) {
  churn(50000);
  for (int i = 1; i < OBJECTS; i += 2) {
    CHECK(stress_holds(early[i], (size_t)i * 321, (size_t)i * 321, (uint64_t)i),
          "an object from before main was damaged");
    free(early[i]);
  }
  if (!constructed || !thread_ran || !at_exit_ran || key_rounds != ROUNDS) {
    static const char said[] = "stress_before_main: a stage did not run\n";
    (void)!write(2, said, sizeof said - 1);
    _exit(1);
  }
}

int main(int argc, char **argv) {
  stress_start(argc, argv, 100);
  pthread_key_create(&key, key_destroyed);
  stress_join(stress_thread(with_key, NULL));
  churn(100);
  atexit(at_exit);
  return stress_done("stress_before_main", "constructors, keys, exit handlers, destructors");
}
