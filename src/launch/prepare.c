/* SPDX-License-Identifier: MIT */
/* prepare.c: see prepare.h. */
#include "launch/prepare.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/size_text.h"
#include "base/text.h"
#include "launch/python_words.h"
#include "os/child.h"
#include "os/process.h"
#include "ullage/ullage.h"

#define TEXT_OF_(x) #x
#define TEXT_OF(x)  TEXT_OF_(x)

/* ---- The library ------------------------------------------------------------------------------ */

/* Beside the command: the build tree. Otherwise as installed: bin/ and lib/, lib64/ or Debian's
 * lib/<machine>/. The name with the version is the one that programs need. */
static const char *const library_places[] = {
    "%s/libullage.so." TEXT_OF(ULLAGE_VERSION_MAJOR),
    "%s/../lib/libullage.so." TEXT_OF(ULLAGE_VERSION_MAJOR),
    "%s/../lib64/libullage.so." TEXT_OF(ULLAGE_VERSION_MAJOR),
    "%s/../lib/*/libullage.so." TEXT_OF(ULLAGE_VERSION_MAJOR),
};

static const char *const python_places[] = {
    "%s/python/sitecustomize.py",
    "%s/../share/ullage/python/sitecustomize.py",
};

/* The first of some places, relative to the command, where there is such a file. */
static bool find_beside(const char *command_path, const char *const *places, size_t count,
                        char ret_path[PATH_MAX]) {
  const char *slash = strrchr(command_path, '/');
  char        directory[PATH_MAX], pattern[PATH_MAX + 64];
  bool        found = false;
  if (!slash) return false;
  snprintf(directory, sizeof directory, "%.*s", (int)(slash - command_path), command_path);
  for (size_t i = 0; i < count && !found; i++) {
    glob_t matches;
    snprintf(pattern, sizeof pattern, places[i], directory);
    if (glob(pattern, 0, NULL, &matches) == 0) {
      char *whole = realpath(matches.gl_pathv[0], NULL);
      found = whole && access(whole, R_OK) == 0 && snprintf(ret_path, PATH_MAX, "%s", whole) > 0;
      free(whole);
      globfree(&matches);
    }
  }
  return found;
}

bool ul_plan_find_library(const char *command_path, char ret_path[PATH_MAX]) {
  return find_beside(command_path, library_places, UL_ARRAY_LEN(library_places), ret_path);
}

/* The command's sanitizer builds have a libullage that does not interpose malloc. */
#ifdef ULLAGE_SANITIZED
#define LIBRARY_USABLE false
#else
#define LIBRARY_USABLE true
#endif

bool ul_plan_preloads(const ul_program *program, char ret_library[PATH_MAX]) {
  char command[PATH_MAX];
  ret_library[0] = 0;
  if (program->preload != UL_PRELOAD_YES || !LIBRARY_USABLE) return false;
  ul_process_own_path(command, sizeof command);
  return ul_plan_find_library(command, ret_library) && strpbrk(ret_library, " :") == NULL;
}

bool ul_plan_find_python(char ret_path[PATH_MAX]) {
  char command[PATH_MAX];
  ul_process_own_path(command, sizeof command);
  if (!find_beside(command, python_places, UL_ARRAY_LEN(python_places), ret_path)) return false;
  *strrchr(ret_path, '/') = 0;
  return strchr(ret_path, ':') == NULL;
}

/* ---- The environment -------------------------------------------------------------------------- */

static const char *get(char *const *environment, const char *name) {
  size_t length = strlen(name);
  for (char *const *at = environment; *at; at++) {
    if (strncmp(*at, name, length) == 0 && (*at)[length] == '=') return *at + length + 1;
  }
  return NULL;
}

/* Sets NAME=value; the vector has room for as many new names as plan_environment asked for. */
static bool set(char **environment, const char *name, const char *value) {
  size_t length = strlen(name), count = 0;
  char  *entry = malloc(length + strlen(value) + 2);
  if (!entry) return false;
  sprintf(entry, "%s=%s", name, value);
  for (; environment[count]; count++) {
    if (strncmp(environment[count], name, length) != 0 || environment[count][length] != '=') {
      continue;
    }
    free(environment[count]);
    environment[count] = entry;
    return true;
  }
  environment[count] = entry;
  environment[count + 1] = NULL;
  return true;
}

/* Sets NAME=first<between>rest, or NAME=first when there is no rest. */
static bool set_list(char **environment, const char *name, const char *first, const char *between,
                     const char *rest) {
  bool  more = rest && rest[0];
  char *value = malloc(strlen(first) + (more ? strlen(between) + strlen(rest) : 0) + 1);
  if (!value) return false;
  sprintf(value, "%s%s%s", first, more ? between : "", more ? rest : "");
  bool done = set(environment, name, value);
  free(value);
  return done;
}

#define NEW_NAMES 8 /* besides the knobs */

static char **copy_environment(char **environment) {
  size_t count = 0;
  while (environment[count]) count++;
  char **copy = calloc(count + NEW_NAMES + UL_KNOBS_MAX + 1, sizeof *copy);
  for (size_t i = 0; copy && i < count; i++) {
    copy[i] = strdup(environment[i]);
    if (!copy[i]) {
      while (i > 0) free(copy[--i]);
      free(copy);
      return NULL;
    }
  }
  return copy;
}

static bool set_preload(ul_plan *plan, uint64_t budget_bytes, const ul_knobs *knobs) {
  char      **environment = plan->environment;
  const char *before = get(environment, "LD_PRELOAD");
  char        number[24];
  /* A run inside a run: the library is there already, and once is enough. */
  bool there = before && strstr(before, plan->library);
  if (!there && !set_list(environment, "LD_PRELOAD", plan->library, ":", before)) return false;
  if (!set(environment, "ULLAGE_LIVE", "1")) return false;
  if (budget_bytes == 0 || knobs) return true; /* the knobs say it */
  snprintf(number, sizeof number, "%llu", (unsigned long long)budget_bytes);
  return set(environment, "ULLAGE_BUDGET", number);
}

/* Is `path` in a list with colons? */
static bool lists(const char *list, const char *path) {
  size_t length = strlen(path);
  for (; list; list = strchr(list, ':') ? strchr(list, ':') + 1 : NULL) {
    if (strcspn(list, ":") == length && strncmp(list, path, length) == 0) return true;
  }
  return false;
}

/* The knobs from the last to the first: each goes before what is there, so that in the end they stand
 * in their order, and the user's words after them. */
static bool set_knobs(char **environment, const ul_knobs *knobs) {
  char word[sizeof knobs->rows[0].option + sizeof knobs->rows[0].value];
  for (size_t i = knobs ? knobs->count : 0; i > 0; i--) {
    const ul_knob *knob = &knobs->rows[i - 1];
    const char    *before = get(environment, knob->variable);
    bool           done = true;
    if (knob->origin == UL_KNOB_KEPT) continue;
    snprintf(word, sizeof word, "%s%s", knob->option, knob->value);
    switch (knob->join) {
    case UL_KNOB_WHOLE: done = set(environment, knob->variable, knob->value); break;
    case UL_KNOB_WORDS: done = set_list(environment, knob->variable, word, " ", before); break;
    case UL_KNOB_PATHS:
      if (!lists(before, word)) done = set_list(environment, knob->variable, word, ":", before);
      break;
    }
    if (!done) return false;
  }
  return true;
}

/* ---- The sentence ----------------------------------------------------------------------------- */

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static const char *why_not(const ul_program *program, const ul_plan *plan) {
  switch (program->preload) {
  case UL_PRELOAD_YES:
    return plan->library[0]
               ? "the library's path has a space or a colon, which LD_PRELOAD cannot hold"
               : "libullage.so was not found beside this command";
  case UL_PRELOAD_SECURE: return "it raises its privileges, so preloading is ignored";
  case UL_PRELOAD_OTHER_MACHINE: return "it is for another machine than libullage";
  case UL_PRELOAD_OTHER_LIBC: return "it does not use glibc";
  case UL_PRELOAD_SANITIZER: return "a sanitizer brings its own malloc";
  case UL_PRELOAD_NOT_THIS_RUNTIME: break;
  }
  if (program->runtime == UL_RUNTIME_UNKNOWN) return "its file tells nothing";
  if (program->runtime != UL_RUNTIME_NATIVE && program->runtime != UL_RUNTIME_PYTHON) {
    return "its runtime manages its own memory";
  }
  return "static programs cannot be preloaded";
}

static void add_what(ul_text *text, const ul_program *program) {
  const char *interpreter = base_name(program->interpreter);
  const char *title = ul_runtime_title(program->runtime);
  if (program->is_script) {
    ul_text_add(text, "script, run by ");
    ul_text_add(text, interpreter);
    ul_text_add(text, program->is_python_wrapper ? ", for " : " (");
  }
  ul_text_add(text, title);
  if (program->runtime == UL_RUNTIME_NATIVE || program->runtime == UL_RUNTIME_GO) {
    ul_text_add(text, program->is_static ? ", static" : ", dynamic");
  }
  if (program->is_script && !program->is_python_wrapper) ul_text_add(text, ")");
}

/* NULL: not set, or empty, which Python reads as unset. */
static const char *own_python_malloc(char *const *environment) {
  const char *value = get(environment, "PYTHONMALLOC");
  return value && value[0] ? value : NULL;
}

static void add_python_malloc(ul_text *text, const char *own, bool reads_no_variables) {
  if (reads_no_variables) {
    ul_text_add(text, ", but told by -E or -I to read no PYTHONMALLOC: its pools hide objects");
    return;
  }
  ul_text_add(text, ", PYTHONMALLOC=");
  ul_text_add(text, own ? own : "malloc");
  if (own) ul_text_add(text, " kept");
  if (own && strncmp(own, "malloc", 6) != 0) {
    ul_text_add(text, ": it hides objects from libullage");
  }
}

/* Of two libraries with a malloc the first in LD_PRELOAD serves, and that is ours. */
static void add_other_malloc(ul_text *text, const ul_plan *plan, const char *preload) {
  static const char *const names[] = {"libjemalloc", "libtcmalloc", "libmimalloc",
                                      "libsnmalloc", "libhoard",    "librpmalloc"};
  for (const char *at = preload; at && *at; at += strcspn(at, ": "), at += *at != 0) {
    char entry[PATH_MAX];
    snprintf(entry, sizeof entry, "%.*s", (int)strcspn(at, ": "), at);
    if (strcmp(entry, plan->library) == 0) continue;
    for (size_t i = 0; i < UL_ARRAY_LEN(names); i++) {
      if (strncmp(base_name(entry), names[i], strlen(names[i])) != 0) continue;
      ul_text_add(text, " before ");
      ul_text_add(text, base_name(entry));
      ul_text_add(text, ", which gets no call of malloc");
      return;
    }
  }
}

/* Does the runtime itself know of the budget? Not where all is the user's. */
static bool is_told(const ul_knobs *knobs) {
  for (size_t i = 0; knobs && i < ul_knobs_own_count(knobs); i++) {
    if (knobs->rows[i].origin != UL_KNOB_KEPT) return true;
  }
  return false;
}

static void make_sentence(const ul_program *program, char *const *arguments,
                          char *const *environment, uint64_t budget_bytes, const ul_knobs *knobs,
                          ul_plan *plan) {
  char    mib[UL_SIZE_TEXT_MAX];
  bool    told = is_told(knobs);
  ul_text text = ul_text_init(plan->sentence, sizeof plan->sentence);
  ul_text_add(&text, base_name(arguments[0]));
  ul_text_add(&text, ": ");
  add_what(&text, program);
  if (plan->preloaded) {
    ul_text_add(&text, "; libullage preloaded");
    add_other_malloc(&text, plan, get(environment, "LD_PRELOAD"));
    if (program->runtime == UL_RUNTIME_PYTHON) {
      add_python_malloc(&text, own_python_malloc(environment),
                        ul_python_words_read(program, arguments).no_variables);
    }
  } else if (!told) {
    ul_text_add(&text, budget_bytes ? "; it is not told (" : "; run and watched only (");
    ul_text_add(&text, knobs && ul_knobs_own_count(knobs) ? "what is set is yours"
                                                          : why_not(program, plan));
    ul_text_add(&text, ")");
  }
  if (budget_bytes == 0) return;
  ul_text_add(&text, !plan->preloaded && told ? "; told its budget of " : ", budget ");
  ul_text_add(&text, ul_size_mib(mib, budget_bytes));
}

/* ---- The plan --------------------------------------------------------------------------------- */

/* What execvp does with a text without #!: /bin/sh FILE ARGS. */
static char **plan_arguments(const ul_program *program, char **arguments) {
  size_t count = 0, extra = program->needs_shell ? 1 : 0;
  while (arguments[count]) count++;
  char **copy = calloc(count + extra + 1, sizeof *copy);
  if (!copy) return NULL;
  memcpy(copy + extra, arguments, count * sizeof *copy);
  if (program->needs_shell) {
    copy[0] = (char *)"/bin/sh";
    copy[1] = (char *)program->path;
  }
  return copy;
}

int ul_plan_make(const ul_program *program, char **arguments, char **environment,
                 uint64_t budget_bytes, const char *mark, const ul_knobs *knobs,
                 ul_plan *ret_plan) {
  ul_plan plan = {.path = program->needs_shell ? "/bin/sh" : program->path};
  plan.arguments = plan_arguments(program, arguments);
  plan.environment = copy_environment(environment);
  if (!plan.arguments || !plan.environment) goto short_of_memory;
  plan.preloaded = ul_plan_preloads(program, plan.library);
  /* A launcher hands on what its Python will need. */
  bool for_python = program->runtime == UL_RUNTIME_PYTHON || program->is_launcher;
  if (plan.preloaded) {
    if (!set_preload(&plan, budget_bytes, knobs)) goto short_of_memory;
    if (for_python && !own_python_malloc(environment) &&
        !set(plan.environment, "PYTHONMALLOC", "malloc")) {
      goto short_of_memory;
    }
  }
  if (!set_knobs(plan.environment, knobs)) goto short_of_memory;
  if (mark && !set_list(plan.environment, UL_GUARD_VARIABLE, mark, ":",
                        get(plan.environment, UL_GUARD_VARIABLE))) {
    goto short_of_memory;
  }
  make_sentence(program, arguments, environment, budget_bytes, knobs, &plan);
  *ret_plan = plan;
  return 0;
short_of_memory:
  ul_plan_done(&plan);
  return -UL_E_NOMEM;
}

void ul_plan_done(ul_plan *plan) {
  for (char **at = plan->environment; at && *at; at++) free(*at);
  free(plan->environment);
  free(plan->arguments);
  plan->environment = plan->arguments = NULL;
}
