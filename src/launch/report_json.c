/* SPDX-License-Identifier: MIT */
/* report_json.c: the document of report.h. Its keys: docs/reference/report-format.md. */
#include <stdlib.h>
#include <string.h>

#include "launch/json_text.h"
#include "launch/report.h"

const char *ul_exit_reason_key(enum ul_exit_reason reason) {
  switch (reason) {
  case UL_EXIT_REASON_NORMAL: return "normal";
  case UL_EXIT_REASON_CODE: return "code";
  case UL_EXIT_REASON_SIGNAL: return "signal";
  case UL_EXIT_REASON_OOM_KILL: return "oom-kill";
  case UL_EXIT_REASON_WALL: return "wall";
  }
  return "unknown";
}

#ifdef ULLAGE_WITH_CJSON

#include <cjson/cJSON.h>
#include <inttypes.h>

bool ul_report_has_json(void) {
  return true;
}

/* A double, which cJSON keeps numbers in, holds integers to 2^53 only: write the digits. */
static void add_u64(cJSON *object, const char *key, uint64_t number) {
  char digits[24];
  if (number == UL_UNKNOWN) {
    cJSON_AddNullToObject(object, key);
    return;
  }
  snprintf(digits, sizeof digits, "%" PRIu64, number);
  cJSON_AddRawToObject(object, key, digits);
}

/* Arguments are bytes; those that are not UTF-8 are shown with '?' for each byte above 127. */
static cJSON *text_of(const char *text) {
  char  *copy = ul_json_text(text);
  cJSON *string = copy ? cJSON_CreateString(copy) : NULL;
  free(copy);
  return string;
}

/* "" is null: what does not apply is there all the same. */
static void add_text(cJSON *object, const char *key, const char *text) {
  if (text[0]) {
    cJSON_AddItemToObject(object, key, text_of(text));
  } else {
    cJSON_AddNullToObject(object, key);
  }
}

static void add_end(cJSON *root, const ul_run_result *result) {
  cJSON_AddStringToObject(root, "exit_reason", ul_exit_reason_key(result->exit_reason));
  if (result->exit_signal) {
    const char *name = sigabbrev_np(result->exit_signal);
    char        text[32];
    snprintf(text, sizeof text, name ? "SIG%s" : "%s", name ? name : "unknown");
    cJSON_AddNullToObject(root, "exit_code");
    cJSON_AddStringToObject(root, "exit_signal", text);
  } else {
    add_u64(root, "exit_code", (uint64_t)result->exit_code);
    cJSON_AddNullToObject(root, "exit_signal");
  }
  cJSON_AddBoolToObject(root, "core_dumped", result->dumped_core);
  add_u64(root, "oom_kills", result->oom.group_kills);
  add_u64(root, "oom_limit_bytes", result->oom.limit_bytes ? result->oom.limit_bytes : UL_UNKNOWN);
  add_u64(root, "left_running", result->left_running);
}

static void add_memory(cJSON *root, const ul_run_result *result) {
  bool has_budget = result->budget_bytes > 0;
  add_u64(root, "peak_rss_bytes", result->peak_rss_bytes);
  add_u64(root, "peak_at_ns", result->peak_at_ns);
  add_u64(root, "p99_rss_bytes", result->p99_rss_bytes);
  add_u64(root, "startup_peak_rss_bytes", result->startup_peak_rss_bytes);
  add_u64(root, "floor_rss_bytes", result->floor_rss_bytes);
  add_u64(root, "peak_pss_bytes", result->peak_pss_bytes);
  add_u64(root, "live_bytes", result->live_bytes);
  add_u64(root, "live_resident_bytes", result->live_resident_bytes);
  add_u64(root, "budget_bytes", has_budget ? result->budget_bytes : UL_UNKNOWN);
  if (has_budget) {
    cJSON_AddBoolToObject(root, "budget_kept", ul_report_budget_kept(result));
  } else {
    cJSON_AddNullToObject(root, "budget_kept");
  }
  add_u64(root, "budget_exceeded_at_ns", result->budget_exceeded_at_ns);
}

static void add_enclosure(cJSON *root, const ul_run_result *result) {
  static const char *const kinds[] = {"none", "cgroup1", "cgroup2"}; /* ul_enclosure_kind */
  const ul_enclose        *enclose = &result->enclose;
  bool                     is = enclose->kind != UL_ENCLOSURE_NONE;
  cJSON                   *object = cJSON_AddObjectToObject(root, "enclosure");
  cJSON_AddStringToObject(object, "kind", kinds[enclose->kind]);
  add_text(object, "why_not", enclose->why_not);
  add_text(object, "group", is ? enclose->path : "");
  add_u64(object, "limit_bytes", is ? enclose->limit_bytes : UL_UNKNOWN);
  add_u64(object, "peak_bytes", enclose->peak_bytes ? enclose->peak_bytes : UL_UNKNOWN);
  add_u64(object, "raised_to_bytes",
          enclose->raised_to_bytes ? enclose->raised_to_bytes : UL_UNKNOWN);
  add_u64(object, "raises", enclose->raises);
  add_u64(object, "pauses", enclose->pauses);
  add_u64(object, "paused_ns", enclose->paused_ns);
  cJSON_AddBoolToObject(object, "was_full", enclose->was_full);
  cJSON_AddBoolToObject(object, "moved_out", enclose->moved_out);
  cJSON_AddBoolToObject(object, "left_behind", enclose->left_behind);
  add_text(object, "wall", enclose->wall_text);
  add_text(object, "wall_file", enclose->wall_path);
}

static void add_use(cJSON *root, const ul_run_result *result) {
  add_u64(root, "started_unix_ns", result->started_unix_ns);
  add_u64(root, "wall_ns", result->wall_ns);
  add_u64(root, "cpu_user_ns", result->cpu_user_ns);
  add_u64(root, "cpu_sys_ns", result->cpu_system_ns);
  add_u64(root, "minor_faults", result->minor_faults);
  add_u64(root, "major_faults", result->major_faults);
  add_u64(root, "threads_peak", result->threads_peak);
  add_u64(root, "processes_peak", result->processes_peak);
  add_u64(root, "samples", result->samples);
  add_u64(root, "pss_samples", result->pss_samples);
  add_u64(root, "ullage_cpu_ns", result->own_cpu_ns);
}

static void add_became(cJSON *root, const ul_run_result *result) {
  if (!result->became.path[0]) {
    cJSON_AddNullToObject(root, "became");
    return;
  }
  cJSON *object = cJSON_AddObjectToObject(root, "became");
  cJSON_AddItemToObject(object, "program", text_of(result->became.path));
  cJSON_AddStringToObject(object, "runtime", ul_runtime_key(result->became.runtime));
}

char *ul_report_json(const ul_run_result *result, char *const *arguments) {
  cJSON *root = cJSON_CreateObject();
  if (!root) return NULL;
  cJSON_AddStringToObject(root, "schema", "ullage.run/1");
  cJSON *command = cJSON_AddArrayToObject(root, "command");
  for (char *const *at = arguments; *at; at++) cJSON_AddItemToArray(command, text_of(*at));
  cJSON_AddItemToObject(root, "program", text_of(result->program.path));
  cJSON_AddStringToObject(root, "runtime", ul_runtime_key(result->program.runtime));
  add_became(root, result);
  cJSON_AddBoolToObject(root, "preloaded", result->preloaded);
  add_end(root, result);
  add_memory(root, result);
  add_enclosure(root, result);
  add_use(root, result);
  char *text = cJSON_Print(root);
  cJSON_Delete(root);
  return ul_json_line(text);
}

#else

bool ul_report_has_json(void) {
  return false;
}

char *ul_report_json(const ul_run_result *result, char *const *arguments) {
  (void)result;
  (void)arguments;
  return NULL;
}

#endif
