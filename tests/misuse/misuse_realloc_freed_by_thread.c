/* SPDX-License-Identifier: MIT */
/* realloc of an object that another thread freed. */
#include <stdlib.h>
#include <pthread.h>

static void *release(void *object) {
  free(object);
  return NULL;
}

int main(void) {
  void     *object = malloc(100);
  pthread_t thread;
  pthread_create(&thread, NULL, release, object);
  pthread_join(thread, NULL);
  free(realloc(object, 200));
  return 0;
}
