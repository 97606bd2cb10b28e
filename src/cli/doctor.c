/* SPDX-License-Identifier: MIT */
/* doctor.c: `ullage doctor`: one look at the system, judged. Changes nothing. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/size_text.h"
#include "cli/command.h"
#include "launch/target.h"
#include "os/facts.h"
#include "toolbox/doctor/doctor.h"

#define FOUND 1

enum {
#define UL_FLAG(id, name, letter, argument, kind, help) FLAG_##id,
#include "cli/doctor_options.def"
#undef UL_FLAG
};
static const ul_flag flags[] = {
#define UL_FLAG UL_FLAG_ROW
#include "cli/doctor_options.def"
#undef UL_FLAG
};

struct request {
  uint64_t budget_bytes;
  int      fail_on; /* a severity; above all: never */
  bool     json;
  int      pid;
};

/* Returns 0, or the exit code to end with: the value was wrong, which has been said. */
static int read_value(const ul_command *command, int flag, const char *value,
                      struct request *request) {
  if (flag == FLAG_JSON) {
    request->json = true;
  } else if (flag == FLAG_FAIL_ON && strcmp(value, "warning") == 0) {
    request->fail_on = UL_SEVERITY_WARNING;
  } else if (flag == FLAG_FAIL_ON && strcmp(value, "note") == 0) {
    request->fail_on = UL_SEVERITY_NOTE;
  } else if (flag == FLAG_FAIL_ON) {
    return ul_cli_usage_error(command, "--fail-on takes warning or note, not '%s'", value);
  } else if (ul_size_parse(value, &request->budget_bytes) < 0 || request->budget_bytes == 0) {
    return ul_cli_usage_error(command, "--budget %s is not a size; %s", value, UL_SIZE_HOW);
  }
  return 0;
}

static int read_pid(const ul_command *command, char **operands, struct request *request) {
  ul_target target;
  ul_fault  fault;
  if (!operands[0]) return 0;
  if (operands[1] && operands[1][0] == '-') {
    return ul_cli_usage_error(command, "%s stands after the process; options come first",
                              operands[1]);
  }
  if (operands[1]) return ul_cli_usage_error(command, "looks at one process at a time");
  if (strspn(operands[0], "0123456789") == strlen(operands[0]) && operands[0][0]) {
    long pid = strtol(operands[0], NULL, 10);
    if (pid <= 0 || pid > INT_MAX) {
      return ul_cli_usage_error(command, "%s is no process number", operands[0]);
    }
    request->pid = (int)pid; /* whether it runs is seen when it is looked at */
  } else if (ul_target_find(operands[0], &target, &fault) == 0) {
    request->pid = target.pid;
  } else {
    fprintf(stderr, "ullage: %s\n", fault.text);
    return UL_CLI_USAGE;
  }
  return 0;
}

static bool wants_colour(void) {
  const char *terminal = getenv("TERM"), *no_colour = getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) && !(no_colour && no_colour[0]) && terminal && terminal[0] &&
         strcmp(terminal, "dumb") != 0;
}

static int print(const struct request *request, const ul_facts *facts,
                 const ul_diagnosis *diagnosis) {
  if (!request->json) {
    ul_doctor_show(stdout, facts, diagnosis, wants_colour());
    return 0;
  }
  char *text = ul_doctor_json(facts, diagnosis, request->pid);
  if (!text) {
    fprintf(stderr, "ullage: no memory left to write the JSON document\n");
    return UL_CLI_USAGE;
  }
  puts(text);
  free(text);
  return 0;
}

static int examine(const struct request *request, ul_facts *facts, ul_diagnosis *diagnosis) {
  if (ul_facts_read("", request->pid, facts) < 0) {
    fprintf(stderr,
            "ullage: there is no process %d, so there is nothing to look at; `ullage doctor` "
            "alone looks at the system\n",
            request->pid);
    return UL_CLI_USAGE;
  }
  ul_doctor_judge(facts, request->budget_bytes, diagnosis);
  int failed = print(request, facts, diagnosis);
  if (failed) return failed;
  for (int severity = request->fail_on; severity <= UL_SEVERITY_WARNING; severity++) {
    if (ul_doctor_count(diagnosis, (enum ul_severity)severity) > 0) return ul_cli_finish(FOUND);
  }
  return ul_cli_finish(UL_CLI_FINE);
}

static int run(const ul_command *command, int argc, char **argv) {
  ul_cli         cli;
  struct request request = {.fail_on = UL_SEVERITY_WARNING + 1};
  int            flag, exit_code;
  ul_cli_begin(&cli, command, argc, argv);
  while ((flag = ul_cli_next(&cli)) != UL_CLI_END) {
    if (flag == UL_CLI_STOP) return cli.exit_code;
    if ((exit_code = read_value(command, flag, cli.value, &request)) != 0) return exit_code;
  }
  if ((exit_code = read_pid(command, argv + cli.operand, &request)) != 0) return exit_code;
  if (request.json && !ul_doctor_has_json()) {
    fprintf(stderr, "ullage: this build has no JSON (ULLAGE_WITH_CJSON is off); without --json "
                    "the findings are printed as text\n");
    return UL_CLI_USAGE;
  }
  ul_facts     *facts = malloc(sizeof *facts);
  ul_diagnosis *diagnosis = malloc(sizeof *diagnosis);
  if (facts && diagnosis) {
    exit_code = examine(&request, facts, diagnosis);
  } else {
    fprintf(stderr, "ullage: no memory left to look at the system\n");
    exit_code = UL_CLI_USAGE;
  }
  free(facts);
  free(diagnosis);
  return exit_code;
}

static const char *const about[] = {
    "Reads what the system says about memory and prints what is good or bad about it: what is "
    "seen, what follows, and the command that changes it. It changes nothing itself.",
    "It looks at the limits of the container and who set them, overcommit, swap, huge pages, "
    "pressure, NUMA, the out-of-memory killer, reserves, the limits and the environment that "
    "programs started from here inherit, and at the largest users of memory. With PID, limits, "
    "container and environment are those of that process.",
    "A warning is what has programs killed, refused memory or stalled, or soon will. A note is "
    "what costs or surprises somebody sometimes. Each has a name in brackets, under which the "
    "reference (docs/reference/doctor.md) explains it.",
    "No privileges are needed. What cannot be read without them is listed as not visible, and "
    "nothing is concluded from it.",
    NULL,
};

const ul_command ul_command_doctor = {
    .name = "doctor",
    .summary = "check how this system deals out memory; changes nothing",
    .usage = "[OPTION...] [PID]",
    .examples = "ullage doctor\twhat is wrong here, and what to type\n"
                "ullage doctor --budget 1500M\tis there room for it?\n"
                "ullage doctor --fail-on warning\tfor scripts: exits 1 when there is one\n"
                "ullage doctor --json | jq '.findings[].id'\tthe names of what was found\n",
    .about = about,
    .exits = "0\tfine, or nothing as bad as --fail-on says\n"
             "1\tfound something of the level of --fail-on, or worse\n"
             "2\twrong usage, or a failure\n",
    .flags = flags,
    .flag_count = UL_ARRAY_LEN(flags),
    .operand = UL_OPERAND_NONE,
    .usage_error = UL_CLI_USAGE,
    .run = run,
};
