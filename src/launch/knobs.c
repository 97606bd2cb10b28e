/* SPDX-License-Identifier: MIT */
/* knobs.c: see knobs.h. Presets, the choice of runtimes, and the rows that they share. */
#include "launch/knobs.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/size_text.h"
#include "base/text.h"
#include "launch/knobs_rows.h"

/* The sizes of the article's two settings: development -Xms256m -Xmx1g, production 1 to 4 GB. */
#define DEV_BYTES        ((uint64_t)1 * UL_GIB)
#define PROD_LEAST_BYTES ((uint64_t)1 * UL_GIB)
#define PROD_MOST_BYTES  ((uint64_t)4 * UL_GIB)

#define RESERVE_LEAST_BYTES ((uint64_t)16 * UL_MIB)

/* ---- Words ------------------------------------------------------------------------------------ */

static const char *const preset_keys[] = {"", "dev", "prod", "container"};
static const char *const on_budget_keys[] = {"grow", "grow", "fail", "abort"};

const char *ul_preset_key(enum ul_preset preset) {
  return preset_keys[preset];
}

const char *ul_on_budget_key(enum ul_on_budget on_budget) {
  return on_budget_keys[on_budget];
}

bool ul_preset_parse(const char *text, enum ul_preset *ret_preset) {
  for (size_t i = UL_PRESET_DEV; i < UL_ARRAY_LEN(preset_keys); i++) {
    if (strcmp(text, preset_keys[i]) != 0) continue;
    *ret_preset = (enum ul_preset)i;
    return true;
  }
  return false;
}

bool ul_on_budget_parse(const char *text, enum ul_on_budget *ret_on_budget) {
  for (size_t i = UL_ON_BUDGET_GROW; i < UL_ARRAY_LEN(on_budget_keys); i++) {
    if (strcmp(text, on_budget_keys[i]) != 0) continue;
    *ret_on_budget = (enum ul_on_budget)i;
    return true;
  }
  return false;
}

/* Blank and quote, as Node and the JVM's JAVA_TOOL_OPTIONS read them. */
bool ul_words_next(const char **at, char *ret_word, size_t capacity) {
  const char *from = *at;
  size_t      length = 0;
  char        quote = 0;
  while (isspace((unsigned char)*from)) from++;
  if (!*from) return false;
  for (; *from && (quote || !isspace((unsigned char)*from)); from++) {
    if (quote ? *from == quote : (*from == '"' || *from == '\'')) {
      quote = quote ? 0 : *from;
    } else if (length + 1 < capacity) {
      ret_word[length++] = *from;
    }
  }
  ret_word[length] = 0;
  *at = from;
  return true;
}

const char *ul_words_match(const char *word, const char *option, bool loose) {
  for (; *option; word++, option++) {
    char a = loose && *word == '_' ? '-' : *word;
    if (a != *option) return NULL;
  }
  return word;
}

/* ---- Rows ------------------------------------------------------------------------------------- */

static void format_into(char *text, size_t capacity, const char *format, va_list list) {
  (void)vsnprintf(text, capacity, format, list);
}

ul_knob *ul_knobs_add(ul_knobs *knobs, enum ul_runtime runtime, const char *variable,
                      const char *option) {
  size_t   at = UL_MIN(knobs->count, (size_t)(UL_KNOBS_MAX - 1));
  ul_knob *knob = &knobs->rows[at];
  knobs->count++;
  *knob = (ul_knob){.runtime = runtime, .variable = variable};
  snprintf(knob->option, sizeof knob->option, "%s", option);
  return knob;
}

void ul_knob_value(ul_knob *knob, const char *format, ...) {
  va_list list;
  va_start(list, format);
  format_into(knob->value, sizeof knob->value, format, list);
  va_end(list);
}

void ul_knob_why(ul_knob *knob, const char *format, ...) {
  va_list list;
  va_start(list, format);
  format_into(knob->why, sizeof knob->why, format, list);
  va_end(list);
}

void ul_knobs_warn(ul_knobs *knobs, const char *format, ...) {
  va_list list;
  if (knobs->warning_count == UL_KNOB_WARNINGS_MAX) return;
  char *text = knobs->warnings[knobs->warning_count++];
  va_start(list, format);
  format_into(text, sizeof knobs->warnings[0], format, list);
  va_end(list);
}

void ul_knobs_least(ul_knobs *knobs, uint64_t bytes, const char *format, ...) {
  va_list list;
  if (bytes <= knobs->least_bytes) return;
  knobs->least_bytes = bytes;
  va_start(list, format);
  format_into(knobs->least_why, sizeof knobs->least_why, format, list);
  va_end(list);
}

const char *ul_knobs_variable(const ul_knob_input *input, const char *name) {
  size_t length = strlen(name);
  for (char *const *at = input->environment; *at; at++) {
    if (strncmp(*at, name, length) != 0 || (*at)[length] != '=') continue;
    return (*at)[length + 1] ? *at + length + 1 : NULL;
  }
  return NULL;
}

/* ---- Numbers ---------------------------------------------------------------------------------- */

uint64_t ul_knobs_reserve(uint64_t budget_bytes) {
  return UL_MAX(RESERVE_LEAST_BYTES, budget_bytes / 100 * 3);
}

uint64_t ul_knobs_mib_down(uint64_t bytes) {
  return bytes / UL_MIB;
}

uint64_t ul_knobs_mib_up(uint64_t bytes) {
  return bytes / UL_MIB + (bytes % UL_MIB ? 1 : 0);
}

uint64_t ul_preset_budget(enum ul_preset preset, uint64_t given_bytes, const ul_machine *machine) {
  uint64_t memory = ul_machine_memory(machine), bytes = given_bytes;
  switch (preset) {
  case UL_PRESET_NONE: return given_bytes;
  case UL_PRESET_DEV: bytes = DEV_BYTES; break;
  case UL_PRESET_PROD:
    /* A quarter is what a JVM takes of a machine that it may share. Who names a budget has said how
     * much there is, and gets all of it. */
    bytes = given_bytes ? PROD_MOST_BYTES : UL_MAX(memory / 4, PROD_LEAST_BYTES);
    bytes = UL_MIN(bytes, PROD_MOST_BYTES);
    break;
  case UL_PRESET_CONTAINER: bytes = given_bytes ? given_bytes : machine->limit_bytes; break;
  }
  if (given_bytes) bytes = UL_MIN(bytes, given_bytes);
  return memory ? UL_MIN(bytes, memory) : bytes;
}

/* ---- Which runtimes --------------------------------------------------------------------------- */

bool ul_knobs_for_all(const ul_knob_input *input) {
  return input->for_children || input->program->is_launcher ||
         input->program->runtime == UL_RUNTIME_UNKNOWN;
}

typedef void make_function(const ul_knob_input *input, ul_knobs *knobs);

static make_function *const makers[] = {
    [UL_RUNTIME_NATIVE] = ul_knobs_native, [UL_RUNTIME_GO] = ul_knobs_go,
    [UL_RUNTIME_JVM] = ul_knobs_jvm,       [UL_RUNTIME_NODE] = ul_knobs_node,
    [UL_RUNTIME_PYTHON] = ul_knobs_python, [UL_RUNTIME_DOTNET] = ul_knobs_dotnet,
    [UL_RUNTIME_UNKNOWN] = NULL,
};

/* Settings of all runtimes but `except`. What is started need not be the one that needs most, so one
 * that does not fit is left out; its name goes into `ret_left_out`, with what it would need. */
static void make_others(const ul_knob_input *input, enum ul_runtime except, ul_knobs *knobs,
                        ul_text *ret_left_out) {
  uint64_t least_bytes = knobs->least_bytes;
  for (size_t i = 0; i < UL_ARRAY_LEN(makers); i++) {
    size_t count = knobs->count;
    if (!makers[i] || i == (size_t)except) continue;
    knobs->least_bytes = 0;
    makers[i](input, knobs);
    if (knobs->least_bytes <= input->budget_bytes) {
      knobs->told_least_bytes = UL_MAX(knobs->told_least_bytes, knobs->least_bytes);
      continue;
    }
    knobs->count = count;
    if (ret_left_out->length) ul_text_add(ret_left_out, ", ");
    ul_text_add(ret_left_out, ul_runtime_title((enum ul_runtime)i));
    ul_text_add(ret_left_out, " (");
    ul_text_add_u64(ret_left_out, ul_knobs_mib_up(knobs->least_bytes));
    ul_text_add(ret_left_out, " MiB)");
  }
  knobs->least_bytes = least_bytes;
}

/* A launcher: any runtime may be what the run is about. */
static void make_all(const ul_knob_input *input, ul_knobs *knobs) {
  char    names[160];
  ul_text left_out = ul_text_init(names, sizeof names);
  make_others(input, UL_RUNTIME_UNKNOWN, knobs, &left_out);
  knobs->least_why[0] = 0;
  if (left_out.length) {
    ul_knobs_warn(knobs,
                  "the budget is less than some runtimes need, so one of them that is started here "
                  "is told nothing: %s.",
                  names);
  }
}

/* Any program may start another, of any runtime: a lock, a recorder, a service's own wrapper. It
 * finds its settings in the environment, as behind a launcher, and nothing is said of it. */
static void make_own(const ul_knob_input *input, ul_knobs *knobs) {
  char            names[160], why[sizeof knobs->least_why];
  ul_text         left_out = ul_text_init(names, sizeof names);
  ul_knob_input   children = *input;
  enum ul_runtime runtime = input->program->runtime;
  makers[runtime](input, knobs);
  size_t warnings = knobs->warning_count, own = knobs->count;
  memcpy(why, knobs->least_why, sizeof why);
  children.for_children = true;
  /* Python's own rows have libullage's budget among them. */
  if (runtime == UL_RUNTIME_PYTHON) children.preloads = false;
  make_others(&children, runtime, knobs, &left_out);
  knobs->children_count = knobs->count - own;
  knobs->warning_count = warnings;
  memcpy(knobs->least_why, why, sizeof why);
  knobs->told_least_bytes = 0; /* its own least decides */
  if (runtime != UL_RUNTIME_NATIVE) ul_knobs_warn_on_budget(input, knobs);
}

/* An option beside others in a variable that was there: the variable is extended. */
static void mark_extended(const ul_knob_input *input, ul_knobs *knobs) {
  for (size_t i = 0; i < knobs->count; i++) {
    ul_knob *knob = &knobs->rows[i];
    if (knob->origin == UL_KNOB_SET && knob->join != UL_KNOB_WHOLE &&
        ul_knobs_variable(input, knob->variable)) {
      knob->origin = UL_KNOB_EXTENDED;
    }
  }
}

int ul_knobs_make(const ul_knob_input *input, ul_knobs *ret_knobs, ul_fault *fault) {
  ul_knobs *knobs = ret_knobs;
  char      budget[UL_SIZE_TEXT_MAX];
  knobs->preset = input->preset;
  knobs->budget_bytes = input->budget_bytes;
  knobs->count = knobs->children_count = knobs->warning_count = 0;
  knobs->least_bytes = knobs->told_least_bytes = 0;
  knobs->least_why[0] = 0;
  if (ul_knobs_for_all(input)) {
    make_all(input, knobs);
  } else {
    make_own(input, knobs);
  }
  if (knobs->count > UL_KNOBS_MAX) knobs->count = UL_KNOBS_MAX; /* test_knobs.c: it is never so */
  mark_extended(input, knobs);
  if (input->budget_bytes >= knobs->least_bytes) return 0;
  return ul_fault_set(fault, UL_EXIT_OURS,
                      "a budget of %s is less than %s needs: %s. Give it --budget %lluMi or more.",
                      ul_size_mib(budget, input->budget_bytes),
                      ul_runtime_title(input->program->runtime), knobs->least_why,
                      (unsigned long long)ul_knobs_mib_up(knobs->least_bytes));
}
