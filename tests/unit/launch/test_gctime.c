/* SPDX-License-Identifier: MIT */
/* test_gctime.c: a real Go program and a real JVM, looked at from outside.
 *
 * Both collect all the time; without their toolchains the tests are skipped.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "launch/gctime.h"

static char directory[] = "/tmp/ullage-gctime-XXXXXX";

static const char go_program[] = "package main\n"
                                 "var live [64][]byte\n"
                                 "func main() {\n"
                                 "  for i := 0; ; i++ { live[i%64] = make([]byte, 1<<18) }\n"
                                 "}\n";

static const char java_program[] = "public class T {\n"
                                   "  public static void main(String[] a) {\n"
                                   "    byte[][] live = new byte[64][];\n"
                                   "    for (int i = 0; ; i++) {\n"
                                   "      live[i % 64] = new byte[1 << 18];\n"
                                   "      if (i % 20000 == 10000) System.gc();\n"
                                   "    }\n"
                                   "  }\n"
                                   "}\n";

static bool has(const char *program) {
  char command[128];
  snprintf(command, sizeof command, "command -v %s >/dev/null", program);
  return system(command) == 0;
}

static void write_text(const char *name, const char *text) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

static int in_directory(const char *command) {
  char line[512];
  snprintf(line, sizeof line, "cd %s && %s", directory, command);
  return system(line);
}

static pid_t start(char *const *arguments) {
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* it runs for ever: a test that fails must not leave it */
    if (chdir(directory) < 0) _exit(126);
    setenv("GOMEMLIMIT", "64MiB", 1);
    setenv("GOGC", "off", 1);
    execvp(arguments[0], arguments);
    _exit(127);
  }
  return pid;
}

static void pause_ms(long ms) {
  const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&pause, NULL);
}

/* Reads until there are figures and `is_enough` of them; half a minute at most. */
static void read_until(ul_gctime *gctime, bool (*is_enough)(const ul_gc_figures *figures)) {
  for (unsigned i = 0; i < 600; i++) {
    if (ul_gctime_read(gctime) && is_enough(&gctime->figures)) return;
    pause_ms(50);
  }
  fail_msg("no figures: gc %llu, busy %llu, share %f",
           (unsigned long long)gctime->figures.gc_cpu_ns,
           (unsigned long long)gctime->figures.busy_ns, gctime->figures.share);
}

static void end(ul_gctime *gctime, pid_t pid) {
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  ul_gc_figures before = gctime->figures;
  (void)ul_gctime_read(gctime);
  assert_true(gctime->figures.share > 0);
  assert_true(gctime->figures.gc_cpu_ns >= before.gc_cpu_ns);
  assert_int_equal(gctime->figures.heap_limit_bytes, before.heap_limit_bytes);
  ul_gctime_close(gctime);
  assert_true(gctime->figures.busy_ns >= before.busy_ns);
}

static bool has_share(const ul_gc_figures *figures) {
  return figures->share > 0 && figures->busy_ns > 0;
}

static bool has_full_collection(const ul_gc_figures *figures) {
  return has_share(figures) && figures->live_bytes != UL_GC_UNKNOWN;
}

static bool has_cycles(const ul_gc_figures *figures) {
  return figures->collections != UL_GC_UNKNOWN && figures->collections >= 2 &&
         figures->live_bytes != UL_GC_UNKNOWN;
}

static uint64_t collections_before;

static bool has_more_cycles(const ul_gc_figures *figures) {
  return figures->collections > collections_before;
}

static void a_go_program(const char *flags) {
  char        command[256];
  char *const arguments[] = {"./program", NULL};
  ul_gctime   gctime;
  if (!has("go")) skip();
  write_text("main.go", go_program);
  write_text("go.mod", "module program\n\ngo 1.20\n");
  snprintf(command, sizeof command, "go build %s -o program . 2>/dev/null", flags);
  if (in_directory(command) != 0) skip();
  pid_t pid = start(arguments);
  ul_gctime_open(pid, UL_RUNTIME_GO, &gctime);
  read_until(&gctime, has_cycles);
  assert_in_range(gctime.figures.live_bytes, 4 * UL_MIB,
                  64 * UL_MIB); /* 16 MiB, and some replaced meanwhile */
  collections_before = gctime.figures.collections;
  read_until(&gctime, has_more_cycles);
  read_until(&gctime, has_share);
  assert_true(gctime.figures.share <= 1);
  assert_true(gctime.figures.gc_cpu_ns <= gctime.figures.busy_ns);
  assert_int_equal(gctime.figures.heap_limit_bytes, 64 * UL_MIB);
  assert_in_range(gctime.figures.off_heap_bytes, 1, 64 * UL_MIB);
  assert_true(gctime.figures.metaspace_bytes == UL_GC_UNKNOWN);
  end(&gctime, pid);
}

static void go_with_symbols(void **state) {
  (void)state;
  a_go_program("");
}

static void go_stripped(void **state) {
  (void)state;
  a_go_program("-ldflags '-s -w'");
}

static void a_jvm(const char *collector) {
  char        option[64];
  char *const arguments[] = {"java", "-Xmx64m", option, "-cp", ".", "T", NULL};
  ul_gctime   gctime;
  if (!has("javac") || !has("java")) skip();
  write_text("T.java", java_program);
  if (in_directory("javac T.java 2>/dev/null") != 0) skip();
  snprintf(option, sizeof option, "-XX:+Use%sGC", collector);
  pid_t pid = start(arguments);
  ul_gctime_open(pid, UL_RUNTIME_JVM, &gctime);
  read_until(&gctime, has_full_collection);
  const ul_gc_figures *figures = &gctime.figures;
  assert_true(figures->share <= 1);
  assert_in_range(figures->heap_limit_bytes, 60 * UL_MIB, 65 * UL_MIB);
  assert_in_range(figures->live_bytes, 12 * UL_MIB, 64 * UL_MIB); /* 16 MiB, and its own */
  assert_in_range(figures->classes, 100, 100000);
  assert_in_range(figures->metaspace_bytes, 1, 256 * UL_MIB);
  assert_in_range(figures->code_cache_bytes, 1, 256 * UL_MIB);
  assert_true(figures->full_collections >= 1 && figures->off_heap_bytes == UL_GC_UNKNOWN);
  end(&gctime, pid);
}

static void jvm_serial(void **state) {
  (void)state;
  a_jvm("Serial");
}

static void jvm_g1(void **state) {
  (void)state;
  a_jvm("G1");
}

/* What is not there is not there, and costs nothing but the look. */
static void nothing_to_see(void **state) {
  ul_gctime gctime;
  (void)state;
  for (enum ul_runtime runtime = UL_RUNTIME_NATIVE; runtime <= UL_RUNTIME_UNKNOWN; runtime++) {
    ul_gctime_open(getpid(), runtime, &gctime);
    for (unsigned i = 0; i < 20; i++) assert_false(ul_gctime_read(&gctime));
    assert_true(gctime.figures.share < 0 && gctime.figures.gc_cpu_ns == UL_GC_UNKNOWN);
    ul_gctime_close(&gctime);
    ul_gctime_close(&gctime);
  }
  ul_gctime_open(0x7fffffff, UL_RUNTIME_JVM, &gctime);
  assert_false(ul_gctime_read(&gctime));
  ul_gctime_close(&gctime);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(go_with_symbols), cmocka_unit_test(go_stripped),
      cmocka_unit_test(jvm_serial),      cmocka_unit_test(jvm_g1),
      cmocka_unit_test(nothing_to_see),
  };
  char command[64];
  if (!mkdtemp(directory)) return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  snprintf(command, sizeof command, "rm -rf %s", directory);
  return system(command) == 0 ? failed : 1;
}
