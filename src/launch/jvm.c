/* SPDX-License-Identifier: MIT */
/* jvm.c: see jvm.h. */
#include "launch/jvm.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Judging ---------------------------------------------------------------------------------- */

static uint64_t known(uint64_t counter) {
  return counter == UL_HSPERF_UNKNOWN ? 0 : counter;
}

/* Nonsense in the file must not become nonsense here: what does not fit is the most that does. */
static uint64_t add(uint64_t a, uint64_t b) {
  return known(a) > UINT64_MAX - known(b) ? UINT64_MAX : known(a) + known(b);
}

static uint64_t less(uint64_t a, uint64_t b) {
  return known(a) > known(b) ? known(a) - known(b) : 0;
}

static uint64_t in_ns(uint64_t ticks, uint64_t per_second) {
  if (known(per_second) == 0) return 0;
  double ns = (double)ticks * 1e9 / (double)per_second;
  return ns < 0x1p63 ? (uint64_t)ns : (uint64_t)INT64_MAX;
}

void ul_jvm_judge(const ul_hsperf *counters, ul_jvm *ret_jvm) {
  const char *collector = counters->collector; /* "Copy" before JDK 15 */
  uint64_t    ticks = add(add(counters->young_ticks, counters->full_ticks), counters->pause_ticks);
  uint64_t    own = less(counters->classes_loaded, counters->classes_unloaded);
  *ret_jvm = (ul_jvm){
      .one_thread_collects = strncmp(collector, "Serial", 6) == 0 || strcmp(collector, "Copy") == 0,
      /* The count rises when one begins, so the first is told by its end. */
      .full_is_last = known(counters->full_end_ticks) > 0 &&
                      known(counters->full_end_ticks) >= known(counters->young_end_ticks),
      .gc_ns = in_ns(ticks, counters->ticks_per_second),
      .heap_max_bytes = add(counters->young_most_bytes, counters->old_most_bytes),
      .old_bytes = known(counters->old_bytes),
      .metaspace_bytes = known(counters->metaspace_bytes),
      .compiled_bytes = known(counters->compiled_bytes),
      .classes = add(own, less(counters->classes_shared, counters->classes_shared_unloaded)),
      .own_classes = own,
  };
}

/* ---- Looking ---------------------------------------------------------------------------------- */

int ul_jvm_look(int pid, int64_t since_unix_s, ul_jvm *ret_jvm) {
  static uint8_t       bytes[UL_HSPERF_MOST];
  const struct passwd *user = getpwuid(geteuid());
  struct stat          facts;
  ul_hsperf            counters;
  char                 path[320];
  if (!user || snprintf(path, sizeof path, "/tmp/hsperfdata_%s/%d", user->pw_name, pid) >=
                   (int)sizeof path) {
    return -UL_E_NOTFOUND;
  }
  int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return -UL_E_NOTFOUND;
  ssize_t length = -1;
  if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_uid == geteuid() &&
      facts.st_ctime >= since_unix_s) {
    length = pread(fd, bytes, sizeof bytes, 0);
  }
  close(fd);
  if (length < 0 || ul_hsperf_read(bytes, (size_t)length, &counters) < 0) return -UL_E_NOTFOUND;
  ul_jvm_judge(&counters, ret_jvm);
  return 0;
}
