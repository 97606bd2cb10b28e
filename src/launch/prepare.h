/* SPDX-License-Identifier: MIT */
/* prepare.h: what a recognised program is started with.
 *
 *     dynamic native   LD_PRELOAD=libullage.so[:what was there]  ULLAGE_LIVE=1  ULLAGE_BUDGET=bytes
 *     Python           the same and PYTHONMALLOC=malloc, unless it is set; launchers, too
 *     in a budget      what knobs.h says for its runtime; of a launcher, for all runtimes
 *     all              ULLAGE_RUN=<mark>, by which the guard finds what belongs to the run
 *
 * What a variable held is kept: lists (LD_PRELOAD, JAVA_TOOL_OPTIONS, NODE_OPTIONS, PYTHONPATH) are
 * extended. In lists of options ours come first, so that the user's win.
 *
 * Nothing here starts anything: the plan can be looked at first.
 */
#ifndef UL_LAUNCH_PREPARE_H
#define UL_LAUNCH_PREPARE_H

#include "launch/knobs.h"
#include "launch/recognise.h"

typedef struct ul_plan {
  const char *path;        /* the file to execute */
  char      **arguments;   /* owned; the texts in it are the caller's */
  char      **environment; /* owned, and the texts in it */
  bool        preloaded;
  char        library[PATH_MAX]; /* the libullage.so that is preloaded; "" when none */
  char        sentence[512];     /* "redis-server: native, dynamic; libullage preloaded" */
} ul_plan;

/* `arguments` and `environment` end with NULL; `budget_bytes` 0: none; `mark` of the guard, NULL: not
 * to be run; `knobs` of that budget, NULL: only libullage is told.
 * Fails only when memory is short: 0 or -UL_E_NOMEM. */
UL_MUST_USE int ul_plan_make(const ul_program *program, char **arguments, char **environment,
                             uint64_t budget_bytes, const char *mark, const ul_knobs *knobs,
                             ul_plan *ret_plan);
void            ul_plan_done(ul_plan *plan);

/* Looks for libullage.so relative to the command at `command_path`. False: there is none. */
bool ul_plan_find_library(const char *command_path, char ret_path[PATH_MAX]);

/* Will libullage be preloaded into it? `ret_library`: its path, "" when it was not found. */
bool ul_plan_preloads(const ul_program *program, char ret_library[PATH_MAX]);

/* The directory of our sitecustomize.py, relative to this command. False: there is none, or its path
 * has a colon, which PYTHONPATH cannot hold. */
bool ul_plan_find_python(char ret_path[PATH_MAX]);

#endif
