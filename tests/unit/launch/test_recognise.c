/* SPDX-License-Identifier: MIT */
/* test_recognise.c: real programs of this system, and scripts written here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch/recognise.h"

static char       directory[] = "/tmp/ullage-recognise-XXXXXX";
static ul_program program;
static ul_fault   fault;

static int make_directory(void **state) {
  (void)state;
  return mkdtemp(directory) ? 0 : -1;
}

static int drop_directory(void **state) {
  char command[128];
  (void)state;
  snprintf(command, sizeof command, "rm -rf %s", directory);
  return system(command);
}

static const char *write_script(const char *name, const char *text, mode_t mode) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
  chmod(path, mode);
  return path;
}

static int recognise(const char *name) {
  return ul_recognise(name, "/usr/bin:/bin", &program, &fault);
}

/* Skips the test where the program is not on this system. */
static void expect_runtime(const char *name, enum ul_runtime runtime) {
  if (recognise(name) < 0) {
    print_message("skipped: %s is not on this system\n", name);
    skip();
  }
  assert_int_equal(program.runtime, runtime);
}

static void native(void **state) {
  (void)state;
  assert_int_equal(recognise("cat"), 0);
  assert_true(strcmp(program.path, "/usr/bin/cat") == 0 || strcmp(program.path, "/bin/cat") == 0);
  assert_int_equal(program.runtime, UL_RUNTIME_NATIVE);
  assert_int_equal(program.preload, UL_PRELOAD_YES);
  assert_false(program.is_script);
  assert_false(program.is_static);
}

static void python(void **state) {
  (void)state;
  expect_runtime("python3", UL_RUNTIME_PYTHON);
  assert_int_equal(program.preload, UL_PRELOAD_YES);
}

static void node(void **state) {
  (void)state;
  expect_runtime("node", UL_RUNTIME_NODE);
  assert_int_equal(program.preload, UL_PRELOAD_NOT_THIS_RUNTIME);
}

static void jvm(void **state) {
  (void)state;
  expect_runtime("java", UL_RUNTIME_JVM);
}

static void scripts(void **state) {
  (void)state;
  assert_int_equal(recognise(write_script("a", "#! /bin/sh -e\ntrue\n", 0755)), 0);
  assert_true(program.is_script);
  assert_false(program.needs_shell);
  assert_string_equal(program.interpreter, "/bin/sh");
  assert_int_equal(program.runtime, UL_RUNTIME_NATIVE);

  assert_int_equal(recognise(write_script("b", "#!/usr/bin/env -S -i A=1 cat -u\n", 0755)), 0);
  assert_non_null(strstr(program.interpreter, "/cat"));

  assert_int_equal(recognise(write_script("c", "echo no first line\n", 0755)), 0);
  assert_true(program.needs_shell);
  assert_string_equal(program.interpreter, "/bin/sh");

  assert_int_equal(recognise(write_script("python9", "#!/bin/sh\nexec something\n", 0755)), 0);
  assert_int_equal(program.runtime, UL_RUNTIME_PYTHON);
  assert_true(program.is_python_wrapper);
}

/* A script that names itself as its interpreter ends after a few steps. */
static void a_circle(void **state) {
  char text[160];
  (void)state;
  snprintf(text, sizeof text, "#!%s/loop\n", directory);
  assert_int_equal(recognise(write_script("loop", text, 0755)), 0);
  assert_true(program.is_script);
}

static void not_a_program(void **state) {
  (void)state;
  assert_int_equal(recognise(write_script("zero", "", 0755)), 0); /* execvp gives it to the shell */
  assert_true(program.needs_shell);
  char *path = strdup(write_script("data", "\177ELF", 0755));
  assert_int_equal(recognise(path), 0);
  assert_int_equal(program.runtime, UL_RUNTIME_UNKNOWN);
  free(path);
}

static void missing_and_denied(void **state) {
  (void)state;
  assert_true(recognise("no-such-program-at-all") < 0);
  assert_int_equal(fault.exit_code, 127);
  assert_true(recognise("/no/such/file") < 0);
  assert_int_equal(fault.exit_code, 127);
  assert_true(recognise("") < 0);
  assert_int_equal(fault.exit_code, 127);
  assert_true(recognise(directory) < 0);
  assert_int_equal(fault.exit_code, 126);
  assert_true(recognise(write_script("plain", "#!/bin/sh\n", 0644)) < 0);
  assert_int_equal(fault.exit_code, 126);
}

/* As execvp: what may not be executed is passed over where a later directory has the name. */
static void path_goes_on_after_a_denial(void **state) {
  char path[256];
  (void)state;
  write_script("cat", "#!/bin/sh\n", 0644);
  snprintf(path, sizeof path, "%s:/nowhere::/usr/bin", directory);
  assert_int_equal(ul_recognise("cat", path, &program, &fault), 0);
  assert_string_equal(program.path, "/usr/bin/cat");
  assert_true(ul_recognise("cat", directory, &program, &fault) < 0);
  assert_int_equal(fault.exit_code, 126);
}

static void raised_privileges(void **state) {
  (void)state;
  char *path = strdup(write_script("raised", "", 0755));
  char  command[300];
  if (getuid() != 0) {
    free(path);
    print_message("skipped: only root can give a file away\n");
    skip();
  }
  snprintf(command, sizeof command, "cp /usr/bin/cat %s && chown 65534 %s && chmod 4755 %s", path,
           path, path);
  assert_int_equal(system(command), 0);
  assert_int_equal(recognise(path), 0);
  assert_int_equal(program.preload, UL_PRELOAD_SECURE);
  free(path);
}

static void launchers(void **state) {
  (void)state;
  assert_int_equal(recognise("sh"), 0);
  assert_true(program.is_launcher);
  assert_int_equal(recognise("env"), 0);
  assert_true(program.is_launcher);
  assert_int_equal(recognise("cat"), 0);
  assert_false(program.is_launcher);
  static const char *const names[] = {"su", "sudo", "doas", "flock", "script", "nohup", "npm"};
  for (size_t i = 0; i < UL_ARRAY_LEN(names); i++) {
    assert_int_equal(recognise(write_script(names[i], "#!/bin/cat\n", 0755)), 0);
    assert_true(program.is_launcher);
  }
  assert_int_equal(recognise(write_script("summary", "#!/bin/cat\n", 0755)), 0);
  assert_false(program.is_launcher);
  assert_int_equal(recognise(write_script("catalina.sh", "#!/bin/sh\nexec java\n", 0755)), 0);
  assert_true(program.is_launcher);
  assert_int_equal(recognise(write_script("textual", "exec java\n", 0755)), 0);
  assert_true(program.is_launcher);
  /* What stands in for Python ends in Python; what merely is written in it does not start others. */
  assert_int_equal(recognise(write_script("python3.9", "#!/bin/bash\n", 0755)), 0);
  assert_true(program.is_python_wrapper);
  assert_false(program.is_launcher);
}

static void options_of_the_first_line(void **state) {
  (void)state;
  assert_int_equal(recognise(write_script("one", "#!/bin/cat -Is\n", 0755)), 0);
  assert_string_equal(program.interpreter_option, "-Is");
  assert_int_equal(recognise(write_script("two", "#!/usr/bin/env -S cat -E\n", 0755)), 0);
  assert_string_equal(program.interpreter_option, "-E");
  assert_int_equal(recognise(write_script("three", "#!/usr/bin/env cat\n", 0755)), 0);
  assert_string_equal(program.interpreter_option, "");
}

static void a_running_program(void **state) {
  (void)state;
  assert_int_equal(ul_recognise_running((int)getpid(), &program), 0);
  assert_non_null(strstr(program.path, "test_recognise"));
  assert_int_equal(program.runtime, UL_RUNTIME_NATIVE);
  assert_false(program.is_script);
  /* A script that has become another program shows as that. */
  FILE *pipe = popen("echo $$; exec sleep 5", "r");
  char  line[32], path[64];
  assert_non_null(pipe);
  assert_non_null(fgets(line, sizeof line, pipe));
  int pid = atoi(line);
  for (int i = 0; i < 500; i++) {
    assert_int_equal(ul_recognise_running(pid, &program), 0);
    if (strstr(program.path, "/sleep")) break;
    usleep(10000);
  }
  assert_non_null(strstr(program.path, "/sleep"));
  assert_false(program.is_launcher);
  snprintf(path, sizeof path, "kill %d", pid);
  assert_int_equal(system(path), 0);
  pclose(pipe);
  assert_true(ul_recognise_running(pid, &program) < 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(native),
      cmocka_unit_test(python),
      cmocka_unit_test(node),
      cmocka_unit_test(jvm),
      cmocka_unit_test(scripts),
      cmocka_unit_test(a_circle),
      cmocka_unit_test(not_a_program),
      cmocka_unit_test(missing_and_denied),
      cmocka_unit_test(path_goes_on_after_a_denial),
      cmocka_unit_test(raised_privileges),
      cmocka_unit_test(launchers),
      cmocka_unit_test(options_of_the_first_line),
      cmocka_unit_test(a_running_program),
  };
  return cmocka_run_group_tests(tests, make_directory, drop_directory);
}
