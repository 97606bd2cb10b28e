/* SPDX-License-Identifier: MIT */
/* runs_show.c: see runs_show.h. Columns and JSON keys: docs/reference/history.md. */
#include "cli/runs_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/size_text.h"
#include "launch/json_text.h"
#include "launch/price.h"

#define UNKNOWN UL_HISTORY_UNKNOWN
#define CELL    48
#define MARKS   40 /* on a page; JSON has them all */

/* ---- Words ------------------------------------------------------------------------------------ */

/* What a terminal would obey becomes '?'. */
static const char *plain(char *buffer, size_t capacity, const char *text) {
  snprintf(buffer, capacity, "%s", text ? text : "-");
  for (char *at = buffer; *at; at++) {
    if ((unsigned char)*at < 0x20 || *at == 0x7f) *at = '?';
  }
  return buffer;
}

static const char *size_of(char buffer[UL_SIZE_TEXT_MAX], uint64_t bytes) {
  return bytes == UNKNOWN ? "-" : ul_size_mib(buffer, bytes);
}

static const char *duration(char buffer[CELL], uint64_t ns) {
  double   seconds = (double)ns / 1e9;
  uint64_t whole = ns / 1000000000u;
  if (ns == UNKNOWN) {
    snprintf(buffer, CELL, "-");
  } else if (seconds < 120) {
    snprintf(buffer, CELL, seconds < 10 ? "%.2f s" : "%.1f s", seconds);
  } else if (whole < 7200) {
    snprintf(buffer, CELL, "%" PRIu64 " min %02" PRIu64 " s", whole / 60, whole % 60);
  } else {
    snprintf(buffer, CELL, "%" PRIu64 " h %02" PRIu64 " min", whole / 3600, whole / 60 % 60);
  }
  return buffer;
}

static const char *moment(char buffer[CELL], uint64_t unix_ns) {
  time_t    seconds = (time_t)(unix_ns / 1000000000u);
  struct tm local;
  if (unix_ns == UNKNOWN || !localtime_r(&seconds, &local) ||
      strftime(buffer, CELL, "%Y-%m-%d %H:%M:%S", &local) == 0) {
    snprintf(buffer, CELL, "-");
  }
  return buffer;
}

static const char *state_key(enum ul_history_state state) {
  switch (state) {
  case UL_HISTORY_FINISHED: return "finished";
  case UL_HISTORY_RUNNING: return "running";
  case UL_HISTORY_UNFINISHED: return "unfinished";
  }
  return "unfinished";
}

/* "0", "SIGKILL", "wall", or what became of it otherwise. */
static const char *ending(char buffer[CELL], const ul_history_run *run) {
  const char *signal = run->exit_signal < 65 ? sigabbrev_np((int)run->exit_signal) : NULL;
  bool        is_code = run->exit_reason &&
                 (strcmp(run->exit_reason, "code") == 0 || strcmp(run->exit_reason, "normal") == 0);
  if (run->state != UL_HISTORY_FINISHED) {
    snprintf(buffer, CELL, "%s", state_key(run->state));
  } else if (run->exit_reason && !is_code && strcmp(run->exit_reason, "signal") != 0) {
    plain(buffer, CELL, run->exit_reason);
  } else if (signal) {
    snprintf(buffer, CELL, "SIG%s", signal);
  } else if (run->exit_code != UNKNOWN) {
    snprintf(buffer, CELL, "%" PRIu64, run->exit_code);
  } else {
    snprintf(buffer, CELL, "-");
  }
  return buffer;
}

/* The same for a page, where a number needs a word. */
static const char *ending_words(char buffer[CELL], const ul_history_run *run) {
  char end[CELL];
  ending(end, run);
  bool is_number = end[strspn(end, "0123456789")] == 0;
  snprintf(buffer, CELL, is_number ? "exit code %.40s" : "%.40s", end);
  return buffer;
}

static const char *kept(const ul_history_run *run) {
  if (run->budget_kept == UNKNOWN) return "-";
  return run->budget_kept ? "yes" : "no";
}

static const char *name_of(const char *program) {
  const char *slash = program ? strrchr(program, '/') : NULL;
  return slash && slash[1] ? slash + 1 : program;
}

/* ---- The table -------------------------------------------------------------------------------- */

void ul_runs_row(const ul_history_run *run, void *arg) {
  size_t *count = arg;
  char    when[CELL], end[CELL], time[CELL], name[17], runtime[12];
  char    budget[UL_SIZE_TEXT_MAX], peak[UL_SIZE_TEXT_MAX], p99[UL_SIZE_TEXT_MAX];
  if ((*count)++ == 0) {
    printf("%5s  %-19s  %-16s %-8s %12s %12s %12s %4s  %-10s %12s\n", "ID", "WHEN", "PROGRAM",
           "RUNTIME", "BUDGET", "PEAK", "P99", "KEPT", "EXIT", "DURATION");
  }
  printf("%5" PRId64 "  %-19s  %-16s %-8s %12s %12s %12s %4s  %-10s %12s\n", run->id,
         moment(when, run->started_unix_ns), plain(name, sizeof name, name_of(run->program)),
         plain(runtime, sizeof runtime, run->runtime), size_of(budget, run->budget_bytes),
         size_of(peak, run->peak_rss_bytes), size_of(p99, run->p99_rss_bytes), kept(run),
         ending(end, run), duration(time, run->wall_ns));
}

/* ---- One run ---------------------------------------------------------------------------------- */

static void line(const char *label, const char *value) {
  printf("  %-22s %s\n", label, value);
}

static void line_size(const char *label, uint64_t bytes) {
  char mib[UL_SIZE_TEXT_MAX];
  if (bytes != UNKNOWN) line(label, ul_size_mib(mib, bytes));
}

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), most = strlen(end);
  return length >= most && strcmp(text + length - most, end) == 0;
}

static void on_fact(const char *name, uint64_t value, void *arg) {
  char text[CELL], mib[UL_SIZE_TEXT_MAX], label[CELL];
  bool is_first = *(size_t *)arg == 0;
  (*(size_t *)arg)++;
  if (is_first) printf("Measured, for the next run\n");
  if (ends_with(name, "_bytes")) {
    snprintf(text, sizeof text, "%s", ul_size_mib(mib, value));
  } else if (ends_with(name, "_ns")) {
    duration(text, value);
  } else {
    snprintf(text, sizeof text, "%" PRIu64, value);
  }
  line(plain(label, sizeof label, name), text);
}

static void on_mark(uint64_t at_ns, const char *kind, uint64_t bytes, const char *text, void *arg) {
  char    when[CELL], mib[UL_SIZE_TEXT_MAX], what[CELL], words[160];
  size_t *count = arg;
  if ((*count)++ == 0) printf("What happened\n");
  if (*count > MARKS) return;
  printf("  %10s  %-12s %12s  %s\n", duration(when, at_ns), plain(what, sizeof what, kind),
         size_of(mib, bytes), plain(words, sizeof words, text));
}

static void on_sample_count(uint64_t at_ns, uint64_t rss_bytes, uint64_t live_bytes, void *arg) {
  (void)at_ns;
  (void)rss_bytes;
  (void)live_bytes;
  (*(size_t *)arg)++;
}

/* Is it of a runtime whose collection is measured? */
static bool has_price(const ul_history_run *run) {
  return run->runtime && (strcmp(run->runtime, "go") == 0 || strcmp(run->runtime, "jvm") == 0);
}

/* 0 with *ret_price, or negative with the reason; "" when there is nothing to go by. */
static int find_price(ul_runs_one *one, const ul_history_run *run, ul_price *ret_price,
                      char ret_why[UL_PRICE_WHY_MAX]) {
  static ul_history_known known;
  ul_price_point          points[UL_HISTORY_POINTS_MAX];
  ret_why[0] = 0;
  if (!run->identity || ul_history_known_of(one->history, run->identity, &known, &one->note) < 0 ||
      known.point_count == 0) {
    if (has_price(run)) {
      snprintf(ret_why, UL_PRICE_WHY_MAX,
               "no run has measured it: it takes 2 s of work, a limit, "
               "and a machine that is not too busy");
    }
    return -UL_E_NOTFOUND;
  }
  for (size_t i = 0; i < known.point_count; i++) {
    points[i] = (ul_price_point){known.points[i].limit_bytes, known.points[i].share};
  }
  return ul_price_fit(points, known.point_count, ret_price, ret_why);
}

/* What other limits would cost, from a little above the least to where it is cheap. */
static void show_price(ul_runs_one *one, const ul_history_run *run) {
  static const double shares[] = {0.40, 0.30, 0.20, UL_PRICE_CHEAP, 0.05};
  ul_price            price;
  char                why[UL_PRICE_WHY_MAX], mib[UL_SIZE_TEXT_MAX];
  int                 error = find_price(one, run, &price, why);
  if (error && !why[0]) return;
  printf("What the heap's limit costs in collection\n");
  if (error) {
    printf("  not known: %s\n", why);
    return;
  }
  for (size_t i = 0; i < UL_ARRAY_LEN(shares); i++) {
    printf("  %3.0f %% of the processor at %12s\n", shares[i] * 100,
           ul_size_mib(mib, ul_price_limit(&price, shares[i])));
  }
  printf("  from %zu runs with different limits of the heap\n", price.points);
}

static void show_memory(const ul_history_run *run) {
  char text[CELL];
  line_size("budget", run->budget_bytes);
  if (run->budget_kept != UNKNOWN) line("kept", kept(run));
  line_size("peak", run->peak_rss_bytes);
  if (run->peak_at_ns != UNKNOWN) line("  reached after", duration(text, run->peak_at_ns));
  line_size("99 % of the time", run->p99_rss_bytes);
  line_size("start-up peak", run->startup_peak_rss_bytes);
  line_size("floor", run->floor_rss_bytes);
  line_size("live heap", run->live_bytes);
  line_size("system's count, peak", run->enclosure_peak_bytes);
  line_size("raised to", run->raised_to_bytes);
}

void ul_runs_page(const ul_history_run *run, void *arg) {
  ul_runs_one *one = arg;
  char         text[CELL], words[512];
  size_t       facts = 0, marks = 0, samples = 0;
  printf("Run %" PRId64 "\n", run->id);
  line("program", plain(words, sizeof words, run->program));
  line("command", plain(words, sizeof words, run->command));
  line("runtime", plain(words, sizeof words, run->runtime));
  line("started", moment(text, run->started_unix_ns));
  line("ended", ending_words(text, run));
  line("duration", duration(text, run->wall_ns));
  if (run->enclosure) line("enclosure", plain(words, sizeof words, run->enclosure));
  show_memory(run);
  if (run->cpu_user_ns != UNKNOWN) line("processor, user", duration(text, run->cpu_user_ns));
  if (run->cpu_sys_ns != UNKNOWN) line("processor, system", duration(text, run->cpu_sys_ns));
  one->error = ul_history_samples(one->history, run->id, on_sample_count, &samples, &one->note);
  if (!one->error) {
    snprintf(text, sizeof text, "%zu; --json prints them", samples);
    line("samples", text);
    one->error = ul_history_facts(one->history, run->id, on_fact, &facts, &one->note);
  }
  if (!one->error) {
    one->error = ul_history_marks(one->history, run->id, on_mark, &marks, &one->note);
  }
  if (marks > MARKS) printf("  and %zu more; --json prints them\n", marks - MARKS);
  if (!one->error) show_price(one, run);
}

/* ---- JSON ------------------------------------------------------------------------------------- */

static void print_text(const char *text) {
  char *copy = text ? ul_json_text(text) : NULL;
  if (!copy) {
    fputs("null", stdout);
    return;
  }
  putchar('"');
  for (const char *at = copy; *at; at++) {
    unsigned char c = (unsigned char)*at;
    if (c == '"' || c == '\\') {
      printf("\\%c", c);
    } else if (c < 0x20 || c == 0x7f) {
      printf("\\u%04x", c);
    } else {
      putchar(c);
    }
  }
  putchar('"');
  free(copy);
}

static void print_number(const char *key, uint64_t number) {
  if (number == UNKNOWN) {
    printf(", \"%s\": null", key);
  } else {
    printf(", \"%s\": %" PRIu64, key, number);
  }
}

static void print_bool(const char *key, uint64_t value) {
  printf(", \"%s\": %s", key, value == UNKNOWN ? "null" : value ? "true" : "false");
}

static void print_pair(const char *key, const char *text) {
  printf(", \"%s\": ", key);
  print_text(text);
}

static void print_signal(uint64_t number) {
  const char *name = number < 65 ? sigabbrev_np((int)number) : NULL;
  char        text[CELL];
  snprintf(text, sizeof text, name ? "SIG%s" : "unknown", name ? name : "");
  print_pair("exit_signal", number == UNKNOWN ? NULL : text);
}

/* The row without the brace that closes it. Booleans and signals are written as in the report. */
static void print_row(const ul_history_run *run) {
  printf("{\"id\": %" PRId64, run->id);
  print_pair("state", state_key(run->state));
  print_pair("program", run->program);
  print_pair("command", run->command);
  print_pair("runtime", run->runtime);
  print_pair("exit_reason", run->exit_reason);
  print_pair("enclosure", run->enclosure);
  print_number("started_unix_ns", run->started_unix_ns);
  print_bool("budget_kept", run->budget_kept);
  print_signal(run->exit_signal);
#define UL_NUMBER(name, help)                                                   \
  if (strcmp(#name, "budget_kept") != 0 && strcmp(#name, "exit_signal") != 0) { \
    print_number(#name, run->name);                                             \
  }
#include "fit/history.def"
#undef UL_NUMBER
}

void ul_runs_row_json(const ul_history_run *run, void *arg) {
  size_t *count = arg;
  fputs((*count)++ == 0 ? "{\"schema\": \"ullage.runs/1\", \"runs\": [\n" : ",\n", stdout);
  print_row(run);
  putchar('}');
}

/* `arg` points to a count of the items of the list so far. */
static void print_comma(void *arg) {
  if ((*(size_t *)arg)++ > 0) fputs(", ", stdout);
}

static void on_fact_json(const char *name, uint64_t value, void *arg) {
  print_comma(arg);
  print_text(name);
  printf(": %" PRIu64, value);
}

static void on_mark_json(uint64_t at_ns, const char *kind, uint64_t bytes, const char *text,
                         void *arg) {
  print_comma(arg);
  fputs("{\"kind\": ", stdout);
  print_text(kind);
  print_number("at_ns", at_ns);
  print_number("bytes", bytes);
  print_pair("text", text);
  putchar('}');
}

static void on_sample_json(uint64_t at_ns, uint64_t rss_bytes, uint64_t live_bytes, void *arg) {
  print_comma(arg);
  printf("[%" PRIu64 ", %" PRIu64 ", ", at_ns, rss_bytes);
  if (live_bytes == UNKNOWN) {
    fputs("null]", stdout);
  } else {
    printf("%" PRIu64 "]", live_bytes);
  }
}

static void print_price(ul_runs_one *one, const ul_history_run *run) {
  ul_price price;
  char     why[UL_PRICE_WHY_MAX];
  if (find_price(one, run, &price, why) < 0) {
    printf(",\n\"price\": null");
    if (why[0]) print_pair("price_why_not", why);
    return;
  }
  printf(",\n\"price\": {\"k_bytes\": %.0f, \"l0_bytes\": %.0f, \"points\": %zu", price.k_bytes,
         price.l0_bytes, price.points);
  print_number("cheap_limit_bytes", ul_price_limit(&price, UL_PRICE_CHEAP));
  putchar('}');
}

void ul_runs_page_json(const ul_history_run *run, void *arg) {
  ul_runs_one *one = arg;
  size_t       facts = 0, marks = 0, samples = 0;
  printf("{\"schema\": \"ullage.runs/1\", \"runs\": [\n");
  print_row(run);
  printf(",\n\"facts\": {");
  one->error = ul_history_facts(one->history, run->id, on_fact_json, &facts, &one->note);
  printf("},\n\"marks\": [");
  if (!one->error) {
    one->error = ul_history_marks(one->history, run->id, on_mark_json, &marks, &one->note);
  }
  printf("],\n\"samples\": [");
  if (!one->error) {
    one->error = ul_history_samples(one->history, run->id, on_sample_json, &samples, &one->note);
  }
  printf("]");
  if (!one->error) print_price(one, run);
  printf("}]}\n");
}
