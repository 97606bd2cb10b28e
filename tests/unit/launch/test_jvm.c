/* SPDX-License-Identifier: MIT */
/* test_jvm.c: a JVM's counters, put together byte by byte; and those of a JVM that runs, where
 * there is one. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "launch/jvm.h"

static uint8_t bytes[4096];
static size_t  length;
static ul_jvm  jvm;

static void put_u32(size_t at, uint32_t value) {
  for (unsigned i = 0; i < 4; i++) bytes[at + i] = (uint8_t)(value >> 8 * i);
}

static int begin(void **state) {
  static const uint8_t head[8] = {0xca, 0xfe, 0xc0, 0xc0, 1, 2, 0, 1};
  (void)state;
  memset(bytes, 0, sizeof bytes);
  memcpy(bytes, head, sizeof head);
  length = 32;
  put_u32(24, 32);
  return 0;
}

static int parse(const void *from, size_t count) {
  ul_hsperf counters;
  int       error = ul_hsperf_read(from, count, &counters);
  jvm = (ul_jvm){0};
  if (error == 0) ul_jvm_judge(&counters, &jvm);
  return error;
}

/* An entry: its name, and behind it, at a multiple of 8, `count` bytes of data. */
static void put(const char *name, char type, const void *data, size_t count) {
  size_t at = length, data_at = (20 + strlen(name) + 1 + 7) / 8 * 8,
         size = (data_at + count + 7) / 8 * 8;
  put_u32(at, (uint32_t)size);
  put_u32(at + 4, 20);
  put_u32(at + 8, type == 'B' ? (uint32_t)count : 0);
  bytes[at + 12] = (uint8_t)type;
  put_u32(at + 16, (uint32_t)data_at);
  strcpy((char *)bytes + at + 20, name);
  memcpy(bytes + at + data_at, data, count);
  length += size;
  bytes[28]++;
}

static void number(const char *name, uint64_t value) {
  put(name, 'J', &value, sizeof value);
}

static void a_serial_jvm(void **state) {
  (void)state;
  number("java.cls.loadedClasses", 100);
  number("java.cls.unloadedClasses", 10);
  number("java.cls.sharedLoadedClasses", 400);
  number("sun.gc.collector.0.invocations", 7);
  number("sun.gc.collector.0.time", 3000000);
  number("sun.gc.collector.0.lastExitTime", 50);
  number("sun.gc.collector.1.invocations", 2);
  number("sun.gc.collector.1.time", 1000000);
  number("sun.gc.collector.1.lastExitTime", 51);
  number("sun.gc.collector.10.time", 777); /* of another name */
  number("sun.gc.generation.0.maxCapacity", 100);
  number("sun.gc.generation.1.maxCapacity", 200);
  number("sun.gc.generation.1.space.0.used", 150);
  number("sun.gc.metaspace.capacity", 12345);
  number("sun.ci.nmethodSize", 999);
  number("sun.os.hrt.frequency", 1000000); /* a tick is a microsecond */
  put("sun.gc.collector.0.name", 'B', "Serial young collection pauses", 31);
  assert_int_equal(parse(bytes, length), 0);
  assert_true(jvm.one_thread_collects);
  assert_int_equal(jvm.own_classes, 90);
  assert_int_equal(jvm.classes, 490);
  assert_int_equal(jvm.gc_ns, 4000000000u);
  assert_true(jvm.full_is_last);
  assert_int_equal(jvm.heap_max_bytes, 300);
  assert_int_equal(jvm.old_bytes, 150);
  assert_int_equal(jvm.metaspace_bytes, 12345);
  assert_int_equal(jvm.compiled_bytes, 999);
}

static void nonsense_stays_in_bounds(void **state) {
  (void)state;
  number("sun.gc.collector.0.time", INT64_MAX);
  number("sun.gc.collector.1.time", INT64_MAX);
  number("sun.os.hrt.frequency", 1);
  number("sun.gc.generation.0.maxCapacity", UINT64_MAX);
  number("sun.gc.generation.1.maxCapacity", 5);
  number("java.cls.loadedClasses", 5);
  number("java.cls.unloadedClasses", 9);
  put("sun.gc.collector.0.name", 'B', "PSScavenge", 11);
  assert_int_equal(parse(bytes, length), 0);
  assert_true(jvm.gc_ns == INT64_MAX);
  assert_int_equal(jvm.heap_max_bytes, 5) /* a negative one is unknown */;
  assert_int_equal(jvm.own_classes, 0);
  assert_false(jvm.one_thread_collects);
  assert_false(jvm.full_is_last);
}

/* While the first full collection goes on, it is counted, and nothing is known of it. */
static void the_first_has_not_ended(void **state) {
  (void)state;
  number("sun.gc.collector.1.invocations", 1);
  number("sun.gc.collector.0.lastExitTime", 0);
  number("sun.gc.collector.1.lastExitTime", 0);
  assert_int_equal(parse(bytes, length), 0);
  assert_false(jvm.full_is_last);
}

static void no_frequency_no_time(void **state) {
  (void)state;
  number("sun.gc.collector.0.time", 1000);
  assert_int_equal(parse(bytes, length), 0);
  assert_int_equal(jvm.gc_ns, 0);
}

/* Cut off anywhere: what was whole before that counts, and no byte behind it is read. */
static void cut_off_anywhere(void **state) {
  (void)state;
  number("sun.os.hrt.frequency", 1000);
  number("sun.gc.metaspace.capacity", 5);
  for (size_t size = 0; size <= length; size++) {
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    assert_int_equal(parse(copy, size), size < 32 ? -UL_E_INVAL : 0);
    assert_int_equal(jvm.metaspace_bytes, size == length ? 5 : 0);
    free(copy);
  }
}

static void others_are_refused(void **state) {
  static const struct {
    size_t  at;
    uint8_t value;
  } rows[] = {{0, 0xcb}, {4, 2}, {5, 1}, {5, 3}, {7, 0}};
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    begin(NULL);
    bytes[rows[i].at] = rows[i].value;
    assert_int_equal(parse(bytes, length), -UL_E_INVAL);
  }
  assert_int_equal(ul_jvm_look(getpid(), 0, &jvm), -UL_E_NOTFOUND);
}

static void a_jvm_that_runs(void **state) {
  static const char source[] = "public class T { public static void main(String[] a) throws "
                               "Exception { System.gc(); Thread.sleep(60000); } }";
  char              directory[] = "/tmp/ullage-hsperf-XXXXXX", path[64];
  struct timespec   pause = {0, 100000000};
  (void)state;
  if (system("command -v java >/dev/null 2>&1") != 0) skip();
  assert_non_null(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/T.java", directory);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(source, file);
  assert_int_equal(fclose(file), 0);
  time_t before = time(NULL);
  pid_t  child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    execlp("java", "java", "-XX:+UseSerialGC", "-Xmx64m", path, (char *)NULL);
    _exit(127);
  }
  int error = -1;
  for (unsigned i = 0; i < 300; i++) { /* half a minute, on a slow machine */
    error = ul_jvm_look((int)child, before, &jvm);
    if (error == 0 && jvm.full_is_last && jvm.gc_ns > 0) break;
    nanosleep(&pause, NULL);
  }
  int stale = ul_jvm_look((int)child, time(NULL) + 3600, &jvm);
  kill(child, SIGTERM); /* so that it removes its file */
  waitpid(child, NULL, 0);
  unlink(path);
  rmdir(directory);
  assert_int_equal(error, 0);
  assert_int_equal(stale, -UL_E_NOTFOUND);
  assert_true(jvm.one_thread_collects);
  assert_true(jvm.full_is_last && jvm.gc_ns > 0);
  assert_in_range(jvm.heap_max_bytes, 60 * UL_MIB, 70 * UL_MIB);
  assert_true(jvm.classes > 300 && jvm.classes >= jvm.own_classes);
  assert_true(jvm.old_bytes > 0 && jvm.metaspace_bytes > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(a_serial_jvm, begin),
      cmocka_unit_test_setup(nonsense_stays_in_bounds, begin),
      cmocka_unit_test_setup(the_first_has_not_ended, begin),
      cmocka_unit_test_setup(no_frequency_no_time, begin),
      cmocka_unit_test_setup(cut_off_anywhere, begin),
      cmocka_unit_test_setup(others_are_refused, begin),
      cmocka_unit_test_setup(a_jvm_that_runs, begin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
