/* SPDX-License-Identifier: MIT */
/* run.c: `ullage run`: options in, one supervised run, report out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/live_line.h"
#include "cli/run_budget.h"
#include "cli/run_html.h"
#include "cli/run_record.h"
#include "launch/knobs_show.h"
#include "launch/report.h"
#include "launch/supervise.h"

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
  ul_run_budget   budget;
  const char     *report_path;
  const char     *record_path; /* NULL: where the history is kept by default */
  bool            json, quiet, dry_run;
  char          **arguments;
  ul_report_price price; /* from earlier runs; not valid where there are none */
};

/* What the run shows and records while it goes on. */
struct show {
  bool          quiet;
  ul_plan_view  view;
  ul_live_line  line;
  ul_run_record record;
  ul_run_html  *html;
};

/* A preset shows all it does; a budget, what it sets; and the rest is asked with --dry-run. */
static void show_settings(const ul_plan_view *view) {
  char line[2048];
  if (view->knobs->preset) {
    ul_plan_show(stderr, view, "  ");
    return;
  }
  ul_knobs_line(view->knobs, view->program->is_launcher, line, sizeof line);
  if (line[0]) fprintf(stderr, "ullage: set %s; --dry-run says why\n", line);
  for (size_t i = 0; i < view->knobs->warning_count; i++) {
    fprintf(stderr, "ullage: %s\n", view->knobs->warnings[i]);
  }
}

static void on_plan(const ul_plan *plan, void *arg) {
  struct show *show = arg;
  ul_run_record_begin(&show->record, show->view.program, show->view.arguments,
                      show->view.knobs ? show->view.knobs->budget_bytes : 0);
  if (show->quiet) return;
  show->view.plan = plan;
  fprintf(stderr, "ullage: %s\n", plan->sentence);
  if (show->view.knobs) show_settings(&show->view);
}

static void on_enclose(const ul_enclose *enclose, void *arg) {
  const struct show *show = arg;
  char               sentence[UL_ENCLOSE_TEXT_MAX];
  if (show->quiet) return;
  ul_enclose_sentence(enclose, sentence);
  fprintf(stderr, "ullage: %s\n", sentence);
}

static void on_look(const ul_watch *watch, void *arg) {
  struct show *show = arg;
  ul_live_line_draw(&show->line, watch);
  ul_run_html_look(show->html, watch);
  bool has_note = ul_run_record_look(&show->record, watch);
  ul_run_html_collections(show->html, show->record.collections, watch->figures.last_at_ns);
  if (!has_note) return;
  ul_live_line_erase(&show->line);
  ul_run_record_say(&show->record);
}

static void on_mark(enum ul_mark_kind kind, uint64_t at_ns, uint64_t bytes, const char *text,
                    void *arg) {
  struct show *show = arg;
  ul_run_record_mark(&show->record, kind, at_ns, bytes, text);
  ul_run_html_mark(show->html, kind, at_ns, bytes, text);
}

static void on_pause(void *arg) {
  struct show *show = arg;
  ul_live_line_erase(&show->line);
}

/* ---- The request ------------------------------------------------------------------------------ */

/* Returns 0, or the exit code to return at once. */
static int check_request(const ul_command *command, struct request *request) {
  if (!request->arguments[0]) {
    return ul_cli_usage_error(command, "name the program to run");
  }
  bool wants_json =
      request->json || (request->report_path && !ul_run_html_names(request->report_path));
  if (wants_json && !ul_report_has_json()) {
    return ul_cli_usage_error(command, "this ullage was built without cJSON and cannot write JSON; "
                                       "leave --json out, name a report FILE.html, or "
                                       "build it with "
                                       "-DULLAGE_WITH_CJSON=ON");
  }
  if (request->dry_run && (request->report_path || request->record_path)) {
    return ul_cli_usage_error(command,
                              "--dry-run runs nothing, so there is nothing for %s; leave one "
                              "of them out",
                              request->report_path ? "--report" : "--record");
  }
  return ul_run_budget_read(command, &request->budget);
}

static int read_words(const ul_command *command, int flag, const char *value,
                      ul_run_budget *budget) {
  if (flag == FLAG_PRESET && !ul_preset_parse(value, &budget->preset)) {
    return ul_cli_usage_error(command, "--preset %s: there are dev, prod and container", value);
  }
  if (flag == FLAG_ON_BUDGET && !ul_on_budget_parse(value, &budget->on_budget)) {
    return ul_cli_usage_error(command, "--on-budget %s: there are grow, fail and abort", value);
  }
  return 0;
}

/* Returns 0 with the request, or a negative number with *ret_exit_code to return at once. */
static int read_request(const ul_command *command, int argc, char **argv,
                        struct request *ret_request, int *ret_exit_code) {
  static struct request request; /* 50 KiB of knobs */
  ul_cli                cli;
  int                   flag;
  ul_cli_begin(&cli, command, argc, argv);
  while ((flag = ul_cli_next(&cli)) != UL_CLI_END) {
    int error = 0;
    switch (flag) {
    case UL_CLI_STOP: *ret_exit_code = cli.exit_code; return -1;
    case FLAG_BUDGET: request.budget.text = cli.value; break;
    case FLAG_MAX_BUDGET: request.budget.max_text = cli.value; break;
    case FLAG_PRESET:
    case FLAG_ON_BUDGET: error = read_words(command, flag, cli.value, &request.budget); break;
    case FLAG_NO_ENCLOSE: request.budget.no_enclose = true; break;
    case FLAG_DRY_RUN: request.dry_run = true; break;
    case FLAG_RECORD: request.record_path = cli.value; break;
    case FLAG_REPORT:
      if (request.report_path) {
        error = ul_cli_usage_error(command,
                                   "--report is there twice, for %s and %s, and one is written; "
                                   "leave one out. --json prints one on stdout, too",
                                   request.report_path, cli.value);
      }
      request.report_path = cli.value;
      break;
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

/* The report of the file: a page or a document. NULL: no memory, which has been said. The caller
 * frees it. */
static char *report_text(const struct request *request, const struct show *show,
                         const ul_run_result *result, bool as_page) {
  char *text;
  if (as_page) {
    ul_report_price price = request->price;
    price.limit_bytes = show->record.heap_limit_bytes;
    text = ul_run_html_page(show->html, result, request->arguments, show->view.knobs, &price);
  } else {
    text = ul_report_json(result, request->arguments);
  }
  if (!text) fprintf(stderr, "ullage: no memory left to write the report\n");
  return text;
}

/* Failing here does not change the exit code, which is the program's; but it is said. */
static void write_reports(const struct request *request, const struct show *show,
                          const ul_run_result *result, ul_report_file *file) {
  ul_fault fault;
  char    *text = NULL, *json = NULL;
  bool     written = false;
  if (request->report_path) {
    text = report_text(request, show, result, ul_run_html_names(request->report_path));
  }
  if (text) {
    written = ul_report_file_finish(file, text, &fault) == 0;
    if (!written) say(&fault);
  } else {
    ul_report_file_abandon(file);
  }
  if (request->json && (json = report_text(request, show, result, false))) {
    fputs(json, stdout);
    (void)ul_cli_finish(0);
  }
  free(text);
  free(json);
  if (request->quiet) return;
  ul_report_page(stderr, result, request->arguments);
  ul_report_next(stderr, result, show->view.knobs);
  if (written) fprintf(stderr, "  report       %s\n", request->report_path);
}

/* ---- The run ---------------------------------------------------------------------------------- */

static void open_record(const struct request *request, ul_run_record *record) {
  const ul_run_record_order order = {.path = request->record_path,
                                     .budget = request->budget.bytes > 0,
                                     .reads = request->dry_run,
                                     .quiet = request->quiet};
  ul_run_record_open(record, &order);
}

/* What it is, and what its runtime is to be told. 0, or *fault. */
static int plan(struct request *request, ul_run_record *record, ul_program *ret_program,
                ul_fault *fault) {
  ul_knob_facts facts;
  if (ul_recognise(request->arguments[0], getenv("PATH"), ret_program, fault) < 0) return -1;
  open_record(request, record);
  if (request->budget.bytes == 0) {
    ul_run_budget_check_variable(&request->budget, ret_program);
    return 0;
  }
  ul_run_record_facts(record, ret_program, request->arguments, &facts);
  request->price = ul_run_html_price(&facts);
  return ul_run_budget_tell(&request->budget, ret_program, request->arguments, environ, &facts,
                            fault);
}

/* --dry-run: the plan on stdout. Returns the exit code. */
static int show_plan(const struct request *request, ul_plan_view *view) {
  static ul_plan made;
  char          *json = NULL;
  if (ul_plan_make(view->program, request->arguments, environ, request->budget.bytes, NULL,
                   view->knobs, &made) < 0) {
    fprintf(stderr, "ullage: no memory left to plan a run\n");
    return UL_EXIT_OURS;
  }
  view->plan = &made;
  if (request->json) {
    json = ul_plan_json(view);
    fputs(json ? json : "", stdout);
  } else {
    printf("%s\n", made.sentence);
    ul_plan_show(stdout, view, "");
  }
  ul_plan_done(&made);
  free(json);
  return ul_cli_finish(0) == 0 ? 0 : UL_EXIT_OURS;
}

static int supervise(const struct request *request, struct show *show, ul_report_file *file) {
  static ul_run_result result;
  const ul_run_budget *budget = &request->budget;
  ul_fault             fault;
  ul_run_order         order = {.arguments = request->arguments,
                                .environment = environ,
                                .budget_bytes = budget->bytes,
                                .max_budget_bytes = budget->max_bytes,
                                .on_budget = budget->on_budget,
                                .no_enclose = budget->no_enclose,
                                .knobs = budget->bytes ? &budget->knobs : NULL,
                                .on_plan = on_plan,
                                .on_enclose = on_enclose,
                                .on_look = on_look,
                                .on_mark = on_mark,
                                .on_pause = on_pause,
                                .arg = show};
  if (ul_supervise(&order, &result, &fault) < 0) {
    ul_run_record_not_started(&show->record, fault.exit_code);
    ul_report_file_abandon(file);
    say(&fault);
    return fault.exit_code;
  }
  ul_live_line_erase(&show->line);
  ul_run_record_finish(&show->record, &result);
  write_reports(request, show, &result, file);
  return ul_run_exit_code(&result);
}

static int run(const ul_command *command, int argc, char **argv) {
  static struct request request;
  static ul_program     program;
  static ul_run_html    html; /* 90 KiB of timeline */
  struct show           show = {.html = &html};
  ul_report_file        file = {.fd = -1};
  ul_fault              fault;
  int                   exit_code;
  if (read_request(command, argc, argv, &request, &exit_code) < 0) return exit_code;
  if (request.report_path && ul_report_file_open(request.report_path, &file, &fault) < 0) {
    say(&fault);
    return fault.exit_code;
  }
  if (plan(&request, &show.record, &program, &fault) < 0) {
    ul_run_record_close(&show.record);
    ul_report_file_abandon(&file);
    say(&fault);
    return fault.exit_code;
  }
  show.quiet = request.quiet;
  show.view = (ul_plan_view){.program = &program,
                             .knobs = request.budget.bytes ? &request.budget.knobs : NULL,
                             .machine = &request.budget.machine,
                             .arguments = request.arguments,
                             .max_budget_bytes = request.budget.max_bytes,
                             .on_budget = request.budget.on_budget,
                             .no_enclose = request.budget.no_enclose};
  if (request.budget.note[0] && !request.quiet) {
    fprintf(stderr, "ullage: %s\n", request.budget.note);
  }
  ul_live_line_init(&show.line, request.quiet);
  ul_run_html_begin(&html, request.report_path, request.budget.bytes);
  exit_code = request.dry_run ? show_plan(&request, &show.view) : supervise(&request, &show, &file);
  ul_run_record_close(&show.record);
  return exit_code;
}

static const char *const about[] = {
    "Starts PROG, watches the whole process tree that comes of it, and says afterwards on stderr "
    "what it used: peak, 99th percentile, start-up peak and floor of resident memory, time, page "
    "faults, threads, live heap bytes, and why it ended.",
    "What PROG is, is told from its file. Dynamic native programs and Python get libullage "
    "preloaded (Python with PYTHONMALLOC=malloc, unless that is set). An LD_PRELOAD that is set "
    "is kept behind it. One line on stderr says what was recognised and done.",
    "--budget is for the whole process tree: the sum of the resident bytes of its processes, "
    "pages they share counted in each. SIZE is a number of bytes or has a unit: k M G T are "
    "powers of 1000, Ki Mi Gi Ti powers of 1024. 75% is of the container's limit, or else of the "
    "machine's memory; auto is the container's limit. Without --budget, ULLAGE_BUDGET counts. The "
    "report says whether the tree stayed below it.",
    "The runtime of PROG is told its budget in its own words: Go by GOMEMLIMIT, a JVM by "
    "JAVA_TOOL_OPTIONS, Node by NODE_OPTIONS, Python by a sitecustomize, .NET by "
    "DOTNET_GCHeapHardLimit, native programs by ULLAGE_BUDGET. A shell, a script, npm and the "
    "like may end in any of them, so all are set. What you have set yourself wins, and is named "
    "where it contradicts the budget. --dry-run prints each setting with its reason; "
    "docs/reference/runtime-settings.md explains them.",
    "--preset dev starts a JVM's heap at 256Mi and lets it grow to what fits 1Gi; prod fixes it "
    "from the start, in a quarter of the machine's memory, 1Gi to 4Gi; container takes the "
    "container's limit. Each is capped by --budget, and prints all it does.",
    "Start-up is the first 5 seconds, or the first tenth of a run shorter than 50 seconds. The "
    "tree is looked at 20 times a second, more often in the first 2 seconds, less often when it "
    "is so large that looking would cost more than 0.2 % of a core.",
    "Signals sent to ullage are passed on to PROG, all but KILL, STOP, those of faults and of "
    "terminal reads; what the terminal sends reaches it directly. When PROG ends after such a "
    "signal, what is left of its tree is ended too, after 2 seconds by SIGKILL. When ullage "
    "itself is killed, PROG and its tree are killed.",
    "A run with a budget, or with --record, is kept in the history: `ullage runs` lists it, and "
    "the next run of the same program is told what this one measured. ULLAGE_HISTORY=off keeps "
    "none. A history that cannot be written is said in one line, and changes nothing else.",
    "A report that cannot be written when the program has ended (a full disk) is an error on "
    "stderr; the exit code is still the program's. A path that cannot be written at all is found "
    "before anything is started.",
    NULL,
};

const ul_command ul_command_run = {
    .name = "run",
    .summary = "run a program, watch its memory, report what it used",
    .usage = "[OPTION...] [--] PROG [ARG...]",
    .examples =
        "ullage run -- redis-server\twatch it, report at its end\n"
        "ullage run --budget 1500M -- ./service -p 80\tgive it a budget\n"
        "ullage run --budget 512Mi --dry-run -- java -jar a.jar\twhat would be set, and why\n"
        "ullage run --report r.html -- ./service\ta page to look at: its course, and what to do\n"
        "ullage run --report r.json -q -- make -j4\tsay nothing, keep the numbers\n",
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
