/* SPDX-License-Identifier: MIT */
/* free twice of an object whose thread has ended. */
#include <stdlib.h>
#include <pthread.h>

static void *make(void *arg) {
  return arg = malloc(100);
}

int main(void) {
  void     *object;
  pthread_t thread;
  pthread_create(&thread, NULL, make, NULL);
  pthread_join(thread, &object);
  free(object);
  free(object);
  return 0;
}
