/* SPDX-License-Identifier: MIT */
/* knobs_jvm_own.c: see knobs_jvm.h.
 *
 *     JAVA_TOOL_OPTIONS < JAVA_OPTS and its like < JDK_JAVA_OPTIONS < command line < _JAVA_OPTIONS
 *
 * is the order in which a JVM reads options, the last of the same wins. JAVA_OPTS, CATALINA_OPTS … are
 * read by start scripts, which put them on the command line. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launch/knobs_jvm.h"

/* A search for the last option of some that mean the same. */
static void look_at(const ul_jvm_search *search, const char *word, const char *variable) {
  ul_jvm_own *own = search->own;
  if (search->is_collector) {
    size_t length = strlen(word);
    if (strncmp(word, "-XX:+Use", 8) != 0 || strcmp(word + length - 2, "GC") != 0) return;
    *own = (ul_jvm_own){.found = true, .variable = variable};
    snprintf(own->option, sizeof own->option, "%s", word);
    return;
  }
  for (size_t i = 0; i < search->count; i++) {
    const char *value = ul_words_match(word, search->options[i], false);
    if (!value) continue;
    *own = (ul_jvm_own){.found = true, .variable = variable};
    snprintf(own->option, sizeof own->option, "%s", search->options[i]);
    snprintf(own->value, sizeof own->value, "%s", value);
  }
}

static void look_in(const ul_jvm_search *search, const ul_knob_input *input, const char *variable) {
  const char *text = ul_knobs_variable(input, variable);
  char        word[512];
  while (text && ul_words_next(&text, word, sizeof word)) look_at(search, word, variable);
}

/* Options of `java` whose value is a word of its own. */
static bool takes_a_word(const char *option) {
  static const char *const options[] = {"-cp",
                                        "-classpath",
                                        "--class-path",
                                        "-p",
                                        "--module-path",
                                        "--upgrade-module-path",
                                        "--add-modules",
                                        "--add-exports",
                                        "--add-opens",
                                        "--add-reads",
                                        "--patch-module",
                                        "--limit-modules",
                                        "--enable-native-access",
                                        "--source"};
  for (size_t i = 0; i < UL_ARRAY_LEN(options); i++) {
    if (strcmp(option, options[i]) == 0) return true;
  }
  return false;
}

static bool has_command_line(const ul_knob_input *input) {
  return input->program->runtime == UL_RUNTIME_JVM && !input->program->is_script &&
         input->arguments[0];
}

/* What start scripts pass on to the JVM they start, after JAVA_TOOL_OPTIONS. */
static const char *const script_variables[] = {"JAVA_OPTS",       "JVM_OPTS",    "CATALINA_OPTS",
                                               "MAVEN_OPTS",      "GRADLE_OPTS", "SBT_OPTS",
                                               "KAFKA_HEAP_OPTS", "ES_JAVA_OPTS"};

ul_jvm_own ul_jvm_find(const ul_knob_input *input, ul_jvm_search search) {
  ul_jvm_own own = {0};
  search.own = &own;
  look_in(&search, input, UL_JVM_VARIABLE);
  if (ul_knobs_for_all(input)) {
    for (size_t i = 0; i < UL_ARRAY_LEN(script_variables); i++) {
      look_in(&search, input, script_variables[i]);
    }
  }
  look_in(&search, input, "JDK_JAVA_OPTIONS");
  if (has_command_line(input)) {
    for (char *const *at = input->arguments + 1; *at && (**at == '-' || **at == '@'); at++) {
      if (strcmp(*at, "-jar") == 0 || strcmp(*at, "-m") == 0 || strcmp(*at, "--module") == 0) break;
      look_at(&search, *at, "");
      if (takes_a_word(*at) && at[1]) at++;
    }
  }
  look_in(&search, input, "_JAVA_OPTIONS");
  return own;
}

bool ul_jvm_hides_options(const ul_knob_input *input) {
  return ul_knobs_for_all(input) ||
         UL_JVM_FIND(input, "@", "-XX:Flags=", "-XX:VMOptionsFile=").found;
}

uint64_t ul_jvm_size(const char *text) {
  static const char units[] = "kmgt";
  char             *end;
  if (!isdigit((unsigned char)*text)) return 0;
  uint64_t    number = strtoull(text, &end, 10);
  const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
  unsigned    shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
  if (*end && (!unit || end[1])) return 0;
  return number > UINT64_MAX >> shift ? 0 : number << shift;
}
