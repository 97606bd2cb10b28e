/* SPDX-License-Identifier: MIT */
/* knobs_rows.h: what the files knobs_<runtime>.c share: rows, warnings, the user's words.
 *
 * A runtime's file has one function, ul_knobs_<runtime>. It looks for the user's settings first and
 * then fills in what they leave open.
 */
#ifndef UL_LAUNCH_KNOBS_ROWS_H
#define UL_LAUNCH_KNOBS_ROWS_H

#include "launch/knobs.h"

/* R: what is held back of every budget, for the kernel's share of it (page tables, sockets, page
 * cache that is in use) and for what nobody foresaw. */
uint64_t ul_knobs_reserve(uint64_t budget_bytes);

uint64_t ul_knobs_mib_down(uint64_t bytes);
uint64_t ul_knobs_mib_up(uint64_t bytes);

void ul_knobs_go(const ul_knob_input *input, ul_knobs *knobs);
void ul_knobs_jvm(const ul_knob_input *input, ul_knobs *knobs);
void ul_knobs_node(const ul_knob_input *input, ul_knobs *knobs);
void ul_knobs_python(const ul_knob_input *input, ul_knobs *knobs);
void ul_knobs_dotnet(const ul_knob_input *input, ul_knobs *knobs);
void ul_knobs_native(const ul_knob_input *input, ul_knobs *knobs);

/* Where --on-budget asks for what only libullage could do, and it is not there. */
void ul_knobs_warn_on_budget(const ul_knob_input *input, ul_knobs *knobs);

/* Adds a row; returns it, so that value and why can be formatted into it. Never NULL: rows beyond
 * the last are written over, which ul_knobs_make takes for a broken invariant. */
ul_knob *ul_knobs_add(ul_knobs *knobs, enum ul_runtime runtime, const char *variable,
                      const char *option);

/* Sets value or why of a row, as printf does; what does not fit is cut off. */
void ul_knob_value(ul_knob *knob, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ul_knob_why(ul_knob *knob, const char *format, ...) __attribute__((format(printf, 2, 3)));

void ul_knobs_warn(ul_knobs *knobs, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The budget must be at least that. The highest counts. */
void ul_knobs_least(ul_knobs *knobs, uint64_t bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Value of a variable that is set and not empty, else NULL. */
const char *ul_knobs_variable(const ul_knob_input *input, const char *name);

/* ---- The user's options ----------------------------------------------------------------------- */

/* Cuts the next word off `*at`, as shells, JVM and Node do for a variable that holds options: white
 * space separates, quotes hold together. False: none is left. Longer words are cut off. */
bool ul_words_next(const char **at, char *ret_word, size_t capacity);

/* Does `word` start with `option`? '-' and '_' are the same where `loose`. NULL, or what follows. */
const char *ul_words_match(const char *word, const char *option, bool loose);

/* Is it a program that only starts others? Then its own runtime is not the one that matters. */
bool ul_knobs_for_all(const ul_knob_input *input);

#endif
