/* SPDX-License-Identifier: MIT */
/* advice_ends.c: how a run ended, and whether memory was why. One function for each rule, as in
 * advice.c.
 *
 *     the kernel       killed it, or a process of it
 *     the wall         ended it
 *     its runtime      JVM: exit code 3 by ExitOnOutOfMemoryError, 1 where Java code threw the error
 *                      Node: aborts when its heap is full
 *                      libullage: aborts or fails past its limit, as --on-budget asks
 *     nothing of that  it failed by itself
 *
 * Who ended badly is never told that he could do with less, or that all is well: what he would have
 * needed was not seen. A runtime that ends at a limit of its own shows little use of its budget, so
 * those ends are named first, with the limits that we set.
 *
 * What a program wrote to stderr is not seen here. So where an exit code has other causes, too, the
 * advice says by what line memory is told from them.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size_text.h"
#include "base/text.h"
#include "launch/advice_rules.h"

/* ---- The kernel and the wall ----------------------------------------------------------------- */

static bool killed(const struct ul_advice_facts *f, ul_advice *advice) {
  char limit[UL_SIZE_TEXT_MAX];
  if (f->result->exit_reason != UL_EXIT_REASON_OOM_KILL) return false;
  if (f->result->oom.group_kills == 0 || f->result->oom.limit_bytes == 0) {
    return ul_advice_say(
        advice, "The kernel killed it because the machine, or a container around it, ran out of "
                "memory. ullage doctor says what else holds memory here, and which limits apply.");
  }
  ul_size_mib(limit, f->result->oom.limit_bytes);
  uint64_t below = f->result->oom.limit_bytes / 100 * 93;
  if (below >= f->least) ul_advice_flag_budget(f, advice, below);
  return ul_advice_say(
      advice,
      "Its group may hold %s and reached that, so the kernel killed it. Give the group more, "
      "or give the program a budget that ends below the group's limit.",
      limit);
}

static bool at_the_wall(const struct ul_advice_facts *f, ul_advice *advice) {
  char limit[UL_SIZE_TEXT_MAX];
  if (!f->result->enclose.ended_at_wall) return false;
  ul_advice_flag_grow(advice, f);
  return ul_advice_say(
      advice,
      "It needed more than %s, and nothing more could be reclaimed. How much it needs "
      "cannot be told from a run that was ended; let it grow to find out.",
      ul_size_mib(limit, f->limit));
}

static bool failed_while_full(const struct ul_advice_facts *f, ul_advice *advice) {
  enum ul_exit_reason reason = f->result->exit_reason;
  if (!f->result->enclose.was_full || f->result->enclose.ended_at_wall || f->result->told_to_end ||
      (reason != UL_EXIT_REASON_CODE && reason != UL_EXIT_REASON_SIGNAL)) {
    return false;
  }
  ul_advice_flag_grow(advice, f);
  return ul_advice_say(
      advice, "It failed in a run in which its group was full. Memory that is asked for inside a "
              "system call is refused there (ENOMEM, EFAULT), and that may be why. A run with more "
              "room shows it.");
}

/* ---- A runtime at its own limit -------------------------------------------------------------- */

static bool ended_by(const struct ul_advice_facts *f, int signal) {
  const ul_run_result *result = f->result;
  /* Behind a shell a signal is an exit code. */
  return (result->exit_reason == UL_EXIT_REASON_SIGNAL && result->exit_signal == signal) ||
         (result->exit_reason == UL_EXIT_REASON_CODE && result->exit_code == 128 + signal);
}

static const ul_knob *find_knob(const ul_knobs *knobs, const char *variable, const char *option) {
  for (size_t i = 0; knobs && i < knobs->count; i++) {
    const ul_knob *knob = &knobs->rows[i];
    if (strcmp(knob->option, option) == 0 && (!variable || strcmp(knob->variable, variable) == 0)) {
      return knob;
    }
  }
  return NULL;
}

static uint64_t mib_of(const ul_knob *knob) {
  return strtoull(knob->value + (knob->value[0] == '='), NULL, 10);
}

/* Code is not among them: where its cache is full the compilers stop, and nothing ends. */
static const struct limit {
  enum ul_runtime runtime;
  const char     *option, *name;
} limits[] = {
    {UL_RUNTIME_JVM, "-Xmx", "heap"},
    {UL_RUNTIME_JVM, "-XX:MaxMetaspaceSize=", "metaspace"},
    {UL_RUNTIME_JVM, "-XX:MaxDirectMemorySize=", "direct buffers"},
    {UL_RUNTIME_NODE, "--max-old-space-size", "old space"},
};

/* Behind a launcher a JVM's heap is a percentage of a MaxRAM; 0: it is not. */
static uint64_t heap_share_mib(const ul_knobs *knobs) {
  const ul_knob *memory = find_knob(knobs, NULL, "-XX:MaxRAM="),
                *share = find_knob(knobs, NULL, "-XX:MaxRAMPercentage=");
  if (!memory || !share || share->origin == UL_KNOB_KEPT) return 0;
  return (uint64_t)(strtod(memory->value, NULL) / 100 * strtod(share->value, NULL)) / UL_MIB;
}

static void add_limit(ul_text *text, const char *name, uint64_t mib, bool measured) {
  if (text->length) ul_text_add(text, ", ");
  ul_text_add(text, name);
  ul_text_add(text, " ");
  ul_text_add_u64(text, mib);
  if (measured) ul_text_add(text, " (measured)");
}

bool ul_advice_limits(const ul_knobs *knobs, enum ul_runtime runtime,
                      char ret_text[UL_ADVICE_LIMITS_MAX]) {
  ul_text  text = ul_text_init(ret_text, UL_ADVICE_LIMITS_MAX);
  uint64_t share = runtime == UL_RUNTIME_JVM ? heap_share_mib(knobs) : 0;
  if (share) add_limit(&text, "heap", share, false);
  for (size_t i = 0; i < UL_ARRAY_LEN(limits); i++) {
    const ul_knob *knob = find_knob(knobs, NULL, limits[i].option);
    if (limits[i].runtime != runtime || !knob || knob->origin == UL_KNOB_KEPT) continue;
    add_limit(&text, limits[i].name, mib_of(knob), strstr(knob->why, "measured x") != NULL);
  }
  return text.length > 0;
}

bool ul_advice_may_be_jvm_end(const ul_run_result *result) {
  return result->program.runtime == UL_RUNTIME_JVM && !result->program.is_launcher &&
         result->exit_reason == UL_EXIT_REASON_CODE && !result->told_to_end &&
         (result->exit_code == 3 || result->exit_code == 1);
}

/* The end of a JVM as one says it; NULL: it is none. */
static const char *jvm_end(const struct ul_advice_facts *f) {
  const ul_run_result *result = f->result;
  bool is_three = result->exit_reason == UL_EXIT_REASON_CODE && result->exit_code == 3 &&
                  find_knob(f->knobs, NULL, "-XX:+ExitOnOutOfMemoryError");
  if (is_three && result->program.is_launcher) {
    return "It ended with exit code 3. If what it started is a JVM, that is how "
           "-XX:+ExitOnOutOfMemoryError ends it: a part of its memory was full, and stderr names "
           "it";
  }
  if (!ul_advice_may_be_jvm_end(result)) return NULL;
  if (is_three) {
    return "It ended with exit code 3, as -XX:+ExitOnOutOfMemoryError makes a JVM do: a part of "
           "its memory was full, and stderr names it";
  }
  if (result->exit_code == 3) return NULL;
  return "It ended with exit code 1, as a JVM does after an exception that nobody caught. Where "
         "stderr names an OutOfMemoryError, a part of its memory was full";
}

static bool jvm_at_its_limit(const struct ul_advice_facts *f, ul_advice *advice) {
  char           text[UL_ADVICE_LIMITS_MAX], own[160] = "";
  const char    *how = jvm_end(f);
  const ul_knob *classes = find_knob(f->knobs, NULL, "-XX:MaxMetaspaceSize=");
  if (!how || !ul_advice_limits(f->knobs, UL_RUNTIME_JVM, text)) return false;
  if (classes && classes->origin != UL_KNOB_KEPT) { /* it does not grow with the budget */
    snprintf(own, sizeof own,
             "; against \"Metaspace\", JAVA_TOOL_OPTIONS=-XX:MaxMetaspaceSize=%" PRIu64
             "m, for which the heap makes room",
             2 * mib_of(classes));
  }
  ul_advice_flag_budget(f, advice, 2 * f->limit);
  return ul_advice_say(
      advice,
      "%s. Ullage set these limits, in MiB: %s%s. A larger budget helps against \"Java heap "
      "space\" "
      "and \"direct buffer memory\"%s.",
      how, text,
      strstr(text, "(measured)") ? "; measured is what earlier runs showed (ullage runs)" : "",
      own);
}

static bool node_at_its_limit(const struct ul_advice_facts *f, ul_advice *advice) {
  const ul_program *program = &f->result->program;
  const ul_knob    *knob = find_knob(f->knobs, NULL, "--max-old-space-size");
  if (!knob || !ended_by(f, SIGABRT)) return false;
  bool is_node = program->runtime == UL_RUNTIME_NODE && !program->is_launcher;
  if (!is_node && !program->is_launcher) return false;
  bool ours = knob->origin != UL_KNOB_KEPT;
  if (ours) ul_advice_flag_budget(f, advice, 2 * f->limit);
  return ul_advice_say(
      advice,
      "%s, as Node does when its heap is full (stderr then says \"JavaScript heap out of "
      "memory\"). Its old space was limited to %" PRIu64 " MiB, %s.",
      is_node ? "It aborted" : "What it started aborted", mib_of(knob),
      ours ? "which ullage set from the budget: a larger one gives it more"
           : "which you set; --max-old-space-size in NODE_OPTIONS gives it more");
}

/* What --on-budget asked for has come about, or may have. */
static bool library_at_its_limit(const struct ul_advice_facts *f, ul_advice *advice) {
  const ul_run_result *result = f->result;
  const ul_knob       *knob = find_knob(f->knobs, "ULLAGE_ON_BUDGET", ""),
                *budget = find_knob(f->knobs, "ULLAGE_BUDGET", "");
  char limit[UL_SIZE_TEXT_MAX];
  if (!knob || !budget || !result->preloaded || result->told_to_end) return false;
  bool aborted = strcmp(knob->value, "abort") == 0 && ended_by(f, SIGABRT);
  bool failed = strcmp(knob->value, "fail") == 0 && (result->exit_reason == UL_EXIT_REASON_CODE ||
                                                     result->exit_reason == UL_EXIT_REASON_SIGNAL);
  if (!aborted && !failed) return false;
  bool ours = budget->origin != UL_KNOB_KEPT;
  ul_size_mib(limit, ours ? strtoull(budget->value, NULL, 10) : result->budget_bytes);
  ul_advice_flag_budget(f, advice, 2 * f->limit);
  if (aborted) {
    return ul_advice_say(advice,
                         "It aborted. With --on-budget abort that is what libullage does past its "
                         "limit, here %s, and stderr then says so. A larger budget gives it more; "
                         "--on-budget grow lets the heap pass the limit, up to the wall.",
                         limit);
  }
  return ul_advice_say(advice,
                       "It failed in a run with --on-budget fail: past libullage's limit, here %s, "
                       "malloc returns NULL, and that may be why. A larger budget gives it more; "
                       "--on-budget grow lets the heap pass the limit, up to the wall.",
                       limit);
}

/* ---- The rest -------------------------------------------------------------------------------- */

static bool killed_by_somebody(const struct ul_advice_facts *f, ul_advice *advice) {
  const ul_run_result *result = f->result;
  if (!ended_by(f, SIGKILL) || result->told_to_end) return false;
  if (result->oom.group_kills > 0) {
    ul_advice_flag_grow(advice, f);
    return ul_advice_say(
        advice, "A process of it was killed for memory by the kernel, and it ended with that "
                "(exit code 137). A run with more room shows what it needs.");
  }
  return ul_advice_say(
      advice,
      "It ended by SIGKILL (exit code 137), as the kernel kills for memory; but no kill was "
      "counted in its group, so somebody else may have sent it. ullage doctor says which "
      "limits apply here, and `dmesg` which process was the victim.");
}

/* The last word about an end that nothing above explains. */
static bool failed(const struct ul_advice_facts *f, ul_advice *advice) {
  const ul_run_result *result = f->result;
  char                 how[64];
  if (result->told_to_end) {
    return ul_advice_say(advice,
                         "It was told to end, and did. What it would have held later is not known "
                         "from this run.");
  }
  if (result->exit_reason == UL_EXIT_REASON_SIGNAL) {
    snprintf(how, sizeof how, "was ended by signal %d", result->exit_signal);
  } else {
    snprintf(how, sizeof how, "ended with exit code %d", result->exit_code);
  }
  return ul_advice_say(
      advice,
      "It %s, and nothing that was seen here says that memory was why; its own output may. "
      "What a whole run holds is not known from this one.",
      how);
}

static ul_advice_rule *const ends[] = {killed,
                                       at_the_wall,
                                       jvm_at_its_limit,
                                       node_at_its_limit,
                                       library_at_its_limit,
                                       killed_by_somebody,
                                       failed_while_full};

size_t ul_advice_ends(const struct ul_advice_facts *facts, ul_advice ret_advice[UL_ADVICE_MAX]) {
  size_t count = 0;
  for (size_t i = 0; i < UL_ARRAY_LEN(ends); i++) {
    ret_advice[count] = (ul_advice){0};
    if (ends[i](facts, &ret_advice[count])) count++;
  }
  if (count > 0 || facts->result->exit_reason == UL_EXIT_REASON_NORMAL) return count;
  ret_advice[0] = (ul_advice){0};
  return failed(facts, &ret_advice[0]) ? 1 : 0;
}
