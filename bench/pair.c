/* SPDX-License-Identifier: MIT */
/* pair.c: nothing but malloc and free, in one pattern and one size, for counting instructions.
 *
 *     bench_pair PATTERN SIZE PAIRS BATCH
 *       now     each object is freed at once
 *       lifo    BATCH objects are made, then freed, the youngest first
 *       fifo    the same, the oldest first
 *       random  BATCH slots, one drawn at a time (by a linear congruence: 3 instructions), replaced
 *       none    the loop without malloc and free: what the pattern itself costs
 *
 * pair.py runs it under callgrind with two values of PAIRS and takes the difference, so that
 * start-up and warming drop out. The processor's time would depend on the machine; the count
 * does not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BATCH = 100000 };

static void          *slots[MAX_BATCH];
static volatile void *sink; /* keeps the pairs from being removed */

static void now(size_t size, size_t pairs) {
  for (size_t i = 0; i < pairs; i++) {
    void *object = malloc(size);
    sink = object;
    free(object);
  }
}

static void batches(size_t size, size_t pairs, size_t batch, int youngest_first) {
  for (size_t done = 0; done < pairs; done += batch) {
    for (size_t i = 0; i < batch; i++) slots[i] = malloc(size);
    if (youngest_first) {
      for (size_t i = batch; i-- > 0;) free(slots[i]);
    } else {
      for (size_t i = 0; i < batch; i++) free(slots[i]);
    }
  }
}

static void replace(size_t size, size_t pairs, size_t batch) {
  unsigned long long state = 1;
  memset(slots, 0, batch * sizeof *slots);
  for (size_t i = 0; i < pairs; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    void **slot = &slots[((state >> 32) * batch) >> 32];
    free(*slot);
    *slot = malloc(size);
  }
}

static void none(size_t pairs, size_t batch) {
  for (size_t done = 0; done < pairs; done += batch) {
    for (size_t i = 0; i < batch; i++) sink = slots[i];
    for (size_t i = 0; i < batch; i++) sink = slots[i];
  }
}

int main(int argc, char **argv) {
  size_t size = argc == 5 ? strtoul(argv[2], NULL, 10) : 0;
  size_t pairs = argc == 5 ? strtoul(argv[3], NULL, 10) : 0;
  size_t batch = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;
  if (argc != 5 || batch < 1 || batch > MAX_BATCH) {
    fprintf(stderr, "usage: bench_pair now|lifo|fifo|random|none SIZE PAIRS BATCH (at most %d)\n",
            MAX_BATCH);
    return 2;
  }
  if (!strcmp(argv[1], "now"))
    now(size, pairs);
  else if (!strcmp(argv[1], "lifo") || !strcmp(argv[1], "fifo"))
    batches(size, pairs, batch, argv[1][0] == 'l');
  else if (!strcmp(argv[1], "random"))
    replace(size, pairs, batch);
  else if (!strcmp(argv[1], "none"))
    none(pairs, batch);
  else
    return 2;
  return 0;
}
