/* SPDX-License-Identifier: MIT */
/* history_text.c: which program it is, and its command line: texts, without a database.
 *
 *     service          its file
 *     runtime          its file, and what it runs: `python3 -u app.py --port 80` is python3 and app.py
 *     launcher         its file, the directory, the whole command line: `npm start` is what is there
 *     text, standard   the same: `python3 -c TEXT`, `node <app.js`
 *       input
 *
 * What follows a script changes from day to day, and what was measured should be found again. Two
 * programs with one identity set each other's limits, which is worse than one with two, which is
 * merely dull: what cannot be told for certain gets the whole command line.
 *
 * The words of a runtime's command line up to its script are options, some of which take the next
 * word as their value; the tables below know those. What is not a file (a class, a module) is looked
 * for in a path, so that and the directory belong to it. The last word is the name by which `ullage
 * runs --program` finds it.
 *
 * Where the text is full its end is a hash of all of it: long command lines stay apart, too.
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

/* ---- Texts ------------------------------------------------------------------------------------ */

/* What is added is hashed, and kept while there is room. */
struct line {
  char    *text;
  size_t   length, most;
  bool     is_full;
  uint64_t hash; /* FNV-1a, 64 bit */
};

static struct line line_of(char *text, size_t most) {
  return (struct line){.text = text, .most = most, .hash = 0xcbf29ce484222325u};
}

static void put(struct line *line, char byte) {
  line->hash = (line->hash ^ (unsigned char)byte) * 0x100000001b3u;
  if (line->length >= line->most) {
    line->is_full = true;
    return;
  }
  line->text[line->length++] = byte;
}

static void put_text(struct line *line, const char *text) {
  for (; *text; text++) put(line, *text);
}

static bool is_plain(const char *word) {
  return word[0] && word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789_-+./:,=@%^")] == 0;
}

/* As a shell would read it: odd words in single quotes, in which a quote is written '\'' . */
static void put_word(struct line *line, const char *word) {
  if (is_plain(word)) {
    put_text(line, word);
    return;
  }
  put(line, '\'');
  for (; *word; word++) {
    if (*word == '\'') put_text(line, "'\\'");
    put(line, *word);
  }
  put(line, '\'');
}

static const char *name_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* ---- What a runtime was told to run ----------------------------------------------------------- */

static const struct runtime_words {
  const char *runtime;
  const char *valued;  /* options whose value is the next word; between spaces */
  const char *naming;  /* options whose value names what is run */
  const char *literal; /* options that hold the program itself */
  const char *path;    /* options whose value is where that is looked for */
  const char *letters; /* options of one letter that may stand together: -Bc */
} runtimes[] = {
    {"jvm",
     " --add-modules --enable-native-access --add-reads --add-exports --add-opens --limit-modules "
     "--patch-module --source --upgrade-module-path ",
     " -jar -m --module ", "", " -cp -classpath --class-path -p --module-path ", ""},
    {"python", " -W -X --check-hash-based-pycs ", " -m ", " -c ", "", "cmWX"},
    {"node",
     " -r --require --import --loader --experimental-loader -C --conditions --env-file "
     "--icu-data-dir --inspect-port --title ",
     "", " -e --eval -p --print -pe ", "", ""},
    {"dotnet",
     " --fx-version --roll-forward --additionalprobingpath --additional-deps --depsfile "
     "--runtimeconfig ",
     "", "", "", ""},
};

static const struct runtime_words *words_of(const char *runtime) {
  for (size_t i = 0; runtime && i < UL_ARRAY_LEN(runtimes); i++) {
    if (strcmp(runtimes[i].runtime, runtime) == 0) return &runtimes[i];
  }
  return NULL;
}

static bool is_in(const char *list, const char *word, size_t length) {
  for (const char *at = strstr(list, " "); length && at; at = strstr(at + 1, " ")) {
    if (strncmp(at + 1, word, length) == 0 && at[1 + length] == ' ') return true;
  }
  return false;
}

/* One option, taken apart. Its value: "" where it has none. */
struct option {
  char        name[64]; /* as the tables have it */
  const char *value;
  bool        takes_next; /* the value was the next word */
};

/* -Bc TEXT, -mpackage: the first letter that takes a value ends the cluster. */
static bool cut_letters(const char *letters, const char *word, const char *next,
                        struct option *ret_option) {
  size_t plain = strcspn(word + 1, letters);
  char   letter = word[1 + plain];
  if (word[1] == '-' || !letter) return false;
  const char *rest = word + 2 + plain;
  *ret_option = (struct option){.value = rest[0] ? rest : next ? next : "", .takes_next = !rest[0]};
  snprintf(ret_option->name, sizeof ret_option->name, "-%c", letter);
  return true;
}

static struct option cut_option(const struct runtime_words *words, const char *word,
                                const char *next) {
  struct option option = {.value = ""};
  if (words->letters[0] && cut_letters(words->letters, word, next, &option)) return option;
  size_t length = strcspn(word, "=");
  snprintf(option.name, sizeof option.name, "%.*s", (int)UL_MIN(length, (size_t)63), word);
  if (word[length]) {
    option.value = word + length + 1;
  } else if (is_in(words->valued, word, length) || is_in(words->naming, word, length) ||
             is_in(words->path, word, length)) {
    option.value = next ? next : "";
    option.takes_next = true;
  }
  return option;
}

/* What is run; `what` is NULL where that is a text, or cannot be told. */
struct target {
  const char *option; /* the one that names it; "": it is the first word that is no option */
  const char *what;
  const char *path;   /* where it is looked for; NULL: not said */
  bool        source; /* Java: a file in spite of its name */
};

static struct target find_target(const struct runtime_words *words, char *const *arguments) {
  struct target target = {.option = ""};
  for (size_t i = 1; arguments[0] && arguments[i]; i++) {
    const char *word = arguments[i];
    if (word[0] == '@' && words->path[0]) return target; /* java @file: its options are in there */
    if (word[0] != '-' || strcmp(word, "--") == 0) {
      target.what = word[0] == '-' ? arguments[i + 1] : word;
      return target;
    }
    if (!word[1]) return target; /* "-": standard input */
    struct option option = cut_option(words, word, arguments[i + 1]);
    size_t        length = strlen(option.name);
    if (is_in(words->literal, option.name, length)) return target;
    if (is_in(words->naming, option.name, length)) {
      target.option = strcmp(option.name, "-jar") == 0 ? "-jar" : "-m"; /* --module, too */
      target.what = option.value[0] ? option.value : NULL;
      return target;
    }
    if (is_in(words->path, option.name, length)) target.path = option.value;
    if (strcmp(option.name, "--source") == 0) target.source = true;
    if (option.takes_next && arguments[i + 1]) i++;
  }
  return target;
}

/* ---- Identity --------------------------------------------------------------------------------- */

/* The file itself where there is one, else the place where it would be. */
static void put_file(struct line *line, const char *file, const char *directory) {
  char real[PATH_MAX];
  if (realpath(file, real)) {
    put_text(line, real);
    return;
  }
  if (file[0] != '/') {
    put_text(line, directory);
    put(line, '/');
  }
  put_text(line, file);
}

/* Each part of a class path; an empty one is the directory itself. */
static void put_path(struct line *line, const char *path, const char *directory) {
  char part[PATH_MAX];
  while (true) {
    size_t length = strcspn(path, ":");
    snprintf(part, sizeof part, "%.*s", (int)UL_MIN(length, sizeof part - 1), path);
    put_file(line, part[0] ? part : directory, directory);
    path += length;
    if (!*path++) return;
    put(line, ':');
  }
}

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

/* A class or a module: its name, and where it is looked for. */
static void put_named(struct line *line, const ul_history_program *program,
                      const struct target *target) {
  bool        is_jvm = strcmp(program->runtime, "jvm") == 0;
  const char *path = target->path;
  if (is_jvm && !path && !target->option[0]) path = program->class_path;
  put_text(line, is_jvm ? " -cp " : " @");
  put_path(line, is_jvm && path ? path : "", program->directory);
  put(line, ' ');
  if (target->option[0]) put_text(line, "-m ");
  put_text(line, target->what);
}

static void put_target(struct line *line, const ul_history_program *program,
                       const struct target *target) {
  bool is_class = strcmp(program->runtime, "jvm") == 0 && !target->option[0] && !target->source &&
                  !ends_with(target->what, ".java");
  if (is_class || strcmp(target->option, "-m") == 0) {
    put_named(line, program, target);
    return;
  }
  put(line, ' ');
  put_file(line, target->what, program->directory);
}

/* Where it was started, and all of its words. */
static void put_command(struct line *line, const ul_history_program *program) {
  put_text(line, " @");
  put_text(line, program->directory);
  for (size_t i = 0; program->arguments[i]; i++) {
    put(line, ' ');
    put_word(line, i == 0 ? name_of(program->arguments[0]) : program->arguments[i]);
  }
}

/* `dotnet run`, `dotnet exec`: words of its own, not a program. */
static bool is_word_of_dotnet(const ul_history_program *program, const struct target *target) {
  return strcmp(program->runtime, "dotnet") == 0 && !ends_with(target->what, ".dll") &&
         !ends_with(target->what, ".exe");
}

#define HASH_DIGITS 17 /* "#" and 16 of them */

void ul_history_identity(const ul_history_program *program,
                         char                      ret_identity[UL_HISTORY_TEXT_MAX]) {
  const struct runtime_words *words = program->is_script ? NULL : words_of(program->runtime);
  ul_history_program          known = *program;
  struct target               target = {.what = NULL};
  struct line                 line = line_of(ret_identity, UL_HISTORY_TEXT_MAX - 1 - HASH_DIGITS);
  if (!known.directory) known.directory = "?";
  put_file(&line, program->path, known.directory);
  if (words) target = find_target(words, program->arguments);
  if (program->is_launcher || (words && !target.what) ||
      (words && is_word_of_dotnet(program, &target))) {
    put_command(&line, &known);
  } else if (words) {
    put_target(&line, &known, &target);
  }
  line.text[line.length] = 0;
  if (line.is_full) {
    snprintf(line.text + line.length, HASH_DIGITS + 1, "#%016llx", (unsigned long long)line.hash);
  }
}

/* ---- The command line ------------------------------------------------------------------------- */

void ul_history_command(char *const *arguments, char ret_command[UL_HISTORY_TEXT_MAX]) {
  struct line line = line_of(ret_command, UL_HISTORY_TEXT_MAX - sizeof "…");
  for (size_t i = 0; arguments[i] && !line.is_full; i++) {
    if (i > 0) put(&line, ' ');
    put_word(&line, arguments[i]);
  }
  line.text[line.length] = 0;
  if (line.is_full) memcpy(line.text + line.length, "…", sizeof "…");
}
