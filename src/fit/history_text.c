/* SPDX-License-Identifier: MIT */
/* history_text.c: which program it is, and its command line: texts, without a database.
 *
 * The identity of `python3 -u app.py --port 80` is python3's path and app.py's: what follows changes
 * from day to day, and what was measured should be found again. The words of a runtime's command
 * line up to its script are options, some of which take the next word as their value; the tables
 * below know those. An option that is not in a table and takes a value makes that value the script:
 * then runs with another value have a history of their own, which is dull but not wrong.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/history.h"

static const char *const fact_keys[] = {
#define UL_FACT(name, help) #name,
#include "fit/facts.def"
#undef UL_FACT
};

const char *ul_history_fact_key(enum ul_history_fact fact) {
  return fact_keys[fact];
}

void ul_history_run_init(ul_history_run *ret_run) {
  *ret_run = (ul_history_run){
      .started_unix_ns = UL_HISTORY_UNKNOWN,
#define UL_NUMBER(name, help) .name = UL_HISTORY_UNKNOWN,
#include "fit/history.def"
#undef UL_NUMBER
  };
}

/* ---- Identity --------------------------------------------------------------------------------- */

static const struct runtime_words {
  const char *runtime;
  const char *valued;  /* options whose value is the next word; between spaces */
  const char *naming;  /* options whose value names what is run */
  const char *literal; /* options that hold the program itself */
} runtimes[] = {
    {"jvm",
     " -cp -classpath --class-path -p --module-path --upgrade-module-path --add-modules "
     "--enable-native-access --add-reads --add-exports --add-opens --limit-modules "
     "--patch-module --source ",
     " -jar -m --module ", ""},
    {"python", " -W -X --check-hash-based-pycs ", " -m ", " -c "},
    {"node",
     " -r --require --import --loader --experimental-loader -C --conditions --env-file "
     "--icu-data-dir --inspect-port --title ",
     "", " -e --eval -p --print -pe "},
    {"dotnet",
     " --fx-version --roll-forward --additionalprobingpath --additional-deps --depsfile "
     "--runtimeconfig ",
     "", ""},
};

static const struct runtime_words *words_of(const char *runtime) {
  for (size_t i = 0; runtime && i < UL_ARRAY_LEN(runtimes); i++) {
    if (strcmp(runtimes[i].runtime, runtime) == 0) return &runtimes[i];
  }
  return NULL;
}

static bool is_in(const char *list, const char *word) {
  size_t length = strlen(word);
  for (const char *at = strstr(list, word); at; at = strstr(at + 1, word)) {
    if (at > list && at[-1] == ' ' && at[length] == ' ') return true;
  }
  return false;
}

/* What a runtime was told to run; *ret_option: the option that names it, "" for a file. NULL: it
 * cannot be told, or it reads from a terminal. */
static const char *find_script(const struct runtime_words *words, char *const *arguments,
                               const char **ret_option) {
  *ret_option = "";
  for (size_t i = 1; arguments[0] && arguments[i]; i++) {
    const char *word = arguments[i];
    if (word[0] != '-' || !word[1]) return word[0] == '-' ? NULL : word;
    if (strcmp(word, "--") == 0) return arguments[i + 1];
    if (is_in(words->literal, word)) {
      *ret_option = word;
      return "";
    }
    if (is_in(words->naming, word)) {
      *ret_option = word;
      return arguments[i + 1];
    }
    if (is_in(words->valued, word) && arguments[i + 1]) i++;
  }
  return NULL;
}

/* A script names its interpreter itself; what follows it on the command line are its arguments. */
static bool is_script(const char *path) {
  char  start[2] = "";
  FILE *file = fopen(path, "re");
  if (!file) return false;
  bool is =
      fread(start, 1, sizeof start, file) == sizeof start && start[0] == '#' && start[1] == '!';
  fclose(file);
  return is;
}

/* Appends what there is room for. */
static size_t append(char text[UL_HISTORY_TEXT_MAX], size_t length, const char *more) {
  size_t bytes = UL_MIN(strlen(more), UL_HISTORY_TEXT_MAX - 1 - length);
  memcpy(text + length, more, bytes);
  text[length + bytes] = 0;
  return length + bytes;
}

void ul_history_identity(const char *program, const char *runtime, char *const *arguments,
                         char ret_identity[UL_HISTORY_TEXT_MAX]) {
  const struct runtime_words *words = words_of(runtime);
  const char                 *option = "", *script = NULL;
  char                        real[PATH_MAX];
  size_t                      length;
  length = append(ret_identity, 0, realpath(program, real) ? real : program);
  if (words && !is_script(program)) script = find_script(words, arguments, &option);
  if (!script) return;
  /* A module, a class, a text: not a file. */
  bool is_file = (!option[0] || strcmp(option, "-jar") == 0) && realpath(script, real);
  if (strcmp(option, "-jar") == 0) option = ""; /* its file says enough */
  length = append(ret_identity, length, " ");
  length = append(ret_identity, length, option);
  if (option[0] && script[0]) length = append(ret_identity, length, " ");
  append(ret_identity, length, is_file ? real : script);
}

/* ---- The command line ------------------------------------------------------------------------- */

static bool is_plain(const char *word) {
  return word[0] && word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789_-+./:,=@%^")] == 0;
}

struct line {
  char  *text;
  size_t length;
  bool   is_full;
};

static void put(struct line *line, char byte) {
  if (line->length + 4 >= UL_HISTORY_TEXT_MAX) {
    line->is_full = true;
    return;
  }
  line->text[line->length++] = byte;
}

/* In single quotes, in which a quote is written '\'' . */
static void put_quoted(struct line *line, const char *word) {
  put(line, '\'');
  for (; *word && !line->is_full; word++) {
    if (*word == '\'') {
      put(line, '\'');
      put(line, '\\');
      put(line, '\'');
    }
    put(line, *word);
  }
  put(line, '\'');
}

void ul_history_command(char *const *arguments, char ret_command[UL_HISTORY_TEXT_MAX]) {
  struct line line = {.text = ret_command};
  for (size_t i = 0; arguments[i] && !line.is_full; i++) {
    if (i > 0) put(&line, ' ');
    if (!is_plain(arguments[i])) {
      put_quoted(&line, arguments[i]);
      continue;
    }
    for (const char *at = arguments[i]; *at && !line.is_full; at++) put(&line, *at);
  }
  line.text[line.length] = 0;
  if (line.is_full) memcpy(line.text + line.length, "…", sizeof "…");
}
