/* SPDX-License-Identifier: MIT */
/* report_page.c: the page of report.h. One function for each block of lines. */
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "base/size_text.h"
#include "launch/advice.h"
#include "launch/report.h"
#include "launch/time_text.h"

#define COLUMNS 78

static const char *size_or_dash(char buffer[UL_SIZE_TEXT_MAX], uint64_t bytes) {
  if (bytes == UL_UNKNOWN) return "-";
  return ul_size_mib(buffer, bytes);
}

/* A line of the page; `note` may be empty. */
static void line(FILE *out, const char *label, const char *value, const char *note) {
  if (note[0]) {
    fprintf(out, "  %-12s %14s   %s\n", label, value, note);
  } else {
    fprintf(out, "  %-12s %14s\n", label, value);
  }
}

static const char *signal_text(int signal, char buffer[48]) {
  const char *name = sigabbrev_np(signal);
  if (name) {
    snprintf(buffer, 48, "SIG%s", name);
  } else {
    snprintf(buffer, 48, "signal %d", signal);
  }
  return buffer;
}

/* Why it stands here, what it held, and what to do: what a person wants to know first. */
static void write_wall(FILE *out, const ul_run_result *result, const char *name, const char *time) {
  char mib[UL_SIZE_TEXT_MAX];
  fprintf(out, "ullage: %s was ended at its wall of %s after %s (exit code 137)\n", name,
          ul_size_mib(mib, UL_MAX(result->enclose.raised_to_bytes, result->enclose.limit_bytes)),
          time);
  fputs(result->enclose.wall_text, out);
  fprintf(out, "  It needed more than the budget, and nothing more could be reclaimed. Give it a\n"
               "  larger --budget, or let it grow when it must: --max-budget SIZE.\n");
  if (result->enclose.wall_path[0]) fprintf(out, "  All of it: %s\n", result->enclose.wall_path);
}

static void write_end(FILE *out, const ul_run_result *result, const char *name) {
  char time[UL_TIME_TEXT_MAX], mib[UL_SIZE_TEXT_MAX], signal[48];
  ul_time_text(time, result->wall_ns);
  switch (result->exit_reason) {
  case UL_EXIT_REASON_NORMAL:
    fprintf(out, "ullage: %s ended normally after %s\n", name, time);
    return;
  case UL_EXIT_REASON_CODE:
    fprintf(out, "ullage: %s ended with exit code %d after %s\n", name, result->exit_code, time);
    return;
  case UL_EXIT_REASON_SIGNAL:
    fprintf(out, "ullage: %s was ended by %s%s after %s\n", name,
            signal_text(result->exit_signal, signal), result->dumped_core ? " (core dumped)" : "",
            time);
    return;
  case UL_EXIT_REASON_WALL: write_wall(out, result, name, time); return;
  case UL_EXIT_REASON_OOM_KILL: break;
  }
  fprintf(out, "ullage: %s was killed for memory by the kernel (OOM kill) after %s\n", name, time);
  if (result->oom.group_kills > 0 && result->oom.limit_bytes > 0) {
    fprintf(out,
            "  Its cgroup may hold %s, and reached that: %s.\n"
            "  Give the group more, or the program a budget below it (--budget).\n",
            ul_size_mib(mib, result->oom.limit_bytes), result->oom.group);
  } else if (result->oom.group_kills > 0) {
    fprintf(out,
            "  Its cgroup counted the kill, but has no limit of its own: %s.\n"
            "  A group above it, or the whole machine, ran out of memory.\n",
            result->oom.group);
  } else {
    fprintf(out, "  It got SIGKILL while the system counted an OOM kill, so this is likely, not\n"
                 "  certain; `dmesg` names the victim. The machine, or a container around it,\n"
                 "  ran out of memory.\n");
  }
}

/* The program that did the work: `exec java` at the end of a script, node behind npm. */
static void write_became(FILE *out, const ul_run_result *result) {
  const char *slash = strrchr(result->became.path, '/');
  if (!result->became.path[0]) return;
  line(out, "became", slash ? slash + 1 : result->became.path,
       ul_runtime_title(result->became.runtime));
}

/* Of a launcher's own heap nobody wants to know when another program did the work. */
static bool shows_live(const ul_run_result *result) {
  enum ul_runtime became = result->became.runtime;
  if (result->live_bytes == UL_UNKNOWN) return false;
  return !result->became.path[0] || became == UL_RUNTIME_NATIVE || became == UL_RUNTIME_PYTHON;
}

static void write_memory(FILE *out, const ul_run_result *result) {
  char mib[UL_SIZE_TEXT_MAX], time[UL_TIME_TEXT_MAX], note[96] = "";
  if (result->peak_at_ns != UL_UNKNOWN) {
    snprintf(note, sizeof note, "resident, whole process tree; reached at %s",
             ul_time_text(time, result->peak_at_ns));
  } else {
    snprintf(note, sizeof note, "resident; reached between two looks");
  }
  line(out, "peak", size_or_dash(mib, result->peak_rss_bytes), note);
  line(out, "p99", size_or_dash(mib, result->p99_rss_bytes), "99 % of the time at or below");
  uint64_t startup_ns = UL_MIN(result->wall_ns / 10, UL_FIGURES_STARTUP_NS);
  snprintf(note, sizeof note, "highest of the first %s", ul_time_text(time, startup_ns));
  line(out, "start-up", size_or_dash(mib, result->startup_peak_rss_bytes), note);
  line(out, "floor", size_or_dash(mib, result->floor_rss_bytes), "lowest after start-up");
  if (result->peak_pss_bytes != UL_UNKNOWN) {
    snprintf(note, sizeof note, "shared pages counted once; highest of %" PRIu64 " look%s",
             result->pss_samples, result->pss_samples == 1 ? "" : "s");
    line(out, "PSS", ul_size_mib(mib, result->peak_pss_bytes), note);
  }
  if (shows_live(result)) {
    char   resident[UL_SIZE_TEXT_MAX];
    double share = result->live_resident_bytes > 0
                       ? 100.0 * (double)result->live_bytes / (double)result->live_resident_bytes
                       : 0;
    snprintf(note, sizeof note, "highest seen; %.0f %% of the %s resident then", share,
             ul_size_mib(resident, result->live_resident_bytes));
    line(out, "live heap", ul_size_mib(mib, result->live_bytes), note);
  }
}

/* Whoever left the group is not in its count: then only what was seen of the whole tree tells. */
static bool group_decides(const ul_run_result *result) {
  return result->enclose.kind != UL_ENCLOSURE_NONE && !result->enclose.moved_out;
}

uint64_t ul_report_used(const ul_run_result *result) {
  uint64_t peak = result->peak_rss_bytes, counted = result->enclose.peak_bytes;
  if (counted == 0) return peak;
  if (!result->enclose.moved_out) return UL_MIN(peak, counted);
  return peak == UL_UNKNOWN ? counted : UL_MAX(peak, counted);
}

bool ul_report_budget_kept(const ul_run_result *result) {
  const ul_enclose *enclose = &result->enclose;
  if (!group_decides(result) && ul_report_used(result) > result->budget_bytes) return false;
  return !enclose->ended_at_wall && !enclose->raised_to_bytes &&
         (enclose->kind == UL_ENCLOSURE_NONE || result->exit_reason != UL_EXIT_REASON_OOM_KILL);
}

/* "kept, with 12.0 MiB (1.2 %) to spare" of what the system counted, or of the resident set. */
static void budget_note(const ul_run_result *result, char note[128]) {
  char     by[UL_SIZE_TEXT_MAX], time[UL_TIME_TEXT_MAX];
  uint64_t budget = result->budget_bytes, used = ul_report_used(result);
  if (ul_report_budget_kept(result)) {
    uint64_t spare = budget - UL_MIN(used, budget);
    bool     by_group = result->enclose.peak_bytes && used == result->enclose.peak_bytes;
    snprintf(note, 128, "kept, with %s (%.1f %%) to spare%s", ul_size_mib(by, spare),
             100 * (double)spare / (double)budget, by_group ? " in its cgroup" : "");
  } else if (result->enclose.ended_at_wall) {
    snprintf(note, 128, "NOT KEPT: it stood at the wall and was ended");
  } else if (used > budget && result->enclose.raised_to_bytes &&
             result->exit_reason != UL_EXIT_REASON_OOM_KILL) {
    snprintf(note, 128, "passed by %s (%.1f %%), as --max-budget allows",
             ul_size_mib(by, used - budget), 100 * (double)(used - budget) / (double)budget);
  } else if (used > budget) {
    snprintf(note, 128, "EXCEEDED by %s (%.1f %%)%s%s", ul_size_mib(by, used - budget),
             100 * (double)(used - budget) / (double)budget,
             result->budget_exceeded_at_ns == UL_UNKNOWN ? "" : ", first at ",
             result->budget_exceeded_at_ns == UL_UNKNOWN
                 ? ""
                 : ul_time_text(time, result->budget_exceeded_at_ns));
  } else {
    snprintf(note, 128, "NOT KEPT: killed for memory");
  }
}

static void write_budget(FILE *out, const ul_run_result *result) {
  char mib[UL_SIZE_TEXT_MAX], note[128];
  if (result->budget_bytes == 0) return;
  if (result->enclose.peak_bytes) {
    line(out, "cgroup", ul_size_mib(mib, result->enclose.peak_bytes),
         "most that its group held, page cache included");
  }
  budget_note(result, note);
  line(out, "budget", ul_size_mib(mib, result->budget_bytes), note);
}

static void write_use(FILE *out, const ul_run_result *result) {
  char     value[64], note[96], user[UL_TIME_TEXT_MAX], system[UL_TIME_TEXT_MAX];
  uint64_t cpu_ns = result->cpu_user_ns + result->cpu_system_ns;
  snprintf(note, sizeof note, "user %s, system %s", ul_time_text(user, result->cpu_user_ns),
           ul_time_text(system, result->cpu_system_ns));
  line(out, "time", ul_time_text(value, result->wall_ns), "");
  char cores[64];
  snprintf(cores, sizeof cores, "%.2f cores",
           result->wall_ns ? (double)cpu_ns / (double)result->wall_ns : 0.0);
  line(out, "CPU", cores, note);
  snprintf(value, sizeof value, "%" PRIu64, result->minor_faults + result->major_faults);
  snprintf(note, sizeof note, "%" PRIu64 " minor, %" PRIu64 " major (from disk)",
           result->minor_faults, result->major_faults);
  line(out, "page faults", value, note);
  snprintf(value, sizeof value, "%" PRIu64, result->threads_peak);
  snprintf(note, sizeof note, "at most, in %" PRIu64 " process%s", result->processes_peak,
           result->processes_peak == 1 ? "" : "es");
  line(out, "threads", value, note);
}

/* It failed by itself, in a full group of version 1. What the kernel remembers of its resident peak
 * tells also where it ended before we had read the word. */
static bool may_have_failed_at_wall(const ul_run_result *result) {
  const ul_enclose *enclose = &result->enclose;
  uint64_t          limit = UL_MAX(enclose->raised_to_bytes, enclose->limit_bytes);
  bool              was_full =
      enclose->was_full || (result->peak_rss_bytes != UL_UNKNOWN &&
                            result->peak_rss_bytes >= limit - ul_enclosure_near_bytes(limit));
  return enclose->kind == UL_ENCLOSURE_CGROUP1 && was_full && !enclose->ended_at_wall &&
         !result->told_to_end && enclose->peak_bytes >= limit / 4096 * 4096 &&
         (result->exit_reason == UL_EXIT_REASON_CODE ||
          result->exit_reason == UL_EXIT_REASON_SIGNAL);
}

static void write_notes(FILE *out, const ul_run_result *result) {
  char signal[48], mib[UL_SIZE_TEXT_MAX];
  if (result->enclose.raised_to_bytes) {
    fprintf(out, "  At its wall the budget was raised to %s, in %" PRIu64 " step%s.\n",
            ul_size_mib(mib, result->enclose.raised_to_bytes), result->enclose.raises,
            result->enclose.raises == 1 ? "" : "s");
  }
  if (may_have_failed_at_wall(result)) {
    fprintf(out,
            "  Its cgroup was full, at %s. A program that asks for memory inside a system call is\n"
            "  not paused there: the call fails, with ENOMEM or EFAULT. That may be why it ended;\n"
            "  a larger --budget, or --max-budget SIZE, shows it.\n",
            ul_size_mib(mib, UL_MAX(result->enclose.raised_to_bytes, result->enclose.limit_bytes)));
  }
  if (result->enclose.moved_out) {
    fprintf(out, "  The program left its cgroup; from then on nothing held it to its budget.\n");
  }
  if (result->enclose.left_behind) {
    fprintf(out,
            "  Processes stayed in its cgroup %s;\n  it has no limit any more, and the next run "
            "takes it away when they are gone.\n",
            result->enclose.path);
  }
  if (result->exit_reason != UL_EXIT_REASON_OOM_KILL && result->oom.group_kills > 0) {
    fprintf(out, "  %" PRIu64 " process%s of its cgroup %s killed for memory during the run.\n",
            result->oom.group_kills, result->oom.group_kills == 1 ? "" : "es",
            result->oom.group_kills == 1 ? "was" : "were");
  }
  if (result->told_to_end) {
    fprintf(out, "  ullage was told to end it by %s.\n", signal_text(result->told_to_end, signal));
  }
  if (result->left_running > 0) {
    fprintf(out,
            "  %" PRIu64 " process%s that it started still run%s, and %s not watched any more.\n",
            result->left_running, result->left_running == 1 ? "" : "es",
            result->left_running == 1 ? "s" : "", result->left_running == 1 ? "is" : "are");
  }
}

/* Words on lines that a terminal shows whole. */
static void write_wrapped(FILE *out, const char *text) {
  size_t column = 0;
  while (*text) {
    size_t length = strcspn(text, " ");
    if (column > 0 && column + 1 + length > COLUMNS) {
      fputc('\n', out);
      column = 0;
    }
    column += (size_t)fprintf(out, "%s%.*s", column ? " " : "  ", (int)length, text);
    text += length + (text[length] == ' ');
  }
  fputc('\n', out);
}

/* A runtime, or libullage, that ended at a limit says so in its own words, if at all. */
static bool may_be_own_limit(const ul_run_result *result) {
  return ul_advice_may_be_jvm_end(result) || result->exit_signal == SIGABRT ||
         result->exit_code == 128 + SIGABRT;
}

void ul_report_next(FILE *out, const ul_run_result *result, const ul_knobs *knobs) {
  static ul_advice advice[UL_ADVICE_MAX];
  if (result->budget_bytes == 0 || !may_be_own_limit(result)) return;
  if (ul_advise_told(result, NULL, NULL, knobs, advice) > 0) write_wrapped(out, advice[0].text);
}

void ul_report_page(FILE *out, const ul_run_result *result, char *const *arguments) {
  const char *slash = strrchr(arguments[0], '/');
  write_end(out, result, slash ? slash + 1 : arguments[0]);
  write_became(out, result);
  write_memory(out, result);
  write_budget(out, result);
  write_use(out, result);
  write_notes(out, result);
}
