/* SPDX-License-Identifier: MIT */
/* sh8.c: mixed bursts with three ways to die, half of them at the hands of another thread.
 *
 * In the manner of MicroQuill's sh8bench, the threaded sibling of sh6bench: groups of objects of
 * mixed sizes (small ones weighted) are made; a group is freed forwards, backwards, or first every
 * second object and the rest later. Half of the groups change hands through a mailbox and are freed
 * by whoever draws them: bursts of frees from other threads, in address order and against it.
 * One op is one object. */
#include <stdatomic.h>
#include "common.h"

enum {
  GROUP = 1200,   /* objects: more than a thread's cache of one size holds */
  RESIDENTS = 40, /* groups a thread keeps */
  MAILBOXES = 64,
};

typedef struct group {
  bench_block blocks[GROUP];
} group;

typedef struct lane {
  uint64_t ops, seed, sum;
  group   *residents[RESIDENTS];
} lane;

static bench_sizes      sizes;
static _Atomic(group *) mailboxes[MAILBOXES];

static group *group_new(lane *own, bench_random *random) {
  group *fresh = bench_array(1, sizeof *fresh);
  for (int i = 0; i < GROUP; i++) {
    uint32_t size = bench_sizes_draw(&sizes, random);
    bench_block_new(&fresh->blocks[i], size, (uint32_t)i);
    own->sum += size;
  }
  return fresh;
}

static void group_free(group *old, unsigned way) {
  if (!old) return;
  if (way == 0) {
    for (int i = 0; i < GROUP; i++) bench_block_free(&old->blocks[i]);
  } else if (way == 1) {
    for (int i = GROUP - 1; i >= 0; i--) bench_block_free(&old->blocks[i]);
  } else {
    for (int i = 0; i < GROUP; i += 2) bench_block_free(&old->blocks[i]);
    for (int i = 1; i < GROUP; i += 2) bench_block_free(&old->blocks[i]);
  }
  free(old);
}

static void *work(void *arg) {
  lane        *own = arg;
  bench_random random = {own->seed};
  for (uint64_t made = 0; made < own->ops; made += GROUP) {
    group  *fresh = group_new(own, &random);
    group **home = &own->residents[bench_random_below(&random, RESIDENTS)];
    group  *old = *home;
    *home = fresh;
    unsigned draw = bench_random_below(&random, 6);
    if (draw < 3) old = atomic_exchange(&mailboxes[bench_random_below(&random, MAILBOXES)], old);
    group_free(old, draw % 3);
  }
  for (int i = 0; i < RESIDENTS; i++) group_free(own->residents[i], i % 3);
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "sh8", .threads = 2, .ops = 20000000, .live = 1, .seed = 1};
  bench_args_read(&args, argc, argv, "mixed bursts that change hands (--live unused)");
  bench_sizes_init(&sizes, 60, 1.1, 1, 8000);
  lane *lanes = bench_array(args.threads, sizeof *lanes);
  for (unsigned i = 0; i < args.threads; i++) {
    lanes[i].ops = args.ops / args.threads;
    lanes[i].seed = bench_mix(args.seed + i);
  }
  bench_threads_run(args.threads, work, lanes, sizeof *lanes);
  uint64_t sum = 0;
  for (unsigned i = 0; i < args.threads; i++) sum += lanes[i].sum;
  for (int i = 0; i < MAILBOXES; i++) group_free(mailboxes[i], 0);
  free(lanes);
  bench_report(&args, sum);
  return 0;
}
