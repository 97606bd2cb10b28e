/* SPDX-License-Identifier: MIT */
/* help.c: `ullage help`: the manual pages, to read or to install. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "cli/command.h"

enum {
#define UL_FLAG(id, name, letter, argument, kind, help) FLAG_##id,
#include "cli/help_options.def"
#undef UL_FLAG
};
static const ul_flag flags[] = {
#define UL_FLAG UL_FLAG_ROW
#include "cli/help_options.def"
#undef UL_FLAG
};

static int write_page(const char *directory, size_t page) {
  char  name[64], path[PATH_MAX];
  FILE *out;
  snprintf(path, sizeof path, "%s/%s", directory, ul_manual_name(page, name));
  out = fopen(path, "we");
  if (out) {
    ul_manual_write(out, page, true);
    bool failed = ferror(out) != 0;
    if (fclose(out) == 0 && !failed) return 0;
  }
  fprintf(stderr, "ullage help: cannot write %s: %s; the directory must exist and be writable\n",
          path, strerror(errno));
  return -1;
}

static int run(const ul_command *command, int argc, char **argv) {
  ul_cli cli;
  bool   as_troff = false;
  size_t page = 0;
  int    flag;
  ul_cli_begin(&cli, command, argc, argv);
  while ((flag = ul_cli_next(&cli)) != UL_CLI_END) {
    if (flag == UL_CLI_STOP) return cli.exit_code;
    if (flag == FLAG_MAN) as_troff = true;
    if (flag != FLAG_MAN_DIR) continue;
    for (size_t i = 0; i < ul_manual_count(); i++) {
      if (write_page(cli.value, i) < 0) return UL_CLI_USAGE;
    }
    return UL_CLI_FINE;
  }
  const char *topic = argv[cli.operand];
  if (!topic && !as_troff) {
    ul_manual_overview(stdout);
    return ul_cli_finish(UL_CLI_FINE);
  }
  /* `ullage help run --man`: options end at the first operand, this one may follow it. */
  if (topic && argv[cli.operand + 1]) {
    if (strcmp(argv[cli.operand + 1], "--man") != 0 || argv[cli.operand + 2]) {
      return ul_cli_usage_error(command, "one topic at a time");
    }
    as_troff = true;
  }
  if (topic && !ul_manual_find(topic, &page)) {
    const ul_command *nearest = ul_command_nearest(topic);
    return ul_cli_usage_error(command, "there is no page about '%s'%s%s%s", topic,
                              nearest ? "; did you mean '" : "", nearest ? nearest->name : "",
                              nearest ? "'?" : "");
  }
  ul_manual_write(stdout, page, as_troff);
  return ul_cli_finish(UL_CLI_FINE);
}

static const char *const about[] = {
    "Without a topic: the commands. A topic is a command, or `environment` for the variables of "
    "libullage.",
    NULL,
};

const ul_command ul_command_help = {
    .name = "help",
    .summary = "show or write the manual pages",
    .usage = "[TOPIC] [--man] | --man-dir DIR",
    .examples = "ullage help run\tthe page about `ullage run`\n"
                "ullage help environment\tthe variables that libullage reads\n"
                "ullage help run --man | man -l -\tthe same, in man's own clothes\n"
                "ullage help --man-dir /usr/share/man/man1\twrite all pages\n",
    .about = about,
    .exits = "0\tfine\n2\twrong usage, or a page cannot be written\n",
    .flags = flags,
    .flag_count = UL_ARRAY_LEN(flags),
    .operand = UL_OPERAND_TOPIC,
    .usage_error = UL_CLI_USAGE,
    .run = run,
};
