/* SPDX-License-Identifier: MIT */
/* figures.c: see figures.h.
 *
 * The histogram. A value's bucket is its highest nine bits: the power of two and the eight bits
 * below. Weights are microseconds in 32 bits; when one would overflow (after 71 minutes in one
 * bucket) all are halved, and what follows counts in twice the unit, and so on. The buckets that a
 * run touches are few, so that the table costs little memory.
 */
#include "launch/figures.h"

#include <string.h>

#include "base/bits.h"

#define BIN_NS    (UL_FIGURES_STARTUP_NS / UL_FIGURES_BINS)
#define GROWTH_NS ((uint64_t)1000000000u)
#define RECENT_NS (GROWTH_NS / (UL_FIGURES_RECENT - 2))

void ul_figures_init(ul_figures *ret_figures, uint64_t budget_bytes) {
  memset(ret_figures, 0, sizeof *ret_figures);
  ret_figures->budget_bytes = budget_bytes;
  ret_figures->exceeded_at_ns = UINT64_MAX;
  ret_figures->later_lowest = UINT64_MAX;
  for (size_t i = 0; i < UL_FIGURES_BINS; i++) ret_figures->bin_lowest[i] = UINT64_MAX;
}

static size_t bucket_of(uint64_t bytes) {
  const unsigned bits = UL_FIGURES_BUCKET_BITS;
  if (bytes >> bits == 0) return (size_t)bytes;
  unsigned shift = ul_log2_floor(bytes) - bits;
  return ((size_t)(shift + 1) << bits) + (size_t)((bytes >> shift) & (((uint64_t)1 << bits) - 1));
}

/* The largest value of a bucket. */
static uint64_t bucket_end(size_t bucket) {
  const unsigned bits = UL_FIGURES_BUCKET_BITS;
  if (bucket >> bits == 0) return bucket;
  unsigned shift = (unsigned)(bucket >> bits) - 1;
  uint64_t lead = ((uint64_t)1 << bits) | (bucket & (((size_t)1 << bits) - 1));
  return (lead << shift) + (((uint64_t)1 << shift) - 1);
}

static void weigh(ul_figures *figures, uint64_t bytes, uint64_t time_ns) {
  uint64_t  weight = (time_ns / 1000) >> figures->weight_shift;
  uint32_t *slot = &figures->weight[bucket_of(bytes)];
  if (weight == 0) weight = 1;
  while (*slot + weight > UINT32_MAX) {
    figures->weight_total = 0;
    for (size_t i = 0; i < UL_FIGURES_BUCKETS; i++) {
      if (figures->weight[i]) figures->weight[i] -= figures->weight[i] / 2;
      figures->weight_total += figures->weight[i];
    }
    figures->weight_shift++;
    weight = weight > 1 ? weight / 2 : 1;
  }
  *slot += (uint32_t)weight;
  figures->weight_total += weight;
}

static void remember(ul_figures *figures, uint64_t at_ns, uint64_t bytes) {
  unsigned n = figures->recent_count;
  if (n > 0) {
    uint64_t last = figures->recent_at_ns[(n - 1) % UL_FIGURES_RECENT];
    if (at_ns - last < RECENT_NS) return;
  }
  figures->recent_at_ns[n % UL_FIGURES_RECENT] = at_ns;
  figures->recent_bytes[n % UL_FIGURES_RECENT] = bytes;
  figures->recent_count++;
}

void ul_figures_add(ul_figures *figures, uint64_t at_ns, uint64_t bytes) {
  /* A low that one look alone saw is the moment of an exec, when a program has let go of its memory
   * and the next has not begun. */
  uint64_t low = figures->samples ? UL_MAX(bytes, figures->now_bytes) : bytes;
  if (at_ns < figures->last_at_ns) at_ns = figures->last_at_ns;
  weigh(figures, bytes, at_ns - figures->last_at_ns);
  figures->samples++;
  figures->last_at_ns = at_ns;
  figures->now_bytes = bytes;
  if (bytes > figures->peak_bytes) {
    figures->peak_bytes = bytes;
    figures->peak_at_ns = at_ns;
  }
  if (figures->budget_bytes && bytes > figures->budget_bytes) {
    figures->exceeded_at_ns = UL_MIN(figures->exceeded_at_ns, at_ns);
  }
  if (at_ns < UL_FIGURES_STARTUP_NS) {
    size_t bin = (size_t)(at_ns / BIN_NS);
    figures->bin_highest[bin] = UL_MAX(figures->bin_highest[bin], bytes);
    figures->bin_lowest[bin] = UL_MIN(figures->bin_lowest[bin], low);
  } else {
    figures->later_lowest = UL_MIN(figures->later_lowest, low);
  }
  remember(figures, at_ns, bytes);
}

void ul_figures_raise_peak(ul_figures *figures, uint64_t bytes) {
  if (bytes <= figures->peak_bytes) return;
  figures->peak_bytes = bytes;
  figures->peak_at_ns = UINT64_MAX; /* nobody looked */
}

uint64_t ul_figures_p99(const ul_figures *figures) {
  uint64_t above = 0;
  if (figures->samples == 0) return figures->peak_bytes;
  for (size_t i = UL_FIGURES_BUCKETS; i-- > 0;) {
    above += figures->weight[i];
    if (above * 100 > figures->weight_total) return UL_MIN(bucket_end(i), figures->peak_bytes);
  }
  return figures->peak_bytes;
}

/* How many bins are start-up: at least one, or a short run would have none. */
static size_t startup_bins(uint64_t wall_ns) {
  uint64_t startup_ns = UL_MIN(wall_ns / 10, UL_FIGURES_STARTUP_NS);
  return (size_t)UL_MAX((startup_ns + BIN_NS - 1) / BIN_NS, (uint64_t)1);
}

bool ul_figures_startup_peak(const ul_figures *figures, uint64_t wall_ns, uint64_t *ret_bytes) {
  uint64_t highest = 0;
  for (size_t i = 0; i < startup_bins(wall_ns); i++) {
    highest = UL_MAX(highest, figures->bin_highest[i]);
  }
  if (highest == 0) return false;
  *ret_bytes = highest;
  return true;
}

bool ul_figures_floor(const ul_figures *figures, uint64_t wall_ns, uint64_t *ret_bytes) {
  uint64_t lowest = figures->later_lowest;
  for (size_t i = startup_bins(wall_ns); i < UL_FIGURES_BINS; i++) {
    lowest = UL_MIN(lowest, figures->bin_lowest[i]);
  }
  if (lowest == UINT64_MAX) return false;
  *ret_bytes = lowest;
  return true;
}

/* From the latest look that is a second old, so that growth which has ended is not told of for long. */
int64_t ul_figures_growth(const ul_figures *figures) {
  unsigned n = figures->recent_count;
  for (unsigned i = 1; i <= UL_MIN(n, (unsigned)UL_FIGURES_RECENT); i++) {
    unsigned at = (n - i) % UL_FIGURES_RECENT;
    uint64_t time_ns = figures->last_at_ns - figures->recent_at_ns[at];
    if (time_ns < GROWTH_NS) continue;
    int64_t change = (int64_t)(figures->now_bytes - figures->recent_bytes[at]);
    return (int64_t)((double)change * 1e9 / (double)time_ns);
  }
  return 0;
}
