/* SPDX-License-Identifier: MIT */
/* knobs.h: what each runtime is told, so that its program stays inside a budget.
 *
 *     budget, preset, machine, facts of      ul_knobs_make       rows: variable, option, value, why
 *     earlier runs, the user's settings   ------------------->   warnings, least budget
 *
 * A pure function of its input: no system is asked, nothing is set. prepare.h turns the rows into an
 * environment, the command prints them. The reasons of every number are in knobs_<runtime>.c and in
 * docs/design/launch.md [launch.knobs]; the list for users in docs/reference/runtime-settings.md.
 *
 * The user's own settings win. They are shown as kept, enter the sums of the others (a JVM whose
 * metaspace the user bounds gets the heap that this leaves), and are named where they contradict
 * the budget. Only what would stop the program at start is corrected.
 *
 * A launcher (a shell, a script, env, npm …) may end in any runtime, so it gets the knobs of all,
 * and only those that cannot clash with what the launcher itself passes on.
 *
 * Threads any. Nothing here allocates.
 */
#ifndef UL_LAUNCH_KNOBS_H
#define UL_LAUNCH_KNOBS_H

#include "launch/fault.h"
#include "launch/machine.h"
#include "launch/recognise.h"

/* What happens at the budget; as ULLAGE_ON_BUDGET. */
enum ul_on_budget {
  UL_ON_BUDGET_DEFAULT,
  UL_ON_BUDGET_GROW,
  UL_ON_BUDGET_FAIL,
  UL_ON_BUDGET_ABORT
};

enum ul_preset { UL_PRESET_NONE, UL_PRESET_DEV, UL_PRESET_PROD, UL_PRESET_CONTAINER };

const char *ul_on_budget_key(enum ul_on_budget on_budget); /* "grow"; DEFAULT: "grow", too */
const char *ul_preset_key(enum ul_preset preset);          /* "dev"; NONE: "" */

/* Reads "dev", "prod", "container" and "grow", "fail", "abort". False: it is none of them. */
bool ul_preset_parse(const char *text, enum ul_preset *ret_preset);
bool ul_on_budget_parse(const char *text, enum ul_on_budget *ret_on_budget);

/* What earlier runs of the same program measured, in bytes unless said; 0: not known. Filled from
 * the history; each is the highest seen of one process, not of the tree. */
typedef struct ul_knob_facts {
  uint64_t live_bytes;       /* of the managed heap, after a full collection */
  uint64_t off_heap_bytes;   /* Go: resident minus what GOMEMLIMIT counts (cgo, mmap) */
  uint64_t metaspace_bytes;  /* JVM: committed */
  uint64_t code_cache_bytes; /* JVM: used */
  uint64_t direct_bytes;     /* JVM: in direct buffers; 1: measured, and none */
  uint64_t classes;          /* JVM: loaded; a count. Used while metaspace is not known */
  uint64_t threads;          /* a count */
  /* Price curve: GC share s at limit L follows s/(1-s) = K/(L-L0). Both or neither. */
  uint64_t price_k_bytes, price_l0_bytes;
} ul_knob_facts;

typedef struct ul_knob_input {
  const ul_program *program;
  uint64_t          budget_bytes;      /* of the tree; > 0 */
  bool              budget_is_ordered; /* by flag or preset, so it comes before ULLAGE_BUDGET */
  enum ul_preset    preset;
  enum ul_on_budget on_budget;
  ul_machine        machine;
  ul_knob_facts     facts;
  char *const      *arguments;        /* the program and its arguments, ended by NULL */
  char *const      *environment;      /* as the user has it */
  bool              preloads;         /* libullage will be preloaded */
  bool              for_children;     /* set by ul_knobs_make, for all runtimes but the program's */
  const char       *python_directory; /* holds our sitecustomize.py; NULL: not found */
} ul_knob_input;

/* ---- The result ------------------------------------------------------------------------------- */

enum ul_knob_origin {
  UL_KNOB_SET,       /* ours; the variable was not there */
  UL_KNOB_EXTENDED,  /* ours, beside what the variable held */
  UL_KNOB_CORRECTED, /* the user's, in words that the runtime understands */
  UL_KNOB_KEPT,      /* the user's; nothing is changed */
};

enum ul_knob_join {
  UL_KNOB_WHOLE, /* the value is the variable's */
  UL_KNOB_WORDS, /* option and value are one word of a list with spaces; the user's come last */
  UL_KNOB_PATHS, /* one path of a list with colons; ours comes first */
};

typedef struct ul_knob {
  enum ul_runtime     runtime;
  enum ul_knob_origin origin;
  enum ul_knob_join   join;
  const char *variable;   /* of the environment; "" when the user set it on the command line */
  char        option[48]; /* "-Xmx"; "" when the variable has but one value */
  char        value[512];
  char        why[256];
} ul_knob;

#define UL_KNOBS_MAX         56
#define UL_KNOB_WARNINGS_MAX 16

typedef struct ul_knobs {
  enum ul_preset preset;
  uint64_t       budget_bytes;
  ul_knob  rows[UL_KNOBS_MAX]; /* those of the program; then, for what it may start, others' */
  size_t   count, children_count;
  char     warnings[UL_KNOB_WARNINGS_MAX][384]; /* sentences for the user */
  size_t   warning_count;
  uint64_t least_bytes; /* the runtime cannot do with less */
  char     least_why[320];
  uint64_t told_least_bytes; /* the most that one of a launcher's needs, of those that were told */
} ul_knobs;

/* How many rows are of the program itself. */
UL_INLINE size_t ul_knobs_own_count(const ul_knobs *knobs) {
  return knobs->count - knobs->children_count;
}

/* The budget that a preset means, capped by what the user gave (0: nothing) and by the machine:
 * dev 1 GiB; prod a quarter of the memory, 1 to 4 GiB; container its limit. 0: nothing to go by. */
uint64_t ul_preset_budget(enum ul_preset preset, uint64_t given_bytes, const ul_machine *machine);

/* Returns 0, or negative with *fault (125): the budget is below what the runtime needs. The result
 * is filled in either case. */
UL_MUST_USE int ul_knobs_make(const ul_knob_input *input, ul_knobs *ret_knobs, ul_fault *fault);

/* ---- Showing it (knobs_show.c) ---------------------------------------------------------------- */

const char *ul_knob_origin_key(enum ul_knob_origin origin); /* "set", "extended" … */

/* "GOMEMLIMIT=1380MiB", "-Xmx354m": as it is to be read by a person. Cut off where it is too long. */
void ul_knob_text(const ul_knob *knob, char *ret_text, size_t capacity);

/* One line of all that is set, without the reasons: "GOMEMLIMIT=1380MiB GOMAXPROCS=2"; or only the
 * variables: "GOMEMLIMIT GOMAXPROCS". "" when nothing is. */
void ul_knobs_line(const ul_knobs *knobs, bool names_only, char *ret_text, size_t capacity);

#endif
