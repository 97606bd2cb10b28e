/* SPDX-License-Identifier: MIT */
/* run_budget.c: see run_budget.h. */
#include "cli/run_budget.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size_text.h"
#include "launch/knobs_rows.h"
#include "launch/prepare.h"

/* Less than any program needs to start: surely a unit was forgotten. */
#define LEAST_BYTES UL_MIB

/* "75%" or "12.5%". False: it is no percentage from above 0 to 100. */
static bool parse_percent(const char *text, double *ret_percent) {
  size_t length = strlen(text);
  char  *end;
  if (length < 2 || text[length - 1] != '%' || strspn(text, "0123456789.") != length - 1) {
    return false;
  }
  *ret_percent = strtod(text, &end);
  return end == text + length - 1 && *ret_percent > 0 && *ret_percent <= 100;
}

int ul_run_budget_size(const ul_command *command, const char *flag, const char *text,
                       const ul_machine *machine, uint64_t *ret_bytes) {
  double   percent;
  uint64_t bytes, memory = ul_machine_memory(machine);
  if (parse_percent(text, &percent)) {
    if (memory == 0) {
      return ul_cli_usage_error(
          command, "%s %s: this system does not tell how much memory there is; give a size", flag,
          text);
    }
    *ret_bytes = (uint64_t)((double)memory / 100 * percent);
    return *ret_bytes >= LEAST_BYTES ? 0
                                     : ul_cli_usage_error(command,
                                                          "%s %s is less than 1Mi here, which no "
                                                          "program can do with",
                                                          flag, text);
  }
  if (text[0] && text[strlen(text) - 1] == '%') {
    return ul_cli_usage_error(command, "%s %s is not a percentage above 0%% and up to 100%%", flag,
                              text);
  }
  switch (ul_size_parse(text, &bytes)) {
  case 0: break;
  case -UL_E_RANGE:
    return ul_cli_usage_error(command, "%s %s is more than any machine has", flag, text);
  default: return ul_cli_usage_error(command, "%s %s is not a size; " UL_SIZE_HOW, flag, text);
  }
  if (bytes < LEAST_BYTES) {
    return ul_cli_usage_error(command,
                              "%s %s is %llu byte%s, less than any program needs; the least is "
                              "1Mi, and 1500M means 1500 * 1000^2 bytes",
                              flag, text, (unsigned long long)bytes, bytes == 1 ? "" : "s");
  }
  *ret_bytes = bytes;
  return 0;
}

/* The variable that libullage reads anyway; what it does not understand is left to it to say. A
 * tree's name may follow the size (wire/tree.h). */
static uint64_t read_variable(const ul_machine *machine) {
  const char *value = getenv("ULLAGE_BUDGET");
  char        text[64];
  double      percent;
  uint64_t    bytes;
  size_t      length = value ? strcspn(value, "@") : 0;
  if (length == 0 || length >= sizeof text) return 0;
  memcpy(text, value, length);
  text[length] = 0;
  if (strcmp(text, "auto") == 0) return machine->limit_bytes;
  if (parse_percent(text, &percent)) {
    return (uint64_t)((double)ul_machine_memory(machine) / 100 * percent);
  }
  return ul_size_parse(text, &bytes) == 0 && bytes >= LEAST_BYTES ? bytes : 0;
}

/* The container's limit acts first, so nothing is planned for what lies above it. */
static void cap_by_container(ul_run_budget *budget) {
  char     asked[UL_SIZE_TEXT_MAX], limit[UL_SIZE_TEXT_MAX];
  uint64_t container = budget->machine.limit_bytes, memory = budget->machine.memory_bytes;
  if (container && budget->bytes > container) {
    ul_size_mib(asked, budget->bytes);
    ul_size_mib(limit, container);
    budget->bytes = container;
    if (strcmp(asked, limit) == 0) return; /* a group's limit is rounded to pages */
    snprintf(budget->note, sizeof budget->note,
             "the budget of %s is more than the container's limit, which acts first: the budget is "
             "%s",
             asked, limit);
  } else if (memory && budget->bytes > memory) {
    snprintf(budget->note, sizeof budget->note,
             "the budget of %s is more than the %s that this machine has: it will not be reached",
             ul_size_mib(asked, budget->bytes), ul_size_mib(limit, memory));
  }
}

/* Returns 0, or the exit code of a wrong call. */
static int read_max(const ul_command *command, ul_run_budget *budget) {
  int error;
  if (!budget->max_text) return 0;
  error = ul_run_budget_size(command, "--max-budget", budget->max_text, &budget->machine,
                             &budget->max_bytes);
  if (error) return error;
  if (budget->bytes == 0) {
    if (budget->text) return budget->max_bytes = 0, 0; /* auto, where nothing limits */
    return ul_cli_usage_error(command, "--max-budget raises a budget, and there is none; add "
                                       "--budget SIZE");
  }
  if (budget->max_bytes < budget->bytes) {
    return ul_cli_usage_error(command,
                              "--max-budget %s is less than the budget of %llu bytes; it says how "
                              "far the budget may be raised",
                              budget->max_text, (unsigned long long)budget->bytes);
  }
  return 0;
}

int ul_run_budget_read(const ul_command *command, ul_run_budget *budget) {
  int error = 0;
  ul_machine_read(&budget->machine);
  if (budget->text && strcmp(budget->text, "auto") == 0) {
    budget->bytes = budget->machine.limit_bytes;
    if (budget->bytes == 0) {
      snprintf(budget->note, sizeof budget->note,
               "--budget auto: nothing limits this process, so %s; --budget 75%% takes a share of "
               "the machine",
               budget->preset ? "only the preset counts" : "it runs without a budget");
    }
  } else if (budget->text) {
    error = ul_run_budget_size(command, "--budget", budget->text, &budget->machine, &budget->bytes);
  } else {
    budget->bytes = read_variable(&budget->machine);
  }
  if (error) return error;
  budget->is_ordered = budget->text || budget->preset;
  if (budget->preset) {
    cap_by_container(budget);
    budget->bytes = ul_preset_budget(budget->preset, budget->bytes, &budget->machine);
    if (budget->bytes == 0) {
      return ul_cli_usage_error(command,
                                "--preset container: nothing limits this process, so there "
                                "is nothing to go by; add --budget SIZE");
    }
  }
  cap_by_container(budget);
  if (budget->on_budget && budget->bytes == 0 && !budget->text) {
    return ul_cli_usage_error(command, "--on-budget says what happens at the budget, and there is "
                                       "none; add --budget SIZE");
  }
  return read_max(command, budget);
}

void ul_run_budget_check_variable(ul_run_budget *budget, const ul_program *program) {
  const char *value = getenv("ULLAGE_BUDGET");
  char        library[PATH_MAX];
  uint64_t    bytes;
  if (budget->text || budget->note[0] || !value || !value[0]) return;
  if (strcmp(value, "off") == 0 || strcmp(value, "auto") == 0) return;
  if (ul_size_parse(value, &bytes) == 0 && bytes == 0) return;
  if (ul_plan_preloads(program, library)) return;
  snprintf(budget->note, sizeof budget->note,
           "ULLAGE_BUDGET=%.40s is not a budget of 1Mi or more, so this run has none; " UL_SIZE_HOW,
           value);
}

int ul_run_budget_tell(ul_run_budget *budget, const ul_program *program, char *const *arguments,
                       char *const *environment, const ul_knob_facts *facts, ul_fault *fault) {
  char          library[PATH_MAX], python[PATH_MAX];
  ul_knob_input input = {
      .program = program,
      .budget_bytes = budget->bytes,
      .budget_is_ordered = budget->is_ordered,
      .preset = budget->preset,
      .on_budget = budget->on_budget,
      .machine = budget->machine,
      .facts = *facts,
      .arguments = arguments,
      .environment = environment,
      .preloads = ul_plan_preloads(program, library),
      .python_directory = ul_plan_find_python(python) ? python : NULL,
  };
  if (ul_knobs_make(&input, &budget->knobs, fault) < 0) return -UL_E_SYSTEM;
  if (budget->no_enclose && budget->knobs.count == 0) {
    ul_knobs_warn(&budget->knobs,
                  "With --no-enclose nothing keeps its budget: it is only watched.");
  }
  return 0;
}
