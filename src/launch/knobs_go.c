/* SPDX-License-Identifier: MIT */
/* knobs_go.c: Go is told a limit, and collects more often as it comes near.
 *
 *     GOMEMLIMIT   the smaller of 0.88 B and B - R, less what was measured off the heap. Near its limit
 *                  a cycle overshoots its goal by up to a tenth (gctrace with 1.2 GB live:
 *                  1246->1371->1245 MB at a goal of 1246), however well all else is known: at 0.92 B
 *                  two runs of 1500 MiB with 1.05 GB of data peaked at 1499 MiB, and at the wall
 *     GOGC         off where what lives is below 0.6 of the limit: then only the limit decides when
 *                  to collect, which costs least. Otherwise it stays at 100 and the limit acts
 *                  beside it: with GOGC off a heap that always lives near its limit would collect
 *                  all the time.
 *     GOMAXPROCS   ceil(quota), where a quota is smaller than the cores. Go before 1.25 counts cores
 *                  and is then throttled in the middle of a collection. Never more than the cores:
 *                  4 on 2 raised the 99th percentile of pauses from 0.8 to 4-7 ms.
 *
 * GOMEMLIMIT reads integers with B, KiB, MiB, GiB, TiB, or none; a Go program with anything else
 * (1500M, 1.5GiB) dies at start, so a malformed one is corrected.
 *
 * Source  runtime/debug.SetMemoryLimit and its package's notes; measurements of 2026 on Go 1.19. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size_text.h"
#include "launch/knobs_rows.h"

/* A Go program that does nothing is resident with some 2 MiB; below this a limit only burns time. */
#define MOST_PCT          88
#define LIMIT_LEAST_BYTES ((uint64_t)8 * UL_MIB)

/* As the Go runtime reads it. `off` is the largest number. */
static bool parse_as_go(const char *text, uint64_t *ret_bytes) {
  static const struct {
    const char *suffix;
    unsigned    shift;
  } units[] = {{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
  uint64_t number = 0;
  if (strcmp(text, "off") == 0) {
    *ret_bytes = INT64_MAX;
    return true;
  }
  if (!isdigit((unsigned char)*text)) return false;
  for (; isdigit((unsigned char)*text); text++) {
    if (number > (INT64_MAX - 9) / 10) return false;
    number = number * 10 + (uint64_t)(*text - '0');
  }
  for (size_t i = 0; i < UL_ARRAY_LEN(units); i++) {
    if (strcmp(text, units[i].suffix) != 0) continue;
    if (number > (uint64_t)INT64_MAX >> units[i].shift) return false;
    *ret_bytes = number << units[i].shift;
    return true;
  }
  return false;
}

/* What its author meant: 1500M, 1500MB, 1.5GiB, 512m. */
static bool parse_as_meant(const char *text, uint64_t *ret_bytes) {
  char   copy[40];
  size_t length = strlen(text);
  if (length == 0 || length >= sizeof copy) return false;
  memcpy(copy, text, length + 1);
  if (length > 1 && (copy[length - 1] == 'B' || copy[length - 1] == 'b')) copy[--length] = 0;
  size_t unit = length - (length > 1 && copy[length - 1] == 'i' ? 2 : 1);
  if (strchr("mgt", copy[unit])) copy[unit] = (char)toupper((unsigned char)copy[unit]);
  return ul_size_parse(copy, ret_bytes) == 0 && *ret_bytes > 0;
}

static uint64_t limit_of(const ul_knob_input *input) {
  uint64_t budget = input->budget_bytes, taken = ul_knobs_reserve(budget);
  uint64_t off_heap = UL_MIN(input->facts.off_heap_bytes, budget), most = budget / 100 * MOST_PCT;
  taken += off_heap;
  return taken < budget ? UL_MIN(budget - taken, most - UL_MIN(off_heap, most)) : 0;
}

static void explain_limit(const ul_knob_input *input, ul_knob *knob) {
  char reserve[UL_SIZE_TEXT_MAX], off_heap[UL_SIZE_TEXT_MAX];
  ul_size_mib(reserve, ul_knobs_reserve(input->budget_bytes));
  if (input->facts.off_heap_bytes) {
    ul_knob_why(
        knob,
        "88 %% of the budget, or the budget less %s reserve where that is less, and less %s "
        "measured off the heap",
        reserve, ul_size_mib(off_heap, input->facts.off_heap_bytes));
  } else {
    ul_knob_why(knob, "the smaller of 88 %% of the budget and the budget less %s reserve", reserve);
  }
}

/* GOMEMLIMIT. Returns the limit that will be in force. */
static uint64_t add_limit(const ul_knob_input *input, ul_knobs *knobs) {
  const char *own = ul_knobs_variable(input, "GOMEMLIMIT");
  uint64_t    ours = limit_of(input) / UL_MIB * UL_MIB, theirs;
  ul_knob    *knob = ul_knobs_add(knobs, UL_RUNTIME_GO, "GOMEMLIMIT", "");
  if (own && parse_as_go(own, &theirs)) {
    knob->origin = UL_KNOB_KEPT;
    ul_knob_value(knob, "%s", own);
    ul_knob_why(knob, "yours; it would be %lluMiB", (unsigned long long)ours / UL_MIB);
    if (theirs > input->budget_bytes / 100 * 95) {
      ul_knobs_warn(
          knobs,
          "GOMEMLIMIT=%s is kept, but it is above 95 %% of the budget: Go will not collect "
          "in time. Unset it, or give it %lluMiB.",
          own, (unsigned long long)ours / UL_MIB);
    }
    return theirs;
  }
  ul_knob_value(knob, "%lluMiB", (unsigned long long)ours / UL_MIB);
  explain_limit(input, knob);
  if (!own) return ours;
  knob->origin = UL_KNOB_CORRECTED;
  if (parse_as_meant(own, &theirs) && theirs < ours && theirs >= UL_MIB) {
    ours = theirs / UL_MIB * UL_MIB;
    ul_knob_value(knob, "%lluMiB", (unsigned long long)ours / UL_MIB);
    ul_knob_why(knob, "yours (%.60s), in words that Go reads", own);
  }
  ul_knobs_warn(
      knobs,
      "GOMEMLIMIT=%.60s is malformed and a Go program dies of it at start: Go reads integers "
      "with B, KiB, MiB, GiB or TiB. %s is set instead.",
      own, knob->value);
  return ours;
}

static void add_collector(const ul_knob_input *input, uint64_t limit, ul_knobs *knobs) {
  const char *own = ul_knobs_variable(input, "GOGC");
  uint64_t    live = input->facts.live_bytes;
  if (own) {
    ul_knob *knob = ul_knobs_add(knobs, UL_RUNTIME_GO, "GOGC", "");
    knob->origin = UL_KNOB_KEPT;
    ul_knob_value(knob, "%s", own);
    ul_knob_why(knob, "yours");
    return;
  }
  if (live == 0 || live >= limit / 10 * 6) return;
  ul_knob *knob = ul_knobs_add(knobs, UL_RUNTIME_GO, "GOGC", "");
  ul_knob_value(knob, "off");
  ul_knob_why(knob, "%llu MiB lived in earlier runs, below 60 %% of the limit: it alone decides",
              (unsigned long long)live / UL_MIB);
}

static void add_processors(const ul_knob_input *input, ul_knobs *knobs) {
  const char *own = ul_knobs_variable(input, "GOMAXPROCS");
  unsigned    whole = (input->machine.quota_millicpus + 999) / 1000;
  if (own) {
    ul_knob *knob = ul_knobs_add(knobs, UL_RUNTIME_GO, "GOMAXPROCS", "");
    knob->origin = UL_KNOB_KEPT;
    ul_knob_value(knob, "%s", own);
    ul_knob_why(knob, "yours");
    if (strtoul(own, NULL, 10) > input->machine.cores) {
      ul_knobs_warn(
          knobs,
          "GOMAXPROCS=%.20s is kept, but only %u cores are usable here: long pauses of the "
          "collector get several times longer. Unset it.",
          own, input->machine.cores);
    }
    return;
  }
  if (whole == 0 || whole >= input->machine.cores) return;
  ul_knob *knob = ul_knobs_add(knobs, UL_RUNTIME_GO, "GOMAXPROCS", "");
  ul_knob_value(knob, "%u", whole);
  ul_knob_why(knob, "the group may use %u.%02u of %u cores", input->machine.quota_millicpus / 1000,
              input->machine.quota_millicpus % 1000 / 10, input->machine.cores);
}

/* s/(1-s) = K/(L-L0); a share of 10 % is reached at L0 + 9 K. */
static void warn_of_price(const ul_knob_input *input, uint64_t limit, ul_knobs *knobs) {
  uint64_t live = input->facts.live_bytes;
  uint64_t k = input->facts.price_k_bytes, l0 = input->facts.price_l0_bytes;
  if (live <= limit / 100 * 85) return;
  if (k == 0 || limit <= l0) {
    ul_knobs_warn(
        knobs,
        "%llu MiB lived in earlier runs, more than 85 %% of the limit of %llu MiB: much of "
        "the processor will go to collecting. From two runs with different budgets the "
        "report tells what others cost.",
        (unsigned long long)live / UL_MIB, (unsigned long long)limit / UL_MIB);
    return;
  }
  uint64_t cheap = l0 + 9 * k;
  uint64_t cheap_budget = UL_MAX(cheap / 97 * 100 + input->facts.off_heap_bytes, cheap / 88 * 100);
  ul_knobs_warn(
      knobs,
      "%llu MiB lived in earlier runs, more than 85 %% of the limit of %llu MiB: %llu %% of "
      "the processor will go to collecting. A budget of %llu MiB would cost 10 %%.",
      (unsigned long long)live / UL_MIB, (unsigned long long)limit / UL_MIB,
      (unsigned long long)(100 * k / (k + limit - l0)),
      (unsigned long long)ul_knobs_mib_up(cheap_budget));
}

void ul_knobs_go(const ul_knob_input *input, ul_knobs *knobs) {
  uint64_t taken = ul_knobs_reserve(0) + input->facts.off_heap_bytes;
  ul_knobs_least(knobs, taken + LIMIT_LEAST_BYTES,
                 "%llu MiB are held back for the system and what is off the heap, and the smallest "
                 "limit worth setting is 8 MiB",
                 (unsigned long long)ul_knobs_mib_up(taken));
  uint64_t limit = add_limit(input, knobs);
  add_collector(input, limit, knobs);
  add_processors(input, knobs);
  if (limit <= input->budget_bytes) warn_of_price(input, limit, knobs);
}
