/* SPDX-License-Identifier: MIT */
/* parse.c: getopt_long fed from a command's table. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

#define FLAGS_MAX 32

/* Values for getopt's `val`: past any letter. */
enum { VALUE_FLAG = 1000, VALUE_HELP = 2000 };

void ul_cli_begin(ul_cli *cli, const ul_command *command, int argc, char **argv) {
  *cli = (ul_cli){.command = command, .argc = argc, .argv = argv};
  optind = 0; /* glibc: start over */
  opterr = 0; /* we speak ourselves */
}

/* Says what getopt did not like. */
static int bad_option(const ul_command *command, int reason, char **argv) {
  const char *word = argv[optind > 0 ? optind - 1 : 0];
  bool        is_long = strncmp(word, "--", 2) == 0;
  if (reason == ':' && is_long) return ul_cli_usage_error(command, "%s needs a value", word);
  if (reason == ':') return ul_cli_usage_error(command, "-%c needs a value", optopt);
  if (optopt >= VALUE_FLAG) return ul_cli_usage_error(command, "%s takes no value", word);
  if (optopt && !is_long) return ul_cli_usage_error(command, "unknown option '-%c'", optopt);
  return ul_cli_usage_error(command, "unknown option '%s'", word);
}

static int show_help(const ul_command *command, bool whole) {
  size_t page;
  if (whole && ul_manual_find(command->name, &page)) {
    ul_manual_write(stdout, page, false);
  } else {
    ul_manual_screen(stdout, command);
  }
  return ul_cli_finish(UL_CLI_FINE);
}

int ul_cli_next(ul_cli *cli) {
  const ul_command *command = cli->command;
  struct option     options[FLAGS_MAX + 2] = {0};
  char              letters[2 * FLAGS_MAX + 8] = "+:h";
  size_t            count = UL_MIN(command->flag_count, (size_t)FLAGS_MAX);
  for (size_t i = 0; i < count; i++) {
    const ul_flag *flag = &command->flags[i];
    options[i] = (struct option){flag->name, flag->argument ? required_argument : no_argument, NULL,
                                 VALUE_FLAG + (int)i};
    if (!flag->letter) continue;
    size_t length = strlen(letters);
    letters[length++] = (char)flag->letter;
    letters[length++] = flag->argument ? ':' : 0;
    letters[length] = 0;
  }
  options[count] = (struct option){"help", no_argument, NULL, VALUE_HELP};
  int found = getopt_long(cli->argc, cli->argv, letters, options, NULL);
  cli->value = optarg;
  cli->operand = optind;
  if (found == -1) return UL_CLI_END;
  if (found == 'h' || found == VALUE_HELP) {
    cli->exit_code = show_help(command, found == VALUE_HELP);
    return UL_CLI_STOP;
  }
  if (found >= VALUE_FLAG && cli->value && strcmp(cli->value, "--") == 0) {
    /* getopt would take the word that ends the options for the value. */
    cli->exit_code = ul_cli_usage_error(command, "--%s needs a value before --",
                                        command->flags[found - VALUE_FLAG].name);
    return UL_CLI_STOP;
  }
  if (found >= VALUE_FLAG) return found - VALUE_FLAG;
  for (size_t i = 0; i < count; i++) {
    if (command->flags[i].letter && command->flags[i].letter == found) return (int)i;
  }
  cli->exit_code = bad_option(command, found, cli->argv);
  return UL_CLI_STOP;
}

int ul_cli_usage_error(const ul_command *command, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "ullage %s: ", command->name);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\nusage: ullage %s %s\n`ullage %s -h` shows examples.\n", command->name,
          command->usage, command->name);
  va_end(arguments);
  return command->usage_error;
}

int ul_cli_finish(int exit_code) {
  errno = 0;
  if (fflush(stdout) == 0 && !ferror(stdout)) return exit_code;
  if (errno == EPIPE) return exit_code; /* the reader has seen enough */
  fprintf(stderr, "ullage: cannot write the output: %s\n", strerror(errno));
  return UL_CLI_USAGE;
}
