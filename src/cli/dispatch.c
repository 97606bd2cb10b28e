/* SPDX-License-Identifier: MIT */
/* dispatch.c: from the words on the command line to the record of a command.
 *
 * No words: what one can do. An unknown word: the nearest one we know.
 */
#include <string.h>

#include "cli/command.h"

#define UL_COMMAND(name) extern const ul_command ul_command_##name;
#include "cli/commands.def"
#undef UL_COMMAND

const ul_command *const ul_commands[] = {
#define UL_COMMAND(name) &ul_command_##name,
#include "cli/commands.def"
#undef UL_COMMAND
};
const size_t ul_command_count = UL_ARRAY_LEN(ul_commands);

const ul_command *ul_command_find(const char *name) {
  for (size_t i = 0; i < ul_command_count; i++) {
    if (strcmp(ul_commands[i]->name, name) == 0) return ul_commands[i];
  }
  return NULL;
}

#define WORD_MAX 32

/* How many letters must be inserted, deleted, replaced or swapped with their neighbour to make one
 * word the other (Damerau and Levenshtein's distance, restricted form). */
static size_t distance(const char *a, const char *b) {
  size_t rows[WORD_MAX + 1][WORD_MAX + 1];
  size_t m = strlen(a), n = strlen(b);
  if (m > WORD_MAX || n > WORD_MAX) return WORD_MAX;
  for (size_t i = 0; i <= m; i++) rows[i][0] = i;
  for (size_t j = 0; j <= n; j++) rows[0][j] = j;
  for (size_t i = 1; i <= m; i++) {
    for (size_t j = 1; j <= n; j++) {
      size_t best = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      best = UL_MIN(best, UL_MIN(rows[i - 1][j], rows[i][j - 1]) + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        best = UL_MIN(best, rows[i - 2][j - 2] + 1);
      }
      rows[i][j] = best;
    }
  }
  return rows[m][n];
}

const ul_command *ul_command_nearest(const char *typed) {
  const ul_command *nearest = NULL;
  size_t            best = 3; /* two slips are still the same word, three are another */
  for (size_t i = 0; i < ul_command_count; i++) {
    const char *name = ul_commands[i]->name;
    size_t      letters = strlen(name);
    size_t      d = distance(typed, name);
    if (strlen(typed) >= 2 && strncmp(typed, name, strlen(typed)) == 0) d = 1; /* its beginning */
    if (d < best && d < letters) {
      best = d;
      nearest = ul_commands[i];
    }
  }
  return nearest;
}

/* Announced in README.md, and not there yet. */
static bool is_planned(const char *word) {
  static const char *const planned[] = {"top", "histo", "profile", "advise", "web"};
  for (size_t i = 0; i < UL_ARRAY_LEN(planned); i++) {
    if (strcmp(word, planned[i]) == 0) return true;
  }
  return false;
}

static int unknown_word(const char *word) {
  const ul_command *nearest = ul_command_nearest(word);
  bool              later = is_planned(word);
  fprintf(stderr, "ullage: there is no command '%s'%s", word, later ? " yet" : "");
  if (nearest && !later) fprintf(stderr, "; did you mean 'ullage %s'?", nearest->name);
  fprintf(stderr, "\n`ullage` alone lists the commands; to run a program: ullage run -- PROG\n");
  return UL_CLI_USAGE;
}

int ul_cli_main(int argc, char **argv) {
  size_t page;
  if (argc < 2 || strcmp(argv[1], "-h") == 0) {
    ul_manual_overview(stdout);
    return ul_cli_finish(UL_CLI_FINE);
  }
  if (strcmp(argv[1], "--help") == 0 && ul_manual_find("ullage", &page)) {
    ul_manual_write(stdout, page, false);
    return ul_cli_finish(UL_CLI_FINE);
  }
  const char *word = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
  if (word[0] == '-') {
    fprintf(stderr, "ullage: unknown option '%s'\n`ullage -h` shows what there is.\n", word);
    return UL_CLI_USAGE;
  }
  const ul_command *command = ul_command_find(word);
  if (!command) return unknown_word(word);
  return command->run(command, argc - 1, argv + 1);
}
