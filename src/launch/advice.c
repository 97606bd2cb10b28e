/* SPDX-License-Identifier: MIT */
/* advice.c: see advice.h. One function for each rule; the order in `rules` is that on the page.
 *
 *     how it ended        advice_ends.c
 *     the budget          exceeded, raised, tight, roomy, none
 *     what was held       free but resident, most of it not the heap, still growing
 *     what was not done   not enclosed, left its group, not preloaded
 *     how well it is known  short
 *
 * The limits in them: a fifth of room above a peak is what a second run of the same program needs
 * now and then (start-up order, other sizes of input); below a tenth of the budget, or 32 MiB, free
 * memory is what any heap keeps.
 */
#include "launch/advice.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/size_text.h"
#include "launch/advice_rules.h"
#include "launch/report.h"

#define SECOND     ((uint64_t)1000000000u)
#define LEAST_FREE (32 * UL_MIB)

bool ul_advice_say(ul_advice *ret_advice, const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(ret_advice->text, sizeof ret_advice->text, format, list);
  va_end(list);
  return true;
}

void ul_advice_budget(uint64_t bytes, char ret_text[24]) {
  uint64_t step = bytes < 64 * UL_MIB  ? UL_MIB
                  : bytes < UL_GIB     ? 16 * UL_MIB
                  : bytes < 8 * UL_GIB ? 64 * UL_MIB
                                       : 256 * UL_MIB;
  uint64_t mib = UL_MAX(bytes / step + (bytes % step > 0), (uint64_t)1) * (step / UL_MIB);
  if (mib % 1024 == 0) {
    snprintf(ret_text, 24, "%" PRIu64 "Gi", mib / 1024);
  } else {
    snprintf(ret_text, 24, "%" PRIu64 "Mi", mib);
  }
}

/* Of a run that had no budget nothing was told: then what its runtime would need with one that holds
 * what it held. */
static uint64_t least_of(const ul_run_result *result, const ul_knobs *knobs) {
  static char *const nothing[] = {NULL};
  uint64_t           used = ul_report_used(result);
  ul_knob_input      input = {.program = &result->program,
                              .budget_bytes = UL_MIN(UL_MAX(used, (uint64_t)UL_MIB), UL_GIB),
                              .arguments = nothing,
                              .environment = nothing,
                              .preloads = result->preloaded};
  ul_knobs           made;
  ul_fault           fault;
  if (!knobs) {
    (void)!ul_knobs_make(&input, &made, &fault);
    knobs = &made;
  }
  return UL_MAX(knobs->least_bytes, knobs->told_least_bytes);
}

void ul_advice_flag_budget(const struct ul_advice_facts *f, ul_advice *advice, uint64_t bytes) {
  char size[24];
  ul_advice_budget(UL_MAX(bytes, f->least), size);
  snprintf(advice->flags, sizeof advice->flags, "--budget %s", size);
}

void ul_advice_flag_grow(ul_advice *advice, const struct ul_advice_facts *f) {
  uint64_t    budget = f->result->budget_bytes;
  uint64_t    unit = budget % UL_MIB == 0 ? UL_MIB : budget % 1000000 == 0 ? 1000000 : 1;
  const char *name = unit == UL_MIB ? "Mi" : unit == 1 ? "" : "M";
  char        most[24];
  if (budget == 0) return;
  ul_advice_budget(2 * f->limit, most);
  snprintf(advice->flags, sizeof advice->flags, "--budget %" PRIu64 "%s --max-budget %s",
           budget / unit, name, most);
}

static uint64_t with_room(uint64_t bytes) {
  return bytes + bytes / 5;
}

/* ---- The budget ------------------------------------------------------------------------------- */

static bool exceeded(const struct ul_advice_facts *f, ul_advice *advice) {
  char peak[UL_SIZE_TEXT_MAX], budget[UL_SIZE_TEXT_MAX];
  if (f->result->budget_bytes == 0 || ul_report_budget_kept(f->result) ||
      (f->result->enclose.kind != UL_ENCLOSURE_NONE && !f->result->enclose.moved_out) ||
      f->used == UL_UNKNOWN) {
    return false;
  }
  ul_advice_flag_budget(f, advice, with_room(f->used));
  return ul_advice_say(
      advice,
      "It held %s with a budget of %s, and no enclosure held it back. Where the budget is "
      "what the machine has, the program needs less to do; else give it what it needs.",
      ul_size_mib(peak, f->used), ul_size_mib(budget, f->result->budget_bytes));
}

static bool raised(const struct ul_advice_facts *f, ul_advice *advice) {
  char budget[UL_SIZE_TEXT_MAX], to[UL_SIZE_TEXT_MAX];
  if (!f->result->enclose.raised_to_bytes || f->result->enclose.ended_at_wall ||
      f->result->exit_reason == UL_EXIT_REASON_OOM_KILL) {
    return false; /* that much was not enough */
  }
  ul_advice_flag_budget(f, advice, f->result->enclose.raised_to_bytes);
  return ul_advice_say(
      advice,
      "%s was not enough, and the budget rose to %s. With that from the start its runtime "
      "is told the right figure at once, and nothing has to pause.",
      ul_size_mib(budget, f->result->budget_bytes),
      ul_size_mib(to, f->result->enclose.raised_to_bytes));
}

static bool tight(const struct ul_advice_facts *f, ul_advice *advice) {
  char spare[UL_SIZE_TEXT_MAX];
  if (f->result->budget_bytes == 0 || !ul_report_budget_kept(f->result) || f->used == UL_UNKNOWN ||
      f->used < f->limit / 100 * 97) {
    return false;
  }
  ul_size_mib(spare, f->limit - UL_MIN(f->used, f->limit));
  return ul_advice_say(
      advice,
      "It stayed inside, with %s to spare. A cache that fills whatever it is given looks "
      "like this, and may; for anything else, a larger input ends at the wall. Compare its "
      "throughput at a larger budget.",
      spare);
}

static bool roomy(const struct ul_advice_facts *f, ul_advice *advice) {
  char used[UL_SIZE_TEXT_MAX];
  if (f->result->budget_bytes == 0 || !ul_report_budget_kept(f->result) ||
      f->result->exit_reason != UL_EXIT_REASON_NORMAL || f->used == UL_UNKNOWN ||
      f->least >= f->result->budget_bytes / 10 * 8 || f->result->enclose.raised_to_bytes ||
      f->used > f->result->budget_bytes / 10 * 6 || f->result->wall_ns < SECOND) {
    return false;
  }
  ul_advice_flag_budget(f, advice, with_room(f->used));
  return ul_advice_say(
      advice,
      "It used %s, %.0f %% of its budget. If this run had its usual load, a smaller budget "
      "leaves the rest to others.",
      ul_size_mib(used, f->used), 100 * (double)f->used / (double)f->result->budget_bytes);
}

static bool no_budget(const struct ul_advice_facts *f, ul_advice *advice) {
  char peak[UL_SIZE_TEXT_MAX];
  if (f->result->budget_bytes > 0 || f->used == UL_UNKNOWN || f->used < LEAST_FREE / 2)
    return false;
  ul_advice_flag_budget(f, advice, with_room(f->used));
  return ul_advice_say(
      advice,
      "It ran without a budget and held %s at most. With one, its runtime is told what it "
      "may hold, and it meets a limit before it meets the kernel.",
      ul_size_mib(peak, f->used));
}

/* ---- What was held ---------------------------------------------------------------------------- */

static bool much_free(const struct ul_advice_facts *f, ul_advice *advice) {
  char                 free_text[UL_SIZE_TEXT_MAX];
  const ul_peak_parts *p = f->parts;
  if (!p || !p->valid || p->free_bytes < LEAST_FREE || p->free_bytes < p->resident_bytes / 4) {
    return false;
  }
  if (f->result->budget_bytes == 0) ul_advice_flag_budget(f, advice, with_room(p->live_bytes));
  return ul_advice_say(
      advice,
      "%s of the heap were free and still resident at the peak: kept for reuse, or spread "
      "between live objects. %s",
      ul_size_mib(free_text, p->free_bytes),
      f->result->budget_bytes == 0
          ? "A budget makes the heap give it back in time."
          : "ullage trim PID gives back at any time what can be given back.");
}

static bool not_the_heap(const struct ul_advice_facts *f, ul_advice *advice) {
  char                 other[UL_SIZE_TEXT_MAX];
  const ul_peak_parts *p = f->parts;
  if (!p || !p->valid) return false;
  uint64_t heap = p->live_bytes + p->free_bytes + p->own_bytes;
  if (heap > p->resident_bytes / 2 || p->resident_bytes - heap < 64 * UL_MIB) return false;
  return ul_advice_say(
      advice,
      "%s of the peak were not this heap: code, files that are mapped, stacks, or memory "
      "that the program takes from the system by itself. Only the enclosure bounds that.",
      ul_size_mib(other, p->resident_bytes - heap));
}

/* What it needs only once, at its start. */
static bool startup_decides(const struct ul_advice_facts *f, ul_advice *advice) {
  const ul_timeline *line = f->timeline;
  uint64_t           first = f->result->startup_peak_rss_bytes, later = 0;
  uint64_t           until_ns = UL_MIN(UL_FIGURES_STARTUP_NS, f->result->wall_ns / 10);
  char               at_start[UL_SIZE_TEXT_MAX], after[UL_SIZE_TEXT_MAX];
  if (f->result->exit_reason != UL_EXIT_REASON_NORMAL) return false;
  if (!line || first == UL_UNKNOWN || f->result->wall_ns < 20 * SECOND) return false;
  for (size_t i = 0; i < line->count; i++) {
    if (line->point[i].from_ns > until_ns) later = UL_MAX(later, line->point[i].resident_bytes);
  }
  if (later == 0 || first < later + later / 4 || first - later < LEAST_FREE) return false;
  return ul_advice_say(
      advice,
      "Its start-up decides how much it needs: %s then, and never more than %s after. What is "
      "loaded, compiled or sorted there, done in smaller steps, lets it live in a smaller "
      "budget.",
      ul_size_mib(at_start, first), ul_size_mib(after, later));
}

/* The highest of each quarter of the time, after the first: does each rise above the one before? */
static bool still_growing(const struct ul_advice_facts *f, ul_advice *advice) {
  const ul_timeline *line = f->timeline;
  uint64_t           highest[4] = {0};
  char               from[UL_SIZE_TEXT_MAX], to[UL_SIZE_TEXT_MAX];
  if (!line || line->count < 40 || line->last_ns < 10 * SECOND) return false;
  for (size_t i = 0; i < line->count; i++) {
    size_t quarter = UL_MIN((size_t)(line->point[i].from_ns / (line->last_ns / 4)), (size_t)3);
    highest[quarter] = UL_MAX(highest[quarter], line->point[i].resident_bytes);
  }
  for (int i = 2; i < 4; i++) {
    if (highest[i] < highest[i - 1] + highest[i - 1] / 20) return false;
  }
  return ul_advice_say(
      advice,
      "It was still growing: %s in the second quarter of the run, %s in the last. What it "
      "holds in the end is not known from this run; let it run longer before a budget is "
      "chosen.",
      ul_size_mib(from, highest[1]), ul_size_mib(to, highest[3]));
}

static bool pages_from_disk(const struct ul_advice_facts *f, ul_advice *advice) {
  uint64_t seconds = UL_MAX(f->result->wall_ns / SECOND, (uint64_t)1);
  if (f->result->major_faults == UL_UNKNOWN || f->result->major_faults / seconds < 100) {
    return false;
  }
  return ul_advice_say(
      advice,
      "It waited for the disk at %" PRIu64 " page faults, %" PRIu64 " a second: what it needs "
      "is swapped out, or pushed out of the page cache and read again. More room, or less "
      "to hold, makes it faster.",
      f->result->major_faults, f->result->major_faults / seconds);
}

/* ---- What was not done, and how well it is known ---------------------------------------------- */

static bool not_held(const struct ul_advice_facts *f, ul_advice *advice) {
  const ul_enclose *enclose = &f->result->enclose;
  if (enclose->moved_out) {
    return ul_advice_say(advice,
                         "The program left its group for another; from then on nothing held it to "
                         "its budget. Limit the group it goes to.");
  }
  if (f->result->budget_bytes == 0 || enclose->kind != UL_ENCLOSURE_NONE || !enclose->why_not[0]) {
    return false;
  }
  return ul_advice_say(
      advice,
      "It was watched, not enclosed: %.200s. Its runtime knows the budget; nothing "
      "else stops it there.",
      enclose->why_not);
}

static bool not_preloaded(const struct ul_advice_facts *f, ul_advice *advice) {
  const ul_program *program = &f->result->program;
  if (f->result->preloaded || program->runtime != UL_RUNTIME_NATIVE) return false;
  if (program->is_static) {
    return ul_advice_say(
        advice, "It is linked statically, so libullage cannot be preloaded: live bytes are "
                "not known, and no heap reacts to the budget. A dynamic build, or one that "
                "links libullage, can.");
  }
  if (program->preload == UL_PRELOAD_SECURE) {
    return ul_advice_say(
        advice, "It changes its privileges when it starts, and the system ignores preloads "
                "there: live bytes are not known, and no heap reacts to the budget.");
  }
  return false;
}

static bool short_run(const struct ul_advice_facts *f, ul_advice *advice) {
  char time[32];
  if (f->result->wall_ns >= SECOND || f->result->samples >= 50) return false;
  snprintf(time, sizeof time, "%.0f ms", (double)f->result->wall_ns / 1e6);
  return ul_advice_say(advice,
                       "It ran for %s and was looked at %" PRIu64
                       " time%s. The peak is certain, because the "
                       "kernel remembers it; the course between the looks is not known.",
                       time, f->result->samples, f->result->samples == 1 ? "" : "s");
}

static ul_advice_rule *const rules[] = {
    exceeded,        raised, tight,     startup_decides, still_growing, much_free, not_the_heap,
    pages_from_disk, roomy,  no_budget, not_held,        not_preloaded, short_run};

bool ul_advise_price_told(const ul_run_result *result, const ul_price *price, uint64_t limit_bytes,
                          const ul_knobs *knobs, ul_advice *ret_advice) {
  char     limit[UL_SIZE_TEXT_MAX], cheap_text[UL_SIZE_TEXT_MAX];
  uint64_t cheap = ul_price_limit(price, UL_PRICE_CHEAP);
  if (limit_bytes == 0 || result->budget_bytes == 0 || cheap == UINT64_MAX) return false;
  double share = ul_price_share(price, limit_bytes);
  /* What is not heap grows less than the heap does: this errs to the larger budget. */
  double budget = (double)result->budget_bytes * (double)cheap / (double)limit_bytes;
  struct ul_advice_facts facts = {.result = result, .least = least_of(result, knobs)};
  ul_size_mib(limit, limit_bytes);
  ul_size_mib(cheap_text, cheap);
  *ret_advice = (ul_advice){0};
  if (share > UL_PRICE_CHEAP * 1.2) {
    ul_advice_flag_budget(&facts, ret_advice, (uint64_t)budget);
    return ul_advice_say(
        ret_advice,
        "With a heap of at most %s garbage collection takes %s%.0f %%%s of the processor "
        "time. With %s it would take %.0f %%.",
        limit, share >= UL_PRICE_SHARE_MOST ? "" : "some ", 100 * share,
        share >= UL_PRICE_SHARE_MOST ? " or more" : "", cheap_text, 100 * UL_PRICE_CHEAP);
  }
  if (result->exit_reason != UL_EXIT_REASON_NORMAL) return false;
  budget = UL_MAX(budget, (double)facts.least);
  if (share > UL_PRICE_CHEAP / 2 || budget > 0.8 * (double)result->budget_bytes) return false;
  ul_advice_flag_budget(&facts, ret_advice, (uint64_t)budget);
  return ul_advice_say(
      ret_advice,
      "With a heap of at most %s garbage collection takes some %.1f %% of the processor time. "
      "If %.0f %% is cheap enough, %s does.",
      limit, 100 * share, 100 * UL_PRICE_CHEAP, cheap_text);
}

bool ul_advise_price(const ul_run_result *result, const ul_price *price, uint64_t limit_bytes,
                     ul_advice *ret_advice) {
  return ul_advise_price_told(result, price, limit_bytes, NULL, ret_advice);
}

size_t ul_advise_told(const ul_run_result *result, const ul_timeline *timeline,
                      const ul_peak_parts *parts, const ul_knobs *knobs,
                      ul_advice ret_advice[UL_ADVICE_MAX]) {
  struct ul_advice_facts facts = {
      .result = result,
      .timeline = timeline,
      .parts = parts,
      .knobs = knobs,
      .used = ul_report_used(result),
      .least = least_of(result, knobs),
      .limit = UL_MAX(result->enclose.raised_to_bytes, result->budget_bytes)};
  size_t count = ul_advice_ends(&facts, ret_advice);
  for (size_t i = 0; i < UL_ARRAY_LEN(rules) && count < UL_ADVICE_MAX; i++) {
    ret_advice[count] = (ul_advice){0};
    if (rules[i](&facts, &ret_advice[count])) count++;
  }
  return count;
}

size_t ul_advise(const ul_run_result *result, const ul_timeline *timeline,
                 const ul_peak_parts *parts, ul_advice ret_advice[UL_ADVICE_MAX]) {
  return ul_advise_told(result, timeline, parts, NULL, ret_advice);
}
