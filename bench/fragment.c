/* SPDX-License-Identifier: MIT */
/* fragment.c: how closely a heap packs when the mix of sizes drifts, and what it gives back when
 * idle.
 *
 *     fill    a table is filled until --mib MiB of objects are live, log-normal around 512 bytes
 *     churn   --ops objects are made, each displacing others at random until the total fits again;
 *             in the first quarter sizes lie around 512 bytes, then 256, then 1024, then 512 again
 *     free90  nine tenths of the objects are freed, at random
 *     idle    nothing is called for --idle seconds
 *
 * Printed for each stage: resident memory / live requested bytes. What was resident before the
 * first object (program, libc, the table itself, whose pages are touched at the start) is taken
 * off, so that 1 would be a heap without any overhead. The churn figure is the mean over samples
 * spread evenly over the replacements. Live bytes never exceed the target; each thread owns a
 * part of the table and its share of the bytes, so the work is the same on every run.
 *
 * The article's service, a cache of constant size, is this shape; so is any heap whose traffic
 * changes over the day. */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "common.h"

enum {
  PHASES = 4,       /* of the churn, each with its own median size */
  SAMPLES = 160,    /* of resident memory during the churn; one costs about 2 us */
  MEAN_BYTES = 600, /* the table is sized for objects of at least this mean / 3 */
};

/* The table holds only pointers and sizes: 12 bytes per object, outside malloc. */
typedef struct lane {
  unsigned     index;
  uint64_t     capacity, count; /* objects */
  uint64_t     live_bytes, target_bytes;
  uint64_t     ops;
  uint8_t    **objects;
  uint32_t    *bytes;
  bench_random random;
} lane;

static bench_sizes       fill_sizes, phase_sizes[PHASES];
static uint64_t          base_bytes; /* resident before the first object */
static lane             *lanes;
static unsigned          lane_count;
static pthread_barrier_t barrier;
static double            sample_sum;
static unsigned          sample_count;

static uint64_t resident_bytes(void) {
  char    text[128];
  int     fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  close(fd);
  unsigned long long pages = 0;
  text[length > 0 ? length : 0] = 0;
  if (sscanf(text, "%*u %llu", &pages) != 1) bench_fail("cannot read /proc/self/statm");
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t live_bytes(void) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < lane_count; i++)
    sum += __atomic_load_n(&lanes[i].live_bytes, __ATOMIC_RELAXED);
  return sum;
}

static double ratio_now(void) {
  return (double)(resident_bytes() - base_bytes) / (double)live_bytes();
}

static void add(lane *own, uint32_t size) {
  if (own->count == own->capacity) bench_fail("more objects than the table has room for");
  uint8_t *object = malloc(size);
  if (!object) bench_fail("malloc returned NULL");
  memset(object, (int)(size & 0xff), size);
  own->objects[own->count] = object;
  own->bytes[own->count++] = size;
  __atomic_store_n(&own->live_bytes, own->live_bytes + size, __ATOMIC_RELAXED);
}

static void drop(lane *own, uint64_t at) {
  uint32_t size = own->bytes[at];
  if (own->objects[at][0] != (uint8_t)size || own->objects[at][size - 1] != (uint8_t)size)
    bench_fail("an object was overwritten while it was live");
  free(own->objects[at]);
  own->objects[at] = own->objects[--own->count];
  own->bytes[at] = own->bytes[own->count];
  __atomic_store_n(&own->live_bytes, own->live_bytes - size, __ATOMIC_RELAXED);
}

static void fill(lane *own) {
  for (;;) {
    uint32_t size = bench_sizes_draw(&fill_sizes, &own->random);
    if (own->live_bytes + size > own->target_bytes) return;
    add(own, size);
  }
}

static void churn(lane *own) {
  uint64_t per_sample = own->ops / SAMPLES + 1;
  for (uint64_t i = 0; i < own->ops; i++) {
    uint32_t size = bench_sizes_draw(&phase_sizes[i * PHASES / own->ops], &own->random);
    while (own->live_bytes + size > own->target_bytes)
      drop(own, bench_random_below(&own->random, own->count));
    add(own, size);
    if (own->index == 0 && i % per_sample == per_sample - 1) {
      sample_sum += ratio_now();
      sample_count++;
    }
  }
}

static void free_most(lane *own) {
  for (uint64_t left = own->count / 10; own->count > left;)
    drop(own, bench_random_below(&own->random, own->count));
}

static void *work(void *arg) {
  lane *own = arg;
  void (*const stages[])(lane *) = {fill, churn, free_most};
  for (int i = 0; i < 3; i++) {
    pthread_barrier_wait(&barrier);
    stages[i](own);
    pthread_barrier_wait(&barrier);
  }
  return NULL;
}

static void *map(uint64_t bytes) {
  void *memory =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) bench_fail("cannot map the table");
  return memory;
}

static void lanes_init(const bench_args *args) {
  lane_count = args->threads;
  lanes = map(lane_count * sizeof *lanes);
  for (unsigned i = 0; i < lane_count; i++) {
    lane *own = &lanes[i];
    own->index = i;
    own->target_bytes = (args->live << 20) / lane_count;
    own->capacity = own->target_bytes / (MEAN_BYTES / 3);
    own->ops = args->ops / lane_count;
    own->objects = map(own->capacity * sizeof *own->objects);
    own->bytes = map(own->capacity * sizeof *own->bytes);
    own->random.state = bench_mix(args->seed + i);
  }
}

/* Runs in the main thread beside the workers: opens and closes each stage and says what it saw. */
static void conduct(const bench_args *args, const pthread_t *threads, double idle_s) {
  pthread_barrier_wait(&barrier);
  uint64_t start_ns = bench_now_ns();
  pthread_barrier_wait(&barrier);
  printf("fragment threads=%u mib=%" PRIu64 " fill=%.4f fill_s=%.2f", args->threads, args->live,
         ratio_now(), (double)(bench_now_ns() - start_ns) / 1e9);
  fflush(stdout);
  pthread_barrier_wait(&barrier);
  start_ns = bench_now_ns();
  pthread_barrier_wait(&barrier);
  double churn_s = (double)(bench_now_ns() - start_ns) / 1e9;
  printf(" churn_mean=%.4f churn_end=%.4f churn_mops=%.3f",
         sample_sum / (sample_count ? sample_count : 1), ratio_now(),
         (double)args->ops / churn_s / 1e6);
  fflush(stdout);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  for (unsigned i = 0; i < args->threads; i++) pthread_join(threads[i], NULL);
  printf(" freed90=%.3f", ratio_now());
  fflush(stdout);
  struct timespec pause = {(time_t)idle_s, (long)((idle_s - (double)(time_t)idle_s) * 1e9)};
  nanosleep(&pause, NULL);
  printf(" idle=%.3f\n", ratio_now());
}

int main(int argc, char **argv) {
  bench_args args = {.name = "fragment", .threads = 1, .ops = 8000000, .live = 1260, .seed = 1};
  double     idle_s = 12;
  for (int i = 1; i + 1 < argc; i++) { /* two names of our own; the rest is common */
    if (!strcmp(argv[i], "--mib")) argv[i] = "--live";
    if (!strcmp(argv[i], "--idle")) {
      idle_s = atof(argv[i + 1]);
      memmove(&argv[i], &argv[i + 2], (size_t)(argc - i - 1) * sizeof *argv);
      argc -= 2;
      i--;
    }
  }
  bench_args_read(&args, argc, argv,
                  "packing under drifting sizes, and giving back "
                  "(--mib N: live MiB; --idle S: seconds of sleep, 12)");
  bench_sizes_init(&fill_sizes, 512, 0.8, 16, 16384);
  static const double medians[PHASES] = {512, 256, 1024, 512};
  for (int i = 0; i < PHASES; i++) bench_sizes_init(&phase_sizes[i], medians[i], 0.8, 16, 16384);
  lanes_init(&args);
  pthread_barrier_init(&barrier, NULL, args.threads + 1);
  pthread_t threads[256];
  free(malloc(1)); /* whatever the allocator sets up at first use belongs to the base */
  for (unsigned i = 0; i < args.threads; i++) {
    if (pthread_create(&threads[i], NULL, work, &lanes[i])) bench_fail("cannot create a thread");
  }
  base_bytes = resident_bytes();
  conduct(&args, threads, idle_s);
  return 0;
}
