/* SPDX-License-Identifier: MIT */
/* knobs_jvm.h: the options that the user has given to a JVM, wherever they stand. */
#ifndef UL_LAUNCH_KNOBS_JVM_H
#define UL_LAUNCH_KNOBS_JVM_H

#include "launch/knobs_rows.h"

#define UL_JVM_VARIABLE "JAVA_TOOL_OPTIONS"

typedef struct ul_jvm_own {
  bool        found;
  const char *variable; /* "": the command line */
  char        option[48], value[96];
} ul_jvm_own;

typedef struct ul_jvm_search {
  const char *const *options; /* that mean the same, each with its "=" */
  size_t             count;
  bool               is_collector; /* instead of them: any -XX:+Use…GC */
  ul_jvm_own        *own;          /* not the caller's business */
} ul_jvm_search;

/* The one that will win, of all places where it may stand. */
ul_jvm_own ul_jvm_find(const ul_knob_input *input, ul_jvm_search search);

#define UL_JVM_FIND(input, ...)                                              \
  ul_jvm_find(input,                                                         \
              (ul_jvm_search){.options = (const char *const[]){__VA_ARGS__}, \
                              .count = sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)})

/* Can there be options that we do not see: behind a launcher, in a file? */
bool ul_jvm_hides_options(const ul_knob_input *input);

/* 350m as Java reads it: powers of 1024, in either case. 0: it is not one. */
uint64_t ul_jvm_size(const char *text);

#endif
