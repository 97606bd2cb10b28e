/* SPDX-License-Identifier: MIT */
/* espresso.c: two-level logic minimisation: tiny bit sets made, copied, joined and thrown away.
 *
 * After Brayton, Hachtel, McMullen and Sangiovanni-Vincentelli, "Logic Minimization Algorithms
 * for VLSI Synthesis", Kluwer 1984, whose program espresso has been in allocator studies since
 * Grunwald and Zorn. Written from the book's description; the functions (PLAs) are generated.
 *
 * A cube has two bits per variable: 01 the variable must be 0, 10 it must be 1, 11 either, 00
 * impossible. A cover is a growing array of cubes, each an object of its own: their union is the
 * function. One op minimises one function:
 *
 *     off = complement(on);  repeat { expand against off; irredundant; reduce } while it helps
 *
 * complement and tautology split a cover by its most binate variable and recur on both
 * cofactors, which are copies: nearly all objects are 16 to 32 bytes and live for microseconds,
 * on a stack of generations, while the result stays. The last --live results are kept. The end of
 * each op proves the result equal to the function it began with. */
#include <string.h>
#include "common.h"

enum {
  MIN_VARIABLES = 10,
  MAX_VARIABLES = 40, /* one or two words per cube */
  MIN_CUBES = 6,
  MAX_CUBES = 10,
  LITERALS = 5, /* of a generated cube, on average */
  PASSES = 3,   /* of expand, irredundant, reduce, at most */
};
#define LOW_BITS 0x5555555555555555u

typedef struct cube {
  uint32_t words, unused; /* espresso keeps flags there */
  uint64_t bits[];
} cube;

typedef struct cover {
  uint32_t count, capacity;
  cube   **cubes;
} cover;

/* The space of one function: all bits of all its variables. Bits above are 0 in every cube. */
typedef struct space {
  uint32_t variables, words;
  uint64_t all[MAX_VARIABLES * 2 / 64 + 1];
} space;

typedef struct lane {
  uint64_t ops, seed, sum, kept_count;
  cover   *kept;
} lane;

/* ---- cubes and covers ------------------------------------------------------------------------ */

static cube *cube_new(const space *in) {
  cube *fresh = malloc(sizeof *fresh + in->words * sizeof *fresh->bits);
  if (!fresh) bench_fail("malloc returned NULL");
  fresh->words = in->words;
  memcpy(fresh->bits, in->all, in->words * sizeof *fresh->bits);
  return fresh;
}

static cube *cube_copy(const space *in, const cube *from) {
  cube *fresh = cube_new(in);
  memcpy(fresh->bits, from->bits, in->words * sizeof *fresh->bits);
  return fresh;
}

static unsigned literal(const cube *one, uint32_t variable) {
  return (unsigned)(one->bits[variable / 32] >> (variable % 32 * 2)) & 3;
}

static void literal_set(cube *one, uint32_t variable, unsigned value) {
  unsigned shift = variable % 32 * 2;
  one->bits[variable / 32] &= ~((uint64_t)3 << shift);
  one->bits[variable / 32] |= (uint64_t)value << shift;
}

static int bits_equal(const space *in, const uint64_t *a, const uint64_t *b) {
  for (uint32_t i = 0; i < in->words; i++)
    if (a[i] != b[i]) return 0;
  return 1;
}

static int cubes_meet(const space *in, const cube *a, const cube *b) {
  for (uint32_t i = 0; i < in->words; i++) {
    uint64_t both = a->bits[i] & b->bits[i];
    if (((both | both >> 1) & LOW_BITS) != (in->all[i] & LOW_BITS)) return 0;
  }
  return 1;
}

static int cube_covers(const space *in, const cube *large, const cube *small) {
  for (uint32_t i = 0; i < in->words; i++)
    if (small->bits[i] & ~large->bits[i]) return 0;
  return 1;
}

static void cover_add(cover *to, cube *one) {
  if (to->count == to->capacity) {
    to->capacity = to->capacity ? to->capacity * 2 : 4;
    to->cubes = realloc(to->cubes, to->capacity * sizeof(cube *));
    if (!to->cubes) bench_fail("realloc returned NULL");
  }
  to->cubes[to->count++] = one;
}

static void cover_drop(cover *from, uint32_t at) {
  free(from->cubes[at]);
  from->cubes[at] = from->cubes[--from->count];
}

static void cover_free(cover *old) {
  for (uint32_t i = 0; i < old->count; i++) free(old->cubes[i]);
  free(old->cubes);
  *old = (cover){0, 0, NULL};
}

/* What `of` is inside `by`, seen from there: `by`'s variables become free. Leaves out cube `but`
 * (UINT32_MAX: none). */
static cover cofactor(const space *in, const cover *of, const cube *by, uint32_t but) {
  cover result = {0, 0, NULL};
  for (uint32_t i = 0; i < of->count; i++) {
    if (i == but || !cubes_meet(in, of->cubes[i], by)) continue;
    cube *fresh = cube_copy(in, of->cubes[i]);
    for (uint32_t w = 0; w < in->words; w++) fresh->bits[w] |= in->all[w] & ~by->bits[w];
    cover_add(&result, fresh);
  }
  return result;
}

/* ---- the unate recursive paradigm ------------------------------------------------------------ */

/* The variable that most cubes ask for in both polarities, else in one; UINT32_MAX if none asks.
 * `ret_binate`: whether it is of the first kind. Visits only the bits that are missing: a cube of
 * five literals misses five. */
static uint32_t split_variable(const space *in, const cover *of, int *ret_binate) {
  uint32_t missing[MAX_VARIABLES][2] = {{0}};
  for (uint32_t i = 0; i < of->count; i++) {
    for (uint32_t w = 0; w < in->words; w++) {
      for (uint64_t rest = in->all[w] & ~of->cubes[i]->bits[w]; rest; rest &= rest - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(rest);
        missing[w * 32 + bit / 2][bit & 1]++;
      }
    }
  }
  uint32_t best = UINT32_MAX, best_score = 0;
  for (uint32_t v = 0; v < in->variables; v++) {
    const uint32_t *seen = missing[v];
    uint32_t        score = seen[0] + seen[1] + (seen[0] && seen[1] ? 1u << 16 : 0);
    if (score > best_score) {
      best = v;
      best_score = score;
    }
  }
  *ret_binate = best_score >= 1u << 16;
  return best;
}

static int any_is_all(const space *in, const cover *of) {
  for (uint32_t i = 0; i < of->count; i++)
    if (bits_equal(in, of->cubes[i]->bits, in->all)) return 1;
  return 0;
}

static int is_tautology(const space *in, const cover *of) {
  int binate;
  if (any_is_all(in, of)) return 1;
  uint32_t v = split_variable(in, of, &binate);
  if (!binate) return 0; /* a unate cover without the full cube misses a corner */
  int   result = 1;
  cube *half = cube_new(in);
  for (unsigned side = 1; side <= 2 && result; side++) {
    literal_set(half, v, side);
    cover part = cofactor(in, of, half, UINT32_MAX);
    result = is_tautology(in, &part);
    cover_free(&part);
  }
  free(half);
  return result;
}

/* Adds `more` (emptied) to `to`, each cube confined to `side` of `v`; one that lies in `to`
 * already for the other side becomes one cube for both. */
static void merge(const space *in, cover *to, cover *more, uint32_t v, unsigned side) {
  uint32_t before = to->count;
  for (uint32_t i = 0; i < more->count; i++) {
    cube *one = more->cubes[i];
    literal_set(one, v, 3 - side);
    uint32_t twin = 0;
    while (twin < before && !bits_equal(in, to->cubes[twin]->bits, one->bits)) twin++;
    if (twin < before) {
      literal_set(to->cubes[twin], v, 3);
      free(one);
    } else {
      literal_set(one, v, side);
      cover_add(to, one);
    }
  }
  free(more->cubes);
}

static cover complement(const space *in, const cover *of) {
  cover result = {0, 0, NULL};
  int   binate;
  if (any_is_all(in, of)) return result;
  uint32_t v = split_variable(in, of, &binate);
  if (v == UINT32_MAX) { /* no cubes at all */
    cover_add(&result, cube_new(in));
    return result;
  }
  if (of->count == 1) { /* de Morgan: one cube for each literal */
    for (v = 0; v < in->variables; v++) {
      unsigned value = literal(of->cubes[0], v);
      if (value == 3) continue;
      cube *one = cube_new(in);
      literal_set(one, v, 3 - value);
      cover_add(&result, one);
    }
    return result;
  }
  cube *half = cube_new(in);
  for (unsigned side = 1; side <= 2; side++) {
    literal_set(half, v, side);
    cover part = cofactor(in, of, half, UINT32_MAX);
    cover rest = complement(in, &part);
    merge(in, &result, &rest, v, side);
    cover_free(&part);
  }
  free(half);
  return result;
}

/* ---- the three steps ------------------------------------------------------------------------- */

/* Makes every cube as large as `off` allows and drops the ones that others came to cover. */
static void expand(const space *in, cover *on, const cover *off, bench_random *random) {
  for (uint32_t i = 0; i < on->count; i++) {
    uint32_t first = bench_random_below(random, in->variables);
    for (uint32_t k = 0; k < in->variables; k++) {
      uint32_t v = (first + k) % in->variables;
      if (literal(on->cubes[i], v) == 3) continue;
      cube *wider = cube_copy(in, on->cubes[i]);
      literal_set(wider, v, 3);
      uint32_t hit = 0;
      while (hit < off->count && !cubes_meet(in, wider, off->cubes[hit])) hit++;
      cube *loser = hit < off->count ? wider : on->cubes[i];
      if (loser != wider) on->cubes[i] = wider;
      free(loser);
    }
    for (uint32_t j = on->count; j-- > i + 1;)
      if (cube_covers(in, on->cubes[i], on->cubes[j])) cover_drop(on, j);
  }
}

static void irredundant(const space *in, cover *on) {
  for (uint32_t i = on->count; i-- > 0;) {
    cover rest = cofactor(in, on, on->cubes[i], i);
    if (is_tautology(in, &rest)) cover_drop(on, i);
    cover_free(&rest);
  }
}

/* Shrinks each cube to the smallest that holds what only it covers. */
static void reduce(const space *in, cover *on) {
  for (uint32_t i = on->count; i-- > 0;) {
    cover rest = cofactor(in, on, on->cubes[i], i), alone = complement(in, &rest);
    for (uint32_t w = 0; w < in->words; w++) {
      uint64_t hull = 0;
      for (uint32_t k = 0; k < alone.count; k++) hull |= alone.cubes[k]->bits[w];
      on->cubes[i]->bits[w] &= hull;
    }
    if (!alone.count) cover_drop(on, i);
    cover_free(&alone);
    cover_free(&rest);
  }
}

static uint32_t cost(const space *in, const cover *of) {
  uint32_t total = 0;
  for (uint32_t i = 0; i < of->count; i++)
    for (uint32_t v = 0; v < in->variables; v++) total += literal(of->cubes[i], v) != 3;
  return total + of->count;
}

/* ---- one op ---------------------------------------------------------------------------------- */

static cover generate(space *in, bench_random *random) {
  in->variables = MIN_VARIABLES + bench_random_below(random, MAX_VARIABLES - MIN_VARIABLES + 1);
  in->words = (in->variables * 2 + 63) / 64;
  memset(in->all, 0, sizeof in->all);
  for (uint32_t v = 0; v < in->variables; v++) in->all[v / 32] |= (uint64_t)3 << (v % 32 * 2);
  cover    on = {0, 0, NULL};
  uint32_t count = MIN_CUBES + bench_random_below(random, MAX_CUBES - MIN_CUBES + 1);
  for (uint32_t i = 0; i < count; i++) {
    cube *one = cube_new(in);
    for (uint32_t v = 0; v < in->variables; v++)
      if (bench_random_below(random, in->variables) < LITERALS)
        literal_set(one, v, 1 + bench_random_below(random, 2));
    cover_add(&on, one);
  }
  return on;
}

static void prove(const space *in, const cover *result, const cover *on, const cover *off) {
  for (uint32_t i = 0; i < on->count; i++) {
    cover inside = cofactor(in, result, on->cubes[i], UINT32_MAX);
    if (!is_tautology(in, &inside)) bench_fail("the minimised function lost a part");
    cover_free(&inside);
  }
  for (uint32_t i = 0; i < result->count; i++)
    for (uint32_t k = 0; k < off->count; k++)
      if (cubes_meet(in, result->cubes[i], off->cubes[k]))
        bench_fail("the minimised function is larger than the one it began with");
}

static cover minimise(bench_random *random, uint64_t *sum) {
  space in;
  cover on = generate(&in, random), off = complement(&in, &on), work = {0, 0, NULL};
  for (uint32_t i = 0; i < on.count; i++) cover_add(&work, cube_copy(&in, on.cubes[i]));
  for (uint32_t pass = 0, before = UINT32_MAX; pass < PASSES; pass++) {
    if (pass) reduce(&in, &work);
    expand(&in, &work, &off, random);
    irredundant(&in, &work);
    uint32_t now = cost(&in, &work);
    if (now >= before) break;
    before = now;
  }
  prove(&in, &work, &on, &off);
  for (uint32_t i = 0; i < work.count; i++)
    for (uint32_t w = 0; w < in.words; w++) *sum = bench_mix(*sum + work.cubes[i]->bits[w]);
  cover_free(&on);
  cover_free(&off);
  return work;
}

static void *work(void *arg) {
  lane        *own = arg;
  bench_random random = {own->seed};
  for (uint64_t i = 0; i < own->ops; i++) {
    cover *home = &own->kept[i % own->kept_count];
    cover_free(home);
    *home = minimise(&random, &own->sum);
  }
  for (uint64_t i = 0; i < own->kept_count; i++) cover_free(&own->kept[i]);
  return NULL;
}

int main(int argc, char **argv) {
  bench_args args = {.name = "espresso", .threads = 1, .ops = 2000, .live = 4000, .seed = 1};
  bench_args_read(&args, argc, argv, "two-level logic minimisation; --live is results kept");
  lane *lanes = bench_array(args.threads, sizeof *lanes);
  for (unsigned i = 0; i < args.threads; i++) {
    lanes[i] = (lane){.ops = args.ops / args.threads,
                      .seed = bench_mix(args.seed + i),
                      .kept_count = args.live / args.threads + 1};
    lanes[i].kept = bench_array(lanes[i].kept_count, sizeof *lanes[i].kept);
  }
  bench_threads_run(args.threads, work, lanes, sizeof *lanes);
  uint64_t sum = 0;
  for (unsigned i = 0; i < args.threads; i++) {
    sum += lanes[i].sum;
    free(lanes[i].kept);
  }
  free(lanes);
  bench_report(&args, sum);
  return 0;
}
