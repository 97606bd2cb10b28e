/* SPDX-License-Identifier: MIT */
/* python_words.c: see python_words.h. Options end at -c, -m or the script; -W and -X take a value, the
 * rest of the word or the next one. */
#include "launch/python_words.h"

static void read_letters(char *const *arguments, ul_python_words *words) {
  for (; *arguments && (*arguments)[0] == '-' && (*arguments)[1]; arguments++) {
    if ((*arguments)[1] == '-') continue;
    for (const char *at = *arguments + 1; *at; at++) {
      if (*at == 'c' || *at == 'm') return;
      if (*at == 'E' || *at == 'I') words->no_variables = true;
      if (*at == 'S') words->no_site = true;
      if (*at == 'W' || *at == 'X') {
        if (!at[1] && arguments[1]) arguments++;
        break;
      }
    }
  }
}

ul_python_words ul_python_words_read(const ul_program *program, char *const *arguments) {
  ul_python_words words = {false, false};
  char           *first_line[] = {(char *)program->interpreter_option, NULL};
  if (program->runtime != UL_RUNTIME_PYTHON) return words;
  if (program->is_script && !program->is_python_wrapper) {
    read_letters(first_line, &words);
  } else if (arguments[0]) {
    read_letters(arguments + 1, &words);
  }
  return words;
}
