/* SPDX-License-Identifier: MIT */
/* knobs_json.c: the document of knobs_show.h. Its keys: docs/reference/run-plan.md. */
#include <stdlib.h>
#include <string.h>

#include "launch/json_text.h"
#include "launch/knobs_show.h"

#ifdef ULLAGE_WITH_CJSON

#include <cjson/cJSON.h>
#include <inttypes.h>

/* A double holds integers to 2^53 only: write the digits. 0 means that there is none. */
static void add_u64(cJSON *object, const char *key, uint64_t number) {
  char digits[24];
  if (number == 0) {
    cJSON_AddNullToObject(object, key);
    return;
  }
  snprintf(digits, sizeof digits, "%" PRIu64, number);
  cJSON_AddRawToObject(object, key, digits);
}

static cJSON *text_of(const char *text) {
  char  *copy = ul_json_text(text);
  cJSON *string = copy ? cJSON_CreateString(copy) : NULL;
  free(copy);
  return string;
}

static void add_text(cJSON *object, const char *key, const char *text) {
  if (text && text[0]) {
    cJSON_AddItemToObject(object, key, text_of(text));
  } else {
    cJSON_AddNullToObject(object, key);
  }
}

static void add_machine(cJSON *root, const ul_machine *machine) {
  cJSON *object = cJSON_AddObjectToObject(root, "machine");
  add_u64(object, "cores", machine->cores);
  add_u64(object, "cpu_quota_millicpus", machine->quota_millicpus);
  add_u64(object, "memory_bytes", machine->memory_bytes);
  add_u64(object, "container_limit_bytes", machine->limit_bytes);
}

static void add_settings(cJSON *root, const ul_knobs *knobs) {
  cJSON *settings = cJSON_AddArrayToObject(root, "settings");
  cJSON *warnings = cJSON_AddArrayToObject(root, "warnings");
  for (size_t i = 0; knobs && i < knobs->count; i++) {
    const ul_knob *knob = &knobs->rows[i];
    cJSON         *row = cJSON_CreateObject();
    char           setting[640];
    ul_knob_text(knob, setting, sizeof setting);
    cJSON_AddStringToObject(row, "runtime", ul_runtime_key(knob->runtime));
    add_text(row, "variable", knob->variable); /* null: the command line */
    add_text(row, "option", knob->option);
    cJSON_AddItemToObject(row, "value", text_of(knob->value));
    cJSON_AddItemToObject(row, "setting", text_of(setting));
    cJSON_AddStringToObject(row, "origin", ul_knob_origin_key(knob->origin));
    cJSON_AddItemToObject(row, "why", text_of(knob->why));
    cJSON_AddBoolToObject(row, "for_children", i >= ul_knobs_own_count(knobs));
    cJSON_AddItemToArray(settings, row);
  }
  for (size_t i = 0; knobs && i < knobs->warning_count; i++) {
    cJSON_AddItemToArray(warnings, text_of(knobs->warnings[i]));
  }
}

char *ul_plan_json(const ul_plan_view *view) {
  const ul_knobs *knobs = view->knobs;
  cJSON          *root = cJSON_CreateObject();
  if (!root) return NULL;
  cJSON_AddStringToObject(root, "schema", "ullage.run-plan/1");
  cJSON *command = cJSON_AddArrayToObject(root, "command");
  for (char *const *at = view->arguments; *at; at++) cJSON_AddItemToArray(command, text_of(*at));
  add_text(root, "program", view->program->path);
  cJSON_AddStringToObject(root, "runtime", ul_runtime_key(view->program->runtime));
  cJSON_AddBoolToObject(root, "is_launcher", view->program->is_launcher);
  cJSON_AddBoolToObject(root, "preloaded", view->plan->preloaded);
  add_text(root, "library", view->plan->preloaded ? view->plan->library : "");
  add_text(root, "preset", knobs ? ul_preset_key(knobs->preset) : "");
  add_u64(root, "budget_bytes", knobs ? knobs->budget_bytes : 0);
  add_u64(root, "max_budget_bytes", view->max_budget_bytes);
  add_u64(root, "least_budget_bytes", knobs ? knobs->least_bytes : 0);
  add_text(root, "least_budget_why", knobs ? knobs->least_why : "");
  cJSON_AddStringToObject(root, "on_budget", ul_on_budget_key(view->on_budget));
  cJSON_AddBoolToObject(root, "enclose", knobs && !view->no_enclose);
  add_machine(root, view->machine);
  add_settings(root, knobs);
  char *text = cJSON_Print(root);
  cJSON_Delete(root);
  return ul_json_line(text);
}

#else

char *ul_plan_json(const ul_plan_view *view) {
  (void)view;
  return NULL;
}

#endif
