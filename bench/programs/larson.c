/* SPDX-License-Identifier: MIT */
/* larson.c: a server whose threads are replaced by new ones which inherit their objects.
 *
 * After Larson and Krishnan, "Memory allocation for long-running server applications", ISMM
 * 1998. Each lane is a connection with an array of objects. A thread replaces objects of its
 * lane at random for a while, then starts a successor, hands the array over and ends. So an
 * object is often freed by another thread than the one that made it, which may have ended long
 * ago: thread caches must not leak with their threads, and memory must come back to those who
 * live. One op is a replacement. */
#include <pthread.h>
#include "common.h"

enum {
  OPS_PER_LIFE = 50000, /* long enough for caches to warm, short enough for 100 generations */
  MIN_BYTES = 8,
  MAX_BYTES = 1000,
};

typedef struct lane {
  uint64_t     ops_left;
  uint64_t     slot_count;
  bench_block *slots;
  bench_random random;
  uint64_t     sum;
} lane;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  lane_ended = PTHREAD_COND_INITIALIZER;
static unsigned        lanes_running; /* guard: lock */

static void *live(void *arg);

static void start(lane *own) {
  pthread_attr_t attr;
  pthread_t      thread;
  pthread_attr_init(&attr);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  if (pthread_create(&thread, &attr, live, own)) bench_fail("cannot create a thread");
  pthread_attr_destroy(&attr);
}

/* One generation of a lane. */
static void *live(void *arg) {
  lane    *own = arg;
  uint64_t ops = own->ops_left < OPS_PER_LIFE ? own->ops_left : OPS_PER_LIFE;
  for (uint64_t i = 0; i < ops; i++) {
    bench_block *slot = &own->slots[bench_random_below(&own->random, own->slot_count)];
    uint32_t     size = MIN_BYTES + bench_random_below(&own->random, MAX_BYTES - MIN_BYTES + 1);
    bench_block_free(slot);
    bench_block_new(slot, size, (uint32_t)i);
    own->sum += size;
  }
  own->ops_left -= ops;
  if (own->ops_left) {
    start(own);
    return NULL;
  }
  pthread_mutex_lock(&lock);
  lanes_running--;
  pthread_cond_signal(&lane_ended);
  pthread_mutex_unlock(&lock);
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "larson", .threads = 2, .ops = 8000000, .live = 60000, .seed = 1};
  bench_args_read(&args, argc, argv, "threads hand their objects to successors");
  lane *lanes = bench_array(args.threads, sizeof *lanes);
  for (unsigned i = 0; i < args.threads; i++) {
    lane *own = &lanes[i];
    own->ops_left = args.ops / args.threads;
    own->slot_count = args.live / args.threads;
    own->random.state = bench_mix(args.seed + i);
    own->slots = bench_array(own->slot_count, sizeof *own->slots);
    for (uint64_t k = 0; k < own->slot_count; k++) /* made by the main thread, as in the paper */
      bench_block_new(&own->slots[k], MIN_BYTES + bench_random_below(&own->random, 993), 0);
  }
  lanes_running = args.threads;
  for (unsigned i = 0; i < args.threads; i++) start(&lanes[i]);
  pthread_mutex_lock(&lock);
  while (lanes_running) pthread_cond_wait(&lane_ended, &lock);
  pthread_mutex_unlock(&lock);
  uint64_t sum = 0;
  for (unsigned i = 0; i < args.threads; i++) {
    sum += lanes[i].sum;
    for (uint64_t k = 0; k < lanes[i].slot_count; k++) bench_block_free(&lanes[i].slots[k]);
    free(lanes[i].slots);
  }
  free(lanes);
  bench_report(&args, sum);
  return 0;
}
