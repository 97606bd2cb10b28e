/* SPDX-License-Identifier: MIT */
/* malloc_usable_size of an object that another thread freed. */
#include <stdlib.h>
#include <malloc.h>
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
  return malloc_usable_size(object) == 1;
  return 0;
}
