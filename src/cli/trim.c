/* SPDX-License-Identifier: MIT */
/* trim.c: `ullage trim`: a running program gives back what it does not use. */
#include <inttypes.h>

#include "base/size_text.h"
#include "cli/command.h"
#include "launch/target.h"
#include "os/process.h"

static const ul_flag flags[] = {
#define UL_FLAG UL_FLAG_ROW
#include "cli/trim_options.def"
#undef UL_FLAG
};

static uint64_t rss_of(int pid) {
  ul_process process;
  uint64_t   bytes = 0;
  ul_process_open(pid, false, &process);
  if (ul_process_rss(&process, &bytes) < 0) bytes = 0;
  ul_process_close(&process);
  return bytes;
}

static int fail(const ul_fault *fault) {
  fprintf(stderr, "ullage: %s\n", fault->text);
  return UL_CLI_USAGE;
}

static int run(const ul_command *command, int argc, char **argv) {
  ul_cli    cli;
  ul_fault  fault;
  ul_target target;
  bool      as_json = false;
  uint64_t  given;
  char      a[UL_SIZE_TEXT_MAX], b[UL_SIZE_TEXT_MAX], c[UL_SIZE_TEXT_MAX];
  ul_cli_begin(&cli, command, argc, argv);
  for (int flag; (flag = ul_cli_next(&cli)) != UL_CLI_END;) {
    if (flag == UL_CLI_STOP) return cli.exit_code;
    as_json = true;
  }
  if (argc - cli.operand != 1) return ul_cli_usage_error(command, "name one process");
  if (ul_target_find(argv[cli.operand], &target, &fault) < 0) return fail(&fault);
  uint64_t before = rss_of(target.pid);
  if (ul_target_ask(&target, UL_CONTROL_TRIM, 0, &given, &fault) < 0) return fail(&fault);
  uint64_t after = rss_of(target.pid);
  if (as_json) {
    printf("{\"schema\": \"ullage.trim/1\", \"pid\": %d, \"given_back_bytes\": %" PRIu64
           ", \"rss_before_bytes\": %" PRIu64 ", \"rss_after_bytes\": %" PRIu64 "}\n",
           target.pid, given, before, after);
  } else {
    printf("%s (%d) gave %s back; resident %s before, %s after\n", target.name, target.pid,
           ul_size_mib(a, given), ul_size_mib(b, before), ul_size_mib(c, after));
  }
  return ul_cli_finish(UL_CLI_FINE);
}

static const char *const about[] = {
    "Asks a program with libullage to give all idle memory back to the system now, also what "
    "caches "
    "of its sleeping threads hold. It does so by itself after a tenth of a second of idleness; "
    "this "
    "is for those who do not want to wait, or who want to know how much there is.",
    "The request goes over a socket that only the program's user and root can reach.",
    NULL,
};

const ul_command ul_command_trim = {
    .name = "trim",
    .summary = "make a running program give idle memory back",
    .usage = "[--json] PID",
    .examples = "ullage trim 4711\tby number\nullage trim redis-server\tby name\n",
    .about = about,
    .exits = "0\tfine\n2\twrong usage, no such process, or it does not answer\n",
    .flags = flags,
    .flag_count = UL_ARRAY_LEN(flags),
    .operand = UL_OPERAND_PROCESS,
    .usage_error = UL_CLI_USAGE,
    .run = run,
};
