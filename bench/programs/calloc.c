/* SPDX-License-Identifier: MIT */
/* calloc.c: large zeroed blocks of which only a tenth is ever touched.
 *
 * Hash tables, bitmaps, sparse arrays, ring buffers sized for the worst case: programs ask for
 * zeroed megabytes and use little of them, because fresh pages of the system are zero already and
 * cost nothing until they are written. An allocator that clears them by hand turns 4 MiB of
 * promise into 4 MiB of resident memory and a millisecond; one that takes the block from what it
 * kept must clear it, or give the pages back first. Both ways are measured, by time and by peak
 * RSS. (The idea: calloc in glibc's malloc.c, which skips the clearing of fresh mmap'ed chunks,
 * and the collapse of those that do not.)
 *
 * Sizes are spread evenly over the doublings from 64 KiB to 4 MiB. A tenth of a block's pages, at
 * random, is looked at (they must be zero at both ends) and then written. One op is one block. */
#include "common.h"

enum {
  PAGE_BYTES = 4096,
  TOUCHED_SHARE = 10, /* one page in so many */
};

typedef struct lane {
  uint64_t  ops, slots, seed, sum;
  uint8_t **blocks;
} lane;

static bench_sizes sizes;

/* A page may be drawn twice: then it shows this block's own `tag`, not one of a former block. */
static void touch(uint8_t *block, uint32_t size, uint8_t tag, bench_random *random) {
  uint32_t pages = size / PAGE_BYTES;
  for (uint32_t i = 0; i < pages / TOUCHED_SHARE + 1; i++) {
    uint8_t *page = block + (size_t)bench_random_below(random, pages) * PAGE_BYTES;
    if ((page[0] && page[0] != tag) || page[0] != page[PAGE_BYTES - 1])
      bench_fail("calloc handed out memory that is not zero");
    page[0] = page[PAGE_BYTES - 1] = tag;
  }
}

static void *work(void *arg) {
  lane        *own = arg;
  bench_random random = {own->seed};
  for (uint64_t i = 0; i < own->ops; i++) {
    uint8_t **slot = &own->blocks[bench_random_below(&random, own->slots)];
    uint32_t  size = bench_sizes_draw(&sizes, &random);
    free(*slot);
    *slot = calloc(size / 8, 8);
    if (!*slot) bench_fail("calloc returned NULL");
    touch(*slot, size / 8 * 8, (uint8_t)(i | 1), &random);
    own->sum += size;
  }
  for (uint64_t i = 0; i < own->slots; i++) free(own->blocks[i]);
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "calloc", .threads = 1, .ops = 5000, .live = 200, .seed = 1};
  bench_args_read(&args, argc, argv, "large zeroed blocks, a tenth touched");
  bench_sizes_init_log_uniform(&sizes, 64 * 1024, 4 * 1024 * 1024);
  lane *lanes = bench_array(args.threads, sizeof *lanes);
  for (unsigned i = 0; i < args.threads; i++) {
    uint64_t slots = args.live / args.threads ? args.live / args.threads : 1;
    lanes[i] = (lane){args.ops / args.threads, slots, bench_mix(args.seed + i), 0,
                      bench_array(slots, sizeof(uint8_t *))};
  }
  bench_threads_run(args.threads, work, lanes, sizeof *lanes);
  uint64_t sum = 0;
  for (unsigned i = 0; i < args.threads; i++) {
    sum += lanes[i].sum;
    free(lanes[i].blocks);
  }
  free(lanes);
  bench_report(&args, sum);
  return 0;
}
