/* SPDX-License-Identifier: MIT */
/* redis.c: a redis server under a fixed sequence of requests, as one command that can be measured.
 *
 *     bench_redis REDIS-SERVER [COMMANDS]
 *
 * Starts the server on a Unix socket in a fresh directory, fills it with strings, hashes, lists
 * and sorted sets, replaces, appends to, deletes and reads them, and shuts it down. The requests
 * come from a seeded generator and redis-benchmark is not used: its keys depend on the clock. What
 * is printed is a digest of all replies, the same on every run.
 *
 * Whose costs   The server is this program's child and is waited for, so wait4 in measure.c
 *               counts its time and its peak RSS, which is far above this program's own.
 * Whose malloc  Debian links redis-server to libjemalloc.so.2, dynamically: the symbol malloc
 *               stays undefined in the server, and whatever comes first in the search order
 *               defines it. LD_PRELOAD comes before. Without one the server would run on jemalloc,
 *               so libc is then preloaded itself. That the preloaded library is really mapped by
 *               the server is looked up in /proc before the first request; a redis that carries
 *               its allocator inside (built from source) defines malloc or je_malloc itself:
 *               bench/real/programs.py leaves that out.
 * The pipe      Batch k + 1 is written before the replies to batch k are read, so that the server
 *               always has work; it buffers its replies, so nobody waits in a circle. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "common.h"

extern char **environ;

enum {
  BATCH = 500, /* requests per write */
  BATCH_BYTES = 8 << 20,
  KEYS = 150000,
  MAX_VALUE_BYTES = 8192,
  START_TRIES = 1000, /* of 5 ms */
};

typedef struct link_state {
  int      fd;
  uint64_t awaited; /* replies */
  uint64_t digest;
  uint8_t  replies[1 << 16];
  size_t   at, end;
} link_state;

static char   directory[] = "/tmp/bench-redis-XXXXXX", path[64];
static pid_t  server;
static char   batch[BATCH_BYTES];
static size_t batch_bytes;
static char   value[MAX_VALUE_BYTES];

static void fail(const char *what) {
  fprintf(stderr, "bench_redis: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
  if (server > 0) {
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
  }
  unlink(path);
  rmdir(directory);
  exit(1);
}

/* ---- the server ------------------------------------------------------------------------------ */

static void server_start(char *program) {
  char       *words[] = {program,     "--port",         "0",       "--unixsocket",
                         path,        "--save",         "",        "--appendonly",
                         "no",        "--activedefrag", "no",      "--jemalloc-bg-thread",
                         "no",        "--loglevel",     "warning", "--logfile",
                         "/dev/null", "--dir",          directory, NULL};
  const char *preload = getenv("LD_PRELOAD");
  if (!preload || !*preload) setenv("LD_PRELOAD", "libc.so.6", 1);
  if ((errno = posix_spawnp(&server, program, NULL, NULL, words, environ)))
    fail("cannot start redis-server");
}

/* Exits unless the server has mapped the library that LD_PRELOAD names. */
static void server_check_malloc(void) {
  const char *wanted = getenv("LD_PRELOAD");
  char        real[4096], file[32], line[4352];
  if (!strchr(wanted, '/')) return; /* "libc.so.6": always there */
  if (!realpath(wanted, real)) fail("LD_PRELOAD names no file");
  snprintf(file, sizeof file, "/proc/%d/maps", (int)server);
  FILE *maps = fopen(file, "r");
  int   found = 0;
  while (maps && fgets(line, sizeof line, maps)) found |= strstr(line, real) != NULL;
  if (maps) fclose(maps);
  errno = 0;
  if (!found) fail("the server does not run on the preloaded library");
}

static int server_connect(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("cannot make a socket");
  for (int i = 0; i < START_TRIES; i++) {
    if (!connect(fd, (struct sockaddr *)&address, sizeof address)) return fd;
    if (waitpid(server, NULL, WNOHANG) == server) {
      server = 0;
      errno = 0;
      fail("redis-server ended at once; run it by hand to see why");
    }
    nanosleep(&(struct timespec){0, 5000000}, NULL);
  }
  fail("redis-server does not answer");
  return -1;
}

/* ---- requests and replies -------------------------------------------------------------------- */

static void append(const char *bytes, size_t count) {
  memcpy(batch + batch_bytes, bytes, count);
  batch_bytes += count;
}

static void append_word(const char *bytes, size_t count) {
  batch_bytes += (size_t)sprintf(batch + batch_bytes, "$%zu\r\n", count);
  append(bytes, count);
  append("\r\n", 2);
}

/* Appends one request, given as words with one space between; with `bytes` above 0 so many of
 * value are its last word. */
static void request(uint32_t bytes, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void request(uint32_t bytes, const char *format, ...) {
  char    text[96];
  va_list words;
  va_start(words, format);
  vsnprintf(text, sizeof text, format, words);
  va_end(words);
  int count = 1 + (bytes > 0);
  for (const char *at = text; *at; at++) count += *at == ' ';
  batch_bytes += (size_t)sprintf(batch + batch_bytes, "*%d\r\n", count);
  for (const char *at = text; *at;) {
    size_t length = strcspn(at, " ");
    append_word(at, length);
    at += length + (at[length] == ' ');
  }
  if (bytes) append_word(value, bytes);
}

static void send_batch(link_state *link) {
  for (size_t sent = 0; sent < batch_bytes;) {
    ssize_t now = write(link->fd, batch + sent, batch_bytes - sent);
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0) fail("cannot write to the server");
    sent += (size_t)now;
  }
  batch_bytes = 0;
}

static uint8_t next_byte(link_state *link) {
  if (link->at == link->end) {
    ssize_t now;
    while ((now = read(link->fd, link->replies, sizeof link->replies)) < 0 && errno == EINTR) {
    }
    if (now <= 0) fail("the server hung up");
    link->at = 0;
    link->end = (size_t)now;
  }
  uint8_t byte = link->replies[link->at++];
  link->digest = (link->digest ^ byte) * 0x100000001b3u; /* FNV-1a */
  return byte;
}

/* Reads to the end of the line; its number, if it holds one, else 0. */
static long next_number(link_state *link) {
  long number = 0, sign = 1;
  for (uint8_t byte; (byte = next_byte(link)) != '\n';) {
    if (byte == '-') sign = -1;
    if (byte >= '0' && byte <= '9') number = number * 10 + (byte - '0');
  }
  return number * sign;
}

static void read_reply(link_state *link) {
  uint8_t kind = next_byte(link);
  if (kind == '-') {
    errno = 0;
    fail("the server refused a request");
  }
  long number = next_number(link);
  if (kind == '$' && number >= 0)
    for (long i = 0; i < number + 2; i++) next_byte(link);
  if (kind == '*')
    for (long i = 0; i < number; i++) read_reply(link);
}

/* ---- the load -------------------------------------------------------------------------------- */

/* Request `i`. The first third fills; afterwards three in ten read and the rest change. */
static void one_request(uint64_t i, uint64_t count, const bench_sizes *sizes,
                        bench_random *random) {
  uint32_t key = bench_random_below(random, KEYS), bytes = bench_sizes_draw(sizes, random);
  uint32_t what = bench_random_below(random, 100);
  if (i < count / 3 ? what < 60 : what < 25) {
    request(bytes, "SET key:%u", i < count / 3 ? (uint32_t)(i * 7919 % KEYS) : key);
  } else if (what < 70) {
    switch (what % 4) {
    case 0: request(bytes % 120 + 1, "HSET hash:%u field%u", key % 997, key); break;
    case 1: request(0, "ZADD board:%u %u member%u", key % 29, key * 7 % 1000, key); break;
    case 2: request(bytes % 200 + 1, "RPUSH list:%u", key % 499); break;
    case 3: request(bytes % 40 + 1, "APPEND log:%u", key % 2003); break;
    }
  } else if (what < 78) {
    request(0, what % 2 ? "DEL key:%u" : "LPOP list:%u", what % 2 ? key : key % 499);
  } else {
    request(0, what % 8 ? "GET key:%u" : "HGET hash:%u field", what % 8 ? key : key % 997);
  }
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: bench_redis REDIS-SERVER [COMMANDS]\n");
    return 2;
  }
  uint64_t           count = argc > 2 ? strtoull(argv[2], NULL, 10) : 700000;
  static link_state  link = {.digest = 0xcbf29ce484222325u};
  static bench_sizes sizes;
  bench_random       random = {1};
  bench_sizes_init(&sizes, 160, 1.1, 8, MAX_VALUE_BYTES);
  memset(value, 'v', sizeof value);
  if (!mkdtemp(directory)) fail("cannot make a directory in /tmp");
  snprintf(path, sizeof path, "%s/socket", directory);
  signal(SIGPIPE, SIG_IGN);
  server_start(argv[1]);
  link.fd = server_connect();
  server_check_malloc();
  for (uint64_t i = 0; i < count;) {
    uint64_t made = 0;
    for (; made < BATCH && i < count; made++, i++) one_request(i, count, &sizes, &random);
    send_batch(&link);
    for (; link.awaited; link.awaited--) read_reply(&link); /* to the batch before */
    link.awaited = made;
  }
  for (; link.awaited; link.awaited--) read_reply(&link);
  request(0, "DBSIZE");
  send_batch(&link);
  read_reply(&link);
  request(0, "SHUTDOWN NOSAVE");
  send_batch(&link);
  int status = 0;
  if (waitpid(server, &status, 0) < 0 || status) fail("redis-server ended with an error");
  unlink(path);
  rmdir(directory);
  printf("redis commands=%" PRIu64 " replies=%016" PRIx64 "\n", count, link.digest);
  return 0;
}
