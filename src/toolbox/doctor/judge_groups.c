/* SPDX-License-Identifier: MIT */
/* judge_groups.c: checks of the groups (cgroups) around the process: which limit binds, who set it,
 * how near it is, and what happens there. */
#include <ctype.h>
#include <string.h>

#include "base/size_text.h"
#include "toolbox/doctor/doctor.h"

/* ---- Who made a group ------------------------------------------------------------------------- */

/* The hexadecimal id after `mark`; false: there is none of at least 12 digits. */
static bool id_after(const char *path, const char *mark, char ret_id[192], const char **ret_end) {
  for (const char *at = path; (at = strstr(at, mark)) != NULL; at++) {
    const char *id = at + strlen(mark);
    size_t      length = strspn(id, "0123456789abcdef");
    if (length < 12 || length > 64) continue;
    snprintf(ret_id, 192, "%.*s", (int)length, id);
    *ret_end = id + length;
    return true;
  }
  return false;
}

/* The container's own group, not one that it made inside itself. */
static bool ends_there(const char *end) {
  return *end == 0 || strcmp(end, ".scope") == 0;
}

static const char *last_part(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static bool ends_in(const char *text, const char *tail) {
  size_t length = strlen(text), tail_length = strlen(tail);
  return length > tail_length && strcmp(text + length - tail_length, tail) == 0;
}

static enum ul_group_owner kubernetes(const char *path, char ret_name[192], char ret_text[256]) {
  const char *pod = strstr(path, "pod");
  /* "kubepods" itself holds the word: the pod's id comes after "-pod" or "/pod". */
  while (pod &&
         !(pod > path && (pod[-1] == '-' || pod[-1] == '/') && isxdigit((unsigned char)pod[3]))) {
    pod = strstr(pod + 1, "pod");
  }
  if (pod) {
    snprintf(ret_name, 192, "%.*s", (int)strspn(pod + 3, "0123456789abcdef_-"), pod + 3);
    snprintf(ret_text, 256, "Kubernetes (pod %.36s)", ret_name);
  } else {
    ret_name[0] = 0;
    snprintf(ret_text, 256, "Kubernetes (all pods of a class)");
  }
  return UL_OWNER_KUBERNETES;
}

static enum ul_group_owner in_container(enum ul_group_owner owner, const char *kind,
                                        const char *end, const char *name, char ret_text[256]) {
  snprintf(ret_text, 256, "%s%s container %.12s", ends_there(end) ? "" : "a group inside ", kind,
           name);
  return ends_there(end) ? owner : UL_OWNER_UNKNOWN;
}

/* "ullage-run-PID-START" (os/linux/outside_enclosure.c), or a group that the program made in it. The
 * name is the process that supervises the run. False: it is neither. */
static bool in_ullage(const char *path, char ret_name[192], const char **ret_end) {
  static const char mark[] = "/ullage-run-";
  const char       *at = strstr(path, mark);
  if (!at) return false;
  const char *pid = at + sizeof mark - 1;
  size_t      digits = strspn(pid, "0123456789");
  if (digits == 0 || digits > 10 || pid[digits] != '-') return false;
  const char *start = pid + digits + 1;
  size_t      more = strspn(start, "0123456789");
  if (more == 0 || (start[more] != 0 && start[more] != '/')) return false;
  snprintf(ret_name, 192, "%.*s", (int)digits, pid);
  *ret_end = start + more;
  return true;
}

enum ul_group_owner ul_doctor_owner(const char *path, char ret_name[192], char ret_text[256]) {
  const char *last = last_part(path), *end;
  ret_name[0] = 0;
  if (strcmp(path, "/") == 0 || path[0] == 0) {
    snprintf(ret_text, 256, "the group that holds everything visible here");
    return UL_OWNER_NOBODY;
  }
  if (in_ullage(path, ret_name, &end)) {
    snprintf(ret_text, 256, "%s`ullage run` (process %s)", *end ? "a group inside " : "", ret_name);
    return *end ? UL_OWNER_UNKNOWN : UL_OWNER_ULLAGE;
  }
  if (strstr(path, "kubepods")) return kubernetes(path, ret_name, ret_text);
  if (id_after(path, "/docker-", ret_name, &end) || id_after(path, "/docker/", ret_name, &end)) {
    return in_container(UL_OWNER_DOCKER, "Docker", end, ret_name, ret_text);
  }
  if (id_after(path, "/libpod-", ret_name, &end)) {
    return in_container(UL_OWNER_PODMAN, "Podman", end, ret_name, ret_text);
  }
  if (strncmp(path, "/lxc/", 5) == 0 || strncmp(path, "/lxc.payload.", 13) == 0) {
    const char *name = path[4] == '/' ? path + 5 : path + 13;
    snprintf(ret_name, 192, "%.*s", (int)UL_MIN(strcspn(name, "/"), (size_t)191), name);
    snprintf(ret_text, 256, "LXC container %.60s", ret_name);
    return strchr(name, '/') ? UL_OWNER_UNKNOWN : UL_OWNER_LXC;
  }
  if (ends_in(last, ".service") || ends_in(last, ".scope") || ends_in(last, ".slice") ||
      ends_in(last, ".socket") || ends_in(last, ".mount")) {
    snprintf(ret_name, 192, "%.191s", last);
    snprintf(ret_text, 256, "systemd unit %.120s%s", last,
             strncmp(path, "/user.slice/", 12) == 0 ? " (a login's)" : "");
    return UL_OWNER_SYSTEMD;
  }
  snprintf(ret_text, 256, "a maker that its name does not tell");
  return UL_OWNER_UNKNOWN;
}

/* ---- Commands --------------------------------------------------------------------------------- */

/* How this group's limit becomes `bytes`; whole MiB, since every tool reads those. */
static void command_limit(ul_diagnosis *diagnosis, const ul_facts_group *group, uint64_t bytes) {
  char               name[192], text[256], word[640];
  unsigned long long mib = bytes / UL_MIB + (bytes % UL_MIB != 0);
  switch (ul_doctor_owner(group->path, name, text)) {
  case UL_OWNER_DOCKER:
    ul_doctor_command(diagnosis, "docker update --memory %llum --memory-swap %llum %.12s", mib, mib,
                      name);
    return;
  case UL_OWNER_PODMAN:
    ul_doctor_command(diagnosis, "podman update --memory %llum %.12s", mib, name);
    return;
  case UL_OWNER_KUBERNETES:
    ul_doctor_command(diagnosis, "kubectl set resources KIND/NAME --limits=memory=%lluMi", mib);
    return;
  case UL_OWNER_LXC:
    ul_doctor_command(diagnosis, "lxc config set %s limits.memory %lluMiB",
                      ul_doctor_quoted(word, sizeof word, name), mib);
    return;
  case UL_OWNER_ULLAGE: /* its wall is moved by ullage alone */
    ul_doctor_command(diagnosis, "ullage run --budget %lluMi -- PROG", mib);
    return;
  case UL_OWNER_SYSTEMD:
    ul_doctor_command(diagnosis, "sudo systemctl set-property %s MemoryMax=%lluM",
                      ul_doctor_quoted(word, sizeof word, name), mib);
    return;
  default: break;
  }
  char path[560];
  snprintf(path, sizeof path, "%s/%s", group->directory,
           group->version == 2 ? "memory.max" : "memory.limit_in_bytes");
  ul_doctor_command(diagnosis, "echo %llu | sudo tee %s", mib * (unsigned long long)UL_MIB,
                    ul_doctor_quoted(word, sizeof word, path));
}

static void command_write(ul_diagnosis *diagnosis, const ul_facts_group *group, const char *value,
                          const char *file) {
  char path[560], word[640];
  snprintf(path, sizeof path, "%s/%s", group->directory, file);
  ul_doctor_command(diagnosis, "echo %s | sudo tee %s", value,
                    ul_doctor_quoted(word, sizeof word, path));
}

/* ---- The limit that binds --------------------------------------------------------------------- */

/* What cannot be dropped, of the limit. File pages not used lately go before anybody is killed. */
#define NEAR_PCT 90

/* When near, half as much again: enough to see what the program really wants. */
static uint64_t half_more(uint64_t bytes) {
  return bytes + bytes / 2;
}

static void judge_limit(const ul_facts *facts, const ul_facts_group *group,
                        ul_diagnosis *diagnosis) {
  char name[192], owner[256];
  ul_doctor_owner(group->path, name, owner);
  if (ul_fact_is(facts->memory.total) && group->limit > facts->memory.total) {
    ul_doctor_add(diagnosis, UL_FINDING_GROUP_ABOVE_MACHINE,
                  "the limit of %s, set by %s, is above the machine's %s",
                  UL_DOCTOR_MIB(group->limit), owner, UL_DOCTOR_MIB(facts->memory.total));
    command_limit(diagnosis, group, facts->memory.total / 10 * 9);
    return;
  }
  if (!ul_fact_is(group->usage)) {
    ul_doctor_add(diagnosis, UL_FINDING_GROUP_LIMIT, "memory is limited to %s by %s",
                  UL_DOCTOR_MIB(group->limit), owner);
    return;
  }
  uint64_t droppable = ul_fact_is(group->reclaimable) ? group->reclaimable : 0;
  uint64_t held = group->usage - UL_MIN(droppable, group->usage);
  bool     is_near = (double)held >= (double)group->limit * NEAR_PCT / 100;
  ul_doctor_add(diagnosis, is_near ? UL_FINDING_GROUP_NEAR : UL_FINDING_GROUP_LIMIT,
                "memory is limited to %s by %s; %s in use, %s more in idle file pages",
                UL_DOCTOR_MIB(group->limit), owner, UL_DOCTOR_MIB(held),
                UL_DOCTOR_MIB(group->usage - held));
  if (is_near) command_limit(diagnosis, group, half_more(group->limit));
}

static void judge_binding(const ul_facts *facts, ul_diagnosis *diagnosis) {
  const ul_facts_group *binding = ul_doctor_binding(facts), *own = &facts->groups[0];
  if (!binding) {
    ul_doctor_add(diagnosis, UL_FINDING_GROUP_NONE,
                  "no group limits memory here%s: the machine is the limit",
                  facts->group_count ? "" : " that can be seen");
    return;
  }
  judge_limit(facts, binding, diagnosis);
  if (binding == own) return;
  char own_limit[64] = "no limit";
  if (ul_fact_is(own->limit)) {
    snprintf(own_limit, sizeof own_limit, "a limit of %s", UL_DOCTOR_MIB(own->limit));
  }
  ul_doctor_add(diagnosis, UL_FINDING_GROUP_NESTED,
                "the limit that binds, %s, is that of %.100s, %zu above; the own group has %s",
                UL_DOCTOR_MIB(binding->limit), binding->path, (size_t)(binding - own), own_limit);
}

/* ---- Each group ------------------------------------------------------------------------------- */

/* Stalls are read from the pressure as in judge_system.c: a tenth of the time, all tasks. */
#define GROUP_FULL 1000

static void judge_group(const ul_facts *facts, const ul_facts_group *group,
                        ul_diagnosis *diagnosis) {
  bool no_swap = facts->memory.swap_total == 0 || group->swap_limit == 0;
  if (ul_fact_is(group->high) && no_swap) {
    ul_doctor_add(diagnosis, UL_FINDING_GROUP_HIGH,
                  "%.100s has memory.high at %s and nothing to swap to", group->path,
                  UL_DOCTOR_MIB(group->high));
    char name[192], text[256], word[640];
    if (ul_doctor_owner(group->path, name, text) == UL_OWNER_SYSTEMD) {
      ul_doctor_command(diagnosis, "sudo systemctl set-property %s MemoryHigh=infinity",
                        ul_doctor_quoted(word, sizeof word, name));
    } else {
      command_write(diagnosis, group, "max", "memory.high");
    }
  }
  const char *end;
  char        supervisor[192];
  /* The pause of a run is not for ever: its ullage answers at the wall. */
  if (group->kills_disabled && !in_ullage(group->path, supervisor, &end)) {
    ul_doctor_add(diagnosis, UL_FINDING_GROUP_PAUSES, "%.100s has the killer switched off",
                  group->path);
    command_write(diagnosis, group, "0", "memory.oom_control");
  }
  if (ul_fact_is(group->pressure.full_60s) && group->pressure.full_60s >= GROUP_FULL) {
    ul_doctor_add(diagnosis, UL_FINDING_GROUP_PRESSURE,
                  "in %.100s all tasks waited for memory %.1f %% of the last minute", group->path,
                  (double)group->pressure.full_60s / 100);
    if (ul_fact_is(group->limit)) command_limit(diagnosis, group, half_more(group->limit));
  }
}

/* Version 2 counts the kills of the groups below in those above, so the nearest tells enough. Those
 * in a group without a limit, above the own one, are some other program's story: the count for the
 * whole system tells of them. */
static void judge_kills(const ul_facts *facts, ul_diagnosis *diagnosis) {
  for (size_t i = 0; i < facts->group_count; i++) {
    const ul_facts_group *group = &facts->groups[i];
    if (i > 0 && !ul_fact_is(group->limit)) continue;
    if (!ul_fact_is(group->kills) || group->kills == 0) continue;
    ul_doctor_add(diagnosis, UL_FINDING_GROUP_KILLS, "%llu process%s killed for memory in %.100s",
                  (unsigned long long)group->kills, group->kills == 1 ? " was" : "es were",
                  group->path);
    return;
  }
}

void ul_doctor_judge_groups(const ul_facts *facts, ul_diagnosis *diagnosis) {
  if (!facts->groups_known) return; /* said among what is hidden */
  judge_binding(facts, diagnosis);
  judge_kills(facts, diagnosis);
  for (size_t i = 0; i < facts->group_count; i++) {
    judge_group(facts, &facts->groups[i], diagnosis);
  }
  if (facts->group_count > 0 && facts->groups[0].version == 1) {
    ul_doctor_add(diagnosis, UL_FINDING_GROUP_VERSION_1, "memory is counted by cgroup version 1");
  }
}
