/* SPDX-License-Identifier: MIT */
/* Both frees by threads that have ended. */
#include <stdlib.h>
#include <pthread.h>

static void *release(void *object) {
  free(object);
  return NULL;
}

int main(void) {
  void     *object = malloc(100);
  pthread_t thread;
  for (int i = 0; i < 2; i++) {
    pthread_create(&thread, NULL, release, object);
    pthread_join(thread, NULL);
  }
  return 0;
}
