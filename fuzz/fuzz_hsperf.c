/* SPDX-License-Identifier: MIT */
/* fuzz_hsperf.c: any bytes as a JVM's counters. Nothing outside them may be read, and it must end. */
#include <stdlib.h>
#include <string.h>

#include "launch/jvm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ul_hsperf counters;
  ul_jvm    jvm;
  /* A copy that ends where the input ends, so that a sanitizer sees a byte too far. */
  uint8_t *bytes = malloc(size + 1);
  if (!bytes) return 0;
  memcpy(bytes, data, size);
  bytes = realloc(bytes, size ? size : 1);
  if (bytes && ul_hsperf_read(bytes, size, &counters) == 0) {
    ul_jvm_judge(&counters, &jvm);
    if (!memchr(counters.collector, 0, sizeof counters.collector)) __builtin_trap();
  }
  free(bytes);
  return 0;
}
