/* SPDX-License-Identifier: MIT */
/* cfrac.c: whole numbers of any length, each result a new tiny object.
 *
 * In the spirit of cfrac of Zorn's collection ("Empirical measurements of six
 * allocation-intensive C programs", 1992): the continued fraction of a square root, the heart of
 * the CFRAC factoring method. The program is one thread, its heap is a few kilobytes, its
 * objects are 8 to 80 bytes and live for microseconds: what is measured is the shortest way
 * through malloc and free, between arithmetic.
 *
 *     P' = a Q - P,   Q' = (N - P'^2) / Q,   a = (root + P') / Q',   A' = (a A + A_before) mod N
 *
 * One op is one step of the expansion, about 12 objects. */
#include <string.h>
#include "common.h"

/* A number: `count` limbs, the lowest first; the top one is not 0; zero has none. */
typedef struct number {
  uint32_t count;
  uint32_t limbs[];
} number;

static number *number_new(uint32_t count) {
  number *fresh = malloc(sizeof *fresh + count * sizeof fresh->limbs[0]);
  if (!fresh) bench_fail("malloc returned NULL");
  fresh->count = count;
  return fresh;
}

static number *trim(number *own) {
  while (own->count && !own->limbs[own->count - 1]) own->count--;
  return own;
}

static number *from_limbs(const uint32_t *limbs, uint32_t count) {
  number *fresh = number_new(count);
  if (count) memcpy(fresh->limbs, limbs, count * sizeof *limbs);
  return trim(fresh);
}

static int compare(const number *a, const number *b) {
  if (a->count != b->count) return a->count < b->count ? -1 : 1;
  for (uint32_t i = a->count; i-- > 0;) {
    if (a->limbs[i] != b->limbs[i]) return a->limbs[i] < b->limbs[i] ? -1 : 1;
  }
  return 0;
}

static number *add(const number *a, const number *b) {
  uint32_t count = (a->count > b->count ? a->count : b->count) + 1;
  number  *sum = number_new(count);
  uint64_t carry = 0;
  for (uint32_t i = 0; i < count; i++) {
    carry += (uint64_t)(i < a->count ? a->limbs[i] : 0) + (i < b->count ? b->limbs[i] : 0);
    sum->limbs[i] = (uint32_t)carry;
    carry >>= 32;
  }
  return trim(sum);
}

/* a - b, where a >= b. */
static number *subtract(const number *a, const number *b) {
  number *difference = number_new(a->count);
  int64_t borrow = 0;
  for (uint32_t i = 0; i < a->count; i++) {
    borrow += (int64_t)a->limbs[i] - (i < b->count ? b->limbs[i] : 0);
    difference->limbs[i] = (uint32_t)borrow;
    borrow >>= 32;
  }
  return trim(difference);
}

static number *multiply(const number *a, const number *b) {
  number *product = number_new(a->count + b->count);
  if (product->count) memset(product->limbs, 0, product->count * sizeof product->limbs[0]);
  for (uint32_t i = 0; i < a->count; i++) {
    uint64_t carry = 0;
    for (uint32_t k = 0; k < b->count; k++) {
      carry += (uint64_t)a->limbs[i] * b->limbs[k] + product->limbs[i + k];
      product->limbs[i + k] = (uint32_t)carry;
      carry >>= 32;
    }
    product->limbs[i + b->count] = (uint32_t)carry;
  }
  return trim(product);
}

/* to = from << shift, where shift < 32; `to` is one limb longer. */
static void shift_up(uint32_t *to, const number *from, unsigned shift) {
  uint64_t carry = 0;
  for (uint32_t i = 0; i < from->count; i++) {
    carry |= (uint64_t)from->limbs[i] << shift;
    to[i] = (uint32_t)carry;
    carry >>= 32;
  }
  to[from->count] = (uint32_t)carry;
}

/* u -= guess * v over n + 1 limbs. Returns 1 when the result fell below zero. */
static int subtract_multiple(uint32_t *u, const uint32_t *v, uint32_t n, uint64_t guess) {
  uint64_t carry = 0;
  int64_t  borrow = 0;
  for (uint32_t i = 0; i <= n; i++) {
    carry += i < n ? guess * v[i] : 0;
    borrow += (int64_t)u[i] - (uint32_t)carry;
    u[i] = (uint32_t)borrow;
    borrow >>= 32;
    carry >>= 32;
  }
  return borrow < 0;
}

/* u += v over n + 1 limbs. Returns 1 when the sum is no longer negative (it carried out). */
static int add_back(uint32_t *u, const uint32_t *v, uint32_t n) {
  uint64_t carry = 0;
  for (uint32_t i = 0; i <= n; i++) {
    carry += (uint64_t)u[i] + (i < n ? v[i] : 0);
    u[i] = (uint32_t)carry;
    carry >>= 32;
  }
  return carry != 0;
}

/* Quotient and remainder of a / b: Knuth, TAOCP 2, 4.3.1, algorithm D. A quotient limb is
 * guessed from the top 64 bits of what is left; with the divisor shifted until its top bit is
 * set, the guess is at most 2 too large. Either result may be NULL when not wanted. */
static void divide(const number *a, const number *b, number **ret_quotient, number **ret_rest) {
  if (compare(a, b) < 0) {
    if (ret_quotient) *ret_quotient = number_new(0);
    if (ret_rest) *ret_rest = from_limbs(a->limbs, a->count);
    return;
  }
  unsigned shift = (unsigned)__builtin_clz(b->limbs[b->count - 1]);
  uint32_t n = b->count, m = a->count - n;
  number  *u = number_new(a->count + 1), *v = number_new(n + 1), *q = number_new(m + 1);
  shift_up(u->limbs, a, shift);
  shift_up(v->limbs, b, shift);
  for (uint32_t j = m + 1; j-- > 0;) {
    uint64_t top = ((uint64_t)u->limbs[j + n] << 32) | u->limbs[j + n - 1];
    uint64_t guess = top / v->limbs[n - 1];
    if (guess > UINT32_MAX) guess = UINT32_MAX;
    int below = subtract_multiple(u->limbs + j, v->limbs, n, guess);
    for (; below; guess--) below = !add_back(u->limbs + j, v->limbs, n);
    q->limbs[j] = (uint32_t)guess;
  }
  if (ret_rest) {
    number *rest = number_new(n);
    for (uint32_t i = 0; i < n; i++)
      rest->limbs[i] = (uint32_t)((((uint64_t)u->limbs[i + 1] << 32) | u->limbs[i]) >> shift);
    *ret_rest = trim(rest);
  }
  if (ret_quotient)
    *ret_quotient = trim(q);
  else
    free(q);
  free(u);
  free(v);
}

/* The whole square root, by Newton from above. */
static number *square_root(const number *n) {
  uint32_t one_limb[4] = {0, 0, 0, 1}; /* 2^96 > root of any 5-limb number */
  uint32_t two_limb[1] = {2};
  number  *guess = from_limbs(one_limb, 4), *two = from_limbs(two_limb, 1);
  for (;;) {
    number *quotient, *next;
    divide(n, guess, &quotient, NULL);
    number *sum = add(guess, quotient);
    divide(sum, two, &next, NULL);
    free(quotient);
    free(sum);
    if (compare(next, guess) >= 0) {
      free(next);
      free(two);
      return guess;
    }
    free(guess);
    guess = next;
  }
}

typedef struct expansion {
  number *n, *root, *p, *q, *convergent, *before;
} expansion;

static void replace(number **slot, number *fresh) {
  free(*slot);
  *slot = fresh;
}

static void step(expansion *own) {
  number *sum = add(own->root, own->p), *a;
  divide(sum, own->q, &a, NULL);
  number *aq = multiply(a, own->q);
  replace(&own->p, subtract(aq, own->p));
  number *square = multiply(own->p, own->p), *rest = subtract(own->n, square), *next_q;
  divide(rest, own->q, &next_q, NULL);
  replace(&own->q, next_q);
  number *scaled = multiply(a, own->convergent), *wide = add(scaled, own->before), *next;
  divide(wide, own->n, NULL, &next);
  replace(&own->before, own->convergent);
  own->convergent = next;
  free(sum);
  free(a);
  free(aq);
  free(square);
  free(rest);
  free(scaled);
  free(wide);
}

int main(int argc, char **argv) {
  bench_args args = {.name = "cfrac", .threads = 1, .ops = 3500000, .live = 1, .seed = 1};
  bench_args_read(&args, argc, argv, "continued fraction of a root, tiny objects (one thread)");
  bench_random random = {args.seed};
  uint32_t     limbs[5];
  for (int i = 0; i < 5; i++) limbs[i] = (uint32_t)bench_random_next(&random) | 1;
  uint32_t  unit[1] = {1};
  expansion own = {.n = from_limbs(limbs, 5)};
  own.root = square_root(own.n);
  own.p = number_new(0);
  own.q = from_limbs(unit, 1);
  own.convergent = from_limbs(unit, 1);
  own.before = number_new(0);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < args.ops; i++) {
    step(&own);
    sum = sum * 31 + (own.convergent->count ? own.convergent->limbs[0] : 0);
  }
  number *all[] = {own.n, own.root, own.p, own.q, own.convergent, own.before};
  for (int i = 0; i < 6; i++) free(all[i]);
  bench_report(&args, sum);
  return 0;
}
