/* SPDX-License-Identifier: MIT */
/* outside_facts_groups.c: the groups (cgroups) that count a process's memory.
 *
 *     /proc/PID/cgroup       4:memory:/a/b     version 1: the line that names memory
 *                            0::/a/b           version 2
 *     /proc/self/mountinfo   … /a  /sys/fs/cgroup/memory … - cgroup cgroup rw,memory
 *                              root mounted at
 *
 * The group's files are at the mount, plus the group's path without the mount's root. In a
 * container that sees only its own part the two do not fit; then the mount itself is the group as
 * far as can be seen from here. From there on upwards, to the mount's top: every group there can
 * hold a limit, and the least of them counts.
 *
 * Where both versions are mounted (a "hybrid" system), memory belongs to one of them: the other's
 * groups have no memory.* files and are passed over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/linux/outside_facts.h"

#define TEXT_MAX ((size_t)256 * 1024) /* mountinfo of a machine with a thousand containers */

/* Where a process's group is: the mount, the mount's root, the group's path; "" when unknown. */
struct place {
  char path[384], mount[384], top[384];
};

/* ---- Finding it ------------------------------------------------------------------------------- */

/* Does a list "cpu,memory" or options "rw,memory" name memory? */
static bool lists_memory(const char *list) {
  size_t length = strcspn(list, ":\n");
  for (const char *at = list; at < list + length; at += strcspn(at, ",:\n") + 1) {
    if (strncmp(at, "memory", 6) == 0 && strchr(",:\n", at[6])) return true;
  }
  return false;
}

static void find_path(const char *text, unsigned version, char ret_path[384]) {
  for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
    const char *colon = strchr(line, ':');
    if (!colon || colon > line + strcspn(line, "\n")) continue;
    const char *list = colon + 1, *path = strchr(list, ':');
    if (!path || path > line + strcspn(line, "\n")) continue;
    if (version == 2 ? strncmp(line, "0::", 3) != 0 : !lists_memory(list)) continue;
    snprintf(ret_path, 384, "%.*s", (int)strcspn(path + 1, "\n"), path + 1);
    return;
  }
}

/* mountinfo writes space, tab, newline and backslash as three octal digits. */
static void unescape(char *text) {
  char *to = text;
  for (char *from = text; *from; to++) {
    unsigned code;
    if (*from == '\\' && sscanf(from + 1, "%3o", &code) == 1 && code > 0 && code < 256 &&
        strlen(from) >= 4) {
      *to = (char)code;
      from += 4;
    } else {
      *to = *from++;
    }
  }
  *to = 0;
}

static void find_mount(const char *text, unsigned version, struct place *place) {
  for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
    char   line_text[4096], top[384], mount[384], kind[32], options[1024];
    size_t length = UL_MIN(strcspn(line, "\n"), sizeof line_text - 1);
    memcpy(line_text, line, length);
    line_text[length] = 0;
    const char *dash = strstr(line_text, " - ");
    if (!dash || sscanf(dash, " - %31s %*s %1023s", kind, options) != 2) continue;
    if (strcmp(kind, version == 2 ? "cgroup2" : "cgroup") != 0) continue;
    if (version == 1 && !lists_memory(options)) continue;
    if (sscanf(line_text, "%*s %*s %*s %383s %383s", top, mount) != 2) continue;
    unescape(top);
    unescape(mount);
    snprintf(place->top, sizeof place->top, "%s", top);
    snprintf(place->mount, sizeof place->mount, "%s", mount);
    return;
  }
}

/* The part of the group's path below the mount's root; "" where it is not below. */
static const char *path_below(const struct place *place) {
  size_t top = strcmp(place->top, "/") == 0 ? 0 : strlen(place->top);
  if (strncmp(place->path, place->top, top) != 0) return "";
  const char *below = place->path + top;
  /* "/.." leads out of what is visible. */
  if (*below != '/' || below[1] == 0 || strstr(below, "/..")) return "";
  return below;
}

/* ---- One group -------------------------------------------------------------------------------- */

static void read_v2(const ul_facts_reader *reader, ul_facts_group *group) {
  char        text[4096];
  const char *at = group->directory;
  group->high = ul_facts_number(reader, UL_FACTS_MAY, "%s/memory.high", at);
  group->swap_limit = ul_facts_number(reader, UL_FACTS_MAY, "%s/memory.swap.max", at);
  group->usage = ul_facts_number(reader, UL_FACTS_MAY, "%s/memory.current", at);
  ul_facts_text(reader, UL_FACTS_MAY, text, sizeof text, "%s/memory.stat", at);
  group->reclaimable = ul_facts_keyed(text, "inactive_file");
  ul_facts_text(reader, UL_FACTS_MAY, text, sizeof text, "%s/memory.events", at);
  group->kills = ul_facts_keyed(text, "oom_kill");
  ul_facts_text(reader, UL_FACTS_MAY, text, sizeof text, "%s/memory.pressure", at);
  (void)ul_facts_parse_pressure(text, &group->pressure);
}

/* Version 1 limits memory and swap together; what is left after memory is the swap's part. */
static uint64_t swap_limit_v1(uint64_t both, uint64_t limit) {
  if (!ul_fact_is(both)) return both;
  return ul_fact_is(limit) && both >= limit ? both - limit : UL_FACT_UNKNOWN;
}

static void read_v1(const ul_facts_reader *reader, ul_facts_group *group) {
  char        text[4096];
  const char *at = group->directory;
  group->high = UL_FACT_UNLIMITED;
  group->usage = ul_facts_number(reader, UL_FACTS_MAY, "%s/memory.usage_in_bytes", at);
  group->swap_limit = swap_limit_v1(
      ul_facts_number(reader, UL_FACTS_MAY, "%s/memory.memsw.limit_in_bytes", at), group->limit);
  ul_facts_text(reader, UL_FACTS_MAY, text, sizeof text, "%s/memory.stat", at);
  group->reclaimable = ul_facts_keyed(text, "total_inactive_file");
  ul_facts_text(reader, UL_FACTS_MAY, text, sizeof text, "%s/memory.oom_control", at);
  group->kills = ul_facts_keyed(text, "oom_kill");
  group->kills_disabled = ul_facts_keyed(text, "oom_kill_disable") == 1;
}

/* False: memory is not counted there. */
static bool read_group(const ul_facts_reader *reader, ul_facts_group *group) {
  const char             *file = group->version == 2 ? "memory.max" : "memory.limit_in_bytes";
  const ul_facts_pressure none = {UL_FACT_UNKNOWN, UL_FACT_UNKNOWN, UL_FACT_UNKNOWN,
                                  UL_FACT_UNKNOWN};
  group->limit = ul_facts_number(reader, UL_FACTS_MAY, "%s/%s", group->directory, file);
  if (group->limit == UL_FACT_UNKNOWN) return false;
  group->pressure = none;
  group->kills_disabled = false;
  if (group->version == 2)
    read_v2(reader, group);
  else
    read_v1(reader, group);
  return true;
}

/* ---- From the process's own up ---------------------------------------------------------------- */

/* Cuts the last part off. False: it was the mount itself. */
static bool go_up(const struct place *place, char *directory) {
  char *slash = strrchr(directory, '/');
  if (strlen(directory) <= strlen(place->mount) || !slash) return false;
  *slash = 0;
  return true;
}

static void read_all(const ul_facts_reader *reader, unsigned version, const struct place *place) {
  ul_facts   *facts = reader->facts;
  char        directory[512];
  const char *below = path_below(place);
  /* What the system calls the mount's top: its root there, or nothing when that is "/". */
  const char *top = strcmp(place->top, "/") == 0 ? "" : place->top;
  if (snprintf(directory, sizeof directory, "%s%s", place->mount, below) >= (int)sizeof directory) {
    ul_facts_hide(reader, place->path, ENAMETOOLONG);
    return;
  }
  do {
    if (facts->group_count == UL_FACTS_GROUPS_MAX) return;
    ul_facts_group *group = &facts->groups[facts->group_count];
    const char     *shown = directory + strlen(place->mount);
    group->version = version;
    snprintf(group->directory, sizeof group->directory, "%s", directory);
    /* Within a container the path is all that tells who made it, so it is kept where it says more
     * than the directory. */
    if (*below == 0 && strcmp(place->path, "/") != 0)
      snprintf(group->path, sizeof group->path, "%s", place->path);
    else if (snprintf(group->path, sizeof group->path, "%s%s", top, *shown || *top ? shown : "/") >=
             (int)sizeof group->path)
      group->path[0] = 0;
    if (read_group(reader, group)) facts->group_count++;
  } while (go_up(place, directory));
}

void ul_facts_read_groups(const ul_facts_reader *reader) {
  static const unsigned versions[] = {2, 1};
  char                 *mounts = malloc(TEXT_MAX);
  char                  text[4096];
  if (!mounts) return;
  if (ul_facts_text(reader, UL_FACTS_MUST, text, sizeof text, "/proc/%s/cgroup", reader->who) &&
      ul_facts_text(reader, UL_FACTS_MUST, mounts, TEXT_MAX, "/proc/self/mountinfo")) {
    for (size_t i = 0; i < UL_ARRAY_LEN(versions); i++) {
      struct place place = {0};
      find_path(text, versions[i], place.path);
      find_mount(mounts, versions[i], &place);
      if (place.path[0] && place.mount[0]) {
        reader->facts->groups_known = true;
        read_all(reader, versions[i], &place);
      }
    }
  }
  free(mounts);
}
