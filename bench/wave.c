/* SPDX-License-Identifier: MIT */
/* wave.c: what giving memory back costs a program that needs it again.
 *
 *     bench_wave refill    --live MiB of small objects, freed, --idle seconds of sleep, and again:
 *                          how long does filling take, the first time and later?
 *     bench_wave day       a server whose load goes up, down and up within --seconds: how many
 *                          requests does it serve, and how much does it hold in the valley?
 *
 *     live    |      /\      /         the target is (1 - cos) / 2 between a eighth of --live and
 *             |     /  \    /          all of it; the valley is where it is within a tenth of the
 *             |    /    \  /           lowest, after the peak
 *             |___/      \/            time ->
 *
 * A request of the day reads one session, replaces one of its objects, makes and frees a few
 * temporary ones, and opens or closes sessions as the target asks; every eighth request one
 * session ends, whichever, and a new one takes its place. A session is SESSION_OBJECTS objects of
 * log-normal sizes. The loop is closed: each thread begins the next request when one is done, so
 * the number of requests is the throughput.
 *
 * bench/wave.py runs both with and without giving back (ULLAGE_RELEASE) and takes the ratio. The
 * wall time of `day` is fixed, of `refill` the figure is nanoseconds per object.
 *
 * Threads  A lane belongs to its thread; live_bytes alone is read by the main thread, which looks
 *          at resident memory every SAMPLE_MS. */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include "resident.h"

enum {
  MAX_CYCLES = 200,
  MEDIAN_BYTES = 128,
  SESSION_OBJECTS = 24,
  TEMPORARY = 6,     /* objects a request makes and frees */
  TURNOVER = 8,      /* every so many requests a session is exchanged */
  LOW_SHARE = 8,     /* the lowest target is this part of the highest */
  CLOCK_EVERY = 256, /* requests between two looks at the clock */
  SAMPLE_MS = 50,
};

static bench_sizes sizes;

static void sleep_s(double seconds) {
  struct timespec pause = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
  nanosleep(&pause, NULL);
}

static int by_value(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static double median_from(double *values, uint64_t count) {
  qsort(values, count, sizeof *values, by_value);
  return values[count / 2];
}

/* ---- refill ---------------------------------------------------------------------------------- */

static void refill(const bench_args *args, double idle_s) {
  static double fills_ns[MAX_CYCLES], idle_ratio[MAX_CYCLES];
  uint64_t      target = args->live << 20, cycles = args->ops, base = bench_resident_bytes();
  uint64_t      capacity = target / (MEDIAN_BYTES / 2);
  bench_block  *blocks = bench_map(capacity * sizeof *blocks);
  if (cycles < 2 || cycles > MAX_CYCLES) bench_fail("refill wants --ops (cycles) from 2 to 200");
  base = bench_resident_bytes();
  for (uint64_t cycle = 0; cycle < cycles; cycle++) {
    bench_random random = {bench_mix(args->seed + cycle)};
    uint64_t     bytes = 0, count = 0, start_ns = bench_now_ns();
    for (; bytes < target && count < capacity; bytes += blocks[count++].size)
      bench_block_new(&blocks[count], bench_sizes_draw(&sizes, &random), (uint32_t)count);
    fills_ns[cycle] = (double)(bench_now_ns() - start_ns) / (double)count;
    for (uint64_t i = 0; i < count; i++) bench_block_free(&blocks[i]);
    sleep_s(idle_s);
    idle_ratio[cycle] = (double)(bench_resident_bytes() - base) / (double)bytes;
  }
  double first = fills_ns[0];
  printf("refill mib=%" PRIu64 " idle_s=%g first_ns=%.1f refill_ns=%.1f idle_ratio=%.3f\n",
         args->live, idle_s, first, median_from(fills_ns + 1, cycles - 1),
         median_from(idle_ratio, cycles));
}

/* ---- day ------------------------------------------------------------------------------------- */

typedef struct session {
  uint64_t    bytes;
  bench_block objects[SESSION_OBJECTS];
} session;

typedef struct lane {
  session         *sessions;
  uint64_t         count, capacity, requests, sum;
  uint64_t         target_most;
  _Atomic uint64_t live_bytes;
  bench_random     random;
} lane;

static uint64_t day_start_ns;
static double   day_s;

/* How high the load is, 0 to 1; < 0 when the day is over. */
static double level_now(void) {
  double at = (double)(bench_now_ns() - day_start_ns) / 1e9 / day_s;
  return at >= 1 ? -1 : (1 - cos(3 * M_PI * at)) / 2;
}

static uint64_t target_at(uint64_t most, double level) {
  double low = (double)most / LOW_SHARE;
  return (uint64_t)(low + level * ((double)most - low));
}

static void live_add(lane *own, int64_t bytes) {
  uint64_t live = atomic_load_explicit(&own->live_bytes, memory_order_relaxed);
  atomic_store_explicit(&own->live_bytes, live + (uint64_t)bytes, memory_order_relaxed);
}

static void session_open(lane *own) {
  if (own->count == own->capacity) bench_fail("more sessions than the table has room for");
  session *fresh = &own->sessions[own->count++];
  fresh->bytes = 0;
  for (int i = 0; i < SESSION_OBJECTS; i++) {
    bench_block_new(&fresh->objects[i], bench_sizes_draw(&sizes, &own->random), (uint32_t)i);
    fresh->bytes += fresh->objects[i].size;
  }
  live_add(own, (int64_t)fresh->bytes);
}

static void session_close(lane *own) {
  session *old = &own->sessions[bench_random_below(&own->random, own->count)];
  for (int i = 0; i < SESSION_OBJECTS; i++) bench_block_free(&old->objects[i]);
  live_add(own, -(int64_t)old->bytes);
  *old = own->sessions[--own->count];
}

static void request(lane *own) {
  bench_block temporary[TEMPORARY];
  for (uint32_t i = 0; i < TEMPORARY; i++)
    bench_block_new(&temporary[i], bench_sizes_draw(&sizes, &own->random), i);
  session     *here = &own->sessions[bench_random_below(&own->random, own->count)];
  bench_block *changed = &here->objects[bench_random_below(&own->random, SESSION_OBJECTS)];
  int64_t      before = changed->size;
  bench_block_free(changed);
  bench_block_new(changed, bench_sizes_draw(&sizes, &own->random), 1);
  here->bytes += (uint64_t)((int64_t)changed->size - before);
  live_add(own, (int64_t)changed->size - before);
  for (uint32_t i = 0; i < TEMPORARY; i++) {
    own->sum += temporary[i].size;
    bench_block_free(&temporary[i]);
  }
}

static void *serve(void *arg) {
  lane *own = arg;
  for (double level; (level = level_now()) >= 0;) {
    uint64_t target = target_at(own->target_most, level);
    for (int i = 0; i < CLOCK_EVERY; i++, own->requests++) {
      while (own->count < 2 || own->live_bytes < target) session_open(own);
      if (own->live_bytes > target + target / 64 && own->count > 2) session_close(own);
      if (own->requests % TURNOVER == 0) {
        session_close(own);
        session_open(own);
      }
      request(own);
    }
  }
  return NULL;
}

typedef struct watch {
  double valley_sum, valley_least, valley_rss, peak_rss;
  int    valley_count;
} watch;

static void watch_run(watch *seen, const lane *lanes, unsigned count, uint64_t base) {
  int high = 0;
  for (double level; (level = level_now()) >= 0; sleep_s(SAMPLE_MS / 1e3)) {
    double live = 0, rss = (double)(bench_resident_bytes() - base);
    for (unsigned i = 0; i < count; i++) live += (double)lanes[i].live_bytes;
    high = high || level > 0.9;
    seen->peak_rss = fmax(seen->peak_rss, rss);
    if (!high || level > 0.1) continue;
    seen->valley_sum += rss / live;
    seen->valley_least = seen->valley_count ? fmin(seen->valley_least, rss / live) : rss / live;
    seen->valley_rss += rss;
    seen->valley_count++;
  }
}

static void day(const bench_args *args, double seconds) {
  pthread_t threads[256];
  lane     *lanes = bench_map(args->threads * sizeof *lanes);
  for (unsigned i = 0; i < args->threads; i++) {
    lane *own = &lanes[i];
    own->target_most = (args->live << 20) / args->threads;
    own->capacity = own->target_most / (SESSION_OBJECTS * MEDIAN_BYTES / 2);
    own->sessions = bench_map(own->capacity * sizeof *own->sessions);
    own->random.state = bench_mix(args->seed + i);
  }
  watch    seen = {0};
  uint64_t requests = 0, base = bench_resident_bytes();
  day_s = seconds;
  day_start_ns = bench_now_ns();
  for (unsigned i = 0; i < args->threads; i++) {
    if (pthread_create(&threads[i], NULL, serve, &lanes[i])) bench_fail("cannot create a thread");
  }
  watch_run(&seen, lanes, args->threads, base);
  for (unsigned i = 0; i < args->threads; i++) {
    pthread_join(threads[i], NULL);
    requests += lanes[i].requests;
  }
  int samples = seen.valley_count ? seen.valley_count : 1;
  printf("day threads=%u mib=%" PRIu64 " krps=%.2f valley_ratio=%.3f valley_least=%.3f"
         " valley_mib=%.1f peak_mib=%.1f\n",
         args->threads, args->live, (double)requests / seconds / 1e3, seen.valley_sum / samples,
         seen.valley_least, seen.valley_rss / samples / 1048576, seen.peak_rss / 1048576);
  for (unsigned i = 0; i < args->threads; i++)
    while (lanes[i].count) session_close(&lanes[i]);
}

int main(int argc, char **argv) {
  const char *which = argc > 1 ? argv[1] : "";
  int         is_day = !strcmp(which, "day");
  bench_args  args = {.name = "wave", .threads = is_day ? 2 : 1, .ops = 8, .seed = 1};
  double      seconds = is_day ? 60 : 0.4;
  args.live = is_day ? 512 : 256;
  if (!is_day && strcmp(which, "refill")) {
    fprintf(stderr, "usage: bench_wave refill|day [--live MIB] [--seconds S | --idle S] ...\n");
    return 2;
  }
  argv[1] = argv[0];
  argc--, argv++;
  for (int i = 1; i + 1 < argc; i++) { /* one name of our own; the rest is common */
    if (strcmp(argv[i], is_day ? "--seconds" : "--idle")) continue;
    seconds = atof(argv[i + 1]);
    memmove(&argv[i], &argv[i + 2], (size_t)(argc - i - 1) * sizeof *argv);
    argc -= 2;
    i--;
  }
  bench_args_read(&args, argc, argv,
                  "what giving back costs (--live: MiB; --ops: cycles of refill; refill: --idle S, "
                  "0.4; day: --seconds S, 60)");
  bench_sizes_init(&sizes, MEDIAN_BYTES, 0.9, 16, 8192);
  (is_day ? day : refill)(&args, seconds);
  return 0;
}
