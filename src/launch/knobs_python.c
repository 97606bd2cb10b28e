/* SPDX-License-Identifier: MIT */
/* knobs_python.c: CPython frees by counting and finds cycles by counting allocations, which says
 * nothing about bytes: cycles of 1 MB were killed in 512 MiB after 0.43 s.
 *
 *     PYTHONMALLOC=malloc         its pools are bypassed, so that libullage sees every object
 *     PYTHONPATH=…/python:        our sitecustomize is imported at start, and imports the user's. It
 *                                 sets gc.set_threshold(100, 10, 10), and collects everything when
 *                                 the process is resident with more than
 *     ULLAGE_PYTHON_COLLECT_AT    70 % of the budget, in bytes
 *
 * Measured in 512 MiB with 200 MiB live: thresholds alone peaked at 491 MiB, with the watcher 421.
 * The thresholds catch what is young; a program that does nothing but make objects pays for them with
 * a fifth to a third of its time (30 x 100,000 lists in a dict: 1.0 s, then 1.3 s).
 *
 * Options that shut us out: -E and -I (no variable is read), -S and -I with a clean path (no
 * sitecustomize). Said aloud; the budget of libullage holds all the same. */
#include <stdio.h>
#include <string.h>

#include "launch/knobs_rows.h"
#include "launch/python_words.h"

/* `python3 -c 0` is resident with 10 MiB, libullage included. */
#define PYTHON_LEAST_BYTES ((uint64_t)16 * UL_MIB)

static void warn_of_isolation(const ul_python_words *words, ul_knobs *knobs) {
  if (words->no_variables) {
    ul_knobs_warn(knobs,
                  "Python is told by -E or -I to read no variables: its pools stay, and cycles are "
                  "collected by its own rules only. Leave the option out to have them collected in "
                  "time.");
  } else if (words->no_site) {
    ul_knobs_warn(knobs,
                  "Python is told by -S to import no sitecustomize: cycles are collected by "
                  "its own rules only. Leave the option out to have them collected in time.");
  }
}

static void add_malloc(const ul_knob_input *input, ul_knobs *knobs) {
  const char *own = ul_knobs_variable(input, "PYTHONMALLOC");
  if (!input->preloads) return;
  ul_knob *knob = ul_knobs_add(knobs, UL_RUNTIME_PYTHON, "PYTHONMALLOC", "");
  ul_knob_value(knob, "%s", own ? own : "malloc");
  if (!own) {
    ul_knob_why(knob, "its pools are bypassed, so that libullage sees every object");
    return;
  }
  knob->origin = UL_KNOB_KEPT;
  ul_knob_why(knob, "yours%s",
              strncmp(own, "malloc", 6) == 0 ? "" : "; its pools hide objects from libullage");
}

void ul_knobs_python(const ul_knob_input *input, ul_knobs *knobs) {
  const char     *own_mark = ul_knobs_variable(input, "ULLAGE_PYTHON_COLLECT_AT");
  ul_python_words words = ul_python_words_read(input->program, input->arguments);
  ul_knobs_least(knobs, PYTHON_LEAST_BYTES,
                 "the interpreter alone takes some 10 MiB, and a program needs some more");
  if (!ul_knobs_for_all(input)) {
    warn_of_isolation(&words, knobs);
    ul_knobs_native(input, knobs);  /* ULLAGE_BUDGET */
    if (words.no_variables) return; /* what is not read is not said to be set */
  }
  add_malloc(input, knobs);
  if (!input->python_directory) {
    if (ul_knobs_for_all(input)) return;
    ul_knobs_warn(knobs, "Ullage's sitecustomize.py was not found beside this command: Python's "
                         "cycles are collected by its own rules only. Install ullage whole.");
    return;
  }
  ul_knob *path = ul_knobs_add(knobs, UL_RUNTIME_PYTHON, "PYTHONPATH", "");
  path->join = UL_KNOB_PATHS;
  ul_knob_value(path, "%s", input->python_directory);
  ul_knob_why(path, "gc.set_threshold(100, 10, 10) at start; a sitecustomize of yours is imported");
  ul_knob *mark = ul_knobs_add(knobs, UL_RUNTIME_PYTHON, "ULLAGE_PYTHON_COLLECT_AT", "");
  if (own_mark && !input->budget_is_ordered) {
    mark->origin = UL_KNOB_KEPT;
    ul_knob_value(mark, "%s", own_mark);
    ul_knob_why(mark, "yours");
    return;
  }
  ul_knob_value(mark, "%llu", (unsigned long long)(input->budget_bytes / 10 * 7));
  ul_knob_why(mark,
              "resident above 70 %% of the budget (here in bytes), cycles are collected at once");
}
