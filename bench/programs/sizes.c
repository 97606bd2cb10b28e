/* SPDX-License-Identifier: MIT */
/* sizes.c: many different sizes, alignments, zeroed memory and resizing in one working set.
 *
 * Sizes are spread evenly over the doublings from 8 bytes to 32 KiB, so every size class is in
 * use at once. An eighth of the objects is aligned (16 bytes to 4 KiB), a quarter zeroed (and
 * looked at: a word that is not zero ends the run), an eighth of the steps resizes what is
 * there. This is where the less travelled doors of an allocator are measured. One op is one
 * step. */
#include <stdatomic.h>
#include <stdio.h>
#include "common.h"

static bench_sizes sizes;

/* Told, not fatal: Debian 12's mimalloc 2.0.9 answers about one in 5,000 of these wrongly, and
 * is to be measured all the same. */
static atomic_uint misaligned;

typedef struct lane {
  uint64_t ops, slots, seed, sum;
} lane;

static void make_aligned(bench_block *slot, uint32_t size, unsigned shift) {
  void  *bytes = NULL;
  size_t alignment = (size_t)16 << shift;
  if (posix_memalign(&bytes, alignment, size)) bench_fail("posix_memalign failed");
  if ((uintptr_t)bytes & (alignment - 1))
    atomic_fetch_add_explicit(&misaligned, 1, memory_order_relaxed);
  slot->bytes = bytes;
}

static void make_zeroed(bench_block *slot, uint32_t size) {
  slot->bytes = calloc(1, size);
  if (!slot->bytes) bench_fail("calloc returned NULL");
  for (uint32_t at = 0; at < size; at += 64) {
    if (slot->bytes[at]) bench_fail("calloc returned memory that is not zero");
  }
}

static void step(bench_block *slot, bench_random *random) {
  uint64_t draw = bench_random_next(random);
  uint32_t size = bench_sizes_draw(&sizes, random);
  unsigned kind = draw & 7;
  if (kind == 0 && slot->bytes) {
    bench_block_check(slot);
    uint8_t first = slot->bytes[0];
    slot->bytes = realloc(slot->bytes, size);
    if (!slot->bytes) bench_fail("realloc returned NULL");
    if (slot->bytes[0] != first) bench_fail("realloc lost the contents");
  } else {
    bench_block_free(slot);
    if (kind == 1) {
      make_aligned(slot, size, (draw >> 3) % 9);
    } else if (kind < 4) {
      make_zeroed(slot, size);
    } else {
      slot->bytes = malloc(size);
      if (!slot->bytes) bench_fail("malloc returned NULL");
    }
  }
  slot->size = size;
  slot->tag = (uint32_t)(draw >> 8);
  bench_block_write(slot);
}

static void *work(void *arg) {
  lane        *own = arg;
  bench_random random = {own->seed};
  bench_block *slots = bench_array(own->slots, sizeof *slots);
  for (uint64_t i = 0; i < own->ops; i++) {
    bench_block *slot = &slots[bench_random_below(&random, own->slots)];
    step(slot, &random);
    own->sum += slot->size;
  }
  for (uint64_t i = 0; i < own->slots; i++) bench_block_free(&slots[i]);
  free(slots);
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "sizes", .threads = 1, .ops = 3000000, .live = 12000, .seed = 1};
  bench_args_read(&args, argc, argv, "all sizes to 32 KiB, aligned, zeroed and resized");
  bench_sizes_init_log_uniform(&sizes, 8, 32 * 1024);
  lane *lanes = bench_array(args.threads, sizeof *lanes);
  for (unsigned i = 0; i < args.threads; i++)
    lanes[i] =
        (lane){args.ops / args.threads, args.live / args.threads, bench_mix(args.seed + i), 0};
  bench_threads_run(args.threads, work, lanes, sizeof *lanes);
  uint64_t sum = 0;
  for (unsigned i = 0; i < args.threads; i++) sum += lanes[i].sum;
  free(lanes);
  if (misaligned)
    fprintf(stderr, "sizes: %u aligned requests were answered with a misaligned pointer\n",
            misaligned);
  bench_report(&args, sum);
  return 0;
}
