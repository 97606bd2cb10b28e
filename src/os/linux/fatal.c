/* SPDX-License-Identifier: MIT */
/* fatal.c: see os/fatal.h. */
#include "os/fatal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void say(const char *prefix, const char *message) {
  char    line[512];
  ul_text text = ul_text_init(line, sizeof line - 1);
  int     saved_errno = errno;
  ul_text_add(&text, prefix);
  ul_text_add(&text, message);
  line[text.length++] = '\n';
  for (size_t done = 0; done < text.length;) {
    ssize_t n = write(STDERR_FILENO, line + done, text.length - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break; /* nobody listens: the process goes on, or dies as it was going to */
    done += (size_t)n;
  }
  errno = saved_errno;
}

void ul_say(const char *message) {
  say("ullage: ", message);
}

void ul_fatal(const char *message) {
  say("ullage: fatal: ", message);
  abort();
}

void ul_fatal_check(const char *condition, const char *file, int line) {
  char    message[256];
  ul_text text = ul_text_init(message, sizeof message);
  ul_text_add(&text, "broken invariant: ");
  ul_text_add(&text, condition);
  ul_text_add(&text, " at ");
  ul_text_add(&text, file);
  ul_text_add(&text, ":");
  ul_text_add_u64(&text, (uint64_t)line);
  ul_text_add(&text, "; this is a bug in ullage or memory written by the program after free");
  ul_fatal(message);
}
