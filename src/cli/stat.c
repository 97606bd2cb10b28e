/* SPDX-License-Identifier: MIT */
/* stat.c: `ullage stat`: the counters of a running program, a line each time, like jstat. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "launch/target.h"
#include "launch/time_text.h"
#include "os/self.h"

#define ENDING_LOOKS         50 /* of 20 ms */
#define HEADER_EVERY         20
#define INTERVAL_MS_AT_LEAST 10
#define OLD_NS               ((uint64_t)5000000000)

static const ul_flag flags[] = {
#define UL_FLAG UL_FLAG_ROW
#include "cli/stat_options.def"
#undef UL_FLAG
};

/* Names of the levels as the program numbers them (its budget room). */
static const char *const levels[] = {"calm", "tight", "critical", "over"};

static const struct column {
  const char     *title;
  enum ul_counter counter;
  enum { MIB, COUNT, LEVEL } form;
} columns[] = {
    {"LIVE", UL_COUNTER_live_bytes, MIB},         {"OBJECTS", UL_COUNTER_live_objects, COUNT},
    {"CACHED", UL_COUNTER_cached_bytes, MIB},     {"FREE", UL_COUNTER_free_bytes, MIB},
    {"RESIDENT", UL_COUNTER_resident_bytes, MIB}, {"RETURNED", UL_COUNTER_returned_bytes, MIB},
    {"HELD", UL_COUNTER_held_bytes, MIB},         {"BUDGET", UL_COUNTER_budget_bytes, MIB},
    {"LEVEL", UL_COUNTER_level, LEVEL},           {"RELIEF", UL_COUNTER_relief_bytes, MIB},
    {"TREE", UL_COUNTER_tree_held_bytes, MIB},    {"THREADS", UL_COUNTER_threads, COUNT},
};

static void print_header(void) {
  for (size_t i = 0; i < UL_ARRAY_LEN(columns); i++) {
    printf("%s%10s", i ? " " : "", columns[i].title);
  }
  putchar('\n');
}

static void print_cell(const struct column *column, const ul_counters *counters) {
  uint64_t value = counters->value[column->counter];
  bool     off = column->counter == UL_COUNTER_budget_bytes && value == 0;
  if (column->counter >= counters->count || off) {
    printf("%10s", "-"); /* an older program does not know it; or there is no budget */
  } else if (column->form == MIB) {
    printf("%10.1f", (double)value / (1024 * 1024));
  } else if (column->form == LEVEL && value < UL_ARRAY_LEN(levels)) {
    printf("%10s", levels[value]);
  } else {
    printf("%10" PRIu64, value);
  }
}

static void print_line(const ul_counters *counters) {
  for (size_t i = 0; i < UL_ARRAY_LEN(columns); i++) {
    if (i) putchar(' ');
    print_cell(&columns[i], counters);
  }
  putchar('\n');
}

static void print_json(const ul_target *target, const ul_counters *counters) {
  static const char *const keys[] = {
#define UL_COUNTER(name, unit, help) #name,
#include "wire/counters.def"
#undef UL_COUNTER
  };
  printf("{\"schema\": \"ullage.stat/1\", \"pid\": %d, \"updated_ns\": %" PRIu64, target->pid,
         counters->updated_ns);
  for (uint32_t i = 0; i < counters->count; i++) {
    printf(", \"%s\": %" PRIu64, keys[i], counters->value[i]);
  }
  printf("}\n");
}

static bool read_number(const char *text, uint64_t least, uint64_t *ret_number) {
  char *end;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  if (errno || end == text || *end || *text == '-' || number < least || number > 86400000) {
    return false;
  }
  *ret_number = number;
  return true;
}

struct request {
  ul_target target;
  uint64_t  interval_ms, count; /* count 0: until it ends */
  bool      as_json;
};

/* A program that ends loses its memory a moment before it is gone: waits whether it does. */
static bool ends(const ul_target *target) {
  for (int i = 0; i < ENDING_LOOKS; i++) {
    if (!ul_target_runs(target)) return true;
    nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
  }
  return false;
}

/* A program without a thread of libullage's writes them only when its heap grows, and one that stands
 * still not at all. */
static void say_age(const ul_target *target, const ul_counters *counters) {
  char     age[UL_TIME_TEXT_MAX];
  uint64_t age_ns = ul_os_now_ns() - counters->updated_ns;
  if (age_ns < OLD_NS || age_ns > INT64_MAX) return;
  fprintf(stderr,
          "ullage: the numbers of %s (%d) are from %s ago: it could not be asked for new ones\n",
          target->name, target->pid, ul_time_text(age, age_ns));
}

/* Lines until the program ends or there were enough. */
static int print_lines(struct request *request) {
  struct timespec pause = {(time_t)(request->interval_ms / 1000),
                           (long)(request->interval_ms % 1000) * 1000000};
  ul_fault        fault;
  for (uint64_t line = 0; request->count == 0 || line < request->count; line++) {
    ul_counters counters;
    if (line > 0) nanosleep(&pause, NULL);
    if (ul_target_counters(&request->target, &counters, &fault) < 0) {
      if (line > 0 && ends(&request->target)) {
        fprintf(stderr, "ullage: %s (%d) has ended\n", request->target.name, request->target.pid);
        return ul_cli_finish(UL_CLI_FINE);
      }
      fprintf(stderr, "ullage: %s\n", fault.text);
      return UL_CLI_USAGE;
    }
    if (line == 0) say_age(&request->target, &counters);
    if (request->as_json) {
      print_json(&request->target, &counters);
    } else {
      /* Once in a file; on a terminal it scrolls away. */
      if (line == 0 || (line % HEADER_EVERY == 0 && isatty(STDOUT_FILENO))) print_header();
      print_line(&counters);
    }
    if (fflush(stdout) != 0) break; /* nobody reads any more: said by finish, unless it is a pipe */
  }
  return ul_cli_finish(UL_CLI_FINE);
}

static int run(const ul_command *command, int argc, char **argv) {
  struct request request = {.count = 1};
  ul_cli         cli;
  ul_fault       fault;
  ul_cli_begin(&cli, command, argc, argv);
  for (int flag; (flag = ul_cli_next(&cli)) != UL_CLI_END;) {
    if (flag == UL_CLI_STOP) return cli.exit_code;
    request.as_json = true;
  }
  char **operands = argv + cli.operand;
  int    given = argc - cli.operand;
  if (given < 1) return ul_cli_usage_error(command, "name the process: its number or its name");
  if (given > 3) return ul_cli_usage_error(command, "%s is one argument too many", operands[3]);
  if (given > 1 && !read_number(operands[1], INTERVAL_MS_AT_LEAST, &request.interval_ms)) {
    return ul_cli_usage_error(command, "the interval %s is no number of milliseconds from 10 on",
                              operands[1]);
  }
  if (given > 1) request.count = 0;
  if (given > 2 && !read_number(operands[2], 1, &request.count)) {
    return ul_cli_usage_error(command, "the count %s is no number from 1 on", operands[2]);
  }
  if (ul_target_find(operands[0], &request.target, &fault) < 0) {
    fprintf(stderr, "ullage: %s\n", fault.text);
    return UL_CLI_USAGE;
  }
  return print_lines(&request);
}

static const char *const about[] = {
    "Prints the counters that a program with libullage publishes about its heap: once, or every "
    "INTERVAL_MS milliseconds, COUNT times or until the program ends. They are read from the "
    "program's memory, so it does not notice; a program that has not written them for a second is "
    "asked to, once.",
    "Sizes are MiB. LIVE is handed out and not freed; CACHED and FREE are free, in caches and in "
    "spans; RESIDENT is what the system backs, RETURNED what was given back since the start. HELD "
    "counts against BUDGET; LEVEL says how near it is; RELIEF was given back because of it; TREE "
    "is "
    "what all processes that share the budget hold. A program with an older libullage shows - "
    "where "
    "it does not know the number.",
    "Under `ullage run --budget B`, BUDGET is below B: 3 %, at least 16 MiB, is held back for what "
    "the "
    "library cannot see.",
    "PID is a process number, or a name that only one process has.",
    NULL,
};

const ul_command ul_command_stat = {
    .name = "stat",
    .summary = "counters of a running program, a line each time",
    .usage = "[--json] PID [INTERVAL_MS [COUNT]]",
    .examples = "ullage stat 4711\tonce\n"
                "ullage stat redis-server 1000\tevery second, until it ends\n"
                "ullage stat --json 4711 500 10 | jq .live_bytes\tten documents\n",
    .about = about,
    .exits = "0\tfine; also when the program has ended meanwhile\n"
             "2\twrong usage, no such process, or it publishes nothing\n",
    .flags = flags,
    .flag_count = UL_ARRAY_LEN(flags),
    .operand = UL_OPERAND_PROCESS,
    .usage_error = UL_CLI_USAGE,
    .run = run,
};
