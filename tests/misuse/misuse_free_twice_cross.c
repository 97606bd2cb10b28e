/* SPDX-License-Identifier: MIT */
/* free here of an object freed by another thread, which then goes on working. */
#include <stdlib.h>
#include <pthread.h>

static void *work(void *object) {
  free(object);
  for (int i = 0; i < 1000; i++) free(malloc(500));
  return NULL;
}

int main(void) {
  void     *object = malloc(24);
  pthread_t thread;
  pthread_create(&thread, NULL, work, object);
  pthread_join(thread, NULL);
  free(object);
  return 0;
}
