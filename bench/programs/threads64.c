/* SPDX-License-Identifier: MIT */
/* threads64.c: 64 threads do mixed work at once and then sit idle: what do their caches hold?
 *
 * A thread pool sized for the worst hour. While it works, each thread's cache fills; afterwards
 * nobody calls malloc any more, so nothing that is done "at the next call" will ever be done, and
 * 64 caches add up. (The case behind many bug reports of the kind "memory is not returned", and
 * the reason why tcmalloc bounds the sum of its caches and jemalloc their age.)
 *
 * Each thread replaces objects in a small array of its own, log-normal sizes with a tail to
 * 16 KiB; one object in eight is traded for another through a table that all share, and so is
 * freed by another thread than the one that made it. Then each frees all but a tenth, waits while
 * the main thread looks, and ends.
 *
 *     work -> free nine tenths -> resident memory -> --idle ms -> resident memory -> end
 *
 * Both numbers go to stderr ("threads64: after_work_rss_bytes=... idle_rss_bytes=...
 * live_bytes=..."), the program's usual line to stdout. bench/suite.py runs it with --idle 0, as
 * a sleep would only dilute its time; by hand the default is 2 s. One op is one object. */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "common.h"

enum {
  TABLE = 1024,    /* objects in trade */
  TRADED = 8,      /* one object in so many */
  KEPT_SHARE = 10, /* one slot in so many lives through the idle time */
};

typedef struct lane {
  uint64_t      ops, slots, seed, sum, live_bytes;
  bench_block **blocks; /* the header is an object of its own, as traded objects need one */
} lane;

static bench_sizes            sizes;
static _Atomic(bench_block *) table[TABLE];
static pthread_barrier_t      worked, looked;

static uint64_t resident_bytes(void) {
  char    text[128];
  int     fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  close(fd);
  unsigned long long pages = 0;
  if (length > 0) {
    text[length] = 0;
    if (sscanf(text, "%*u %llu", &pages) != 1) pages = 0;
  }
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bench_block *make(uint32_t size, uint32_t tag) {
  bench_block *fresh = malloc(sizeof *fresh);
  if (!fresh) bench_fail("malloc returned NULL");
  bench_block_new(fresh, size, tag);
  return fresh;
}

static void discard(bench_block *old) {
  if (!old) return;
  bench_block_free(old);
  free(old);
}

static void *work(void *arg) {
  lane        *own = arg;
  bench_random random = {own->seed};
  for (uint64_t i = 0; i < own->ops; i++) {
    bench_block **slot = &own->blocks[bench_random_below(&random, own->slots)];
    uint32_t      size = bench_sizes_draw(&sizes, &random);
    discard(*slot);
    *slot = make(size, (uint32_t)i);
    own->sum += size;
    if (i % TRADED == 0) *slot = atomic_exchange(&table[bench_random_below(&random, TABLE)], *slot);
  }
  for (uint64_t i = 0; i < own->slots; i++) {
    if (i % KEPT_SHARE == 0) {
      if (own->blocks[i]) own->live_bytes += own->blocks[i]->size + sizeof **own->blocks;
      continue;
    }
    discard(own->blocks[i]);
    own->blocks[i] = NULL;
  }
  pthread_barrier_wait(&worked);
  pthread_barrier_wait(&looked);
  for (uint64_t i = 0; i < own->slots; i++) discard(own->blocks[i]);
  return NULL;
}

/* Runs beside the workers; its context is how long to sleep. */
static void *look(void *arg) {
  const uint64_t *idle_ms = arg;
  pthread_barrier_wait(&worked);
  uint64_t        after_work = resident_bytes();
  struct timespec idle = {(time_t)(*idle_ms / 1000), (long)(*idle_ms % 1000) * 1000000};
  nanosleep(&idle, NULL);
  uint64_t idled = resident_bytes();
  fprintf(stderr, "threads64: after_work_rss_bytes=%" PRIu64 " idle_rss_bytes=%" PRIu64, after_work,
          idled);
  pthread_barrier_wait(&looked);
  return NULL;
}

/* Takes `--idle MS` out of the arguments, which common.c does not know. */
static uint64_t idle_take(int *argc, char **argv) {
  uint64_t idle_ms = 2000;
  for (int i = 1; i + 1 < *argc; i++) {
    if (strcmp(argv[i], "--idle")) continue;
    idle_ms = strtoull(argv[i + 1], NULL, 10);
    memmove(argv + i, argv + i + 2, (size_t)(*argc - i - 1) * sizeof *argv);
    *argc -= 2;
    break;
  }
  return idle_ms;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "threads64", .threads = 64, .ops = 16000000, .live = 64000, .seed = 1};
  uint64_t   idle_ms = idle_take(&argc, argv);
  bench_args_read(&args, argc, argv, "many threads work at once, then idle; also --idle MS (2000)");
  bench_sizes_init(&sizes, 128, 1.2, 8, 16384);
  pthread_barrier_init(&worked, NULL, args.threads + 1);
  pthread_barrier_init(&looked, NULL, args.threads + 1);
  lane *lanes = bench_array(args.threads, sizeof *lanes);
  for (unsigned i = 0; i < args.threads; i++) {
    lanes[i] = (lane){.ops = args.ops / args.threads,
                      .slots = args.live / args.threads + 1,
                      .seed = bench_mix(args.seed + i)};
    lanes[i].blocks = bench_array(lanes[i].slots, sizeof *lanes[i].blocks);
  }
  pthread_t looker;
  if (pthread_create(&looker, NULL, look, &idle_ms)) bench_fail("cannot create a thread");
  bench_threads_run(args.threads, work, lanes, sizeof *lanes);
  pthread_join(looker, NULL);
  uint64_t sum = 0, live_bytes = 0;
  for (int i = 0; i < TABLE; i++) {
    bench_block *left = atomic_exchange(&table[i], NULL);
    if (left) live_bytes += left->size + sizeof *left;
    discard(left);
  }
  for (unsigned i = 0; i < args.threads; i++) {
    sum += lanes[i].sum;
    live_bytes += lanes[i].live_bytes;
    free(lanes[i].blocks);
  }
  fprintf(stderr, " live_bytes=%" PRIu64 "\n", live_bytes);
  free(lanes);
  bench_report(&args, sum);
  return 0;
}
