/* SPDX-License-Identifier: MIT */
/* knobs_help.h: for the tests of src/launch/knobs*.c: an input, and what came of it by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launch/knobs.h"

static ul_program    program;
static ul_knob_input input;
static ul_knobs      knobs;
static ul_fault      fault;
static char         *no_environment[] = {NULL};
static char         *no_arguments[] = {"prog", NULL};

/* A machine of 2 cores and 24 GiB, nothing known, nothing set by the user. */
static UL_UNUSED void begin(enum ul_runtime runtime, uint64_t budget_bytes) {
  program = (ul_program){.path = "/usr/bin/prog", .runtime = runtime};
  input = (ul_knob_input){
      .program = &program,
      .budget_bytes = budget_bytes,
      .budget_is_ordered = true,
      .machine = {.cores = 2, .memory_bytes = 24 * UL_GIB},
      .arguments = no_arguments,
      .environment = no_environment,
      .preloads = runtime == UL_RUNTIME_NATIVE || runtime == UL_RUNTIME_PYTHON,
      .python_directory = "/share/python",
  };
}

static UL_UNUSED int make(void) {
  fault.text[0] = 0;
  return ul_knobs_make(&input, &knobs, &fault);
}

/* The row of a variable ("GOGC") or of an option ("-Xmx"); NULL: there is none. */
static UL_UNUSED const ul_knob *row_of(const char *name) {
  for (size_t i = 0; i < knobs.count; i++) {
    const ul_knob *knob = &knobs.rows[i];
    if (strcmp(knob->option[0] ? knob->option : knob->variable, name) == 0) return knob;
  }
  return NULL;
}

static UL_UNUSED const char *value_of(const char *name) {
  const ul_knob *knob = row_of(name);
  return knob ? knob->value : "(none)";
}

static UL_UNUSED bool is_kept(const char *name) {
  const ul_knob *knob = row_of(name);
  return knob && knob->origin == UL_KNOB_KEPT;
}

/* Is there a warning with these words? */
static UL_UNUSED bool warned(const char *words) {
  for (size_t i = 0; i < knobs.warning_count; i++) {
    if (strstr(knobs.warnings[i], words)) return true;
  }
  return false;
}
