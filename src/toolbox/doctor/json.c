/* SPDX-License-Identifier: MIT */
/* json.c: the document ullage.doctor/1. Its keys: docs/reference/doctor.md. What is unknown
 * or unlimited is null. */
#include "toolbox/doctor/doctor.h"

#ifdef ULLAGE_WITH_CJSON

#include <cjson/cJSON.h>
#include <inttypes.h>

bool ul_doctor_has_json(void) {
  return true;
}

/* A double, which cJSON keeps numbers in, holds integers to 2^53 only: write the digits. */
static void add_u64(cJSON *object, const char *key, uint64_t number) {
  char digits[24];
  if (!ul_fact_is(number)) {
    cJSON_AddNullToObject(object, key);
    return;
  }
  snprintf(digits, sizeof digits, "%" PRIu64, number);
  cJSON_AddRawToObject(object, key, digits);
}

static void add_text(cJSON *object, const char *key, const char *foreign) {
  char text[640];
  snprintf(text, sizeof text, "%s", foreign);
  cJSON_AddStringToObject(object, key, ul_doctor_plain(text));
}

static cJSON *add_row(cJSON *array) {
  cJSON *row = cJSON_CreateObject();
  if (row && !cJSON_AddItemToArray(array, row)) {
    cJSON_Delete(row);
    return NULL;
  }
  return row;
}

static void add_findings(cJSON *root, const ul_diagnosis *diagnosis) {
  cJSON *array = cJSON_AddArrayToObject(root, "findings");
  for (size_t i = 0; i < diagnosis->count; i++) {
    const ul_finding     *finding = &diagnosis->findings[i];
    const ul_finding_row *row = &ul_finding_rows[finding->id];
    cJSON                *object = add_row(array);
    cJSON_AddStringToObject(object, "id", row->key);
    cJSON_AddStringToObject(object, "area", ul_area_key(row->area));
    cJSON_AddStringToObject(object, "severity", ul_severity_key(row->severity));
    cJSON_AddStringToObject(object, "what", finding->what);
    if (row->consequence[0])
      cJSON_AddStringToObject(object, "consequence", row->consequence);
    else
      cJSON_AddNullToObject(object, "consequence");
    if (finding->command[0])
      cJSON_AddStringToObject(object, "command", finding->command);
    else
      cJSON_AddNullToObject(object, "command");
  }
}

static void add_memory(cJSON *root, const ul_facts_memory *memory) {
  cJSON *object = cJSON_AddObjectToObject(root, "memory");
  add_u64(object, "total_bytes", memory->total);
  add_u64(object, "free_bytes", memory->free);
  add_u64(object, "available_bytes", memory->available);
  add_u64(object, "anonymous_bytes", memory->anonymous);
  add_u64(object, "page_cache_bytes", memory->page_cache);
  add_u64(object, "shared_bytes", memory->shared);
  add_u64(object, "slab_unreclaimable_bytes", memory->slab_kept);
  add_u64(object, "slab_reclaimable_bytes", memory->slab_reclaimable);
  add_u64(object, "page_tables_bytes", memory->page_tables);
  add_u64(object, "commit_limit_bytes", memory->commit_limit);
  add_u64(object, "committed_bytes", memory->committed);
  add_u64(object, "swap_total_bytes", memory->swap_total);
  add_u64(object, "swap_free_bytes", memory->swap_free);
}

static void add_groups(cJSON *root, const ul_facts *facts) {
  cJSON *array = cJSON_AddArrayToObject(root, "groups");
  for (size_t i = 0; i < facts->group_count; i++) {
    const ul_facts_group *group = &facts->groups[i];
    cJSON                *object = add_row(array);
    char                  name[192], owner[256];
    ul_doctor_owner(group->path, name, owner);
    add_text(object, "path", group->path);
    add_text(object, "set_by", owner);
    cJSON_AddNumberToObject(object, "version", group->version);
    add_u64(object, "limit_bytes", group->limit);
    add_u64(object, "high_bytes", group->high);
    add_u64(object, "swap_limit_bytes", group->swap_limit);
    add_u64(object, "usage_bytes", group->usage);
    add_u64(object, "idle_file_bytes", group->reclaimable);
    add_u64(object, "oom_kills", group->kills);
  }
}

static void add_users(cJSON *root, const ul_facts *facts) {
  cJSON *users = cJSON_AddArrayToObject(root, "users");
  for (size_t i = 0; i < facts->user_count; i++) {
    const ul_facts_user *user = &facts->users[i];
    cJSON               *object = add_row(users);
    cJSON_AddNumberToObject(object, "pid", user->pid);
    add_text(object, "name", user->name);
    add_u64(object, "rss_bytes", user->resident);
    add_u64(object, "pss_bytes", user->proportional);
    add_u64(object, "swap_bytes", user->swapped);
    add_u64(object, "mappings", user->mappings);
  }
  cJSON *tmpfs = cJSON_AddArrayToObject(root, "tmpfs");
  for (size_t i = 0; i < facts->tmpfs_count; i++) {
    cJSON *object = add_row(tmpfs);
    add_text(object, "path", facts->tmpfs[i].path);
    add_u64(object, "used_bytes", facts->tmpfs[i].used);
    add_u64(object, "size_bytes", facts->tmpfs[i].size);
  }
}

static void add_hidden(cJSON *root, const ul_facts *facts) {
  cJSON *array = cJSON_AddArrayToObject(root, "not_visible");
  for (size_t i = 0; i < facts->hidden_count; i++) {
    cJSON *object = add_row(array);
    add_text(object, "path", facts->hidden[i].path);
    add_text(object, "why", facts->hidden[i].why);
  }
}

char *ul_doctor_json(const ul_facts *facts, const ul_diagnosis *diagnosis, int pid) {
  cJSON *root = cJSON_CreateObject();
  cJSON_AddStringToObject(root, "schema", "ullage.doctor/1");
  if (pid > 0)
    cJSON_AddNumberToObject(root, "pid", pid);
  else
    cJSON_AddNullToObject(root, "pid");
  add_text(root, "kernel", facts->kernel);
  cJSON_AddNumberToObject(root, "warnings",
                          (double)ul_doctor_count(diagnosis, UL_SEVERITY_WARNING));
  cJSON_AddNumberToObject(root, "notes", (double)ul_doctor_count(diagnosis, UL_SEVERITY_NOTE));
  add_findings(root, diagnosis);
  add_memory(root, &facts->memory);
  add_groups(root, facts);
  add_users(root, facts);
  add_hidden(root, facts);
  char *text = cJSON_Print(root);
  cJSON_Delete(root);
  return text;
}

#else

bool ul_doctor_has_json(void) {
  return false;
}

char *ul_doctor_json(const ul_facts *facts, const ul_diagnosis *diagnosis, int pid) {
  (void)facts, (void)diagnosis, (void)pid;
  return NULL;
}

#endif
