/* SPDX-License-Identifier: MIT */
/* runs.c: `ullage runs`: what earlier runs used. Reads the history, changes nothing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/runs_show.h"

#define LAST 20 /* a screen */

enum {
#define UL_FLAG(id, name, letter, argument, kind, help) FLAG_##id,
#include "cli/runs_options.def"
#undef UL_FLAG
};
static const ul_flag flags[] = {
#define UL_FLAG UL_FLAG_ROW
#include "cli/runs_options.def"
#undef UL_FLAG
};

struct request {
  ul_history_query query;
  const char      *path; /* NULL: the default */
  bool             json;
};

static bool read_number(const char *text, int64_t *ret_number) {
  char *end;
  errno = 0;
  long long number = strtoll(text, &end, 10);
  if (errno || end == text || *end || text[0] < '0' || text[0] > '9' || number < 1) return false;
  *ret_number = number;
  return true;
}

/* Returns 0, or the exit code of a wrong call. */
static int read_value(const ul_command *command, int flag, const char *value,
                      struct request *request) {
  int64_t number = 0;
  switch (flag) {
  case FLAG_JSON: request->json = true; break;
  case FLAG_RECORD: request->path = value; break;
  case FLAG_PROGRAM: request->query.program = value; break;
  case FLAG_LAST:
    if (strcmp(value, "all") != 0 && !read_number(value, &number)) {
      return ul_cli_usage_error(command, "--last %s is no number from 1 on, nor all", value);
    }
    request->query.last = (uint64_t)number;
    break;
  }
  return 0;
}

/* Nothing to list is no failure, but one run that was asked for is. */
static int say_none(const struct request *request, bool no_history) {
  if (request->query.id) {
    fprintf(stderr, "ullage: there is no run %lld; `ullage runs` lists those there are\n",
            (long long)request->query.id);
    return UL_CLI_USAGE;
  }
  if (request->json) {
    printf("{\"schema\": \"ullage.runs/1\", \"runs\": []}\n");
  } else if (request->query.program && !no_history) {
    fprintf(stderr, "ullage: no run of %s is recorded; `ullage runs` lists the others\n",
            request->query.program);
  } else {
    fprintf(stderr, "ullage: no runs yet; a run with a budget is recorded: "
                    "ullage run --budget 512M -- PROG\n");
  }
  return ul_cli_finish(UL_CLI_FINE);
}

static int show_one(const struct request *request, ul_history *history, ul_history_note *note) {
  ul_runs_one          one = {.history = history};
  ul_history_run_sink *sink = request->json ? ul_runs_page_json : ul_runs_page;
  int                  error = ul_history_list(history, &request->query, sink, &one, note);
  if (!error && one.error) {
    *note = one.note;
    error = one.error;
  }
  return error;
}

static int show_list(const struct request *request, ul_history *history, ul_history_note *note) {
  size_t count = 0;
  if (!request->json) return ul_history_list(history, &request->query, ul_runs_row, &count, note);
  int error = ul_history_list(history, &request->query, ul_runs_row_json, &count, note);
  if (count > 0) printf("]}\n");
  return error;
}

static int show(const struct request *request) {
  ul_history_order order = {.path = request->path};
  ul_history      *history = NULL;
  ul_history_note  note = {{0}};
  int              error = ul_history_open(&order, &history, &note);
  bool             no_history = error == -UL_E_NOTFOUND;
  if (!error) {
    error = (request->query.id ? show_one : show_list)(request, history, &note);
    ul_history_close(history);
  }
  if (error == -UL_E_NOTFOUND) return say_none(request, no_history);
  if (error) {
    fprintf(stderr, "ullage: %s\n", note.text);
    return UL_CLI_USAGE;
  }
  return ul_cli_finish(UL_CLI_FINE);
}

static int run(const ul_command *command, int argc, char **argv) {
  struct request request = {.query.last = LAST};
  ul_cli         cli;
  int            flag, error;
  ul_cli_begin(&cli, command, argc, argv);
  while ((flag = ul_cli_next(&cli)) != UL_CLI_END) {
    if (flag == UL_CLI_STOP) return cli.exit_code;
    if ((error = read_value(command, flag, cli.value, &request)) != 0) return error;
  }
  char **operands = argv + cli.operand;
  if (argc - cli.operand > 1) {
    return ul_cli_usage_error(command, "%s is one argument too many", operands[1]);
  }
  if (operands[0] && !read_number(operands[0], &request.query.id)) {
    return ul_cli_usage_error(command, "%s is no number of a run; --program %s lists its runs",
                              operands[0], operands[0]);
  }
  return show(&request);
}

static const char *const about[] = {
    "Lists the runs that `ullage run` recorded, the newest first: when, what, its budget, peak and "
    "99th percentile of the resident bytes of its process tree, whether it stayed inside its "
    "budget, how it ended, and how long it took. With RUN_ID, all that is known of that run: what "
    "happened, what was measured of its runtime, and what other limits would cost.",
    "Every run with a budget is recorded, and every run with --record, unless ULLAGE_HISTORY=off "
    "is set. An unfinished run is one whose ullage was killed; a running one goes on now.",
    "The history is one file, $XDG_DATA_HOME/ullage/history.db, or else below ~/.local/share. It "
    "holds command lines and is readable by its owner only. It stays below 64 MiB: old samples are "
    "thinned, then old runs go. Removing the file forgets everything.",
    NULL,
};

const ul_command ul_command_runs = {
    .name = "runs",
    .summary = "list recorded runs, or show one",
    .usage = "[OPTION...] [RUN_ID]",
    .examples = "ullage runs\tthe newest twenty\n"
                "ullage runs 7\tall about one\n"
                "ullage runs --program service --last 5\tof one program\n"
                "ullage runs --json | jq '.runs[].peak_rss_bytes'\tnumbers\n",
    .about = about,
    .exits = "0\tfine; also when nothing is recorded yet\n"
             "2\twrong usage, no such run, or the history cannot be read\n",
    .flags = flags,
    .flag_count = UL_ARRAY_LEN(flags),
    .operand = UL_OPERAND_NONE,
    .usage_error = UL_CLI_USAGE,
    .run = run,
};
