/* SPDX-License-Identifier: MIT */
/* run.c: `ullage run`: options in, one supervised run, report out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/size_text.h"
#include "cli/command.h"
#include "cli/live_line.h"
#include "launch/report.h"
#include "launch/supervise.h"

/* Less than any program needs to start: surely a unit was forgotten. */
#define BUDGET_LEAST_BYTES UL_MIB

enum {
#define UL_FLAG(id, name, letter, argument, kind, help) FLAG_##id,
#include "cli/run_options.def"
#undef UL_FLAG
};
static const ul_flag flags[] = {
#define UL_FLAG UL_FLAG_ROW
#include "cli/run_options.def"
#undef UL_FLAG
};

extern char **environ;

struct request {
  uint64_t    budget_bytes;
  const char *report_path;
  bool        json, quiet;
  char      **arguments;
};

/* What the run shows while it goes on. */
struct show {
  bool         quiet;
  ul_live_line line;
};

static void on_plan(const ul_plan *plan, void *arg) {
  const struct show *show = arg;
  if (!show->quiet) fprintf(stderr, "ullage: %s\n", plan->sentence);
}

static void on_look(const ul_watch *watch, void *arg) {
  struct show *show = arg;
  ul_live_line_draw(&show->line, watch);
}

static void on_pause(void *arg) {
  struct show *show = arg;
  ul_live_line_erase(&show->line);
}

/* ---- The request ------------------------------------------------------------------------------ */

static int read_budget(const ul_command *command, const char *text, uint64_t *ret_bytes) {
  uint64_t bytes;
  switch (ul_size_parse(text, &bytes)) {
  case 0: break;
  case -UL_E_RANGE:
    return ul_cli_usage_error(command, "--budget %s is more than any machine has", text);
  default: return ul_cli_usage_error(command, "--budget %s is not a size; " UL_SIZE_HOW, text);
  }
  if (bytes < BUDGET_LEAST_BYTES) {
    return ul_cli_usage_error(
        command,
        "--budget %s is %llu bytes, less than any program needs; the least is "
        "1Mi, and 1500M means 1500 * 1000^2 bytes",
        text, (unsigned long long)bytes);
  }
  *ret_bytes = bytes;
  return 0;
}

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

/* Returns 0, or the exit code to return at once. */
static int check_request(const ul_command *command, struct request *request) {
  const char *before = getenv("ULLAGE_BUDGET");
  uint64_t    bytes;
  if (!request->arguments[0]) {
    return ul_cli_usage_error(command, "name the program to run");
  }
  if ((request->json || request->report_path) && !ul_report_has_json()) {
    return ul_cli_usage_error(command, "this ullage was built without cJSON and cannot write JSON; "
                                       "leave --json and --report out, or build it with "
                                       "-DULLAGE_WITH_CJSON=ON");
  }
  if (request->report_path &&
      (ends_with(request->report_path, ".html") || ends_with(request->report_path, ".htm"))) {
    return ul_cli_usage_error(command, "--report writes JSON; name it FILE.json");
  }
  /* The flag is asked first, then the variable that the library would read anyway. What the library
   * understands beyond a size (NN%, auto, off) is left to it. */
  if (request->budget_bytes == 0 && before && ul_size_parse(before, &bytes) == 0 &&
      bytes >= BUDGET_LEAST_BYTES) {
    request->budget_bytes = bytes;
  }
  return 0;
}

/* Returns 0 with the request, or a negative number with *ret_exit_code to return at once. */
static int read_request(const ul_command *command, int argc, char **argv,
                        struct request *ret_request, int *ret_exit_code) {
  struct request request = {0};
  ul_cli         cli;
  int            flag;
  ul_cli_begin(&cli, command, argc, argv);
  while ((flag = ul_cli_next(&cli)) != UL_CLI_END) {
    int error = 0;
    switch (flag) {
    case UL_CLI_STOP: *ret_exit_code = cli.exit_code; return -1;
    case FLAG_BUDGET: error = read_budget(command, cli.value, &request.budget_bytes); break;
    case FLAG_REPORT: request.report_path = cli.value; break;
    case FLAG_JSON: request.json = true; break;
    case FLAG_QUIET: request.quiet = true; break;
    }
    if (error) {
      *ret_exit_code = error;
      return -1;
    }
  }
  request.arguments = argv + cli.operand;
  *ret_exit_code = check_request(command, &request);
  if (*ret_exit_code) return -1;
  *ret_request = request;
  return 0;
}

/* ---- The report ------------------------------------------------------------------------------- */

static void say(const ul_fault *fault) {
  fprintf(stderr, "ullage: %s\n", fault->text);
}

/* Failing here does not change the exit code, which is the program's; but it is said. */
static void write_reports(const struct request *request, const ul_run_result *result,
                          ul_report_file *file) {
  ul_fault fault;
  char    *json = NULL;
  if (request->json || request->report_path) {
    json = ul_report_json(result, request->arguments);
    if (!json) fprintf(stderr, "ullage: no memory left to write the JSON report\n");
  }
  if (request->report_path && json) {
    if (ul_report_file_finish(file, json, &fault) < 0) say(&fault);
  } else {
    ul_report_file_abandon(file);
  }
  if (request->json && json) {
    fputs(json, stdout);
    (void)ul_cli_finish(0);
  }
  free(json);
  if (!request->quiet) ul_report_page(stderr, result, request->arguments);
}

static int run(const ul_command *command, int argc, char **argv) {
  struct request       request;
  struct show          show = {0};
  static ul_run_result result;
  ul_report_file       file = {.fd = -1};
  ul_fault             fault;
  int                  exit_code;
  if (read_request(command, argc, argv, &request, &exit_code) < 0) return exit_code;
  if (request.report_path && ul_report_file_open(request.report_path, &file, &fault) < 0) {
    say(&fault);
    return fault.exit_code;
  }
  show.quiet = request.quiet;
  ul_live_line_init(&show.line, request.quiet);
  ul_run_order order = {.arguments = request.arguments,
                        .environment = environ,
                        .budget_bytes = request.budget_bytes,
                        .on_plan = on_plan,
                        .on_look = on_look,
                        .on_pause = on_pause,
                        .arg = &show};
  if (ul_supervise(&order, &result, &fault) < 0) {
    ul_report_file_abandon(&file);
    say(&fault);
    return fault.exit_code;
  }
  ul_live_line_erase(&show.line);
  write_reports(&request, &result, &file);
  return ul_run_exit_code(&result);
}

static const char *const about[] = {
    "Starts PROG, watches the whole process tree that comes of it, and says afterwards on stderr "
    "what "
    "it used: peak, 99th percentile, start-up peak and floor of resident memory, time, page "
    "faults, "
    "threads, live heap bytes, and why it ended.",
    "What PROG is, is told from its file. Dynamic native programs and Python get libullage "
    "preloaded "
    "(Python with PYTHONMALLOC=malloc, unless that is set); Go, JVM, Node, .NET and static "
    "programs "
    "are run and watched only. An LD_PRELOAD that is set is kept. One line on stderr says what was "
    "recognised and done.",
    "--budget reaches native programs as ULLAGE_BUDGET, and the report says whether the tree "
    "stayed "
    "below it: the sum of the resident bytes of its processes, pages they share counted in each. "
    "SIZE "
    "is a number of bytes or has a unit: k M G T are powers of 1000, Ki Mi Gi Ti powers of 1024. "
    "Without --budget, a size in ULLAGE_BUDGET counts.",
    "Start-up is the first 5 seconds, or the first tenth of a run shorter than 50 seconds. The "
    "tree is "
    "looked at 20 times a second, more often in the first 2 seconds, less often when it is so "
    "large "
    "that looking would cost more than 0.2 % of a core.",
    "Signals sent to ullage are passed on to PROG; what the terminal sends reaches it directly. "
    "When "
    "PROG ends after such a signal, what is left of its tree is ended too, after 2 seconds by "
    "SIGKILL. When ullage itself is killed, PROG and its tree are killed.",
    "A report that cannot be written when the program has ended (a full disk) is an error on "
    "stderr; "
    "the exit code is still the program's. A path that cannot be written at all is found before "
    "anything is started.",
    NULL,
};

const ul_command ul_command_run = {
    .name = "run",
    .summary = "run a program, watch its memory, report what it used",
    .usage = "[OPTION...] [--] PROG [ARG...]",
    .examples = "ullage run -- redis-server\twatch it, report at its end\n"
                "ullage run --budget 1500M -- ./service -p 80\tgive it a budget\n"
                "ullage run --report r.json -q -- make -j4\tsay nothing, keep the numbers\n"
                "ullage run --json -- true | jq .peak_rss_bytes\tone number\n",
    .about = about,
    .exits = "CODE\tthe exit code of PROG\n"
             "128+N\tsignal N ended PROG\n"
             "125\tullage itself failed, or was called wrongly\n"
             "126\tPROG cannot be executed\n"
             "127\tPROG was not found\n",
    .flags = flags,
    .flag_count = UL_ARRAY_LEN(flags),
    .operand = UL_OPERAND_PROGRAM,
    .usage_error = UL_EXIT_OURS,
    .run = run,
};
