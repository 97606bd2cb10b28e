/* SPDX-License-Identifier: MIT */
/* pressure_cache.c: a cache that takes what it can get and gives back when it is asked.
 *
 *     pressure_cache [--want SIZE] [--seconds N] [--threads N] [--seed N]
 *
 * Wants --want bytes of entries (default 2G): keys of 16 to 64 bytes, values log-normal around 512
 * bytes and up to 16 KiB, key and value each an object of their own. It never looks at how much it
 * holds and has no limit but --want. It evicts in one place only: relieve(), which Ullage calls
 * when the budget is nearly used up. Without Ullage nobody calls it, and the cache grows to what
 * it wants or until the system kills it.
 *
 * Filled from the most wanted key on until it is full or asked for memory for the first time, then
 * served for --seconds: keys are asked for with a skew (half of the requests go to an eighth of the
 * keys), a hit is copied out and verified, a miss is loaded and kept, each tenth request overwrites
 * with a value of another size. There are twice as many keys as --want can hold, so the hit rate
 * shows what the budget is worth.
 *
 *     shard[hash % SHARDS]  ->  | slot | slot | ... |   open addressing, 24 bytes a slot
 *                                   ^ hand: the clock; passes by what was used since its last round
 *
 * Prints a line a second on stderr and one JSON line at the end. SIGTERM and SIGINT end it early.
 *
 * Invariants  live_bytes is the sum of key_bytes + value_bytes over all slots, and what is on its
 *             way in or out; in a shard no empty slot lies between a slot and the place its hash
 *             asks for.
 * Threads     a shard's slots and hand: its lock. relieve() runs on Ullage's thread and takes one
 *             shard's lock at a time; malloc and free are never called under a lock. */
#include "load.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  SHARDS = 64,
  VALUE_MEDIAN = 512,
  KEY_MIN = 16,
  KEY_MAX = 64,
  MAX_THREADS = 64,
  VICTIMS = 64, /* entries taken out of a shard in one go */
};

/* As in ullage.h. Weak: where Ullage is not loaded, their addresses are NULL. */
extern int      ullage_pressure_register(void (*relieve)(int level, size_t want_bytes, void *arg),
                                         void *arg) __attribute__((weak));
extern uint64_t ullage_budget_get(void) __attribute__((weak));

typedef struct slot {
  char    *key; /* NULL: empty */
  uint8_t *value;
  uint32_t hash;
  uint16_t value_bytes;
  uint8_t  key_bytes;
  uint8_t  recent; /* used since the hand last came by */
} slot;

typedef struct shard {
  pthread_mutex_t lock;
  slot           *slots;
  uint32_t        capacity, count, hand;
} shard;

typedef struct worker {
  uint64_t         random, next_key;
  _Atomic uint64_t ops, hits, gets; /* written by their worker only; read by the main thread */
  uint8_t          answer[LOAD_SIZE_MAX];
} worker;

static shard                 shards[SHARDS];
static worker                workers[MAX_THREADS];
static load_sizes            values;
static _Atomic uint64_t      live_bytes, evictions, relieved_bytes, relieve_calls, refused;
static _Atomic int           stopping;
static uint64_t              want_bytes = 2000000000, keys, deadline_ns, seed = 1;
static double                seconds = 20;
static unsigned              threads = 2;
static pthread_barrier_t     filled;
static volatile sig_atomic_t interrupted;

/* ---- one shard ------------------------------------------------------------------------------- */

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
static void clear(shard *own, uint32_t hole) {
  for (uint32_t at = hole;;) {
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

/* Takes up to VICTIMS entries that were not used lately out of the shard. Returns their number. */
static unsigned take_victims(shard *from, slot victims[VICTIMS]) {
  unsigned taken = 0;
  pthread_mutex_lock(&from->lock);
  for (uint32_t steps = 0; taken < VICTIMS && from->count && steps < 2 * from->capacity; steps++) {
    slot *one = &from->slots[from->hand];
    if (one->key && !one->recent) {
      victims[taken++] = *one;
      clear(from, from->hand); /* the hand stays: another slot may have moved here */
      continue;
    }
    one->recent = 0;
    from->hand = from->hand + 1 == from->capacity ? 0 : from->hand + 1;
  }
  pthread_mutex_unlock(&from->lock);
  return taken;
}

/* ---- pressure: the only place where this cache evicts ---------------------------------------- */

static void relieve(int level, size_t wanted, void *arg) {
  static unsigned next_shard; /* one call at a time: needs no lock */
  slot            victims[VICTIMS];
  size_t          freed = 0;
  unsigned        empty = 0;
  (void)level;
  (void)arg;
  while (freed < wanted && empty < SHARDS) {
    unsigned taken = take_victims(&shards[next_shard++ % SHARDS], victims);
    empty = taken ? 0 : empty + 1;
    for (unsigned i = 0; i < taken; i++) {
      size_t bytes = victims[i].key_bytes + (size_t)victims[i].value_bytes;
      load_value_check(victims[i].value, victims[i].value_bytes, (uint8_t)victims[i].hash);
      free(victims[i].key);
      free(victims[i].value);
      atomic_fetch_sub(&live_bytes, bytes);
      freed += bytes;
    }
    atomic_fetch_add(&evictions, taken);
  }
  atomic_fetch_add(&relieved_bytes, freed);
  atomic_fetch_add(&relieve_calls, 1);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* The key with number `id`: always the same bytes and length. Returns its length. */
static uint32_t key_write(char key[KEY_MAX], uint64_t id, uint64_t hash) {
  static const char digits[] = "0123456789abcdef";
  uint32_t          length = KEY_MIN + (uint32_t)(hash >> 40) % (KEY_MAX - KEY_MIN + 1);
  for (uint32_t i = 0; i < length; i++)
    key[i] = i < 16 ? digits[(id >> (4 * i)) & 15] : digits[(hash >> (4 * (i & 15))) & 15];
  return length;
}

/* Copies the key's value out. Returns 0 when it is not there. */
static int get(worker *own, uint64_t id) {
  char     key[KEY_MAX];
  uint64_t hash = load_mix(id + 1);
  uint32_t key_bytes = key_write(key, id, hash), value_bytes = 0;
  shard   *home = &shards[hash % SHARDS];
  pthread_mutex_lock(&home->lock);
  slot *one = find(home, (uint32_t)(hash >> 32), key, key_bytes);
  int   hit = one->key != NULL;
  if (hit) {
    one->recent = 1;
    value_bytes = one->value_bytes;
    memcpy(own->answer, one->value, value_bytes);
  }
  pthread_mutex_unlock(&home->lock);
  load_value_check(own->answer, value_bytes, (uint8_t)(hash >> 32));
  return hit;
}

/* Keeps a new value for the key. Returns 0 when the cache has all it wants, or malloc has none. */
static int set(worker *own, uint64_t id) {
  uint64_t wide = load_mix(id + 1);
  uint32_t hash = (uint32_t)(wide >> 32);
  char     text[KEY_MAX];
  uint32_t key_bytes = key_write(text, id, wide);
  uint32_t value_bytes = values.size[load_draw(&own->random) >> 52];
  uint64_t bytes = key_bytes + value_bytes;
  if (atomic_fetch_add(&live_bytes, bytes) + bytes > want_bytes) goto none;
  char    *key = malloc(key_bytes);
  uint8_t *value = malloc(value_bytes);
  if (!key || !value) {
    free(key);
    free(value);
    goto none;
  }
  memcpy(key, text, key_bytes);
  memset(value, (uint8_t)hash, value_bytes);
  shard *home = &shards[wide % SHARDS];
  pthread_mutex_lock(&home->lock);
  slot *one = find(home, hash, key, key_bytes), old = *one;
  if (!old.key && ++home->count >= home->capacity)
    load_fail("a shard of the index is full", "report this: the index was sized too small");
  *one = (slot){key, value, hash, (uint16_t)value_bytes, (uint8_t)key_bytes, 0};
  pthread_mutex_unlock(&home->lock);
  if (old.key) {
    free(old.key);
    free(old.value);
    atomic_fetch_sub(&live_bytes, old.key_bytes + old.value_bytes);
  }
  return 1;
none:
  atomic_fetch_sub(&live_bytes, bytes);
  atomic_fetch_add(&refused, 1);
  return 0;
}

/* The cube of a uniform number: the first eighth of the keys gets half of the requests. */
static uint64_t draw_key(worker *own) {
  double u = (double)(load_draw(&own->random) >> 11) / 9007199254740992.0;
  return (uint64_t)((double)keys * u * u * u);
}

static void *serve(void *arg) {
  worker *own = arg;
  while (!stopping && !atomic_load(&relieve_calls) && own->next_key < keys &&
         set(own, own->next_key))
    own->next_key += threads;
  pthread_barrier_wait(&filled);
  pthread_barrier_wait(&filled); /* the main thread sets the deadline in between */
  while (!stopping && load_now_ns() < deadline_ns) {
    uint64_t id = draw_key(own);
    if (load_draw_below(&own->random, 10) == 0) {
      set(own, id);
    } else {
      int hit = get(own, id);
      if (!hit) set(own, id); /* what a real cache would fetch from behind it */
      atomic_fetch_add_explicit(&own->hits, (uint64_t)hit, memory_order_relaxed);
      atomic_fetch_add_explicit(&own->gets, 1, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&own->ops, 1, memory_order_relaxed);
  }
  return NULL;
}

/* ---- start, watch, end ----------------------------------------------------------------------- */

typedef struct totals {
  uint64_t ops, hits, gets;
} totals;

static totals totals_now(void) {
  totals sum = {0};
  for (unsigned i = 0; i < threads; i++) {
    sum.ops += atomic_load(&workers[i].ops);
    sum.hits += atomic_load(&workers[i].hits);
    sum.gets += atomic_load(&workers[i].gets);
  }
  return sum;
}

static void watch(uint64_t *ret_lowest, double *ret_mean) {
  const struct timespec tenth = {0, 100000000};
  uint64_t              lowest = UINT64_MAX, samples = 0;
  double                sum = 0;
  totals                before = totals_now();
  for (unsigned tick = 1; load_now_ns() < deadline_ns && !interrupted; tick++) {
    nanosleep(&tenth, NULL);
    uint64_t live = atomic_load(&live_bytes);
    lowest = live < lowest ? live : lowest;
    sum += (double)live;
    samples++;
    if (tick % 10) continue;
    totals   now = totals_now();
    uint64_t gets = now.gets - before.gets;
    fprintf(stderr, "%4u s %7.1f MB live %8" PRIu64 " ops/s  hit rate %.3f  %" PRIu64 " evicted\n",
            tick / 10, (double)live / 1e6, now.ops - before.ops,
            gets ? (double)(now.hits - before.hits) / (double)gets : 0, atomic_load(&evictions));
    before = now;
  }
  *ret_lowest = samples ? lowest : atomic_load(&live_bytes);
  *ret_mean = samples ? sum / (double)samples : (double)atomic_load(&live_bytes);
}

/* Verifies every entry and counts its bytes. Called when no other thread serves any more. */
static uint64_t verify_all(uint64_t *ret_entries) {
  uint64_t live = 0;
  *ret_entries = 0;
  for (int i = 0; i < SHARDS; i++) {
    pthread_mutex_lock(&shards[i].lock); /* relieve() may still be called */
    *ret_entries += shards[i].count;
    for (uint32_t k = 0; k < shards[i].capacity; k++) {
      const slot *one = &shards[i].slots[k];
      if (!one->key) continue;
      load_value_check(one->value, one->value_bytes, (uint8_t)one->hash);
      live += one->key_bytes + one->value_bytes;
    }
    pthread_mutex_unlock(&shards[i].lock);
  }
  return live;
}

static void report(uint64_t fill_ns, uint64_t serve_ns, uint64_t lowest, double mean) {
  totals   sum = totals_now();
  uint64_t entries, live = verify_all(&entries), index = 0;
  for (int i = 0; i < SHARDS; i++) index += shards[i].capacity * sizeof(slot);
  printf("{\"schema\": \"ullage.example.pressure_cache/1\", \"live_bytes\": %" PRIu64
         ", \"live_lowest_bytes\": %" PRIu64 ", \"live_mean_bytes\": %.0f"
         ", \"want_bytes\": %" PRIu64 ", \"budget_bytes\": %" PRIu64 ", \"entries\": %" PRIu64
         ", \"index_bytes\": %" PRIu64 ", \"ops\": %" PRIu64
         ", \"ops_per_s\": %.0f, \"hit_rate\": %.4f"
         ", \"evictions\": %" PRIu64 ", \"relieve_calls\": %" PRIu64
         ", \"relieved_bytes\": %" PRIu64 ", \"not_kept\": %" PRIu64 ", \"fill_ns\": %" PRIu64
         ", \"serve_ns\": %" PRIu64 ", \"threads\": %u, \"seed\": %" PRIu64
         ", \"peak_rss_bytes\": %" PRIu64 "}\n",
         live, lowest, mean, want_bytes, ullage_budget_get ? ullage_budget_get() : 0, entries,
         index, sum.ops, serve_ns ? (double)sum.ops * 1e9 / (double)serve_ns : 0,
         sum.gets ? (double)sum.hits / (double)sum.gets : 0, atomic_load(&evictions),
         atomic_load(&relieve_calls), atomic_load(&relieved_bytes), atomic_load(&refused), fill_ns,
         serve_ns, threads, seed, load_peak_rss_bytes());
}

static void options_read(int argc, char **argv) {
  for (int i = 1; i < argc; i += 2) {
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    if (!strcmp(argv[i], "--want"))
      want_bytes = load_size_of(value);
    else if (!strcmp(argv[i], "--seconds") && *value)
      seconds = atof(value);
    else if (!strcmp(argv[i], "--threads") && atoi(value) >= 1 && atoi(value) <= MAX_THREADS)
      threads = (unsigned)atoi(value);
    else if (!strcmp(argv[i], "--seed") && *value)
      seed = strtoull(value, NULL, 10);
    else
      load_fail("usage: pressure_cache [--want SIZE] [--seconds N] [--threads N] [--seed N]",
                "the defaults are 2G, 20, 2, 1");
  }
}

static void stop(int signal_number) {
  (void)signal_number;
  interrupted = 1;
  atomic_store(&stopping, 1);
}

/* The index is sized for what is wanted, with a third to spare (linear probing wants it). */
static void shards_init(void) {
  load_sizes_init(&values, VALUE_MEDIAN);
  double entries = (double)want_bytes / (values.mean + (KEY_MIN + KEY_MAX) / 2.0);
  keys = (uint64_t)(entries * 2);
  for (int i = 0; i < SHARDS; i++) {
    pthread_mutex_init(&shards[i].lock, NULL);
    shards[i].capacity = (uint32_t)(entries * 4 / 3 / SHARDS) + 64;
    shards[i].slots = calloc(shards[i].capacity, sizeof(slot));
    if (!shards[i].slots) load_fail("no memory for the index", "choose a smaller --want");
  }
}

int main(int argc, char **argv) {
  pthread_t handles[MAX_THREADS];
  uint64_t  lowest;
  double    mean;
  options_read(argc, argv);
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  shards_init();
  if (ullage_pressure_register)
    ullage_pressure_register(relieve, NULL);
  else
    fprintf(stderr, "pressure_cache: Ullage is not loaded, so nobody will ask for memory back\n");
  pthread_barrier_init(&filled, NULL, threads + 1);
  uint64_t start_ns = load_now_ns();
  for (unsigned i = 0; i < threads; i++) {
    workers[i].random = load_mix(seed + i);
    workers[i].next_key = i;
    if (pthread_create(&handles[i], NULL, serve, &workers[i]))
      load_fail("cannot create a thread", "is the process limited (ulimit -u)?");
  }
  pthread_barrier_wait(&filled);
  uint64_t filled_ns = load_now_ns();
  deadline_ns = filled_ns + (uint64_t)(seconds * 1e9);
  pthread_barrier_wait(&filled);
  watch(&lowest, &mean);
  for (unsigned i = 0; i < threads; i++) pthread_join(handles[i], NULL);
  report(filled_ns - start_ns, load_now_ns() - filled_ns, lowest, mean);
  return 0;
}
