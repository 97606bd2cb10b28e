/* SPDX-License-Identifier: MIT */
/* python_words.h: what the command line of a Python shuts out.
 *
 *     -E -I    no variable is read: PYTHONMALLOC and PYTHONPATH do nothing
 *     -S       no sitecustomize is imported
 *
 * Letters stand alone or in a group (-Es), in the program's arguments or in a script's first line.
 * Pure, threads any.
 */
#ifndef UL_LAUNCH_PYTHON_WORDS_H
#define UL_LAUNCH_PYTHON_WORDS_H

#include "launch/recognise.h"

typedef struct ul_python_words {
  bool no_variables, no_site;
} ul_python_words;

/* `arguments` as the program gets them, ended by NULL. Nothing where `program` is no Python. */
ul_python_words ul_python_words_read(const ul_program *program, char *const *arguments);

#endif
