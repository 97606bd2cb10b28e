/* SPDX-License-Identifier: MIT */
/* doctor.h: what is good or bad about the facts of a system, in sentences with a next step.
 *
 *     os/facts.h  ->  ul_doctor_judge  ->  findings  ->  ul_doctor_show   a page for people
 *     what it says      pure: no file,      a row of     ul_doctor_json   a document
 *                       no environment    findings.def
 *
 * A finding says what is seen (with figures), what follows from it, and the command that changes
 * it; the doctor changes nothing. What is not visible is said to be so and is never guessed at: a
 * check whose figure is unknown finds nothing, not even that all is well.
 *
 * Invariants  Every finding's id, area, severity and consequence are its row's; docs/reference/
 *             doctor.md explains each row. Texts hold printable ASCII only, whatever the system's
 *             names hold.
 * Threads     any; nothing here has state of its own. Context: outside.
 */
#ifndef UL_TOOLBOX_DOCTOR_DOCTOR_H
#define UL_TOOLBOX_DOCTOR_DOCTOR_H

#include <stdio.h>

#include "base/base.h"
#include "os/facts.h"

/* In rising order. OK: looked at and as it should be. NOTE: costs or surprises somebody sometimes.
 * WARNING: programs are killed, refused memory or stalled by it, or soon will be. */
enum ul_severity { UL_SEVERITY_OK, UL_SEVERITY_NOTE, UL_SEVERITY_WARNING };

enum ul_area {
#define UL_AREA(id, key, title) UL_AREA_##id,
#include "toolbox/doctor/areas.def"
#undef UL_AREA
  UL_AREA_COUNT
};

enum ul_finding_id {
#define UL_FINDING(id, area, severity, key, consequence, command) UL_FINDING_##id,
#include "toolbox/doctor/findings.def"
#undef UL_FINDING
  UL_FINDING_COUNT
};

/* A row of findings.def. */
typedef struct ul_finding_row {
  enum ul_area     area;
  enum ul_severity severity;
  const char      *key, *consequence;
  const char      *command; /* NULL: nothing to do, unless a finding brings its own */
} ul_finding_row;

extern const ul_finding_row ul_finding_rows[UL_FINDING_COUNT];

typedef struct ul_finding {
  enum ul_finding_id id;
  char               what[320];
  char               command[640]; /* "": nothing to do */
} ul_finding;

/* Rows come up once each, but for variables and swap devices; far fewer in any one system. */
#define UL_FINDINGS_MAX 96

typedef struct ul_diagnosis {
  size_t     count;
  ul_finding findings[UL_FINDINGS_MAX]; /* by area, in the order of the checks */
} ul_diagnosis;

/* All checks. `budget_bytes`: is the system fit for a program of this size? 0: not asked. */
void ul_doctor_judge(const ul_facts *facts, uint64_t budget_bytes, ul_diagnosis *ret_diagnosis);

/* How many findings have this severity. */
size_t ul_doctor_count(const ul_diagnosis *diagnosis, enum ul_severity severity);

/* NULL: not found. */
const ul_finding *ul_doctor_find(const ul_diagnosis *diagnosis, enum ul_finding_id id);

const char *ul_severity_key(enum ul_severity severity); /* "ok", "note", "warning" */
const char *ul_area_key(enum ul_area area);
const char *ul_area_title(enum ul_area area);

/* ---- For the checks --------------------------------------------------------------------------- */

/* Adds a finding; its command is the row's. A full diagnosis takes no more. */
void ul_doctor_add(ul_diagnosis *diagnosis, enum ul_finding_id id, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

/* Gives the finding that was added last a command of its own. */
void ul_doctor_command(ul_diagnosis *diagnosis, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes foreign bytes harmless: whatever is not printable ASCII becomes '?'. Returns `text`. */
char *ul_doctor_plain(char *text);

/* A word as a shell takes it back, quoted where need be. Returns `buffer`. */
char *ul_doctor_quoted(char *buffer, size_t capacity, const char *word);

/* The group whose limit binds: the least, and the nearest of equals. NULL: none limits. */
const ul_facts_group *ul_doctor_binding(const ul_facts *facts);

/* What a program can have here at most: the binding limit or the machine's memory, whichever is
 * less; unknown where neither is known. */
uint64_t ul_doctor_room(const ul_facts *facts);

/* Who made a group, read from its path. */
enum ul_group_owner {
  UL_OWNER_NOBODY, /* the group of everything */
  UL_OWNER_DOCKER,
  UL_OWNER_PODMAN,
  UL_OWNER_KUBERNETES,
  UL_OWNER_LXC,
  UL_OWNER_SYSTEMD,
  UL_OWNER_ULLAGE, /* the enclosure of a run */
  UL_OWNER_UNKNOWN
};

/* `ret_name`: the container's id, pod's id or unit's name as its commands take it.
 * `ret_text`: "Docker container 1a2b3c4d5e6f". */
enum ul_group_owner ul_doctor_owner(const char *path, char ret_name[192], char ret_text[256]);

/* The checks, a file for each group of areas. */
void ul_doctor_judge_system(const ul_facts *facts, ul_diagnosis *diagnosis);
void ul_doctor_judge_rules(const ul_facts *facts, ul_diagnosis *diagnosis);
void ul_doctor_judge_groups(const ul_facts *facts, ul_diagnosis *diagnosis);
void ul_doctor_judge_limits(const ul_facts *facts, ul_diagnosis *diagnosis);
void ul_doctor_judge_environment(const ul_facts *facts, ul_diagnosis *diagnosis);
void ul_doctor_judge_users(const ul_facts *facts, uint64_t budget_bytes, ul_diagnosis *diagnosis);

/* Bytes as people read them, in a buffer that lives as long as the block it is named in. */
#define UL_DOCTOR_MIB(bytes) ul_size_mib((char[UL_SIZE_TEXT_MAX]){0}, bytes)

/* ---- Showing ---------------------------------------------------------------------------------- */

/* The page: areas with the worst first, then the largest users of memory, then what is hidden. */
void ul_doctor_show(FILE *out, const ul_facts *facts, const ul_diagnosis *diagnosis, bool colour);

/* The document ullage.doctor/1, to be freed; NULL: no memory, or built without JSON. `pid` 0: this
 * process. */
char *ul_doctor_json(const ul_facts *facts, const ul_diagnosis *diagnosis, int pid);
bool  ul_doctor_has_json(void);

#endif
