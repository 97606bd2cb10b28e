/* SPDX-License-Identifier: MIT */
/* knobs_show.c: see knobs_show.h and knobs.h. */
#include "launch/knobs_show.h"

#include <string.h>

#include "base/size_text.h"
#include "base/text.h"

/* The setting, then why; a setting that is longer has its reason on the next line. */
#define SETTING_COLUMNS 38

static const char *const origin_keys[] = {"set", "extended", "corrected", "kept"};

const char *ul_knob_origin_key(enum ul_knob_origin origin) {
  return origin_keys[origin];
}

void ul_knob_text(const ul_knob *knob, char *ret_text, size_t capacity) {
  if (knob->option[0]) {
    snprintf(ret_text, capacity, "%s%s", knob->option, knob->value);
  } else {
    snprintf(ret_text, capacity, "%s=%s", knob->variable, knob->value);
  }
}

void ul_knobs_line(const ul_knobs *knobs, bool names_only, char *ret_text, size_t capacity) {
  ul_text     text = ul_text_init(ret_text, capacity);
  const char *variable = "";
  char        one[640];
  for (size_t i = 0; i < ul_knobs_own_count(knobs); i++) {
    const ul_knob *knob = &knobs->rows[i];
    if (knob->origin == UL_KNOB_KEPT || (names_only && strcmp(knob->variable, variable) == 0)) {
      continue;
    }
    variable = knob->variable;
    ul_knob_text(knob, one, sizeof one);
    if (text.length > 0) ul_text_add(&text, " ");
    ul_text_add(&text, names_only ? variable : one);
  }
}

static void show_row(FILE *out, const char *prefix, const char *origin, const char *setting,
                     const char *why) {
  if (strlen(setting) <= SETTING_COLUMNS) {
    fprintf(out, "%s  %-9s  %-*s  %s\n", prefix, origin, SETTING_COLUMNS, setting, why);
  } else {
    fprintf(out, "%s  %-9s  %s\n", prefix, origin, setting);
    fprintf(out, "%s  %-9s  %-*s  %s\n", prefix, "", SETTING_COLUMNS, "", why);
  }
}

static void show_head(FILE *out, const ul_plan_view *view, const char *prefix) {
  const ul_machine *machine = view->machine;
  char              a[UL_SIZE_TEXT_MAX], b[UL_SIZE_TEXT_MAX];
  if (!view->knobs) {
    fprintf(out, "%sno budget, so nothing is set; --budget SIZE gives it one\n", prefix);
    return;
  }
  fprintf(out, "%sbudget   %s (%llu bytes)", prefix, ul_size_mib(a, view->knobs->budget_bytes),
          (unsigned long long)view->knobs->budget_bytes);
  if (view->knobs->preset) fprintf(out, ", preset %s", ul_preset_key(view->knobs->preset));
  if (view->max_budget_bytes) {
    fprintf(out, ", raised to %s at most", ul_size_mib(a, view->max_budget_bytes));
  }
  if (view->no_enclose) fprintf(out, ", not enclosed");
  fprintf(out, "\n%smachine  %u core%s", prefix, machine->cores, machine->cores == 1 ? "" : "s");
  if (machine->quota_millicpus) {
    fprintf(out, " (quota %u.%02u)", machine->quota_millicpus / 1000,
            machine->quota_millicpus % 1000 / 10);
  }
  if (machine->memory_bytes) fprintf(out, ", %s", ul_size_mib(a, machine->memory_bytes));
  if (machine->limit_bytes) {
    fprintf(out, ", container limit %s", ul_size_mib(b, machine->limit_bytes));
  }
  fprintf(out, "\n");
}

/* Rows stand together by variable, and by runtime where there are several. */
static void show_rows(FILE *out, const ul_plan_view *view, const char *prefix) {
  const ul_knobs *knobs = view->knobs;
  const char     *variable = NULL;
  enum ul_runtime runtime = UL_RUNTIME_UNKNOWN;
  char            setting[640];
  for (size_t i = 0; i < ul_knobs_own_count(knobs); i++) {
    const ul_knob *knob = &knobs->rows[i];
    if (knob->runtime != runtime) fprintf(out, "%s\n", prefix);
    if (knob->option[0] &&
        (knob->runtime != runtime || !variable || strcmp(variable, knob->variable))) {
      fprintf(out, "%s%s, %s\n", prefix, ul_runtime_title(knob->runtime),
              knob->variable[0] ? knob->variable : "command line");
    } else if (!knob->option[0] && knob->runtime != runtime) {
      fprintf(out, "%s%s\n", prefix, ul_runtime_title(knob->runtime));
    }
    runtime = knob->runtime;
    variable = knob->option[0] ? knob->variable : "";
    ul_knob_text(knob, setting, sizeof setting);
    show_row(out, prefix, ul_knob_origin_key(knob->origin), setting, knob->why);
  }
}

/* What stands in the environment for programs that this one may start: only whose it is. */
static void show_children(FILE *out, const ul_knobs *knobs, const char *prefix) {
  enum ul_runtime runtime = UL_RUNTIME_UNKNOWN;
  for (size_t i = ul_knobs_own_count(knobs); i < knobs->count; i++) {
    if (knobs->rows[i].runtime == runtime) continue;
    if (runtime == UL_RUNTIME_UNKNOWN) {
      fprintf(out, "%s\n%salso told, should it start one: ", prefix, prefix);
    } else {
      fprintf(out, ", ");
    }
    runtime = knobs->rows[i].runtime;
    fprintf(out, "%s", ul_runtime_title(runtime));
  }
  if (ul_knobs_own_count(knobs) < knobs->count) fprintf(out, " (--json has the settings)\n");
}

void ul_plan_show(FILE *out, const ul_plan_view *view, const char *prefix) {
  show_head(out, view, prefix);
  if (view->plan->preloaded) {
    fprintf(out, "%spreload  %s\n", prefix, view->plan->library);
  }
  if (!view->knobs) return;
  show_rows(out, view, prefix);
  show_children(out, view->knobs, prefix);
  for (size_t i = 0; i < view->knobs->warning_count; i++) {
    fprintf(out, "%s%s%s\n", i == 0 ? "\n" : "", prefix, view->knobs->warnings[i]);
  }
}
