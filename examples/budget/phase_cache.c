/* SPDX-License-Identifier: MIT */
/* phase_cache.c: a cache that holds the same bytes all the time, in objects of changing size.
 *
 *     phase_cache [--live SIZE] [--seconds N] [--threads N] [--seed N] [--evict random|oldest]
 *
 * --live bytes of objects (default 1,230,000,000), log-normal, whose median changes: 512, 256,
 * 1024, 512 bytes. In each phase objects are replaced, at random or the oldest first, until the
 * whole is turned over once; from time to time there is a burst: a fiftieth of the whole in
 * short-lived objects of one size, which another thread frees. Then nine tenths are freed, at
 * random, and the cache is filled again. All of it is done once, however long that takes, and
 * repeated until --seconds have passed.
 *
 * What a free object leaves behind fits the next one rarely: this is what fragments a heap, most
 * where objects go at random (the default): then no page becomes free as a whole, and a heap that
 * serves each size from pages of its own holds what the phases need together, not what the largest
 * of them needs. Where the oldest goes first, as in most caches, pages become free.
 *
 * The live bytes never exceed --live at any moment: bytes are taken from the allowance before an
 * object is made, and given back after it was freed. Everything is written, and verified when it is
 * freed. Prints one JSON line at the end. SIGTERM and SIGINT end it early.
 *
 * Invariants  the objects of a worker's table, its burst in anybody's hands included, have
 *             <= allowance bytes.
 * Threads     a worker's table: itself. taken: atomic, as a neighbour gives a burst's bytes back.
 *             mailbox: atomic exchange. */
#include "load.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  MAX_THREADS = 64,
  PHASES = 4,
  BURST_DIVISOR = 50,
  BURSTS_PER_PHASE = 8,
  ALLOWANCE_MIN = 2000000, /* of a worker: many times the largest object and burst */
};

static const unsigned medians[PHASES] = {512, 256, 1024, 512};

/* Its size stands in the object itself, so that the table costs a pointer an object. */
typedef struct object {
  uint32_t size; /* the whole, this field included */
  uint8_t  bytes[];
} object;

typedef struct burst {
  struct worker *maker;
  uint32_t       count;
  uint64_t       taken; /* its objects and this */
  object        *objects[];
} burst;

typedef struct worker {
  object         **table;
  uint32_t         first, count, capacity; /* of the table, a ring: the oldest, how many */
  uint64_t         allowance, highest, random;
  _Atomic uint64_t taken; /* bytes of the table's objects and of bursts that are not freed yet */
  _Atomic(burst *) mailbox;
  uint64_t         ops, bursts, refills, phases;
} worker;

static worker                workers[MAX_THREADS];
static load_sizes            sizes[PHASES];
static uint64_t              live_max_bytes = 1230000000, deadline_ns, seed = 1;
static double                seconds = 20;
static unsigned              threads = 2;
static int                   evict_oldest;
static volatile sig_atomic_t stopping;

/* The first round is always done: without it no phase has followed another. */
static int over(unsigned round) {
  return stopping || (round > 0 && load_now_ns() >= deadline_ns);
}

static void *must(void *memory) {
  if (!memory) load_fail("malloc returned NULL", "give it more memory or choose a smaller --live");
  return memory;
}

/* ---- objects --------------------------------------------------------------------------------- */

/* Only the worker itself takes, so what was free before is free still. */
static int take(worker *own, uint64_t bytes) {
  if (atomic_load(&own->taken) + bytes > own->allowance) return 0;
  uint64_t taken = atomic_fetch_add(&own->taken, bytes) + bytes;
  if (taken > own->highest) own->highest = taken;
  return 1;
}

static uint8_t byte_of(const void *address) {
  return (uint8_t)load_mix((uintptr_t)address);
}

static object *make(uint32_t size) {
  object *made = must(malloc(size));
  made->size = size;
  memset(made->bytes, byte_of(made), size - sizeof *made);
  return made;
}

static void unmake(object *gone) {
  load_value_check(gone->bytes, gone->size - sizeof *gone, byte_of(gone));
  free(gone);
}

static object **slot_of(worker *own, uint64_t age) {
  uint64_t at = own->first + age;
  return &own->table[at < own->capacity ? at : at - own->capacity];
}

static void add(worker *own, uint32_t size) {
  *slot_of(own, own->count++) = make(size);
  own->ops++;
}

/* Frees one object: the oldest, or one at random, whose place the newest takes. */
static void drop_one(worker *own, int oldest) {
  object **slot = slot_of(own, oldest ? 0 : load_draw_below(&own->random, own->count));
  object  *gone = *slot;
  uint32_t size = gone->size;
  own->count--;
  if (oldest)
    own->first = own->first + 1 == own->capacity ? 0 : own->first + 1;
  else
    *slot = *slot_of(own, own->count);
  unmake(gone);
  atomic_fetch_sub(&own->taken, size);
}

/* ---- bursts ---------------------------------------------------------------------------------- */

static void burst_free(burst *gone) {
  if (!gone) return;
  worker  *maker = gone->maker;
  uint64_t taken = gone->taken;
  for (uint32_t i = 0; i < gone->count; i++) unmake(gone->objects[i]);
  free(gone);
  atomic_fetch_sub(&maker->taken, taken);
}

/* A fiftieth of the allowance in objects of one size, into the neighbour's mailbox. */
static void burst_send(worker *own) {
  uint32_t size = 64u << load_draw_below(&own->random, 8); /* 64 bytes to 8 KiB */
  uint32_t most = (uint32_t)(own->allowance / BURST_DIVISOR / (size + sizeof(object *)));
  uint64_t head = sizeof(burst) + most * sizeof(object *);
  while (!take(own, head)) drop_one(own, evict_oldest);
  burst *made = must(malloc(head));
  made->maker = own;
  made->taken = head + (uint64_t)most * size;
  for (made->count = 0; made->count < most; made->count++) {
    while (!take(own, size)) drop_one(own, evict_oldest);
    made->objects[made->count] = make(size);
  }
  worker *neighbour = &workers[(size_t)(own - workers + 1) % threads];
  burst_free(atomic_exchange(&neighbour->mailbox, made)); /* the last one was not fetched: ours */
  own->bursts++;
}

/* ---- phases ---------------------------------------------------------------------------------- */

/* A size of the phase; at least one byte stands behind an object's head. */
static uint32_t draw_size(worker *own, const load_sizes *from) {
  uint32_t size = from->size[load_draw(&own->random) >> 52];
  return size > sizeof(object) ? size : sizeof(object) + 1;
}

/* Puts in a new object, and takes out old ones until it fits. Returns its size. */
static uint32_t put(worker *own, const load_sizes *from) {
  uint32_t size = draw_size(own, from);
  while (own->count == own->capacity || !take(own, size)) drop_one(own, evict_oldest);
  add(own, size);
  return size;
}

static void fill(worker *own, const load_sizes *from) {
  while (own->count < own->capacity && !stopping) {
    uint32_t size = draw_size(own, from);
    if (!take(own, size)) break;
    add(own, size);
  }
}

static void phase(worker *own, const load_sizes *from, unsigned round) {
  uint64_t turned = 0, next_burst = own->allowance / BURSTS_PER_PHASE;
  while (turned < own->allowance && !over(round)) {
    turned += put(own, from);
    burst_free(atomic_exchange(&own->mailbox, NULL));
    if (turned < next_burst) continue;
    burst_send(own);
    next_burst += own->allowance / BURSTS_PER_PHASE;
  }
  own->phases++;
}

/* Where it stands, on stderr: the first worker speaks for all, they do the same. */
static void say(const worker *own, const char *what) {
  if (own != workers) return;
  fprintf(stderr, "phase_cache: %s, %u objects of %.1f MB, peak %.1f MB\n", what, own->count,
          (double)atomic_load(&own->taken) / 1e6, (double)load_peak_rss_bytes() / 1e6);
}

static void *work(void *arg) {
  static const char *const names[PHASES] = {"512", "256", "1024", "512 again"};
  worker                  *own = arg;
  fill(own, &sizes[0]);
  say(own, "filled");
  for (unsigned round = 0; !over(round); round++) {
    for (unsigned i = 0; i < PHASES && !over(round); i++) {
      phase(own, &sizes[i], round);
      say(own, names[i]);
    }
    if (over(round)) break;
    for (uint32_t left = own->count / 10; own->count > left;) drop_one(own, 0);
    fill(own, &sizes[0]);
    say(own, "refilled");
    own->refills++;
  }
  return NULL;
}

/* ---- start and end --------------------------------------------------------------------------- */

static void options_read(int argc, char **argv) {
  for (int i = 1; i < argc; i += 2) {
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    if (!strcmp(argv[i], "--live"))
      live_max_bytes = load_size_of(value);
    else if (!strcmp(argv[i], "--seconds") && *value)
      seconds = atof(value);
    else if (!strcmp(argv[i], "--threads") && atoi(value) >= 1 && atoi(value) <= MAX_THREADS)
      threads = (unsigned)atoi(value);
    else if (!strcmp(argv[i], "--seed") && *value)
      seed = strtoull(value, NULL, 10);
    else if (!strcmp(argv[i], "--evict") && (!strcmp(value, "random") || !strcmp(value, "oldest")))
      evict_oldest = value[0] == 'o';
    else
      load_fail("usage: phase_cache [--live SIZE] [--seconds N] [--threads N] [--seed N] "
                "[--evict random|oldest]",
                "the defaults are 1230M, 20, 2, 1, random");
  }
}

static void stop(int signal_number) {
  (void)signal_number;
  stopping = 1;
}

/* The table has room for the phase of the smallest objects. */
static void workers_init(void) {
  if (live_max_bytes / threads < ALLOWANCE_MIN)
    load_fail("--live is too small for so many threads", "give each thread at least 2M");
  double smallest_mean = LOAD_SIZE_MAX;
  for (int i = 0; i < PHASES; i++) {
    load_sizes_init(&sizes[i], medians[i]);
    smallest_mean = fmin(smallest_mean, sizes[i].mean);
  }
  for (unsigned i = 0; i < threads; i++) {
    worker *one = &workers[i];
    one->random = load_mix(seed + i);
    one->allowance = live_max_bytes / threads;
    one->capacity = (uint32_t)((double)one->allowance * 1.05 / smallest_mean);
    one->table = must(calloc(one->capacity, sizeof(object *)));
  }
}

static void report(uint64_t run_ns) {
  uint64_t live = 0, highest = 0, index = 0, objects = 0, ops = 0, bursts = 0, refills = 0,
           done = 0;
  for (unsigned i = 0; i < threads; i++) {
    worker *one = &workers[i];
    burst_free(atomic_exchange(&one->mailbox, NULL));
    for (uint32_t k = 0; k < one->count; k++) {
      object *left = *slot_of(one, k);
      load_value_check(left->bytes, left->size - sizeof *left, byte_of(left));
      live += left->size;
    }
    highest += one->highest; /* of both at their highest: never less than what really was */
    index += one->capacity * sizeof(object *);
    objects += one->count;
    ops += one->ops;
    bursts += one->bursts;
    refills += one->refills;
    done += one->phases;
  }
  printf("{\"schema\": \"ullage.example.phase_cache/1\", \"live_bytes\": %" PRIu64
         ", \"live_highest_bytes\": %" PRIu64 ", \"live_max_bytes\": %" PRIu64
         ", \"objects\": %" PRIu64 ", \"index_bytes\": %" PRIu64 ", \"ops\": %" PRIu64
         ", \"ops_per_s\": %.0f, \"phases\": %" PRIu64 ", \"bursts\": %" PRIu64
         ", \"refills\": %" PRIu64 ", \"run_ns\": %" PRIu64 ", \"threads\": %u, \"seed\": %" PRIu64
         ", \"peak_rss_bytes\": %" PRIu64 "}\n",
         live, highest, live_max_bytes, objects, index, ops,
         run_ns ? (double)ops * 1e9 / (double)run_ns : 0, done, bursts, refills, run_ns, threads,
         seed, load_peak_rss_bytes());
}

int main(int argc, char **argv) {
  pthread_t handles[MAX_THREADS];
  options_read(argc, argv);
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  workers_init();
  uint64_t start_ns = load_now_ns();
  deadline_ns = start_ns + (uint64_t)(seconds * 1e9);
  for (unsigned i = 0; i < threads; i++) {
    if (pthread_create(&handles[i], NULL, work, &workers[i]))
      load_fail("cannot create a thread", "is the process limited (ulimit -u)?");
  }
  for (unsigned i = 0; i < threads; i++) pthread_join(handles[i], NULL);
  report(load_now_ns() - start_ns);
  return 0;
}
