/* SPDX-License-Identifier: MIT */
/* free in a child of fork of what the parent freed before the fork. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  void *object = malloc(100);
  int   status = 0;
  free(object);
  pid_t pid = fork();
  if (pid == 0)
    free(object);
  else if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
    abort();
  return 0;
}
