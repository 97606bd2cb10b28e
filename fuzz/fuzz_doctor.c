/* SPDX-License-Identifier: MIT */
/* fuzz_doctor.c: any bytes as a file of /proc or /sys, as a group's path, and as an environment. What
 * comes of them is judged: nothing outside them may be read, and every sentence is printable. */
#include <stdlib.h>
#include <string.h>

#include "os/linux/outside_facts.h"
#include "toolbox/doctor/doctor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ul_facts     facts;
static ul_diagnosis diagnosis;

static void fill(const char *text, size_t size) {
  ul_facts_group *group = &facts.groups[0];
  ul_facts_init(&facts);
  facts.memory.total = ul_facts_keyed(text, "MemTotal");
  facts.memory.available = ul_facts_keyed(text, "MemAvailable");
  facts.memory.huge_total = facts.memory.huge_free = ul_facts_keyed(text, "HugePages_Total");
  facts.memory.huge_promised = 0;
  facts.memory.huge_page = ul_facts_keyed(text, "Hugepagesize");
  ul_facts_chosen(text, facts.rules.thp, sizeof facts.rules.thp);
  facts.has_pressure = ul_facts_parse_pressure(text, &facts.pressure);
  *group = (ul_facts_group){.version = 2, .limit = ul_facts_parse(text), .usage = 1 << 20};
  snprintf(group->path, sizeof group->path, "%s", text);
  snprintf(group->directory, sizeof group->directory, "%s", text);
  facts.group_count = 1;
  facts.groups_known = facts.environment_known = true;
  facts.environment_bytes = UL_MIN(size, sizeof facts.environment - 1);
  memcpy(facts.environment, text, facts.environment_bytes);
  facts.environment[facts.environment_bytes] = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  if (!text) return 0;
  memcpy(text, data, size);
  text[size] = 0;
  fill(text, size);
  free(text);
  ul_doctor_judge(&facts, 1 << 20, &diagnosis);
  for (size_t i = 0; i < diagnosis.count; i++) {
    const ul_finding *finding = &diagnosis.findings[i];
    for (const char *at = finding->what; *at; at++) {
      if (*at < 0x20 || *at > 0x7e) __builtin_trap();
    }
    for (const char *at = finding->command; *at; at++) {
      if (*at < 0x20 || *at > 0x7e) __builtin_trap();
    }
  }
  return 0;
}
