/* SPDX-License-Identifier: MIT */
/* usage.c: os/usage.h on Linux.
 *
 *     /proc/self/cgroup      "4:memory:/a/b"  version 1     "0::/a/b"  version 2
 *     /proc/self/mountinfo   where that hierarchy is mounted, and from which of its groups down
 *     version 1              memory.limit_in_bytes in each group up to the mount
 *     version 2              memory.max likewise
 */
#include "os/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "os/confine.h"
#include "os/linux/stat_call.h"
#include "os/pages.h"

/* A group's path, and the file in it. */
#define PATH_BYTES 768
#define LINE_BYTES 1536
#define NO_LIMIT   ((uint64_t)1 << 60) /* version 1 writes "none" as a huge number */

static ssize_t read_file(const char *path, char *ret_text, size_t capacity) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t n = read(fd, ret_text, capacity - 1);
  close(fd);
  ret_text[n > 0 ? n : 0] = 0;
  return n;
}

static uint64_t read_number(const char **at) {
  uint64_t number = 0;
  while (**at == ' ') (*at)++;
  for (; **at >= '0' && **at <= '9'; (*at)++) number = number * 10 + (uint64_t)(**at - '0');
  return number;
}

/* In which /proc counts: also where the build pretends to another size (ul_os_page_bytes). */
static uint64_t real_page_bytes(void) {
  return (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t ul_os_anonymous_bytes(void) {
  if (ul_os_is_confined()) return 0;
  int         saved_errno = errno;
  char        text[128];
  const char *at = text;
  uint64_t    bytes = 0;
  if (read_file("/proc/self/statm", text, sizeof text) > 0) {
    (void)read_number(&at);
    uint64_t resident = read_number(&at), of_files = read_number(&at);
    bytes = (resident - UL_MIN(of_files, resident)) * real_page_bytes();
  }
  errno = saved_errno;
  return bytes;
}

int ul_os_resident_of(uint32_t pid, uint64_t *ret_bytes) {
  if (ul_os_is_confined()) return -UL_E_SYSTEM;
  int         saved_errno = errno, error = 0;
  char        path[48], text[128];
  const char *at = text;
  ul_text     name = ul_text_init(path, sizeof path);
  ul_text_add(&name, "/proc/");
  ul_text_add_u64(&name, pid);
  ul_text_add(&name, "/statm");
  if (read_file(path, text, sizeof text) > 0) {
    (void)read_number(&at);
    *ret_bytes = read_number(&at) * real_page_bytes();
  } else {
    /* With hidepid others' processes are not there to be seen, and live all the same. */
    bool hidden = errno != ENOENT && errno != ESRCH;
    bool lives = kill((pid_t)pid, 0) == 0 || errno != ESRCH;
    error = hidden || lives ? -UL_E_SYSTEM : -UL_E_NOTFOUND;
  }
  errno = saved_errno;
  return error;
}

uint64_t ul_os_pid_namespace(void) {
  if (ul_os_is_confined()) return 0;
  int         saved_errno = errno;
  struct stat facts;
  bool        known = ul_linux_stat("/proc/self/ns/pid", &facts) == 0;
  errno = saved_errno;
  return known ? (uint64_t)facts.st_ino : 0;
}

uint64_t ul_os_thread_cpu_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- The container ---------------------------------------------------------------------------- */

/* Calls `visit` for each line of a file until it returns true; longer lines are cut. */
static bool each_line(const char *path, bool (*visit)(char *line, void *arg), void *arg) {
  char   chunk[512], line[LINE_BYTES];
  size_t length = 0;
  bool   found = false;
  int    fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  for (ssize_t n; !found && (n = read(fd, chunk, sizeof chunk)) > 0;) {
    for (ssize_t i = 0; i < n && !found; i++) {
      if (chunk[i] != '\n') {
        if (length < sizeof line - 1) line[length++] = chunk[i];
        continue;
      }
      line[length] = 0;
      length = 0;
      found = visit(line, arg);
    }
  }
  close(fd);
  return found;
}

struct search {
  bool version_2;
  char group[PATH_BYTES]; /* as the system names it */
  char root[PATH_BYTES];  /* the group that is mounted */
  char point[PATH_BYTES]; /* where */
};

static bool copy_word(char ret[PATH_BYTES], const char *from) {
  size_t length = strcspn(from, " ");
  if (length >= PATH_BYTES) return false;
  memcpy(ret, from, length);
  ret[length] = 0;
  return true;
}

/* Is `word` one of a comma-separated list that ends at ':' or a space or the end? */
static bool lists(const char *list, const char *word) {
  size_t length = strlen(word);
  while (*list && *list != ':' && *list != ' ') {
    size_t n = strcspn(list, ",: ");
    if (n == length && memcmp(list, word, n) == 0) return true;
    list += n + (list[n] == ',');
  }
  return false;
}

static bool is_group_line(char *line, void *arg) {
  struct search *search = arg;
  char          *controllers = strchr(line, ':');
  char          *group = controllers ? strchr(controllers + 1, ':') : NULL;
  if (!group) return false;
  bool right = search->version_2 ? strncmp(line, "0::", 3) == 0 : lists(controllers + 1, "memory");
  return right && strlen(group + 1) < PATH_BYTES && strcpy(search->group, group + 1);
}

/* "36 35 0:30 ROOT POINT options … - TYPE source OPTIONS" */
static bool is_mount_line(char *line, void *arg) {
  struct search *search = arg;
  char          *tail = strstr(line, " - ");
  char          *at = line;
  if (!tail) return false;
  const char *type = tail + 3;
  size_t      type_length = strcspn(type, " ");
  if (search->version_2) {
    if (type_length != 7 || memcmp(type, "cgroup2", 7) != 0) return false;
  } else {
    if (type_length != 6 || memcmp(type, "cgroup", 6) != 0) return false;
    const char *source = type + type_length + (type[type_length] == ' ');
    const char *options = source + strcspn(source, " ");
    if (*options != ' ' || !lists(options + 1, "memory")) return false;
  }
  for (int i = 0; i < 3; i++) { /* past the first three words */
    at = strchr(at, ' ');
    if (!at) return false;
    at++;
  }
  char *point = strchr(at, ' ');
  return point && copy_word(search->root, at) && copy_word(search->point, point + 1);
}

static uint64_t limit_of(const char *directory, size_t length, const char *file) {
  char        path[2 * PATH_BYTES + 32], text[40];
  const char *at = text;
  memcpy(path, directory, length);
  strcpy(path + length, file);
  if (read_file(path, text, sizeof text) <= 0 || text[0] < '0' || text[0] > '9') return 0;
  uint64_t limit = read_number(&at);
  return limit < NO_LIMIT ? limit : 0;
}

/* The least limit of the group and of those above it, up to what is mounted. */
static uint64_t least_limit(bool version_2) {
  struct search search = {.version_2 = version_2};
  char          directory[2 * PATH_BYTES];
  const char   *file = version_2 ? "/memory.max" : "/memory.limit_in_bytes";
  uint64_t      least = 0;
  if (!each_line("/proc/self/cgroup", is_group_line, &search) ||
      !each_line("/proc/self/mountinfo", is_mount_line, &search)) {
    return 0;
  }
  size_t root = strcmp(search.root, "/") == 0 ? 0 : strlen(search.root);
  size_t point = strlen(search.point);
  strcpy(directory, search.point);
  /* A group that lies outside of what is mounted is seen as the mount's own root. */
  if (strncmp(search.group, search.root, root) == 0 && strcmp(search.group, "/") != 0) {
    strcat(directory, search.group + root);
  }
  for (size_t length = strlen(directory);;) {
    uint64_t limit = limit_of(directory, length, file);
    if (limit && (!least || limit < least)) least = limit;
    if (length <= point) break;
    do length--;
    while (length > point && directory[length] != '/');
  }
  return least;
}

uint64_t ul_os_container_limit(void) {
  if (ul_os_is_confined()) return 0;
  int      saved_errno = errno;
  uint64_t first = least_limit(false), second = least_limit(true);
  errno = saved_errno;
  return first && second ? UL_MIN(first, second) : first + second;
}
