/* SPDX-License-Identifier: MIT */
/* cache_service.c: a service that holds a lot of data in a small place.
 *
 *     cache_service [--live SIZE] [--seconds N] [--threads N] [--seed N]
 *
 * A cache with --live bytes of entries (default 1,230,000,000): keys of 16 to 64 bytes, values
 * log-normal around 512 bytes and up to 16 KiB, key and value each an object of their own. It is
 * filled, then entries are set at random by --threads threads for --seconds seconds: about half
 * of the sets overwrite an entry, the others make a new one and push out old ones, drawn at
 * random, until it fits.
 *
 * The program itself keeps its promise exactly: the bytes of keys and values never exceed
 * --live, at no moment and with any number of threads (see reserve). Whether the process stays
 * inside a budget then depends on nothing but malloc: on how much it adds to each object, and on
 * whether the space of a freed object serves the next one, which is rarely of the same size.
 *
 *     shard[hash % SHARDS]  ->  | slot | slot | ... |   open addressing, 24 bytes a slot
 *                                   |
 *                                   +-> key   (malloc)
 *                                   +-> value (malloc)
 *
 * Prints one JSON line when it ends. Nothing is freed at the end: what stands in the heap then
 * is what a running service holds. SIGTERM and SIGINT end it early. Needs nothing but libc.
 *
 * Invariants  the sum of key_bytes + value_bytes over all slots <= reserved_bytes, and that is
 *             never above live_max_bytes; in a shard no empty slot lies between a slot and the
 *             place its hash asks for.
 * Threads     a shard's slots: its lock. reserved_bytes: atomic. Objects taken out of a shard
 *             under its lock belong to the thread that took them; they are freed outside it. */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  SHARDS = 64,
  VALUE_SIZES = 4096, /* equally likely value sizes, the quantiles of the distribution */
  VALUE_MEDIAN = 512,
  VALUE_MAX = 16384,
  KEY_MIN = 16,
  KEY_MAX = 64,
  MAX_THREADS = 64,
  LATENCY_BUCKETS = 640, /* 16 per doubling of nanoseconds: a quantile is exact to 6 % */
};

typedef struct slot {
  char    *key; /* NULL: empty */
  uint8_t *value;
  uint32_t hash; /* upper half: decides on the slot's place, and spares a look at most keys */
  uint16_t value_bytes;
  uint16_t key_bytes;
} slot;

typedef struct shard {
  pthread_mutex_t lock;
  slot           *slots;
  uint32_t        capacity, count;
} shard;

typedef struct worker {
  unsigned index;
  uint64_t random;
  uint64_t next_key; /* while filling */
  uint64_t ops, overwrites, evictions;
  uint64_t latency[LATENCY_BUCKETS];
} worker;

static shard                 shards[SHARDS];
static uint32_t              value_sizes[VALUE_SIZES];
static _Atomic uint64_t      reserved_bytes, highest_bytes;
static uint64_t              live_max_bytes = 1230000000, keys, deadline_ns, seed = 1;
static double                seconds = 20;
static unsigned              threads = 2;
static pthread_barrier_t     filled;
static volatile sig_atomic_t stopping;

static void fail(const char *what, const char *advice) {
  fprintf(stderr, "cache_service: %s; %s\n", what, advice);
  exit(2);
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- random numbers, keys, sizes
 * ---------------------------------------------------------------- */

static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static uint64_t draw(uint64_t *random) {
  return mix(*random += 0x9e3779b97f4a7c15u);
}

static uint64_t draw_below(uint64_t *random, uint64_t limit) {
  return ((draw(random) >> 32) * limit) >> 32;
}

/* Quantiles of the log-normal distribution, by bisection on erfc. Returns their mean. */
static double value_sizes_init(void) {
  const double sigma = 0.8; /* a 95th percentile of 1.9 kB: web fragments, sessions, rows */
  double       sum = 0;
  for (int i = 0; i < VALUE_SIZES; i++) {
    double low = -8, high = 8, probability = (i + 0.5) / VALUE_SIZES;
    for (int step = 0; step < 40; step++) {
      double middle = (low + high) / 2;
      if (0.5 * erfc(-middle / sqrt(2)) < probability)
        low = middle;
      else
        high = middle;
    }
    value_sizes[i] = (uint32_t)fmin(fmax(VALUE_MEDIAN * exp(sigma * low), 1), VALUE_MAX);
    sum += value_sizes[i];
  }
  return sum / VALUE_SIZES;
}

/* The key with number `id`: always the same bytes and length. Returns its length. */
static uint32_t key_write(char key[KEY_MAX], uint64_t id, uint64_t hash) {
  static const char digits[] = "0123456789abcdef";
  uint32_t          length = KEY_MIN + (uint32_t)(hash >> 40) % (KEY_MAX - KEY_MIN + 1);
  for (uint32_t i = 0; i < length; i++)
    key[i] = i < 16 ? digits[(id >> (4 * i)) & 15] : digits[(hash >> (4 * (i & 15))) & 15];
  return length;
}

/* ---- one shard
 * ------------------------------------------------------------------------------------- */

static uint32_t home_of(const shard *own, uint32_t hash) {
  return (uint32_t)(((uint64_t)hash * own->capacity) >> 32);
}

/* The slot of the key, or the empty one where it would stand. Context: locked(shard). */
static slot *find(shard *own, uint32_t hash, const char *key, uint32_t key_bytes) {
  for (uint32_t at = home_of(own, hash);; at = at + 1 == own->capacity ? 0 : at + 1) {
    slot *one = &own->slots[at];
    if (!one->key ||
        (one->hash == hash && one->key_bytes == key_bytes && !memcmp(one->key, key, key_bytes)))
      return one;
  }
}

/* Empties a slot and closes the gap: later slots that would no longer be found move up.
 * Context: locked(shard). */
static void clear(shard *own, slot *gone) {
  uint32_t hole = (uint32_t)(gone - own->slots), at = hole;
  for (;;) {
    at = at + 1 == own->capacity ? 0 : at + 1;
    slot *one = &own->slots[at];
    if (!one->key) break;
    uint32_t home = home_of(own, one->hash);
    int      stays = hole <= at ? home > hole && home <= at : home > hole || home <= at;
    if (stays) continue;
    own->slots[hole] = *one;
    hole = at;
  }
  own->slots[hole] = (slot){0};
  own->count--;
}

/* A value carries a byte of its key's hash throughout: an allocator that hands out memory twice
 * is found out. */
static void value_check(const slot *one) {
  uint8_t byte = (uint8_t)one->hash;
  if (one->value[0] != byte || one->value[one->value_bytes - 1] != byte) {
    fprintf(stderr,
            "cache_service: a value was overwritten while it was live; the heap is broken\n");
    abort();
  }
}

/* ---- the service
 * ----------------------------------------------------------------------------------- */

/* Throws one entry out, drawn at random. */
static void evict(worker *own) {
  slot   victim = {0};
  shard *from = &shards[draw_below(&own->random, SHARDS)];
  pthread_mutex_lock(&from->lock);
  if (from->count) {
    uint32_t at = (uint32_t)draw_below(&own->random, from->capacity);
    while (!from->slots[at].key) at = at + 1 == from->capacity ? 0 : at + 1;
    victim = from->slots[at];
    clear(from, &from->slots[at]);
  }
  pthread_mutex_unlock(&from->lock);
  if (!victim.key) return;
  value_check(&victim);
  free(victim.key);
  free(victim.value);
  atomic_fetch_sub(&reserved_bytes, victim.key_bytes + victim.value_bytes);
  own->evictions++;
}

/* Takes `bytes` of the live bytes that are allowed. 0 when they are used up. Bytes are taken
 * before the objects are made and given back after they are freed, so the live bytes never
 * exceed the limit. */
static int reserve(uint64_t bytes) {
  uint64_t before = atomic_load(&reserved_bytes);
  do {
    if (before + bytes > live_max_bytes) return 0;
  } while (!atomic_compare_exchange_weak(&reserved_bytes, &before, before + bytes));
  uint64_t highest = atomic_load(&highest_bytes);
  while (before + bytes > highest &&
         !atomic_compare_exchange_weak(&highest_bytes, &highest, before + bytes)) {
  }
  return 1;
}

static void *must(void *memory) {
  if (!memory)
    fail("malloc returned NULL", "give the process more memory or choose a smaller --live");
  return memory;
}

/* Sets key `id` to a new value of a random size. Returns 0, without having done so, when the
 * cache is full and `make_room` is 0. */
static int set(worker *own, uint64_t id, int make_room) {
  char     key[KEY_MAX];
  uint64_t wide_hash = mix(id + 1);
  uint32_t hash = (uint32_t)(wide_hash >> 32);
  uint32_t key_bytes = key_write(key, id, wide_hash),
           value_bytes = value_sizes[draw(&own->random) >> 52];
  while (!reserve(key_bytes + value_bytes)) {
    if (!make_room) return 0;
    evict(own);
  }
  uint8_t *value = must(malloc(value_bytes)), *old_value = NULL;
  memset(value, (uint8_t)hash, value_bytes);
  shard *home = &shards[wide_hash % SHARDS];
  pthread_mutex_lock(&home->lock);
  slot *one = find(home, hash, key, key_bytes);
  if (one->key) {
    value_check(one);
    old_value = one->value;
    atomic_fetch_sub(&reserved_bytes, key_bytes); /* the key is there already */
  } else {
    if (++home->count >= home->capacity)
      fail("a shard of the index is full", "report this: the index was sized too small");
    one->key = memcpy(must(malloc(key_bytes)), key, key_bytes);
    one->key_bytes = (uint16_t)key_bytes;
    one->hash = hash;
  }
  uint32_t old_bytes = one->value_bytes;
  one->value = value;
  one->value_bytes = (uint16_t)value_bytes;
  pthread_mutex_unlock(&home->lock);
  if (old_value) {
    free(old_value);
    atomic_fetch_sub(&reserved_bytes, old_bytes);
    own->overwrites++;
  }
  return 1;
}

static unsigned bucket_of(uint64_t ns) {
  if (ns < 16) return (unsigned)ns;
  unsigned doubling = 63 - (unsigned)__builtin_clzll(ns);
  unsigned bucket = (doubling - 3) * 16 + (unsigned)((ns >> (doubling - 4)) & 15);
  return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

static uint64_t bucket_ns(unsigned bucket) {
  return bucket < 16 ? bucket : (uint64_t)(16 + bucket % 16) << (bucket / 16 - 1);
}

static void *serve(void *arg) {
  worker *own = arg;
  while (!stopping && set(own, own->next_key, 0)) own->next_key += threads;
  pthread_barrier_wait(&filled);
  pthread_barrier_wait(&filled); /* the main thread sets the deadline in between */
  for (uint64_t start = now_ns(); start < deadline_ns && !stopping;) {
    set(own, draw_below(&own->random, keys), 1);
    uint64_t end = now_ns();
    own->latency[bucket_of(end - start)]++;
    own->ops++;
    start = end;
  }
  return NULL;
}

/* ---- start and end
 * --------------------------------------------------------------------------------- */

/* SIZE as Ullage reads it everywhere: k M G T are powers of 1000, Ki Mi Gi Ti of 1024. */
static uint64_t size_of(const char *text) {
  char             *end;
  double            number = strtod(text, &end);
  static const char letters[] = "kMGT";
  double            unit = 1;
  const char       *letter = *end ? strchr(letters, *end == 'K' ? 'k' : *end) : NULL;
  if (letter) {
    double base = end[1] == 'i' ? 1024 : 1000;
    for (const char *at = letters; at <= letter; at++) unit *= base;
    end += end[1] == 'i' ? 2 : 1;
  }
  if (end == text || *end || !(number * unit >= 1e6 && number * unit <= 1e15))
    fail("--live wants a size from 1M on", "for example 1230M or 512Mi");
  return (uint64_t)(number * unit);
}

static void options_read(int argc, char **argv) {
  for (int i = 1; i < argc; i += 2) {
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    if (!strcmp(argv[i], "--live"))
      live_max_bytes = size_of(value);
    else if (!strcmp(argv[i], "--seconds") && *value)
      seconds = atof(value);
    else if (!strcmp(argv[i], "--threads") && atoi(value) >= 1 && atoi(value) <= MAX_THREADS)
      threads = (unsigned)atoi(value);
    else if (!strcmp(argv[i], "--seed") && *value)
      seed = strtoull(value, NULL, 10);
    else
      fail("usage: cache_service [--live SIZE] [--seconds N] [--threads N] [--seed N]",
           "the defaults are 1230M, 20, 2, 1");
  }
}

static void stop(int signal_number) {
  (void)signal_number;
  stopping = 1;
}

/* The index is sized for the mean entry, with a third to spare (linear probing wants it): 32 bytes
 * of it stand beside about 745 bytes of entry, 4 %. */
static void shards_init(double mean_value_bytes) {
  double entries = (double)live_max_bytes / (mean_value_bytes + (KEY_MIN + KEY_MAX) / 2.0);
  keys = (uint64_t)(entries * 2);
  for (int i = 0; i < SHARDS; i++) {
    pthread_mutex_init(&shards[i].lock, NULL);
    shards[i].capacity = (uint32_t)(entries * 4 / 3 / SHARDS) + 64;
    shards[i].slots = must(calloc(shards[i].capacity, sizeof(slot)));
  }
}

static uint64_t peak_rss_bytes(void) {
  char               line[256];
  unsigned long long kib = 0;
  FILE              *status = fopen("/proc/self/status", "re");
  while (status && fgets(line, sizeof line, status)) {
    if (sscanf(line, "VmHWM: %llu", &kib) == 1) break;
  }
  if (status) fclose(status);
  return kib * 1024;
}

static uint64_t quantile_ns(const worker *workers, uint64_t ops, double share) {
  uint64_t below = 0;
  for (unsigned bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
    for (unsigned i = 0; i < threads; i++) below += workers[i].latency[bucket];
    if (below && (double)below >= share * (double)ops) return bucket_ns(bucket);
  }
  return 0;
}

static void report(const worker *workers, uint64_t fill_ns, uint64_t serve_ns) {
  uint64_t ops = 0, overwrites = 0, evictions = 0, entries = 0, live = 0, index = 0;
  for (unsigned i = 0; i < threads; i++) {
    ops += workers[i].ops;
    overwrites += workers[i].overwrites;
    evictions += workers[i].evictions;
  }
  for (int i = 0; i < SHARDS; i++) {
    entries += shards[i].count;
    index += shards[i].capacity * sizeof(slot);
    for (uint32_t k = 0; k < shards[i].capacity; k++)
      live += shards[i].slots[k].key_bytes + shards[i].slots[k].value_bytes;
  }
  printf("{\"schema\": \"ullage.example.cache_service/1\", \"language\": \"c\", "
         "\"live_bytes\": %" PRIu64 ", \"live_highest_bytes\": %" PRIu64
         ", \"live_max_bytes\": %" PRIu64 ", \"entries\": %" PRIu64 ", \"index_bytes\": %" PRIu64
         ", \"ops\": %" PRIu64 ", \"overwrites\": %" PRIu64 ", \"evictions\": %" PRIu64
         ", \"ops_per_s\": %.0f, \"replace_p50_ns\": %" PRIu64 ", \"replace_p99_ns\": %" PRIu64
         ", \"fill_ns\": %" PRIu64 ", \"serve_ns\": %" PRIu64
         ", \"threads\": %u, \"seed\": %" PRIu64 ", \"peak_rss_bytes\": %" PRIu64 "}\n",
         live, atomic_load(&highest_bytes), live_max_bytes, entries, index, ops, overwrites,
         evictions, serve_ns ? (double)ops * 1e9 / (double)serve_ns : 0,
         quantile_ns(workers, ops, 0.5), quantile_ns(workers, ops, 0.99), fill_ns, serve_ns,
         threads, seed, peak_rss_bytes());
}

int main(int argc, char **argv) {
  options_read(argc, argv);
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  shards_init(value_sizes_init());
  static worker workers[MAX_THREADS];
  pthread_t     handles[MAX_THREADS];
  pthread_barrier_init(&filled, NULL, threads + 1);
  uint64_t start_ns = now_ns();
  for (unsigned i = 0; i < threads; i++) {
    workers[i].index = i;
    workers[i].random = mix(seed + i);
    workers[i].next_key = i;
    if (pthread_create(&handles[i], NULL, serve, &workers[i]))
      fail("cannot create a thread", "is the process limited (ulimit -u)?");
  }
  pthread_barrier_wait(&filled);
  uint64_t filled_ns = now_ns();
  deadline_ns = filled_ns + (uint64_t)(seconds * 1e9);
  pthread_barrier_wait(&filled);
  for (unsigned i = 0; i < threads; i++) pthread_join(handles[i], NULL);
  report(workers, filled_ns - start_ns, now_ns() - filled_ns);
  return 0;
}
