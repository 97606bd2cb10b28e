/* SPDX-License-Identifier: MIT */
/* outside_facts.h: how the files outside_facts*.c read /proc and /sys: small texts, bounded, and a
 * note of what could not be read. The parsers take any bytes that end in 0.
 */
#ifndef UL_OS_LINUX_OUTSIDE_FACTS_H
#define UL_OS_LINUX_OUTSIDE_FACTS_H

#include <limits.h>

#include "os/facts.h"

typedef struct ul_facts_reader {
  const char *root;
  char        who[16]; /* "self" or a pid: /proc/WHO */
  ul_facts   *facts;
} ul_facts_reader;

/* What an absent file means: an older kernel or another setup (nothing to say), or a hidden
 * fact. */
enum ul_facts_need { UL_FACTS_MAY, UL_FACTS_MUST };

/* Notes that something cannot be seen; an errno as the reason. */
void ul_facts_hide(const ul_facts_reader *reader, const char *path, int error);

/* The root before a path. False: too long. */
bool ul_facts_path(const ul_facts_reader *reader, char ret_path[PATH_MAX], const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The file into `buffer`, cut off at its end, always ended by 0 (empty when it cannot be read). */
bool ul_facts_text(const ul_facts_reader *reader, enum ul_facts_need need, char *buffer,
                   size_t capacity, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The one number in a file. "max" and version 1's "no limit" are UL_FACT_UNLIMITED. */
uint64_t ul_facts_number(const ul_facts_reader *reader, enum ul_facts_need need, const char *format,
                         ...) __attribute__((format(printf, 3, 4)));

/* ---- Parsers, pure ---------------------------------------------------------------------------- */

/* The number at the start of a text; unknown where none is, or where it does not fit. */
uint64_t ul_facts_parse(const char *text);

/* The number in the line "KEY: 12 kB" or "key 12"; kB become bytes. */
uint64_t ul_facts_keyed(const char *text, const char *key);

/* The word in brackets: "always [madvise] never". */
void ul_facts_chosen(const char *text, char *ret_word, size_t capacity);

/* A file like /proc/pressure/memory. False: it is none. */
bool ul_facts_parse_pressure(const char *text, ul_facts_pressure *ret_pressure);

/* ---- The groups of facts ---------------------------------------------------------------------- */

void ul_facts_read_groups(const ul_facts_reader *reader);  /* outside_facts_groups.c */
void ul_facts_read_process(const ul_facts_reader *reader); /* outside_facts_users.c */
void ul_facts_read_users(const ul_facts_reader *reader);
void ul_facts_read_tmpfs(const ul_facts_reader *reader);

#endif
