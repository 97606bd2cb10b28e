/* SPDX-License-Identifier: MIT */
/* listen.c: os/listen.h on Linux. */
#include "os/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/text.h"
#include "os/linux/entries.h"
#include "os/linux/stat_call.h"
#include "os/self.h"

/* Above what programs use, below where the kernel's table of descriptors grows again. */
#define NUMBER_FROM     200
#define EVENT_CLOEXEC   02000000
#define EVENT_NONBLOCK  04000
#define REQUEST_WAIT_MS 100
#define BACKLOG         8
#define SWEEP_ROUNDS    2 /* of a hundred names or so */
#define NONE            ((ul_os_descriptor){.number = -1})

/* Moves a descriptor to a high number, and notes what it is. */
static ul_os_descriptor keep(int fd) {
  struct stat      facts;
  ul_os_descriptor kept = NONE;
  if (fd < 0) return kept;
  int high = fcntl(fd, F_DUPFD_CLOEXEC, NUMBER_FROM);
  if (high >= 0) {
    close(fd);
    fd = high;
  }
  if (ul_linux_fstat(fd, &facts) == 0) {
    kept = (ul_os_descriptor){
        .number = fd, .device = (uint64_t)facts.st_dev, .inode = (uint64_t)facts.st_ino};
  } else {
    close(fd);
  }
  return kept;
}

static bool is_still(const ul_os_descriptor *descriptor) {
  struct stat facts;
  return descriptor->number >= 0 && ul_linux_fstat(descriptor->number, &facts) == 0 &&
         (uint64_t)facts.st_dev == descriptor->device &&
         (uint64_t)facts.st_ino == descriptor->inode;
}

static void drop(ul_os_descriptor *descriptor) {
  if (is_still(descriptor)) close(descriptor->number);
  *descriptor = NONE;
}

void ul_os_listen_init(ul_os_listen *listen) {
  *listen = (ul_os_listen){.socket = NONE, .event = NONE};
}

bool ul_os_listen_is_open(const ul_os_listen *listen) {
  return listen->socket.number >= 0 && listen->event.number >= 0;
}

/* Is it a directory, ours, and closed to everybody else? Made where it is missing. */
static bool is_private_directory(const char *path) {
  struct stat facts;
  if (mkdir(path, 0700) != 0 && errno != EEXIST) return false;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return false;
  bool fine =
      ul_linux_fstat(fd, &facts) == 0 && facts.st_uid == geteuid() && (facts.st_mode & 077) == 0;
  close(fd);
  return fine;
}

static bool directory_of(ul_text *path) {
  const char *runtime = ul_os_environment("XDG_RUNTIME_DIR");
  const char *temporary = ul_os_environment("TMPDIR");
  if (runtime && runtime[0] == '/') {
    ul_text_add(path, runtime);
    ul_text_add(path, "/ullage");
    if (is_private_directory(path->bytes)) return true;
    *path = ul_text_init(path->bytes, path->capacity);
  }
  ul_text_add(path, temporary && temporary[0] == '/' ? temporary : "/tmp");
  ul_text_add(path, "/ullage-");
  ul_text_add_u64(path, (uint64_t)geteuid());
  return is_private_directory(path->bytes);
}

/* Is nobody behind that name? Asked only where no process has its number: it may be one of another
 * namespace of processes that shares the directory, and that one listens. */
static bool is_left(const struct sockaddr_un *address) {
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  bool left =
      connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED;
  close(fd);
  return left;
}

static void consider(const char *directory, const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int                pid = 0;
  for (const char *at = name; *at >= '0' && *at <= '9' && pid < 100000000; at++) {
    pid = pid * 10 + (*at - '0');
  }
  if (pid == 0 || kill(pid, 0) == 0 || errno != ESRCH) return;
  if (strlen(directory) + strlen(name) + 2 > sizeof address.sun_path) return;
  strcpy(stpcpy(stpcpy(address.sun_path, directory), "/"), name);
  if (is_left(&address)) unlink(address.sun_path);
}

/* Takes away what killed programs left; some of it each time, so that it never becomes much. */
static void sweep(const char *directory) {
  char buffer[4096] __attribute__((aligned(8)));
  int  fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  for (int round = 0; round < SWEEP_ROUNDS; round++) {
    long n = ul_linux_entries(fd, buffer, sizeof buffer);
    if (n <= 0) break;
    for (long i = 0; i < n;) {
      const struct ul_linux_entry *entry = (const void *)(buffer + i);
      i += entry->length;
      consider(directory, entry->name);
    }
  }
  close(fd);
}

static int open_socket(ul_os_listen *at) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char               bytes[sizeof address.sun_path + 32];
  ul_text            path = ul_text_init(bytes, sizeof bytes);
  if (!directory_of(&path)) return -1;
  sweep(bytes);
  ul_text_add(&path, "/");
  ul_text_add_u64(&path, ul_os_pid());
  if (path.length >= sizeof address.sun_path) return -1;
  memcpy(address.sun_path, bytes, path.length + 1);
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  /* What has our number was left by a process that is gone. */
  unlink(bytes);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
      chmod(bytes, 0600) != 0 || /* the directory is closed to others anyway */
      listen(fd, BACKLOG) != 0) {
    close(fd);
    return -1;
  }
  memcpy(at->path, bytes, path.length + 1);
  ul_store_release(&at->named, 1u);
  return fd;
}

int ul_os_listen_open(ul_os_listen *at) {
  int saved_errno = errno;
  at->socket = keep(open_socket(at));
  at->event = NONE;
  if (at->socket.number >= 0) {
    at->event = keep((int)syscall(SYS_eventfd2, 0, EVENT_CLOEXEC | EVENT_NONBLOCK));
  }
  bool done = ul_os_listen_is_open(at);
  if (!done) ul_os_listen_close(at);
  errno = saved_errno;
  return done ? 0 : -UL_E_SYSTEM;
}

bool ul_os_listen_wait(ul_os_listen *listen, uint64_t timeout_ns) {
  int  saved_errno = errno;
  bool request = false;
  if (!is_still(&listen->socket) || !is_still(&listen->event)) {
    ul_os_listen_close(listen);
  } else {
    struct pollfd watched[2] = {{.fd = listen->socket.number, .events = POLLIN},
                                {.fd = listen->event.number, .events = POLLIN}};
    uint64_t      ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
    int n = poll(watched, 2, timeout_ns == UINT64_MAX ? -1 : (int)UL_MIN(ms, (uint64_t)86400000));
    if (n > 0 && (watched[1].revents & POLLIN) && is_still(&listen->event)) {
      uint64_t count;
      (void)!read(listen->event.number, &count, sizeof count);
    }
    request = n > 0 && (watched[0].revents & POLLIN);
    /* Closed by the program: the next wait forgets them. */
  }
  errno = saved_errno;
  return request;
}

void ul_os_listen_wake(const ul_os_listen *listen) {
  int      saved_errno = errno;
  uint64_t one = 1;
  if (is_still(&listen->event)) (void)!write(listen->event.number, &one, sizeof one);
  errno = saved_errno;
}

static bool is_welcome(int connection) {
  struct ucred peer;
  socklen_t    length = sizeof peer;
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
  return peer.uid == geteuid() || peer.uid == 0;
}

int ul_os_listen_take(ul_os_listen *listen, void *ret_request, size_t bytes) {
  int saved_errno = errno, connection = -1;
  if (is_still(&listen->socket)) {
    connection = accept4(listen->socket.number, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  }
  if (connection >= 0) {
    struct pollfd watched = {.fd = connection, .events = POLLIN};
    bool          whole = is_welcome(connection) && poll(&watched, 1, REQUEST_WAIT_MS) == 1 &&
                 recv(connection, ret_request, bytes, MSG_TRUNC) >= (ssize_t)bytes;
    if (!whole) {
      close(connection);
      connection = -1;
    }
  }
  errno = saved_errno;
  return connection;
}

void ul_os_listen_reply(int connection, const void *reply, size_t bytes) {
  int saved_errno = errno;
  (void)!send(connection, reply, bytes, MSG_NOSIGNAL);
  close(connection);
  errno = saved_errno;
}

void ul_os_listen_unname(const ul_os_listen *listen) {
  int saved_errno = errno;
  if (ul_load_acquire(&listen->named)) unlink(listen->path);
  errno = saved_errno;
}

void ul_os_listen_close(ul_os_listen *listen) {
  int saved_errno = errno;
  ul_os_listen_unname(listen);
  ul_store(&listen->named, 0u);
  drop(&listen->socket);
  drop(&listen->event);
  errno = saved_errno;
}

void ul_os_listen_forget(ul_os_listen *listen) {
  ul_store(&listen->named, 0u);
  ul_os_listen_close(listen);
}
