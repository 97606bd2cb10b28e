/* SPDX-License-Identifier: MIT */
/* threads.c: threads that come, do a little work, leave something behind and go.
 *
 * A thread per request. Each makes a few hundred objects, frees four fifths of them and leaves
 * the rest as its result, which the main thread frees some time later, when the thread is long
 * gone. Setting up and taking down a thread's cache is paid for every time, and memory cached by
 * dead threads must not add up. --threads run at the same time. One op is one thread. */
#include <pthread.h>
#include "common.h"

enum {
  OBJECTS = 400,  /* per thread */
  KEPT = 80,      /* of them left behind */
  BACKLOG = 2000, /* results the main thread holds before it frees the oldest */
  MAX_THREADS = 256,
};

typedef struct request {
  uint64_t    seed, sum;
  bench_block kept[KEPT];
} request;

static bench_sizes sizes;

static void *serve(void *arg) {
  request     *own = arg;
  bench_random random = {own->seed};
  bench_block  blocks[OBJECTS];
  for (int i = 0; i < OBJECTS; i++) {
    bench_block_new(&blocks[i], bench_sizes_draw(&sizes, &random), (uint32_t)i);
    own->sum += blocks[i].size;
  }
  for (int i = 0; i < OBJECTS; i++) {
    if (i % (OBJECTS / KEPT) == 0)
      own->kept[i / (OBJECTS / KEPT)] = blocks[i];
    else
      bench_block_free(&blocks[i]);
  }
  return NULL;
}

static void finish(request *done, uint64_t *sum) {
  if (!done) return;
  for (int i = 0; i < KEPT; i++) bench_block_free(&done->kept[i]);
  *sum += done->sum;
  free(done);
}

int main(int argc, char **argv) {
  bench_args args = {.name = "threads", .threads = 2, .ops = 6000, .live = 1, .seed = 1};
  bench_args_read(&args, argc, argv, "short-lived threads (--live unused)");
  bench_sizes_init(&sizes, 80, 1.0, 8, 8192);
  request **backlog = bench_array(BACKLOG, sizeof *backlog);
  uint64_t  sum = 0;
  pthread_t handles[MAX_THREADS];
  for (uint64_t made = 0; made < args.ops; made += args.threads) {
    for (unsigned i = 0; i < args.threads; i++) {
      request **home = &backlog[(made + i) % BACKLOG];
      finish(*home, &sum);
      *home = bench_array(1, sizeof **home);
      (*home)->seed = bench_mix(args.seed + made + i);
      if (pthread_create(&handles[i], NULL, serve, *home)) bench_fail("cannot create a thread");
    }
    for (unsigned i = 0; i < args.threads; i++) pthread_join(handles[i], NULL);
  }
  for (int i = 0; i < BACKLOG; i++) finish(backlog[i], &sum);
  free(backlog);
  bench_report(&args, sum);
  return 0;
}
