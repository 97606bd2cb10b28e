/* SPDX-License-Identifier: MIT */
/* completion.c: `ullage completion`: scripts for the shells, written from the records.
 *
 * The first word is a command; then that command's options; after `run`'s options the shell
 * completes as if the program's own command line began there.
 */
#include <string.h>

#include "cli/command.h"

/* The words among what an option takes: "dev|prod|container" are words, SIZE and N are names. The
 * next one after `*text`, or NULL; *ret_length is its length. */
static const char *next_word(const char **text, size_t *ret_length) {
  while (*text && **text) {
    const char *word = *text;
    *ret_length = strcspn(word, "|");
    *text = word + *ret_length + (word[*ret_length] == '|');
    if (word[0] >= 'a' && word[0] <= 'z') return word;
  }
  return NULL;
}

static void print_words(const ul_flag *flag) {
  const char *at = flag->argument, *word, *space = "";
  for (size_t length; (word = next_word(&at, &length)) != NULL; space = " ") {
    printf("%s%.*s", space, (int)length, word);
  }
}

static bool has_words(const ul_flag *flag) {
  const char *at = flag->argument;
  size_t      length;
  return next_word(&at, &length) != NULL;
}

/* ---- bash ------------------------------------------------------------------------------------- */

static void bash_flags(const ul_command *command) {
  for (size_t i = 0; i < command->flag_count; i++) printf("--%s ", command->flags[i].name);
  printf("--help");
}

/* What completes an option's value: file names, its words, or nothing. */
static void bash_values(const ul_command *command) {
  for (size_t i = 0; i < command->flag_count; i++) {
    const ul_flag *flag = &command->flags[i];
    if (!flag->argument) continue;
    printf("        %s:--%s", command->name, flag->name);
    if (flag->letter) printf("|%s:-%c", command->name, flag->letter);
    printf(") ");
    if (flag->kind == UL_FLAG_FILE) {
      printf("COMPREPLY=($(compgen -f -- \"$word\"))");
    } else if (flag->kind == UL_FLAG_DIRECTORY) {
      printf("COMPREPLY=($(compgen -d -- \"$word\"))");
    } else if (has_words(flag)) {
      printf("COMPREPLY=($(compgen -W \"");
      print_words(flag);
      printf("\" -- \"$word\"))");
    } else {
      putchar(':');
    }
    printf("; return ;;\n");
  }
}

static void bash_operand(const ul_command *command) {
  switch (command->operand) {
  case UL_OPERAND_SHELL: printf(" bash zsh fish"); break;
  case UL_OPERAND_TOPIC:
    for (size_t i = 0; i < ul_command_count; i++) printf(" %s", ul_commands[i]->name);
    printf(" environment");
    break;
  case UL_OPERAND_PROCESS: printf(" $(cd /proc && echo [1-9]*)"); break;
  case UL_OPERAND_PROGRAM:
  case UL_OPERAND_NONE: break;
  }
}

static void print_bash(void) {
  printf("# Completion of ullage for bash; written by `ullage completion bash`.\n"
         "_ullage() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local command=${COMP_WORDS[1]} i\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    COMPREPLY=($(compgen -W \"");
  for (size_t i = 0; i < ul_command_count; i++) printf("%s ", ul_commands[i]->name);
  printf("--help --version\" -- \"$word\"))\n"
         "    return\n"
         "  fi\n"
         "  if [ \"$command\" = run ]; then\n"
         "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
         "      case ${COMP_WORDS[i]} in\n"
         "        --) _ullage_program $((i + 1)); return ;;\n");
  /* Options of run that take a value: their value is not the program. */
  const ul_command *run = ul_command_find("run");
  printf("        ");
  const char *bar = "";
  for (size_t i = 0; i < run->flag_count; i++) {
    if (!run->flags[i].argument) continue;
    printf("%s--%s", bar, run->flags[i].name);
    if (run->flags[i].letter) printf("|-%c", run->flags[i].letter);
    bar = "|";
  }
  printf(") ((i++)) ;;\n"
         "        -*) ;;\n"
         "        *) _ullage_program $i; return ;;\n"
         "      esac\n"
         "    done\n"
         "  fi\n"
         "  case $command:$before in\n");
  for (size_t i = 0; i < ul_command_count; i++) bash_values(ul_commands[i]);
  printf("  esac\n"
         "  case $command in\n");
  for (size_t i = 0; i < ul_command_count; i++) {
    printf("    %s) COMPREPLY=($(compgen -W \"", ul_commands[i]->name);
    bash_flags(ul_commands[i]);
    bash_operand(ul_commands[i]);
    /* Of a program in two directories of the path one name is enough. */
    printf("\" %s)) ;;\n", ul_commands[i]->operand == UL_OPERAND_PROGRAM
                               ? "-A command -- \"$word\" | sort -u"
                               : "-- \"$word\"");
  }
  printf("  esac\n"
         "}\n"
         "_ullage_program() {\n"
         "  if declare -F _command_offset >/dev/null; then\n"
         "    _command_offset \"$1\"\n"
         "  elif [ \"$1\" -eq \"$COMP_CWORD\" ]; then\n"
         "    COMPREPLY=($(compgen -A command -- \"${COMP_WORDS[COMP_CWORD]}\" | sort -u))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "  fi\n"
         "}\n"
         "complete -F _ullage ullage\n");
}

/* ---- zsh -------------------------------------------------------------------------------------- */

/* Help inside single quotes, where zsh's _arguments gives [ ] : a meaning. */
static void zsh_text(const char *text) {
  for (; *text; text++) {
    if (*text == '\'')
      printf("'\\''");
    else if (strchr("[]:\\", *text))
      printf("\\%c", *text);
    else
      putchar(*text);
  }
}

static void zsh_flag(const ul_flag *flag) {
  const char *action = flag->kind == UL_FLAG_FILE        ? "_files"
                       : flag->kind == UL_FLAG_DIRECTORY ? "_files -/"
                                                         : " ";
  char        spellings[2][64];
  int         count = 0;
  snprintf(spellings[count++], 64, "--%s", flag->name);
  if (flag->letter) snprintf(spellings[count++], 64, "-%c", flag->letter);
  for (int i = 0; i < count; i++) {
    printf("        '%s[", spellings[i]);
    zsh_text(flag->help);
    putchar(']');
    if (flag->argument && has_words(flag)) {
      printf(":%s:(", flag->argument);
      print_words(flag);
      putchar(')');
    } else if (flag->argument) {
      printf(":%s:%s", flag->argument, action);
    }
    printf("' \\\n");
  }
}

static void print_zsh(void) {
  printf("#compdef ullage\n"
         "# Completion of ullage for zsh; written by `ullage completion zsh`.\n"
         "_ullage() {\n"
         "  local -a commands\n"
         "  commands=(\n");
  for (size_t i = 0; i < ul_command_count; i++) {
    printf("    '%s:", ul_commands[i]->name);
    zsh_text(ul_commands[i]->summary);
    printf("'\n");
  }
  printf("  )\n"
         "  if (( CURRENT == 2 )); then\n"
         "    _describe command commands\n"
         "    return\n"
         "  fi\n"
         "  local command=$words[2]\n"
         "  shift words\n"
         "  (( CURRENT-- ))\n"
         "  case $command in\n");
  for (size_t i = 0; i < ul_command_count; i++) {
    const ul_command *command = ul_commands[i];
    printf("    %s)\n      _arguments -S \\\n", command->name);
    for (size_t j = 0; j < command->flag_count; j++) zsh_flag(&command->flags[j]);
    printf("        '--help[the manual page]'");
    if (command->operand == UL_OPERAND_PROGRAM) printf(" \\\n        '*::program:_normal'");
    if (command->operand == UL_OPERAND_SHELL) printf(" \\\n        '1:shell:(bash zsh fish)'");
    if (command->operand == UL_OPERAND_PROCESS) printf(" \\\n        '1:process:_pids'");
    if (command->operand == UL_OPERAND_TOPIC) {
      printf(" \\\n        '1:topic:(");
      for (size_t j = 0; j < ul_command_count; j++) printf("%s ", ul_commands[j]->name);
      printf("environment)'");
    }
    printf("\n      ;;\n");
  }
  printf("  esac\n"
         "}\n"
         "_ullage \"$@\"\n");
}

/* ---- fish ------------------------------------------------------------------------------------- */

static void fish_text(const char *text) {
  putchar('\'');
  for (; *text; text++) {
    if (*text == '\'' || *text == '\\') putchar('\\');
    putchar(*text);
  }
  putchar('\'');
}

static void print_fish(void) {
  printf("# Completion of ullage for fish; written by `ullage completion fish`.\n"
         "complete -c ullage -f\n");
  for (size_t i = 0; i < ul_command_count; i++) {
    const ul_command *command = ul_commands[i];
    const char       *name = command->name;
    printf("complete -c ullage -n __fish_use_subcommand -a %s -d ", name);
    fish_text(command->summary);
    putchar('\n');
    for (size_t j = 0; j < command->flag_count; j++) {
      const ul_flag *flag = &command->flags[j];
      printf("complete -c ullage -n '__fish_seen_subcommand_from %s' -l %s", name, flag->name);
      if (flag->letter) printf(" -s %c", flag->letter);
      if (flag->argument) printf(flag->kind == UL_FLAG_NOTHING ? " -x" : " -r -F");
      if (has_words(flag)) {
        printf(" -a '");
        print_words(flag);
        putchar('\'');
      }
      printf(" -d ");
      fish_text(flag->help);
      putchar('\n');
    }
    if (command->operand == UL_OPERAND_PROGRAM) {
      printf("complete -c ullage -n '__fish_seen_subcommand_from %s' -a "
             "'(__fish_complete_subcommand --fcs-skip=2)'\n",
             name);
    } else if (command->operand == UL_OPERAND_PROCESS) {
      printf("complete -c ullage -n '__fish_seen_subcommand_from %s' -a '(__fish_complete_pids)'\n",
             name);
    } else if (command->operand == UL_OPERAND_SHELL) {
      printf("complete -c ullage -n '__fish_seen_subcommand_from %s' -a 'bash zsh fish'\n", name);
    }
  }
}

/* ---- The command ------------------------------------------------------------------------------ */

static int run(const ul_command *command, int argc, char **argv) {
  ul_cli cli;
  ul_cli_begin(&cli, command, argc, argv);
  if (ul_cli_next(&cli) == UL_CLI_STOP) return cli.exit_code;
  const char *shell = argv[cli.operand];
  if (!shell || argv[cli.operand + 1]) {
    return ul_cli_usage_error(command, "name one shell: bash, zsh or fish");
  }
  if (strcmp(shell, "bash") == 0)
    print_bash();
  else if (strcmp(shell, "zsh") == 0)
    print_zsh();
  else if (strcmp(shell, "fish") == 0)
    print_fish();
  else
    return ul_cli_usage_error(command,
                              "no completion for '%s'; there is one for bash, zsh and fish", shell);
  return ul_cli_finish(UL_CLI_FINE);
}

static const char *const about[] = {
    "Prints a script that lets the shell complete the commands and options of ullage, and after "
    "`ullage run` the command line of the program. `make install` puts the scripts where the "
    "shells "
    "look for them.",
    NULL,
};

const ul_command ul_command_completion = {
    .name = "completion",
    .summary = "print a completion script for bash, zsh or fish",
    .usage = "bash|zsh|fish",
    .examples = "source <(ullage completion bash)\tin this shell only\n"
                "ullage completion zsh > ~/.zfunc/_ullage\tfor good, with ~/.zfunc in fpath\n",
    .about = about,
    .exits = "0\tfine\n2\twrong usage\n",
    .flags = NULL,
    .flag_count = 0,
    .operand = UL_OPERAND_SHELL,
    .usage_error = UL_CLI_USAGE,
    .run = run,
};
