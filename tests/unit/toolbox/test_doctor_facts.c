/* SPDX-License-Identifier: MIT */
/* test_doctor_facts.c: os/facts.h pointed at trees that are written here, in the form of /proc and
 * /sys on systems we do not have; and at this system. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/facts.h"

static char     root[64];
static ul_facts facts;

static int make_root(void **state) {
  const char *base = getenv("TMPDIR");
  (void)state;
  snprintf(root, sizeof root, "%.40s/ullage-XXXXXX", base ? base : "/tmp");
  return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
  (void)status, (void)kind, (void)walk;
  return remove(path);
}

static int drop_root(void **state) {
  (void)state;
  return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Writes a file below the root, and the directories to it. */
static void put_bytes(const char *path, const void *bytes, size_t count) {
  char whole[PATH_MAX];
  snprintf(whole, sizeof whole, "%s%s", root, path);
  for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
    *slash = 0;
    mkdir(whole, 0700);
    *slash = '/';
  }
  FILE *file = fopen(whole, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, count, file), count);
  assert_int_equal(fclose(file), 0);
}

static void put(const char *path, const char *text) {
  put_bytes(path, text, strlen(text));
}

static void read_tree(void) {
  assert_int_equal(ul_facts_read(root, 0, &facts), 0);
}

/* ---- The machine ------------------------------------------------------------------------------ */

static void figures_of_the_machine(void **state) {
  (void)state;
  put("/proc/sys/kernel/osrelease", "5.15.0-91-generic\n");
  put("/proc/meminfo",
      "MemTotal:       2048 kB\nMemFree:  100 kB\nMemAvailable: 200 kB\nBuffers: 10 kB\n"
      "Cached:  300 kB\nSwapCached: 7 kB\nAnonPages: 50 kB\nShmem: 60 kB\nShmemHugePages: 1 kB\n"
      "SReclaimable: 1 kB\nSUnreclaim: 2 kB\nPageTables: 3 kB\nSecPageTables: 9 kB\n"
      "CommitLimit: 1024 kB\nCommitted_AS: 512 kB\nSwapTotal: 40 kB\nSwapFree: 30 kB\n"
      "HugePages_Total: 5\nHugePages_Free: 4\nHugePages_Rsvd: 1\nHugepagesize: 2048 kB\n");
  put("/proc/swaps", "Filename Type Size Used Priority\n"
                     "/dev/zram0 partition 30 10 100\n/swap\\040file file 10 0 -2\n");
  put("/proc/sys/vm/overcommit_memory", "2\n");
  put("/proc/sys/vm/min_free_kbytes", "64\n");
  put("/proc/pressure/memory", "some avg10=1.50 avg60=0.25 avg300=0.00 total=5\n"
                               "full avg10=0.07 avg60=100.00 avg300=0.00 total=5\n");
  put("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
  put("/sys/kernel/mm/transparent_hugepage/defrag", "always defer defer+madvise [madvise] never\n");
  put("/sys/devices/system/node/node0/meminfo",
      "Node 0 MemTotal:       1024 kB\nNode 0 MemFree:       512 kB\n");
  put("/sys/devices/system/node/node2/meminfo", "Node 2 MemTotal: 0 kB\nNode 2 MemFree: 0 kB\n");
  read_tree();
  assert_int_equal(facts.kernel_major, 5);
  assert_int_equal(facts.kernel_minor, 15);
  assert_string_equal(facts.kernel, "5.15.0-91-generic");
  assert_int_equal(facts.memory.total, 2 * UL_MIB);
  assert_int_equal(facts.memory.page_cache, 250 * UL_KIB);
  assert_int_equal(facts.memory.page_tables, 3 * UL_KIB);
  assert_int_equal(facts.memory.huge_free, 4);
  assert_int_equal(facts.rules.overcommit_mode, 2);
  assert_int_equal(facts.rules.min_free, 64 * UL_KIB);
  assert_true(facts.rules.swappiness == UL_FACT_UNKNOWN);
  assert_true(facts.has_pressure);
  assert_int_equal(facts.pressure.some_10s, 150);
  assert_int_equal(facts.pressure.full_10s, 7);
  assert_int_equal(facts.pressure.full_60s, 10000);
  assert_string_equal(facts.rules.thp, "always");
  assert_string_equal(facts.rules.thp_defrag, "madvise");
  assert_int_equal(facts.swap_count, 2);
  assert_true(facts.swaps[0].is_compressed_memory);
  assert_int_equal(facts.swaps[0].used, 10 * UL_KIB);
  assert_int_equal(facts.node_count, 1);
  assert_int_equal(facts.nodes[0].free, 512 * UL_KIB);
}

static void an_empty_tree_is_all_unknown(void **state) {
  (void)state;
  read_tree();
  assert_true(facts.memory.total == UL_FACT_UNKNOWN);
  assert_true(facts.limits[UL_LIMIT_STACK].soft == UL_FACT_UNKNOWN);
  assert_false(facts.has_pressure || facts.groups_known || facts.environment_known ||
               facts.oom_score_known);
  assert_int_equal(facts.group_count + facts.user_count + facts.node_count, 0);
  bool meminfo = false;
  for (size_t i = 0; i < facts.hidden_count; i++) {
    meminfo = meminfo || strcmp(facts.hidden[i].path, "/proc/meminfo") == 0;
  }
  assert_true(meminfo);
  assert_int_equal(ul_facts_read(root, 7, &facts), -UL_E_NOTFOUND);
}

/* ---- Groups ----------------------------------------------------------------------------------- */

#define V2_MOUNT "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw\n"

static void groups_of_version_two(void **state) {
  (void)state;
  put("/proc/self/cgroup", "0::/system.slice/a.service\n");
  put("/proc/self/mountinfo", "1 1 8:1 / / rw - ext4 /dev/sda rw\n" V2_MOUNT);
  put("/sys/fs/cgroup/memory.stat", "anon 1\n");
  put("/sys/fs/cgroup/system.slice/memory.max", "1073741824\n");
  put("/sys/fs/cgroup/system.slice/a.service/memory.max", "max\n");
  put("/sys/fs/cgroup/system.slice/a.service/memory.high", "4096\n");
  put("/sys/fs/cgroup/system.slice/a.service/memory.swap.max", "0\n");
  put("/sys/fs/cgroup/system.slice/a.service/memory.current", "2048\n");
  put("/sys/fs/cgroup/system.slice/a.service/memory.stat", "anon 1\ninactive_file 512\n");
  put("/sys/fs/cgroup/system.slice/a.service/memory.events",
      "low 0\nhigh 0\nmax 0\noom 4\noom_kill 3\noom_group_kill 0\n");
  read_tree();
  assert_true(facts.groups_known);
  assert_int_equal(facts.group_count, 2); /* the top has no memory.max */
  const ul_facts_group *own = &facts.groups[0];
  assert_int_equal(own->version, 2);
  assert_string_equal(own->path, "/system.slice/a.service");
  assert_true(own->limit == UL_FACT_UNLIMITED);
  assert_int_equal(own->high, 4096);
  assert_int_equal(own->swap_limit, 0);
  assert_int_equal(own->usage, 2048);
  assert_int_equal(own->reclaimable, 512);
  assert_int_equal(own->kills, 3);
  assert_int_equal(facts.groups[1].limit, UL_GIB);
  assert_string_equal(facts.groups[1].path, "/system.slice");
  assert_true(facts.groups[1].usage == UL_FACT_UNKNOWN);
}

static void groups_of_version_one_beside_an_empty_two(void **state) {
  (void)state;
  put("/proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/a/b\n3:memoryx:/no\n0::/\n");
  put("/proc/self/mountinfo", "35 31 0:32 / /cg/with\\040space rw - cgroup cgroup rw,cpu,memory\n"
                              "41 31 0:38 / /cg/unified rw - cgroup2 cgroup2 rw\n");
  put("/cg/with space/memory.limit_in_bytes", "9223372036854771712\n");
  put("/cg/with space/a/memory.limit_in_bytes", "4096\n");
  put("/cg/with space/a/memory.memsw.limit_in_bytes", "5096\n");
  put("/cg/with space/a/b/memory.limit_in_bytes", "8192\n");
  put("/cg/with space/a/b/memory.oom_control", "oom_kill_disable 1\nunder_oom 0\noom_kill 2\n");
  read_tree();
  assert_int_equal(facts.group_count, 3);
  assert_string_equal(facts.groups[0].path, "/a/b");
  assert_int_equal(facts.groups[0].limit, 8192);
  assert_true(facts.groups[0].kills_disabled);
  assert_int_equal(facts.groups[0].kills, 2);
  assert_int_equal(facts.groups[1].swap_limit, 1000);
  assert_true(facts.groups[2].limit == UL_FACT_UNLIMITED);
  assert_string_equal(facts.groups[2].path, "/");
}

/* In a container the mount shows the group itself at its top; the path may lead out of it. */
static void groups_seen_from_inside(void **state) {
  static const char *const paths[] = {"4:memory:/docker/0123456789abcdef\n", "4:memory:/\n",
                                      "4:memory:/../other\n"};
  static const char *const shown[] = {"/docker/0123456789abcdef", "/docker/0123456789abcdef",
                                      "/../other"};
  (void)state;
  put("/proc/self/mountinfo", "35 31 0:32 /docker/0123456789abcdef /sys/fs/cgroup/memory ro - "
                              "cgroup cgroup rw,memory\n");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "4096\n");
  for (size_t i = 0; i < UL_ARRAY_LEN(paths); i++) {
    put("/proc/self/cgroup", paths[i]);
    read_tree();
    assert_int_equal(facts.group_count, 1);
    assert_string_equal(facts.groups[0].path, shown[i]);
    assert_int_equal(facts.groups[0].limit, 4096);
  }
}

/* ---- Processes -------------------------------------------------------------------------------- */

static void a_process_and_the_largest(void **state) {
  static const char environment[] = "A=1\0GOMEMLIMIT=5MiB\0\0B=2";
  (void)state;
  put("/proc/self/limits",
      "Limit                     Soft Limit           Hard Limit           Units     \n"
      "Max data size             unlimited            unlimited            bytes     \n"
      "Max stack size            8388608              unlimited            bytes     \n"
      "Max open files            20000                30000                files     \n");
  put("/proc/self/oom_score_adj", "-17\n");
  put_bytes("/proc/self/environ", environment, sizeof environment - 1);
  for (int pid = 1; pid <= 9; pid++) {
    char path[64], text[128];
    snprintf(path, sizeof path, "/proc/%d/status", pid * 10);
    snprintf(text, sizeof text, "Name:\tp %d\nVmRSS:\t %d kB\nVmSwap:\t 4 kB\n", pid,
             pid * 7 % 10 * 100);
    put(path, text);
  }
  put("/proc/11/status", "Name:\tkthread\nState:\tS\n");
  put("/proc/70/smaps_rollup", "0-1 ---p 0 0:0 0 [rollup]\nRss: 900 kB\nPss:   850 kB\n");
  put("/proc/70/maps", "a\nb\nc\n");
  read_tree();
  assert_true(facts.limits[UL_LIMIT_DATA].soft == UL_FACT_UNLIMITED);
  assert_int_equal(facts.limits[UL_LIMIT_STACK].soft, 8 * UL_MIB);
  assert_int_equal(facts.limits[UL_LIMIT_FILES].hard, 30000);
  assert_true(facts.limits[UL_LIMIT_LOCKED].soft == UL_FACT_UNKNOWN);
  assert_int_equal(facts.oom_score_adjust, -17);
  assert_true(facts.environment_known);
  assert_string_equal(ul_facts_variable(&facts, "GOMEMLIMIT"), "5MiB");
  assert_string_equal(ul_facts_variable(&facts, "B"), "2");
  assert_null(ul_facts_variable(&facts, "GOMEM"));
  assert_int_equal(facts.user_count, UL_FACTS_USERS_MAX);
  assert_int_equal(facts.users[0].pid, 70); /* 7 * 7 % 10 = 9 */
  assert_string_equal(facts.users[0].name, "p 7");
  assert_int_equal(facts.users[0].proportional, 850 * UL_KIB);
  assert_int_equal(facts.users[0].mappings, 3);
  for (size_t i = 1; i < UL_FACTS_USERS_MAX; i++) {
    assert_int_equal(facts.users[i].resident, (9 - i) * 100 * UL_KIB);
    assert_true(facts.users[i].proportional == UL_FACT_UNKNOWN);
  }
}

/* ---- Bad texts -------------------------------------------------------------------------------- */

static void texts_that_make_no_sense(void **state) {
  static char        large[65536];
  static const char *files[] = {"/proc/meminfo",          "/proc/swaps",
                                "/proc/vmstat",           "/proc/self/cgroup",
                                "/proc/self/mountinfo",   "/proc/self/limits",
                                "/proc/self/environ",     "/proc/pressure/memory",
                                "/proc/1/status",         "/proc/sys/kernel/osrelease",
                                "/proc/sys/vm/swappiness"};
  static const char *texts[] = {"",
                                "\n\n\n",
                                ":",
                                "0::",
                                "4:memory:",
                                " - cgroup2 ",
                                "MemTotal: 99999999999999999999999 kB\nMemFree: -3 kB\n",
                                "some avg10=",
                                "some avg10=x\nfull avg10=999999999999999999999",
                                "Filename\nx y 18446744073709551615 18446744073709551615\n",
                                "[",
                                "]",
                                "99999999999999999999.9",
                                "VmRSS: 1"};
  (void)state;
  memset(large, 'a', sizeof large);
  for (size_t i = 0; i < UL_ARRAY_LEN(texts) + 2; i++) {
    for (size_t j = 0; j < UL_ARRAY_LEN(files); j++) {
      if (i < UL_ARRAY_LEN(texts))
        put(files[j], texts[i]);
      else
        put_bytes(files[j], i % 2 ? large : "\0\0\0\0", i % 2 ? sizeof large : 4);
    }
    read_tree();
    assert_true(facts.memory.total == UL_FACT_UNKNOWN);
    assert_false(facts.has_pressure);
    assert_int_equal(facts.group_count, 0);
    assert_null(ul_facts_variable(&facts, "x"));
  }
}

/* ---- This system ------------------------------------------------------------------------------ */

static void this_system(void **state) {
  (void)state;
  assert_int_equal(ul_facts_read("", 0, &facts), 0);
  assert_true(ul_fact_is(facts.memory.total));
  assert_in_range(facts.memory.free, 1, facts.memory.total);
  assert_true(facts.kernel_major >= 3);
  assert_true(facts.user_count > 0);
  assert_true(facts.environment_known);
  assert_true(facts.limits[UL_LIMIT_FILES].soft != UL_FACT_UNKNOWN);
  assert_int_equal(ul_facts_read("", (int)getpid(), &facts), 0);
  assert_int_equal(ul_facts_read("", INT_MAX, &facts), -UL_E_NOTFOUND);
}

int main(void) {
#define IN_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, drop_root)
  const struct CMUnitTest tests[] = {
      IN_ROOT(figures_of_the_machine),   IN_ROOT(an_empty_tree_is_all_unknown),
      IN_ROOT(groups_of_version_two),    IN_ROOT(groups_of_version_one_beside_an_empty_two),
      IN_ROOT(groups_seen_from_inside),  IN_ROOT(a_process_and_the_largest),
      IN_ROOT(texts_that_make_no_sense), cmocka_unit_test(this_system),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
