/* SPDX-License-Identifier: MIT */
/* command.h: a command is a record.
 *
 *     commands.def       which there are      -> the list, completion, "did you mean"
 *     NAME.c             ul_command_NAME      -> summary, usage, examples: -h, --help, the manual
 *     NAME_options.def   its options          -> getopt_long's table, -h, the manual, completion
 *
 * So help, manual and completion cannot differ from what is parsed. Adding a command: a line in
 * commands.def, a file with its record; the rest follows.
 *
 * Every command understands -h (one screen, examples first) and --help (its manual page).
 */
#ifndef UL_CLI_COMMAND_H
#define UL_CLI_COMMAND_H

#include <stdio.h>

#include "base/base.h"

#define UL_CLI_FINE  0
#define UL_CLI_USAGE 2 /* usage or failure; `run` has codes of its own */

enum ul_flag_kind {
  UL_FLAG_NOTHING,
  UL_FLAG_FILE,
  UL_FLAG_DIRECTORY,
};

typedef struct ul_flag {
  const char       *name;
  int               letter;   /* 0: none */
  const char       *argument; /* its name in help; NULL: takes none */
  enum ul_flag_kind kind;
  const char       *help;
} ul_flag;

enum ul_operand {
  UL_OPERAND_NONE,
  UL_OPERAND_PROGRAM,
  UL_OPERAND_SHELL,
  UL_OPERAND_TOPIC,
  UL_OPERAND_PROCESS
};

typedef struct ul_command {
  const char        *name;
  const char        *summary;
  const char        *usage;    /* after "ullage NAME " */
  const char        *examples; /* lines "command\tcomment\n" */
  const char *const *about;    /* paragraphs, ended by NULL */
  const char        *exits;    /* lines "code\tmeaning\n" */
  const ul_flag     *flags;
  size_t             flag_count;
  enum ul_operand    operand;
  int                usage_error; /* exit code of a wrong call */
  int (*run)(const struct ul_command *command, int argc, char **argv); /* argv[0] is the name */
} ul_command;

/* Rows of a .def table as elements of an array of ul_flag. */
#define UL_FLAG_ROW(id, name, letter, argument, kind, help) \
  {name, letter, argument, UL_FLAG_##kind, help},

extern const ul_command *const ul_commands[];
extern const size_t            ul_command_count;

/* NULL when there is none of that name. */
const ul_command *ul_command_find(const char *name);

/* The command whose name is nearest to what was typed; NULL when none is near. */
const ul_command *ul_command_nearest(const char *typed);

/* ---- Options ---------------------------------------------------------------------------------- */

/* What ul_cli_next returns besides an index into command->flags. */
enum { UL_CLI_END = -1, UL_CLI_STOP = -2 };

typedef struct ul_cli {
  const ul_command *command;
  int               argc;
  char            **argv;
  int               exit_code; /* when UL_CLI_STOP: what to return at once */
  const char       *value;     /* argument of the option that was just read */
  int               operand;   /* index of the first operand, after UL_CLI_END */
} ul_cli;

/* Start over: `cli` with command, argc, argv set. */
void ul_cli_begin(ul_cli *cli, const ul_command *command, int argc, char **argv);

/* The next option: its index, UL_CLI_END, or UL_CLI_STOP when help was shown or the call is wrong
 * (which has been said). Options end at the first operand. */
int ul_cli_next(ul_cli *cli);

/* Says that the call is wrong, and how to find out more. Returns command->usage_error. */
int ul_cli_usage_error(const ul_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Everything on stdout was written? Else says why and returns UL_CLI_USAGE; a closed pipe is
 * silence. To be called as the last thing. */
int ul_cli_finish(int exit_code);

/* ---- Help (manual.c) -------------------------------------------------------------------------- */

void ul_manual_screen(FILE *out, const ul_command *command); /* -h */
void ul_manual_overview(FILE *out);                          /* `ullage` alone */

/* Pages are named as files: "ullage.1", "ullage-run.1", "ullage-options.7". */
size_t      ul_manual_count(void);
const char *ul_manual_name(size_t page, char buffer[64]);
void        ul_manual_write(FILE *out, size_t page, bool as_troff);
/* The page about a topic ("run", "ullage-run", "environment"); false: there is none. */
bool ul_manual_find(const char *topic, size_t *ret_page);

/* The whole program: argv as main got it. Returns the exit code. */
int ul_cli_main(int argc, char **argv);

#endif
