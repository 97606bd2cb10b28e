/* SPDX-License-Identifier: MIT */
/* version.c: `ullage version`. */
#include <limits.h>

#include "cli/command.h"
#include "launch/prepare.h"
#include "launch/report.h"
#include "os/process.h"
#include "ullage/ullage.h"

static const ul_flag flags[] = {
#define UL_FLAG UL_FLAG_ROW
#include "cli/version_options.def"
#undef UL_FLAG
};

static int run(const ul_command *command, int argc, char **argv) {
  ul_cli cli;
  bool   as_json = false;
  int    flag;
  char   own[PATH_MAX], library[PATH_MAX] = "";
  ul_cli_begin(&cli, command, argc, argv);
  while ((flag = ul_cli_next(&cli)) != UL_CLI_END) {
    if (flag == UL_CLI_STOP) return cli.exit_code;
    as_json = true;
  }
  if (argv[cli.operand]) return ul_cli_usage_error(command, "takes no arguments");
  if (!as_json) {
    printf("ullage %d.%d.%d\n", ULLAGE_VERSION_MAJOR, ULLAGE_VERSION_MINOR, ULLAGE_VERSION_PATCH);
    return ul_cli_finish(UL_CLI_FINE);
  }
  ul_process_own_path(own, sizeof own);
  bool found = ul_plan_find_library(own, library);
  /* Nothing in it needs escaping but a path, which is not shown for that reason. */
  printf("{\"schema\": \"ullage.version/1\", \"version\": \"%d.%d.%d\", \"json_reports\": %s, "
         "\"library_found\": %s}\n",
         ULLAGE_VERSION_MAJOR, ULLAGE_VERSION_MINOR, ULLAGE_VERSION_PATCH,
         ul_report_has_json() ? "true" : "false", found ? "true" : "false");
  return ul_cli_finish(UL_CLI_FINE);
}

static const char *const about[] = {
    "Prints the version of the command. With --json also whether it can write JSON reports, and "
    "whether it finds libullage.so beside itself.",
    NULL,
};

const ul_command ul_command_version = {
    .name = "version",
    .summary = "print the version",
    .usage = "[--json]",
    .examples = "ullage version\tas `ullage --version`\n",
    .about = about,
    .exits = "0\tfine\n2\twrong usage\n",
    .flags = flags,
    .flag_count = UL_ARRAY_LEN(flags),
    .operand = UL_OPERAND_NONE,
    .usage_error = UL_CLI_USAGE,
    .run = run,
};
