/* SPDX-License-Identifier: MIT */
/* options.c: `ullage options`: the environment of libullage, from the table that it is parsed by. */
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

static const ul_flag flags[] = {
#define UL_FLAG UL_FLAG_ROW
#include "cli/options_options.def"
#undef UL_FLAG
};

static const struct row {
  const char *name, *type, *preset, *help;
} rows[] = {
#define UL_OPTION(name, type, preset, help) {"ULLAGE_" #name, #type, #preset, help},
#include "wire/options.def"
#undef UL_OPTION
};

static const char *preset_of(const struct row *row) {
  return strcmp(row->type, "budget") == 0 && strcmp(row->preset, "0") == 0 ? "off" : row->preset;
}

/* The value a program started from here would see; NULL when it is unset. */
static const char *value_of(const struct row *row) {
  return getenv(row->name);
}

static void print_table(void) {
  printf("%-24s %-10s %s\n", "VARIABLE", "DEFAULT", "MEANING");
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    printf("%-24s %-10s %s\n", rows[i].name, preset_of(&rows[i]), rows[i].help);
    if (value_of(&rows[i])) printf("%-24s set here to %s\n", "", value_of(&rows[i]));
  }
}

/* A JSON text; bytes below space and above 126 are written as escapes of their number. */
static void print_text(const char *text) {
  putchar('"');
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\')
      printf("\\%c", c);
    else if (c < 0x20 || c > 0x7e)
      printf("\\u%04x", c);
    else
      putchar(c);
  }
  putchar('"');
}

static void print_json(void) {
  printf("{\n  \"schema\": \"ullage.options/1\",\n  \"options\": [\n");
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    printf("    {\"name\": \"%s\", \"type\": \"%s\", \"default\": \"%s\", \"value\": ",
           rows[i].name, rows[i].type, preset_of(&rows[i]));
    if (value_of(&rows[i]))
      print_text(value_of(&rows[i]));
    else
      printf("null");
    printf(", \"help\": ");
    print_text(rows[i].help);
    printf("}%s\n", i + 1 < UL_ARRAY_LEN(rows) ? "," : "");
  }
  printf("  ]\n}\n");
}

static int run(const ul_command *command, int argc, char **argv) {
  ul_cli cli;
  bool   as_json = false;
  int    flag;
  ul_cli_begin(&cli, command, argc, argv);
  while ((flag = ul_cli_next(&cli)) != UL_CLI_END) {
    if (flag == UL_CLI_STOP) return cli.exit_code;
    as_json = true;
  }
  if (argv[cli.operand]) return ul_cli_usage_error(command, "takes no arguments");
  if (as_json)
    print_json();
  else
    print_table();
  return ul_cli_finish(UL_CLI_FINE);
}

static const char *const about[] = {
    "Lists the environment variables that a program with libullage reads, their defaults, and what "
    "they are set to here. ullage-options(7) describes them.",
    NULL,
};

const ul_command ul_command_options = {
    .name = "options",
    .summary = "list the environment variables of libullage",
    .usage = "[--json]",
    .examples = "ullage options\ta line for each variable\n"
                "ULLAGE_STATS=1 ullage run -- sort FILE\tset one for a single run\n",
    .about = about,
    .exits = "0\tfine\n2\twrong usage\n",
    .flags = flags,
    .flag_count = UL_ARRAY_LEN(flags),
    .operand = UL_OPERAND_NONE,
    .usage_error = UL_CLI_USAGE,
    .run = run,
};
