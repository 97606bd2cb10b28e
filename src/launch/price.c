/* SPDX-License-Identifier: MIT */
/* price.c: see price.h. */
#include "launch/price.h"

#include <stdio.h>

/* Two limits nearer than this tell the noise of two runs, not a curve. */
#define SPREAD_LEAST 0.05
/* Runs that the best curve misses by more did not do the same work. */
#define MISS_MOST 0.05

/* Sums over the points that count: w weight, x = L, y = (1-s)/s. Sizes are of the order of 2^40, so
 * x is taken relative to `origin`, or the squares would eat the digits. */
struct sums {
  double w, wx, wy, wxx, wxy;
  double origin, least, most;
  size_t count;
};

static bool counts(const ul_price_point *point) {
  return point->share > 0 && point->share < UL_PRICE_POINT_MOST;
}

static int refuse(char why[UL_PRICE_WHY_MAX], const char *text) {
  snprintf(why, UL_PRICE_WHY_MAX, "%s", text);
  return -UL_E_INVAL;
}

/* An error ds of the share is an error ds/s^2 of y: weighing with s^4 makes errors of s equal. */
static void add(struct sums *sums, const ul_price_point *point) {
  double s = point->share, w = s * s * s * s, y = (1 - s) / s;
  double limit = (double)point->limit_bytes, x = limit - sums->origin;
  sums->w += w;
  sums->wx += w * x;
  sums->wy += w * y;
  sums->wxx += w * x * x;
  sums->wxy += w * x * y;
  sums->least = sums->count ? UL_MIN(sums->least, limit) : limit;
  sums->most = sums->count ? UL_MAX(sums->most, limit) : limit;
  sums->count++;
}

static int check_points(const ul_price_point *points, size_t count, char why[UL_PRICE_WHY_MAX]) {
  for (size_t i = 0; i < count; i++) {
    if (points[i].limit_bytes == 0) return refuse(why, "a run had no limit");
    /* Written so that what is not a number is refused, too. */
    if (!(points[i].share >= 0 && points[i].share <= 1)) {
      return refuse(why, "a share of collection is not between 0 and 1");
    }
  }
  return 0;
}

/* Up to 1, at and below L0. */
static double share_at(const ul_price *price, uint64_t limit_bytes) {
  double room = (double)limit_bytes - price->l0_bytes;
  return room > 0 ? price->k_bytes / (price->k_bytes + room) : 1;
}

static double miss(const ul_price *price, const ul_price_point *point) {
  double expected = share_at(price, point->limit_bytes);
  return expected > point->share ? expected - point->share : point->share - expected;
}

int ul_price_fit(const ul_price_point *points, size_t count, ul_price *ret_price,
                 char ret_why[UL_PRICE_WHY_MAX]) {
  struct sums sums = {0};
  ul_price    price = {0};
  ret_why[0] = 0;
  if (check_points(points, count, ret_why) < 0) return -UL_E_INVAL;
  for (size_t i = 0; i < count; i++) {
    if (!counts(&points[i])) continue;
    if (sums.count == 0) sums.origin = (double)points[i].limit_bytes;
    add(&sums, &points[i]);
  }
  if (sums.count < 2) {
    return refuse(ret_why, "it takes two runs whose collection took more than nothing and less "
                           "than 45 % of the processor");
  }
  if (sums.most - sums.least < SPREAD_LEAST * sums.most) {
    return refuse(ret_why, "the limits of the runs are within 5 % of each other, which is too near "
                           "to tell a curve");
  }
  double slope = (sums.w * sums.wxy - sums.wx * sums.wy) / (sums.w * sums.wxx - sums.wx * sums.wx);
  double offset = (sums.wy - slope * sums.wx) / sums.w;
  if (!(slope > 0)) {
    return refuse(ret_why, "a larger limit did not make collection cheaper, so the runs did not do "
                           "the same work");
  }
  price.k_bytes = 1 / slope;
  price.l0_bytes = sums.origin - offset / slope;
  price.points = sums.count;
  if (price.l0_bytes < 0) {
    return refuse(ret_why, "the cost falls more slowly than room grows, so something else than the "
                           "limit decides it");
  }
  for (size_t i = 0; i < count; i++) {
    if (counts(&points[i])) price.worst_miss = UL_MAX(price.worst_miss, miss(&price, &points[i]));
  }
  if (price.worst_miss > MISS_MOST) {
    return refuse(ret_why, "the runs contradict each other by more than 5 points, so they did not "
                           "do the same work");
  }
  *ret_price = price;
  return 0;
}

double ul_price_share(const ul_price *price, uint64_t limit_bytes) {
  return UL_MIN(share_at(price, limit_bytes), UL_PRICE_SHARE_MOST);
}

uint64_t ul_price_limit(const ul_price *price, double share) {
  if (!(share > 0)) return UINT64_MAX;
  double limit = price->l0_bytes + price->k_bytes * (1 - share) / share;
  if (limit >= 0x1p63) return UINT64_MAX;
  uint64_t whole = (uint64_t)limit;
  return (double)whole < limit ? whole + 1 : whole;
}
