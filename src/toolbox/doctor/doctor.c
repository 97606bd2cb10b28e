/* SPDX-License-Identifier: MIT */
/* doctor.c: the list of findings that the checks fill; what all checks share. See doctor.h. */
#include "toolbox/doctor/doctor.h"

#include <stdarg.h>
#include <string.h>

const ul_finding_row ul_finding_rows[UL_FINDING_COUNT] = {
#define UL_FINDING(id, area, severity, key, consequence, command) \
  {UL_AREA_##area, UL_SEVERITY_##severity, key, consequence, command},
#include "toolbox/doctor/findings.def"
#undef UL_FINDING
};

static const struct {
  const char *key, *title;
} areas[UL_AREA_COUNT] = {
#define UL_AREA(id, key, title) {key, title},
#include "toolbox/doctor/areas.def"
#undef UL_AREA
};

const char *ul_area_key(enum ul_area area) {
  return areas[area].key;
}

const char *ul_area_title(enum ul_area area) {
  return areas[area].title;
}

const char *ul_severity_key(enum ul_severity severity) {
  return severity == UL_SEVERITY_WARNING ? "warning" : severity == UL_SEVERITY_NOTE ? "note" : "ok";
}

/* ---- The list --------------------------------------------------------------------------------- */

char *ul_doctor_plain(char *text) {
  for (char *at = text; *at; at++) {
    if (*at < 0x20 || *at > 0x7e) *at = '?';
  }
  return text;
}

void ul_doctor_add(ul_diagnosis *diagnosis, enum ul_finding_id id, const char *what, ...) {
  const ul_finding_row *row = &ul_finding_rows[id];
  if (diagnosis->count == UL_FINDINGS_MAX) return;
  ul_finding *finding = &diagnosis->findings[diagnosis->count++];
  va_list     arguments;
  va_start(arguments, what);
  vsnprintf(finding->what, sizeof finding->what, what, arguments);
  va_end(arguments);
  ul_doctor_plain(finding->what);
  finding->id = id;
  snprintf(finding->command, sizeof finding->command, "%s", row->command ? row->command : "");
}

/* A command that does not fit would do something else: then there is none. */
void ul_doctor_command(ul_diagnosis *diagnosis, const char *format, ...) {
  if (diagnosis->count == 0) return;
  ul_finding *finding = &diagnosis->findings[diagnosis->count - 1];
  va_list     arguments;
  va_start(arguments, format);
  int length = vsnprintf(finding->command, sizeof finding->command, format, arguments);
  va_end(arguments);
  if (length >= (int)sizeof finding->command) finding->command[0] = 0;
  ul_doctor_plain(finding->command);
}

size_t ul_doctor_count(const ul_diagnosis *diagnosis, enum ul_severity severity) {
  size_t count = 0;
  for (size_t i = 0; i < diagnosis->count; i++) {
    count += ul_finding_rows[diagnosis->findings[i].id].severity == severity;
  }
  return count;
}

const ul_finding *ul_doctor_find(const ul_diagnosis *diagnosis, enum ul_finding_id id) {
  for (size_t i = 0; i < diagnosis->count; i++) {
    if (diagnosis->findings[i].id == id) return &diagnosis->findings[i];
  }
  return NULL;
}

char *ul_doctor_quoted(char *buffer, size_t capacity, const char *word) {
  static const char plain[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.:@%+=,-";
  size_t to = 0;
  if (word[0] && word[strspn(word, plain)] == 0) {
    snprintf(buffer, capacity, "%s", word);
    return buffer;
  }
  /* Room is kept for the longest piece, the closing quote and the end. */
  buffer[to++] = '\'';
  for (; *word && to + 6 < capacity; word++) {
    if (*word == '\'') {
      memcpy(buffer + to, "'\\''", 4);
      to += 4;
    } else {
      buffer[to++] = *word;
    }
  }
  buffer[to++] = '\'';
  buffer[to] = 0;
  return buffer;
}

/* ---- What several checks ask ------------------------------------------------------------------ */

const ul_facts_group *ul_doctor_binding(const ul_facts *facts) {
  const ul_facts_group *binding = NULL;
  for (size_t i = 0; i < facts->group_count; i++) {
    const ul_facts_group *group = &facts->groups[i];
    if (ul_fact_is(group->limit) && (!binding || group->limit < binding->limit)) binding = group;
  }
  return binding;
}

uint64_t ul_doctor_room(const ul_facts *facts) {
  const ul_facts_group *binding = ul_doctor_binding(facts);
  if (!binding) return facts->memory.total;
  return UL_MIN(binding->limit, facts->memory.total); /* unknown is larger than any limit */
}

void ul_doctor_judge(const ul_facts *facts, uint64_t budget_bytes, ul_diagnosis *ret_diagnosis) {
  ret_diagnosis->count = 0;
  ul_doctor_judge_users(facts, budget_bytes, ret_diagnosis);
  ul_doctor_judge_groups(facts, ret_diagnosis);
  ul_doctor_judge_system(facts, ret_diagnosis);
  ul_doctor_judge_rules(facts, ret_diagnosis);
  ul_doctor_judge_limits(facts, ret_diagnosis);
  ul_doctor_judge_environment(facts, ret_diagnosis);
}
