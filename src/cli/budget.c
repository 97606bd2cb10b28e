/* SPDX-License-Identifier: MIT */
/* budget.c: `ullage budget`: shows or sets the budget of a running program. */
#include <inttypes.h>
#include <string.h>

#include "base/size_text.h"
#include "cli/command.h"
#include "cli/run_budget.h"
#include "launch/target.h"
#include "os/facts.h"

static const ul_flag flags[] = {
#define UL_FLAG UL_FLAG_ROW
#include "cli/budget_options.def"
#undef UL_FLAG
};

static int fail(const ul_fault *fault) {
  fprintf(stderr, "ullage: %s\n", fault->text);
  return UL_CLI_USAGE;
}

static const char *shown(char buffer[UL_SIZE_TEXT_MAX], uint64_t bytes) {
  return bytes ? ul_size_mib(buffer, bytes) : "none";
}

static int show(ul_target *target, bool as_json) {
  ul_fault    fault;
  ul_counters counters;
  char        budget[UL_SIZE_TEXT_MAX], held[UL_SIZE_TEXT_MAX];
  if (ul_target_counters(target, &counters, &fault) < 0) return fail(&fault);
  if (as_json) {
    printf("{\"schema\": \"ullage.budget/1\", \"pid\": %d, \"budget_bytes\": %" PRIu64
           ", \"held_bytes\": %" PRIu64 "}\n",
           target->pid, counters.value[UL_COUNTER_budget_bytes],
           counters.value[UL_COUNTER_held_bytes]);
  } else {
    printf("%s (%d): budget %s, held %s\n", target->name, target->pid,
           shown(budget, counters.value[UL_COUNTER_budget_bytes]),
           ul_size_mib(held, counters.value[UL_COUNTER_held_bytes]));
  }
  return ul_cli_finish(UL_CLI_FINE);
}

/* The soft limit is moved, and the walls around the program are not: who sets it beyond one should know. */
static void warn_of_wall(const ul_target *target, uint64_t bytes) {
  static ul_facts facts;
  char            wall[UL_SIZE_TEXT_MAX];
  uint64_t        least = 0;
  if (ul_facts_read("", target->pid, &facts) < 0) return;
  for (size_t i = 0; i < facts.group_count; i++) {
    uint64_t limit = facts.groups[i].limit;
    if (limit < UL_FACT_UNLIMITED && (least == 0 || limit < least)) least = limit;
  }
  if (least == 0 || (bytes != 0 && bytes <= least)) return;
  fprintf(stderr, "ullage: its cgroup still ends it at %s\n", ul_size_mib(wall, least));
}

static int set(const ul_target *target, uint64_t bytes, bool as_json) {
  ul_fault fault;
  uint64_t before;
  char     now[UL_SIZE_TEXT_MAX], then[UL_SIZE_TEXT_MAX];
  if (ul_target_ask(target, UL_CONTROL_BUDGET, bytes, &before, &fault) < 0) return fail(&fault);
  if (as_json) {
    printf("{\"schema\": \"ullage.budget/1\", \"pid\": %d, \"budget_bytes\": %" PRIu64
           ", \"budget_before_bytes\": %" PRIu64 "}\n",
           target->pid, bytes, before);
  } else {
    printf("%s (%d): budget %s, before %s\n", target->name, target->pid, shown(now, bytes),
           shown(then, before));
  }
  warn_of_wall(target, bytes);
  return ul_cli_finish(UL_CLI_FINE);
}

static int read_size(const ul_command *command, const char *text, uint64_t *ret_bytes) {
  if (strcmp(text, "off") == 0) {
    *ret_bytes = 0;
    return 0;
  }
  ul_machine machine;
  ul_machine_read(&machine);
  return ul_run_budget_size(command, "a budget of", text, &machine, ret_bytes);
}

static int run(const ul_command *command, int argc, char **argv) {
  ul_cli    cli;
  ul_fault  fault;
  ul_target target;
  bool      as_json = false;
  uint64_t  bytes = 0;
  ul_cli_begin(&cli, command, argc, argv);
  for (int flag; (flag = ul_cli_next(&cli)) != UL_CLI_END;) {
    if (flag == UL_CLI_STOP) return cli.exit_code;
    as_json = true;
  }
  int given = argc - cli.operand;
  if (given < 1 || given > 2) {
    return ul_cli_usage_error(command, "name one process, and the size to set");
  }
  int error = given > 1 ? read_size(command, argv[cli.operand + 1], &bytes) : 0;
  if (error) return error;
  if (ul_target_find(argv[cli.operand], &target, &fault) < 0) return fail(&fault);
  return given > 1 ? set(&target, bytes, as_json) : show(&target, as_json);
}

static const char *const about[] = {
    "Without SIZE, shows the soft limit of a program with libullage and what it holds. With SIZE, "
    "sets it, for all processes that share the budget: SIZE is a number of bytes or has a unit (k "
    "M "
    "G T are powers of 1000, Ki Mi Gi Ti powers of 1024), NN% is of the memory that ullage's own "
    "machine or container has, off takes it away. A budget below what "
    "is "
    "held makes the program give back what it can, at once.",
    "Under `ullage run --budget B` the limit shown is below B: a reserve of 3 %, at least 16 MiB, "
    "is held back for what the library cannot see, page tables and the kernel's buffers. SIZE is "
    "taken as it stands.",
    "The walls around a program (a cgroup, `ullage run`'s enclosure) are not moved by this.",
    NULL,
};

const ul_command ul_command_budget = {
    .name = "budget",
    .summary = "show or set the budget of a running program",
    .usage = "[--json] PID [SIZE|NN%|off]",
    .examples = "ullage budget 4711\tshow it\n"
                "ullage budget redis-server 512Mi\tset it\n"
                "ullage budget 4711 50%\ta half of the machine or container\n"
                "ullage budget 4711 off\ttake it away\n",
    .about = about,
    .exits = "0\tfine\n2\twrong usage, no such process, or it does not answer\n",
    .flags = flags,
    .flag_count = UL_ARRAY_LEN(flags),
    .operand = UL_OPERAND_PROCESS,
    .usage_error = UL_CLI_USAGE,
    .run = run,
};
