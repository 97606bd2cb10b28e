/* SPDX-License-Identifier: MIT */
/* cache.c: a cache service in small: hash table with chains, keys, values, least recently used
 * goes.
 *
 * The load this project began with. Entry, key and value are separate objects, as in most
 * services; popular keys are asked for more often (the draw is squared, twice); a miss makes an
 * entry and evicts the one that was not used for the longest time. The table is cut into shards
 * with a lock each, so an entry made by one thread is often freed by another. One op is one
 * lookup.
 *
 * --live is the number of entries; the default is about 60 MiB. */
#include <pthread.h>
#include <string.h>
#include "common.h"

enum { SHARDS = 32 };

typedef struct entry {
  struct entry *next;          /* in its chain */
  struct entry *newer, *older; /* by use */
  uint64_t      hash;
  char         *key;
  bench_block   value;
} entry;

typedef struct shard {
  pthread_mutex_t lock; /* guards all below */
  entry         **chains;
  uint64_t        chain_mask, count, limit;
  entry          *newest, *oldest;
} shard;

typedef struct lane {
  uint64_t ops, keys, seed, hits;
} lane;

static bench_sizes sizes;
static shard       shards[SHARDS];

static void unlink_use(shard *own, entry *one) {
  *(one->newer ? &one->newer->older : &own->newest) = one->older;
  *(one->older ? &one->older->newer : &own->oldest) = one->newer;
}

static void link_newest(shard *own, entry *one) {
  one->newer = NULL;
  one->older = own->newest;
  *(own->newest ? &own->newest->newer : &own->oldest) = one;
  own->newest = one;
}

static void evict_oldest(shard *own) {
  entry  *victim = own->oldest;
  entry **link = &own->chains[(victim->hash >> 8) & own->chain_mask];
  while (*link != victim) link = &(*link)->next;
  *link = victim->next;
  unlink_use(own, victim);
  own->count--;
  free(victim->key);
  bench_block_free(&victim->value);
  free(victim);
}

static void insert(shard *own, uint64_t hash, bench_random *random) {
  entry *fresh = bench_array(1, sizeof *fresh);
  size_t key_bytes = 16 + hash % 49;
  fresh->hash = hash;
  fresh->key = malloc(key_bytes);
  if (!fresh->key) bench_fail("malloc returned NULL");
  memset(fresh->key, 'k', key_bytes);
  bench_block_new(&fresh->value, bench_sizes_draw(&sizes, random), (uint32_t)hash);
  entry **chain = &own->chains[(hash >> 8) & own->chain_mask];
  fresh->next = *chain;
  *chain = fresh;
  link_newest(own, fresh);
  if (++own->count > own->limit) evict_oldest(own);
}

/* Returns 1 for a hit. */
static int lookup(uint64_t hash, bench_random *random) {
  shard *own = &shards[hash % SHARDS];
  pthread_mutex_lock(&own->lock);
  entry *found = own->chains[(hash >> 8) & own->chain_mask];
  while (found && found->hash != hash) found = found->next;
  if (found) {
    bench_block_check(&found->value);
    unlink_use(own, found);
    link_newest(own, found);
  } else {
    insert(own, hash, random);
  }
  pthread_mutex_unlock(&own->lock);
  return found != NULL;
}

static void *work(void *arg) {
  lane        *own = arg;
  bench_random random = {own->seed};
  for (uint64_t i = 0; i < own->ops; i++) {
    double   draw = (double)(bench_random_next(&random) >> 11) / 9007199254740992.0;
    uint64_t key = (uint64_t)(draw * draw * draw * (double)own->keys);
    own->hits += (uint64_t)lookup(bench_mix(key + 1), &random);
  }
  return NULL;
}

static void shards_init(uint64_t entries) {
  uint64_t chains = 1;
  while (chains < entries / SHARDS) chains *= 2;
  for (int i = 0; i < SHARDS; i++) {
    pthread_mutex_init(&shards[i].lock, NULL);
    shards[i].chains = bench_array(chains, sizeof *shards[i].chains);
    shards[i].chain_mask = chains - 1;
    shards[i].limit = entries / SHARDS;
  }
}

int main(int argc, char **argv) {
  bench_args args = {.name = "cache", .threads = 1, .ops = 2600000, .live = 80000, .seed = 1};
  bench_args_read(&args, argc, argv, "a cache of keys and values, least recently used goes first");
  bench_sizes_init(&sizes, 400, 1.0, 1, 16384);
  shards_init(args.live);
  lane *lanes = bench_array(args.threads, sizeof *lanes);
  for (unsigned i = 0; i < args.threads; i++)
    lanes[i] = (lane){args.ops / args.threads, args.live * 8, bench_mix(args.seed + i), 0};
  bench_threads_run(args.threads, work, lanes, sizeof *lanes);
  uint64_t hits = 0;
  for (unsigned i = 0; i < args.threads; i++) hits += lanes[i].hits;
  for (int i = 0; i < SHARDS; i++) {
    while (shards[i].oldest) evict_oldest(&shards[i]);
    free(shards[i].chains);
  }
  free(lanes);
  bench_report(&args, args.threads == 1 ? hits : 0); /* with more threads, order decides on hits */
  return 0;
}
