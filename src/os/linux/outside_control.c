/* SPDX-License-Identifier: MIT */
/* outside_control.c: os/control.h on Linux.
 *
 * A program puts its socket into $XDG_RUNTIME_DIR/ullage, else $TMPDIR/ullage-UID, of its own
 * environment; ours may be another one. So we look where our variables say, and where they point by
 * default for its user.
 *
 * The directory is opened once, without following a link, and judged by its descriptor; the socket
 * is then reached through that descriptor. Its owner, who may be hostile where we are root, can not
 * put another directory in its place in between, and so cannot have us remove a file elsewhere.
 */
#include "os/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "os/self.h"

#define MS       ((uint64_t)1000000)
#define PLACES   4
#define RETRY_NS (2 * MS)
/* A socket that refuses may be one that was bound a moment ago and does not listen yet. */
#define REFUSED_NS (100 * MS)

struct call {
  int         pid;
  uid_t       uid;
  const void *request;
  size_t      request_bytes, reply_bytes;
  void       *ret_reply;
  uint64_t    deadline_ns;
};

/* ---- Whose process ---------------------------------------------------------------------------- */

/* The effective user; the owner of /proc/PID is root's for a process that may not be dumped. */
static bool owner_of(int pid, uid_t *ret_uid) {
  char     path[48], line[256];
  unsigned effective;
  bool     found = false;
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *status = fopen(path, "re");
  if (!status) return false;
  while (!found && fgets(line, sizeof line, status)) {
    found = sscanf(line, "Uid: %*u %u", &effective) == 1;
  }
  fclose(status);
  if (found) *ret_uid = effective;
  return found;
}

bool ul_control_is_ours(int pid) {
  uid_t uid;
  return owner_of(pid, &uid) && (geteuid() == 0 || geteuid() == uid);
}

/* ---- One place -------------------------------------------------------------------------------- */

/* Opens a directory of that user that nobody else can enter. */
static enum ul_control_failure open_private(const char *path, uid_t uid, int *ret_fd) {
  struct stat facts;
  int         fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    return errno == ENOENT   ? UL_CONTROL_NO_SOCKET
           : errno == EACCES ? UL_CONTROL_FORBIDDEN
                             : UL_CONTROL_UNSAFE; /* a link, or a file */
  }
  if (fstat(fd, &facts) != 0 || facts.st_uid != uid || (facts.st_mode & 077) != 0) {
    close(fd);
    return UL_CONTROL_UNSAFE;
  }
  *ret_fd = fd;
  return UL_CONTROL_FINE;
}

/* Milliseconds to the deadline, at least 0. */
static int left_ms(uint64_t deadline_ns) {
  uint64_t now_ns = ul_os_now_ns();
  return now_ns >= deadline_ns ? 0 : (int)((deadline_ns - now_ns + MS - 1) / MS);
}

/* Connects; waits while others wait before us. Returns 0 or errno. */
static int connect_until(int fd, const struct sockaddr_un *address, uint64_t deadline_ns) {
  uint64_t refused_until_ns = UL_MIN(deadline_ns, ul_os_now_ns() + REFUSED_NS);
  for (;;) {
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0) return 0;
    int      error = errno;
    uint64_t until_ns = error == EAGAIN || error == EINTR ? deadline_ns
                        : error == ECONNREFUSED           ? refused_until_ns
                                                          : 0;
    if (ul_os_now_ns() >= until_ns) return error;
    nanosleep(&(struct timespec){.tv_nsec = RETRY_NS}, NULL);
  }
}

/* Is the process at the other end the one we mean? The kernel noted who called listen(). */
static bool is_meant(int fd, const struct call *call) {
  struct ucred peer;
  socklen_t    length = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid == call->pid &&
         peer.uid == call->uid;
}

static enum ul_control_failure talk(int fd, const struct call *call) {
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  ssize_t       n = send(fd, call->request, call->request_bytes, MSG_NOSIGNAL);
  if (n < 0 && errno == EAGAIN) return UL_CONTROL_NO_ANSWER;
  /* Where it hung up at once, what it said before may still be there. */
  int got;
  do {
    got = poll(&ready, 1, left_ms(call->deadline_ns));
  } while (got < 0 && errno == EINTR);
  if (got != 1) return UL_CONTROL_NO_ANSWER;
  n = recv(fd, call->ret_reply, call->reply_bytes, MSG_TRUNC);
  return n >= (ssize_t)call->reply_bytes ? UL_CONTROL_FINE : UL_CONTROL_GARBLED;
}

/* A socket that nobody listens on, of a program that was killed. It is gone through the descriptor,
 * and only if it is still the same: a new program of this number makes its own. */
static void remove_dead(int directory, const char *name, const struct stat *dead) {
  struct stat now;
  if (fstatat(directory, name, &now, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(now.st_mode) &&
      now.st_dev == dead->st_dev && now.st_ino == dead->st_ino) {
    unlinkat(directory, name, 0);
  }
}

static enum ul_control_failure ask_in(int directory, const struct call *call) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct stat        facts;
  char               name[16];
  snprintf(name, sizeof name, "%d", call->pid);
  if (fstatat(directory, name, &facts, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == EACCES ? UL_CONTROL_FORBIDDEN : UL_CONTROL_NO_SOCKET;
  }
  if (!S_ISSOCK(facts.st_mode) || facts.st_uid != call->uid) return UL_CONTROL_IMPOSTOR;
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return UL_CONTROL_NO_ANSWER;
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", directory, name);
  enum ul_control_failure failure;
  int                     error = connect_until(fd, &address, call->deadline_ns);
  if (error == 0) {
    failure = is_meant(fd, call) ? talk(fd, call) : UL_CONTROL_IMPOSTOR;
  } else if (error == ECONNREFUSED) {
    remove_dead(directory, name, &facts);
    failure = UL_CONTROL_STALE;
  } else {
    failure = error == EACCES       ? UL_CONTROL_FORBIDDEN
              : error == ENOENT     ? UL_CONTROL_NO_SOCKET /* it ended meanwhile */
              : error == EPROTOTYPE ? UL_CONTROL_IMPOSTOR  /* a socket of another kind */
                                    : UL_CONTROL_NO_ANSWER;
  }
  close(fd);
  return failure;
}

/* ---- All places ------------------------------------------------------------------------------- */

/* Returns how many. None twice: a request would be sent twice. */
static int list_places(uid_t uid, char ret_places[PLACES][sizeof(ul_control_place)]) {
  const char *runtime = getenv("XDG_RUNTIME_DIR"), *temporary = getenv("TMPDIR");
  char        path[sizeof(ul_control_place)];
  int         count = 0;
  for (int i = 0; i < PLACES; i++) {
    const char *parent = i == 0 ? runtime : i == 2 ? temporary : "/tmp";
    int         length;
    if (!parent || parent[0] != '/') continue;
    if (i == 0) {
      length = snprintf(path, sizeof path, "%s/ullage", parent);
    } else if (i == 1) {
      length = snprintf(path, sizeof path, "/run/user/%u/ullage", (unsigned)uid);
    } else {
      length = snprintf(path, sizeof path, "%s/ullage-%u", parent, (unsigned)uid);
    }
    bool is_new = length < (int)sizeof path;
    for (int j = 0; j < count; j++) is_new = is_new && strcmp(ret_places[j], path) != 0;
    if (is_new) memcpy(ret_places[count++], path, (size_t)length + 1);
  }
  return count;
}

enum ul_control_failure ul_control_ask(int pid, const void *request, size_t request_bytes,
                                       void *ret_reply, size_t reply_bytes, uint64_t timeout_ns,
                                       ul_control_place *ret_place) {
  char                    places[PLACES][sizeof(ul_control_place)];
  enum ul_control_failure first = UL_CONTROL_NO_SOCKET;
  struct call             call = {.pid = pid,
                                  .request = request,
                                  .request_bytes = request_bytes,
                                  .reply_bytes = reply_bytes,
                                  .ret_reply = ret_reply,
                                  .deadline_ns = ul_os_now_ns() + timeout_ns};
  ret_place->path[0] = 0;
  if (!owner_of(pid, &call.uid)) return UL_CONTROL_NO_SOCKET;
  if (geteuid() != 0 && geteuid() != call.uid) return UL_CONTROL_FORBIDDEN;
  int count = list_places(call.uid, places);
  for (int i = 0; i < count; i++) {
    int                     directory = -1;
    enum ul_control_failure failure = open_private(places[i], call.uid, &directory);
    if (failure == UL_CONTROL_FINE) {
      failure = ask_in(directory, &call);
      close(directory);
    }
    if (failure != UL_CONTROL_NO_SOCKET && first == UL_CONTROL_NO_SOCKET) {
      first = failure;
      memcpy(ret_place->path, places[i], sizeof places[i]);
    }
    bool may_have_arrived = failure == UL_CONTROL_FINE || failure == UL_CONTROL_NO_ANSWER ||
                            failure == UL_CONTROL_GARBLED;
    if (may_have_arrived) {
      memcpy(ret_place->path, places[i], sizeof places[i]);
      return failure;
    }
  }
  return first;
}
