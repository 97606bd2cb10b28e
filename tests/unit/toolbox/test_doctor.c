/* SPDX-License-Identifier: MIT */
/* test_doctor.c: facts of systems that one can think of, and what is found in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toolbox/doctor/doctor.h"

static ul_facts     facts;
static ul_diagnosis diagnosis;

/* A machine with nothing wrong: 8 GiB, version 2, no limit. */
static int healthy(void **state) {
  (void)state;
  ul_facts_init(&facts);
  facts.kernel_major = 6;
  facts.kernel_minor = 1;
  snprintf(facts.kernel, sizeof facts.kernel, "6.1.0");
  facts.memory.total = 8 * UL_GIB;
  facts.memory.free = 5 * UL_GIB;
  facts.memory.available = 6 * UL_GIB;
  facts.memory.shared = facts.memory.slab_kept = facts.memory.page_tables = 8 * UL_MIB;
  facts.memory.commit_limit = 6 * UL_GIB;
  facts.memory.committed = UL_GIB;
  facts.memory.swap_total = facts.memory.swap_free = 2 * UL_GIB;
  facts.memory.huge_page = 2 * UL_MIB;
  facts.memory.huge_total = facts.memory.huge_free = facts.memory.huge_promised = 0;
  facts.rules.overcommit_mode = 0;
  facts.rules.swappiness = 60;
  facts.rules.min_free = 66 * UL_MIB;
  facts.rules.max_map_count = 65530;
  facts.rules.zone_reclaim = facts.rules.numa_balancing = 0;
  facts.rules.panic_on_oom = facts.rules.oom_kill_allocating = facts.rules.oom_kills = 0;
  facts.rules.ksm_run = 0;
  facts.rules.page = 4096;
  facts.rules.thp_max_holes = 511;
  snprintf(facts.rules.thp, sizeof facts.rules.thp, "madvise");
  snprintf(facts.rules.thp_defrag, sizeof facts.rules.thp_defrag, "madvise");
  facts.has_pressure = true;
  facts.pressure = (ul_facts_pressure){0, 0, 0, 0};
  for (size_t i = 0; i < UL_LIMIT_COUNT; i++) facts.limits[i].soft = UL_FACT_UNLIMITED;
  facts.limits[UL_LIMIT_STACK].soft = 8 * UL_MIB;
  facts.limits[UL_LIMIT_FILES].soft = 1024;
  facts.oom_score_known = facts.swaps_known = facts.groups_known = facts.environment_known = true;
  facts.node_count = 1;
  facts.nodes[0] = (ul_facts_node){0, 8 * UL_GIB, 5 * UL_GIB};
  facts.user_count = 1;
  facts.users[0] = (ul_facts_user){
      .pid = 77, .name = "server", .resident = UL_GIB, .proportional = UL_GIB, .mappings = 300};
  return 0;
}

static void judge(void) {
  ul_doctor_judge(&facts, 0, &diagnosis);
}

static bool found(enum ul_finding_id id) {
  return ul_doctor_find(&diagnosis, id) != NULL;
}

static const char *command_of(enum ul_finding_id id) {
  const ul_finding *finding = ul_doctor_find(&diagnosis, id);
  assert_non_null(finding);
  return finding->command;
}

static void set_variable(const char *variable) {
  size_t length = strlen(variable) + 1;
  memcpy(facts.environment + facts.environment_bytes, variable, length);
  facts.environment_bytes += length;
}

static ul_facts_group *add_group(unsigned version, const char *path, uint64_t limit) {
  ul_facts_group *group = &facts.groups[facts.group_count++];
  *group = (ul_facts_group){.version = version,
                            .limit = limit,
                            .high = UL_FACT_UNLIMITED,
                            .swap_limit = UL_FACT_UNLIMITED,
                            .reclaimable = 0,
                            .pressure = {0, 0, 0, 0}};
  snprintf(group->path, sizeof group->path, "%s", path);
  snprintf(group->directory, sizeof group->directory, "/sys/fs/cgroup%s", path);
  return group;
}

/* ---- The whole -------------------------------------------------------------------------------- */

static void nothing_is_wrong_with_a_healthy_machine(void **state) {
  (void)state;
  judge();
  for (size_t i = 0; i < diagnosis.count; i++) {
    if (ul_finding_rows[diagnosis.findings[i].id].severity != UL_SEVERITY_OK) {
      fail_msg("%s: %s", ul_finding_rows[diagnosis.findings[i].id].key, diagnosis.findings[i].what);
    }
  }
  assert_int_equal(ul_doctor_count(&diagnosis, UL_SEVERITY_OK), diagnosis.count);
  assert_true(diagnosis.count >= 11); /* every area but budget spoke */
}

static void nothing_known_is_nothing_found(void **state) {
  (void)state;
  ul_facts_init(&facts);
  ul_doctor_judge(&facts, UL_GIB, &diagnosis);
  assert_int_equal(diagnosis.count, 0);
}

static void rows_are_named_once_and_complete(void **state) {
  (void)state;
  for (size_t i = 0; i < UL_FINDING_COUNT; i++) {
    const ul_finding_row *row = &ul_finding_rows[i];
    assert_int_equal(row->consequence[0] == 0, row->severity == UL_SEVERITY_OK);
    for (size_t j = 0; j < i; j++) assert_string_not_equal(row->key, ul_finding_rows[j].key);
  }
}

/* ---- The machine ------------------------------------------------------------------------------ */

/* One figure of the healthy machine changed, and the one finding that it makes. */
struct change {
  uint64_t          *figure;
  uint64_t           value;
  enum ul_finding_id finding;
};

static void each_figure_makes_its_finding(void **state) {
  struct change changes[] = {
      {&facts.rules.overcommit_mode, 1, UL_FINDING_COMMIT_ALWAYS},
      {&facts.rules.overcommit_mode, 2, UL_FINDING_COMMIT_NEVER},
      {&facts.rules.swappiness, 0, UL_FINDING_SWAP_ZERO},
      {&facts.rules.min_free, 410 * UL_MIB, UL_FINDING_RESERVE_HIGH},
      {&facts.rules.min_free, 7 * UL_MIB, UL_FINDING_RESERVE_LOW},
      {&facts.rules.max_map_count, 65529, UL_FINDING_LIMITS_MAPPINGS},
      {&facts.rules.panic_on_oom, 1, UL_FINDING_OOM_PANIC},
      {&facts.rules.oom_kill_allocating, 1, UL_FINDING_OOM_ALLOCATING},
      {&facts.rules.oom_kills, 3, UL_FINDING_OOM_KILLS},
      {&facts.rules.ksm_run, 1, UL_FINDING_RESERVE_KSM},
      {&facts.memory.swap_total, 0, UL_FINDING_SWAP_NONE},
      {&facts.memory.swap_free, UL_GIB, UL_FINDING_SWAP_BUSY},
      {&facts.memory.swap_free, UL_MIB, UL_FINDING_SWAP_FULL},
      {&facts.memory.available, 1200 * UL_MIB, UL_FINDING_USERS_TIGHT},
      {&facts.memory.available, 400 * UL_MIB, UL_FINDING_USERS_SHORT},
      {&facts.memory.shared, UL_GIB, UL_FINDING_USERS_SHARED},
      {&facts.memory.slab_kept, UL_GIB, UL_FINDING_USERS_SLAB},
      {&facts.memory.page_tables, 300 * UL_MIB, UL_FINDING_USERS_PAGE_TABLES},
      {&facts.users[0].mappings, 60000, UL_FINDING_USERS_MAPPINGS},
      {&facts.users[0].resident, 9 * UL_GIB, UL_FINDING_USERS_FORK},
      {&facts.pressure.some_60s, 100, UL_FINDING_PRESSURE_SOME},
      {&facts.pressure.full_60s, 1000, UL_FINDING_PRESSURE_FULL},
      {&facts.limits[UL_LIMIT_ADDRESS_SPACE].soft, 4 * UL_GIB, UL_FINDING_LIMITS_ADDRESS},
      {&facts.limits[UL_LIMIT_DATA].soft, 4 * UL_GIB, UL_FINDING_LIMITS_DATA},
      {&facts.limits[UL_LIMIT_STACK].soft, UL_GIB, UL_FINDING_LIMITS_STACK_LARGE},
      {&facts.limits[UL_LIMIT_STACK].soft, UL_FACT_UNLIMITED, UL_FINDING_LIMITS_STACK_NONE},
      {&facts.limits[UL_LIMIT_LOCKED].soft, 64 * UL_KIB, UL_FINDING_LIMITS_LOCKED},
      {&facts.limits[UL_LIMIT_PROCESSES].soft, 100, UL_FINDING_LIMITS_PROCESSES},
      {&facts.limits[UL_LIMIT_FILES].soft, 256, UL_FINDING_LIMITS_FILES},
      {&facts.limits[UL_LIMIT_FILES].soft, 1073741816, UL_FINDING_LIMITS_FILES_HUGE},
  };
  for (size_t i = 0; i < UL_ARRAY_LEN(changes); i++) {
    healthy(state);
    *changes[i].figure = changes[i].value;
    judge();
    if (!found(changes[i].finding)) {
      fail_msg("%s was not found", ul_finding_rows[changes[i].finding].key);
    }
    assert_int_equal(ul_doctor_count(&diagnosis, UL_SEVERITY_NOTE) +
                         ul_doctor_count(&diagnosis, UL_SEVERITY_WARNING),
                     1);
    /* Unknown, it finds nothing. */
    *changes[i].figure = UL_FACT_UNKNOWN;
    judge();
    assert_int_equal(ul_doctor_count(&diagnosis, UL_SEVERITY_WARNING), 0);
    assert_false(found(changes[i].finding));
  }
}

static void overcommit_near_its_limit(void **state) {
  (void)state;
  facts.rules.overcommit_mode = 2;
  facts.memory.committed = facts.memory.commit_limit / 100 * 91;
  judge();
  assert_true(found(UL_FINDING_COMMIT_NEAR));
  assert_string_equal(command_of(UL_FINDING_COMMIT_NEAR), "sudo sysctl vm.overcommit_memory=0");
}

static void huge_pages(void **state) {
  (void)state;
  snprintf(facts.rules.thp, sizeof facts.rules.thp, "always");
  snprintf(facts.rules.thp_defrag, sizeof facts.rules.thp_defrag, "always");
  facts.memory.huge_total = 512;
  facts.memory.huge_free = 500;
  facts.memory.huge_promised = 100;
  judge();
  assert_true(found(UL_FINDING_THP_ALWAYS));
  assert_true(found(UL_FINDING_THP_REFILL));
  assert_true(found(UL_FINDING_THP_DEFRAG));
  assert_string_equal(command_of(UL_FINDING_RESERVE_HUGE), "sudo sysctl vm.nr_hugepages=112");
  facts.rules.thp_max_holes = 0;
  judge();
  assert_false(found(UL_FINDING_THP_REFILL));
}

static void nodes(void **state) {
  (void)state;
  facts.node_count = 2;
  facts.nodes[0] = (ul_facts_node){0, 4 * UL_GIB, 100 * UL_MIB};
  facts.nodes[1] = (ul_facts_node){1, 4 * UL_GIB, 2 * UL_GIB};
  judge();
  assert_true(found(UL_FINDING_NUMA_UNEVEN));
  facts.nodes[0].free = 2 * UL_GIB;
  judge();
  assert_true(found(UL_FINDING_NUMA_FINE));
  facts.rules.zone_reclaim = 1;
  facts.rules.numa_balancing = 1;
  judge();
  assert_true(found(UL_FINDING_NUMA_RECLAIM));
  assert_true(found(UL_FINDING_NUMA_BALANCING));
}

static void old_kernels_lack_something(void **state) {
  (void)state;
  facts.kernel_major = 5;
  facts.kernel_minor = 4;
  judge();
  const ul_finding *finding = ul_doctor_find(&diagnosis, UL_FINDING_KERNEL_LACKS);
  assert_non_null(finding);
  assert_non_null(strstr(finding->what, "process_madvise"));
  assert_null(strstr(finding->what, "MADV_COLD"));
  facts.has_pressure = false; /* built without */
  judge();
  assert_true(found(UL_FINDING_PRESSURE_ABSENT));
  facts.kernel_major = 4; /* too old to have it: said by the kernel's finding */
  judge();
  assert_false(found(UL_FINDING_PRESSURE_ABSENT));
}

static void a_process_that_runs_is_reached_by_its_number(void **state) {
  (void)state;
  facts.limits[UL_LIMIT_FILES].soft = 100;
  facts.oom_score_adjust = 5;
  judge();
  assert_string_equal(command_of(UL_FINDING_LIMITS_FILES), "ulimit -n 4096");
  assert_string_equal(command_of(UL_FINDING_OOM_PREFERRED),
                      "echo 0 | sudo tee /proc/$$/oom_score_adj");
  facts.pid = 77;
  judge();
  assert_string_equal(command_of(UL_FINDING_LIMITS_FILES), "sudo prlimit --pid 77 --nofile=4096");
  assert_string_equal(command_of(UL_FINDING_OOM_PREFERRED),
                      "echo 0 | sudo tee /proc/77/oom_score_adj");
}

static void scores(void **state) {
  (void)state;
  facts.oom_score_adjust = -1000;
  judge();
  assert_true(found(UL_FINDING_OOM_EXEMPT));
  facts.oom_score_adjust = -5;
  judge();
  assert_true(found(UL_FINDING_OOM_SPARED));
  facts.oom_score_adjust = 300;
  judge();
  assert_true(found(UL_FINDING_OOM_PREFERRED));
}

/* ---- Groups ----------------------------------------------------------------------------------- */

#define ID "1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d5e6f1a2b"

static void makers_are_told_from_paths(void **state) {
  static const struct {
    const char         *path;
    enum ul_group_owner owner;
    const char         *name, *text;
  } cases[] = {
      {"/", UL_OWNER_NOBODY, "", "the group that holds everything visible here"},
      {"/docker/" ID, UL_OWNER_DOCKER, ID, "Docker container 1a2b3c4d5e6f"},
      {"/system.slice/docker-" ID ".scope", UL_OWNER_DOCKER, ID, "Docker container 1a2b3c4d5e6f"},
      {"/docker/" ID "/init", UL_OWNER_UNKNOWN, ID, "a group inside Docker container 1a2b3c4d5e6f"},
      {"/machine.slice/libpod-" ID ".scope", UL_OWNER_PODMAN, ID, "Podman container 1a2b3c4d5e6f"},
      {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a1b_2c.slice/"
       "cri-containerd-" ID ".scope",
       UL_OWNER_KUBERNETES, "0a1b_2c", "Kubernetes (pod 0a1b_2c)"},
      {"/kubepods/besteffort/pod0a1b-2c/" ID, UL_OWNER_KUBERNETES, "0a1b-2c",
       "Kubernetes (pod 0a1b-2c)"},
      {"/kubepods.slice", UL_OWNER_KUBERNETES, "", "Kubernetes (all pods of a class)"},
      {"/lxc/web", UL_OWNER_LXC, "web", "LXC container web"},
      {"/lxc.payload.web", UL_OWNER_LXC, "web", "LXC container web"},
      {"/system.slice/nginx.service", UL_OWNER_SYSTEMD, "nginx.service",
       "systemd unit nginx.service"},
      {"/user.slice/user-1000.slice/session-3.scope", UL_OWNER_SYSTEMD, "session-3.scope",
       "systemd unit session-3.scope (a login's)"},
      {"/docker/" ID "/ullage-run-4711-123456", UL_OWNER_ULLAGE, "4711",
       "`ullage run` (process 4711)"},
      {"/ullage-run-4711-123456/workers", UL_OWNER_UNKNOWN, "4711",
       "a group inside `ullage run` (process 4711)"},
      {"/ullage-run-mine", UL_OWNER_UNKNOWN, "", "a maker that its name does not tell"},
      {"/ullage-run-4711-x", UL_OWNER_UNKNOWN, "", "a maker that its name does not tell"},
      {"/docker/short", UL_OWNER_UNKNOWN, "", "a maker that its name does not tell"},
      {"/mine", UL_OWNER_UNKNOWN, "", "a maker that its name does not tell"},
  };
  char name[192], text[256];
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(cases); i++) {
    assert_int_equal(ul_doctor_owner(cases[i].path, name, text), cases[i].owner);
    assert_string_equal(name, cases[i].name);
    assert_string_equal(text, cases[i].text);
  }
}

static void a_limit_and_who_set_it(void **state) {
  (void)state;
  ul_facts_group *group = add_group(2, "/docker/" ID, 512 * UL_MIB);
  group->usage = 500 * UL_MIB;
  group->reclaimable = 100 * UL_MIB;
  judge();
  assert_true(found(UL_FINDING_GROUP_LIMIT));
  group->reclaimable = 10 * UL_MIB;
  judge();
  assert_string_equal(command_of(UL_FINDING_GROUP_NEAR),
                      "docker update --memory 768m --memory-swap 768m 1a2b3c4d5e6f");
  group->limit = 9 * UL_GIB;
  judge();
  assert_true(found(UL_FINDING_GROUP_ABOVE_MACHINE));
}

static void the_limit_that_binds_may_be_above(void **state) {
  (void)state;
  add_group(2, "/system.slice/a b.service/x", UL_FACT_UNLIMITED)->usage = UL_MIB;
  add_group(2, "/system.slice/a b.service", UL_GIB)->usage = UL_GIB;
  judge();
  assert_true(found(UL_FINDING_GROUP_NESTED));
  assert_string_equal(command_of(UL_FINDING_GROUP_NEAR),
                      "sudo systemctl set-property 'a b.service' MemoryMax=1536M");
  assert_int_equal(ul_doctor_room(&facts), UL_GIB);
}

static void the_least_limit_binds_and_of_equals_the_nearest(void **state) {
  (void)state;
  assert_null(ul_doctor_binding(&facts));
  assert_int_equal(ul_doctor_room(&facts), facts.memory.total);
  add_group(2, "/a/b/c", 3 * UL_GIB);
  add_group(2, "/a/b", UL_GIB);
  add_group(2, "/a", UL_GIB);
  add_group(2, "/", 2 * UL_GIB);
  assert_ptr_equal(ul_doctor_binding(&facts), &facts.groups[1]);
  facts.memory.total = UL_FACT_UNKNOWN;
  assert_int_equal(ul_doctor_room(&facts), UL_GIB);
}

static void kills_of_others_are_not_ours(void **state) {
  (void)state;
  add_group(2, "/user.slice/mine", UL_FACT_UNLIMITED)->kills = 0;
  ul_facts_group *above = add_group(2, "/user.slice", UL_FACT_UNLIMITED);
  above->kills = 4;
  judge();
  assert_false(found(UL_FINDING_GROUP_KILLS));
  above->limit = 2 * UL_GIB;
  judge();
  assert_true(found(UL_FINDING_GROUP_KILLS));
}

static void high_without_swap_stalls(void **state) {
  (void)state;
  ul_facts_group *group = add_group(2, "/mine", UL_GIB);
  group->usage = UL_MIB;
  group->high = 900 * UL_MIB;
  judge();
  assert_false(found(UL_FINDING_GROUP_HIGH)); /* there is swap */
  group->swap_limit = 0;
  judge();
  assert_string_equal(command_of(UL_FINDING_GROUP_HIGH),
                      "echo max | sudo tee /sys/fs/cgroup/mine/memory.high");
  group->swap_limit = UL_FACT_UNLIMITED;
  facts.memory.swap_total = facts.memory.swap_free = 0;
  judge();
  assert_true(found(UL_FINDING_GROUP_HIGH));
}

static void version_one(void **state) {
  (void)state;
  ul_facts_group *group = add_group(1, "/it's mine", UL_GIB);
  group->usage = UL_GIB;
  group->kills = 2;
  group->kills_disabled = true;
  judge();
  assert_true(found(UL_FINDING_GROUP_VERSION_1));
  assert_true(found(UL_FINDING_GROUP_KILLS));
  assert_string_equal(command_of(UL_FINDING_GROUP_PAUSES),
                      "echo 0 | sudo tee '/sys/fs/cgroup/it'\\''s mine/memory.oom_control'");
  assert_string_equal(command_of(UL_FINDING_GROUP_NEAR),
                      "echo 1610612736 | sudo tee '/sys/fs/cgroup/it'\\''s "
                      "mine/memory.limit_in_bytes'");
}

/* Its pause is answered by ullage, and its limit is ullage's to set. */
static void the_enclosure_of_a_run(void **state) {
  (void)state;
  ul_facts_group *group = add_group(1, "/ullage-run-4711-123456", UL_GIB);
  group->usage = UL_GIB;
  group->kills_disabled = true;
  judge();
  assert_false(found(UL_FINDING_GROUP_PAUSES));
  assert_string_equal(command_of(UL_FINDING_GROUP_NEAR), "ullage run --budget 1536Mi -- PROG");
}

static void budgets(void **state) {
  (void)state;
  ul_facts_group *group = add_group(2, "/mine", UL_GIB);
  group->usage = 200 * UL_MIB;
  ul_doctor_judge(&facts, 700 * UL_MIB, &diagnosis);
  assert_true(found(UL_FINDING_BUDGET_FITS));
  ul_doctor_judge(&facts, 900 * UL_MIB, &diagnosis);
  assert_true(found(UL_FINDING_BUDGET_ABOVE_AVAILABLE));
  ul_doctor_judge(&facts, 2 * UL_GIB, &diagnosis);
  assert_true(found(UL_FINDING_BUDGET_ABOVE_LIMIT));
}

/* ---- Environment ------------------------------------------------------------------------------ */

/* A variable in a room of 1 GiB: the finding, and the command where one is computed. */
static void variables(void **state) {
  static const struct {
    const char        *variable;
    enum ul_finding_id finding;
    const char        *command; /* NULL: any */
  } cases[] = {
      {"GOMEMLIMIT=500M", UL_FINDING_ENV_GO_FORM, "export GOMEMLIMIT=476MiB"},
      {"GOMEMLIMIT=0.5GiB", UL_FINDING_ENV_GO_FORM, "export GOMEMLIMIT=512MiB"},
      {"GOMEMLIMIT=much", UL_FINDING_ENV_GO_FORM, "unset GOMEMLIMIT"},
      {"GOMEMLIMIT= 5B", UL_FINDING_ENV_GO_FORM, NULL},
      {"GOMEMLIMIT=99999999999999999999GiB", UL_FINDING_ENV_GO_FORM, NULL},
      {"GOMEMLIMIT=1000MiB", UL_FINDING_ENV_GO_LARGE, "export GOMEMLIMIT=942MiB"},
      {"GOMEMLIMIT=900MiB", UL_FINDING_ENV_FINE, NULL},
      {"GOMEMLIMIT=off", UL_FINDING_ENV_FINE, NULL},
      {"GOGC=20%", UL_FINDING_ENV_GO_PERCENT, NULL},
      {"GOGC=off", UL_FINDING_ENV_FINE, NULL},
      {"GOGC=-1", UL_FINDING_ENV_FINE, NULL},
      {"NODE_OPTIONS=--a --max-old-space-size=512m --b", UL_FINDING_ENV_NODE_FORM,
       "export NODE_OPTIONS='--a --max-old-space-size=512 --b'"},
      {"NODE_OPTIONS=--max_old_space_size=4096", UL_FINDING_ENV_NODE_LARGE,
       "export NODE_OPTIONS=--max_old_space_size=757"},
      {"NODE_OPTIONS=--max-old-space-size=700", UL_FINDING_ENV_FINE, NULL},
      {"JAVA_TOOL_OPTIONS=-ea -Xmx0.5g", UL_FINDING_ENV_JAVA_FORM,
       "export JAVA_TOOL_OPTIONS='-ea -Xmx512m'"},
      {"JAVA_TOOL_OPTIONS=-Xmx500MB -ea", UL_FINDING_ENV_JAVA_FORM, NULL},
      {"JAVA_TOOL_OPTIONS=-Xmx", UL_FINDING_ENV_JAVA_FORM, NULL},
      {"JDK_JAVA_OPTIONS=-Xmx2g", UL_FINDING_ENV_JAVA_LARGE, "export JDK_JAVA_OPTIONS=-Xmx716m"},
      {"_JAVA_OPTIONS=-XX:MaxHeapSize=900m", UL_FINDING_ENV_JAVA_TIGHT, NULL},
      {"JAVA_TOOL_OPTIONS=-Xmx100m -XX:MaxRAMPercentage=50", UL_FINDING_ENV_JAVA_TWICE, NULL},
      {"JAVA_TOOL_OPTIONS=-Xmx700M", UL_FINDING_ENV_FINE, NULL},
      {"DOTNET_GCHeapHardLimit=800000000", UL_FINDING_ENV_DOTNET_LARGE,
       "export DOTNET_GCHeapHardLimit=0x30000000"},
      {"DOTNET_GCHeapHardLimit=500M", UL_FINDING_ENV_DOTNET_FORM, NULL},
      {"DOTNET_GCHeapHardLimit=0x1dcd6500", UL_FINDING_ENV_FINE, NULL},
      {"LD_PRELOAD=/usr/lib/libjemalloc.so.2", UL_FINDING_ENV_ALLOCATOR, "unset LD_PRELOAD"},
      {"LD_PRELOAD=/opt/libullage.so", UL_FINDING_ENV_ULLAGE, NULL},
      {"GLIBC_TUNABLES=glibc.malloc.arena_max=2", UL_FINDING_ENV_TUNABLES, NULL},
      {"GLIBC_TUNABLES=glibc.malloc.arena_max", UL_FINDING_ENV_TUNABLES_FORM, NULL},
      {"GLIBC_TUNABLES=:glibc.malloc.arena_max=two", UL_FINDING_ENV_TUNABLES_FORM, NULL},
      {"GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512F", UL_FINDING_ENV_FINE, NULL},
      {"MALLOC_ARENA_MAX=2", UL_FINDING_ENV_MALLOC, "unset MALLOC_ARENA_MAX"},
      {"MALLOC_PERTURB_=165", UL_FINDING_ENV_MALLOC_DEBUG, NULL},
      {"MALLOC_CHECK_=0", UL_FINDING_ENV_FINE, NULL},
      {"XGOMEMLIMIT=1500M", UL_FINDING_ENV_FINE, NULL},
  };
  for (size_t i = 0; i < UL_ARRAY_LEN(cases); i++) {
    healthy(state);
    add_group(2, "/mine", UL_GIB)->usage = UL_MIB;
    set_variable("HOME=/root");
    set_variable(cases[i].variable);
    judge();
    if (!found(cases[i].finding)) fail_msg("%s", cases[i].variable);
    if (cases[i].command) assert_string_equal(command_of(cases[i].finding), cases[i].command);
  }
}

static void foreign_bytes_become_harmless(void **state) {
  (void)state;
  set_variable("GOMEMLIMIT=\033[2J\xff\n");
  facts.users[0].mappings = 65000;
  snprintf(facts.users[0].name, sizeof facts.users[0].name, "a\033]0;b");
  facts.tmpfs_count = 1;
  facts.tmpfs[0] = (ul_facts_tmpfs){.path = "/tmp/a\nb", .size = UL_GIB, .used = UL_GIB};
  judge();
  assert_true(found(UL_FINDING_USERS_TMPFS));
  for (size_t i = 0; i < diagnosis.count; i++) {
    for (const char *at = diagnosis.findings[i].what; *at; at++) assert_in_range(*at, 0x20, 0x7e);
    for (const char *at = diagnosis.findings[i].command; *at; at++) {
      assert_in_range(*at, 0x20, 0x7e);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(nothing_is_wrong_with_a_healthy_machine, healthy),
      cmocka_unit_test(nothing_known_is_nothing_found),
      cmocka_unit_test(rows_are_named_once_and_complete),
      cmocka_unit_test(each_figure_makes_its_finding),
      cmocka_unit_test_setup(overcommit_near_its_limit, healthy),
      cmocka_unit_test_setup(huge_pages, healthy),
      cmocka_unit_test_setup(nodes, healthy),
      cmocka_unit_test_setup(old_kernels_lack_something, healthy),
      cmocka_unit_test_setup(a_process_that_runs_is_reached_by_its_number, healthy),
      cmocka_unit_test_setup(scores, healthy),
      cmocka_unit_test(makers_are_told_from_paths),
      cmocka_unit_test_setup(a_limit_and_who_set_it, healthy),
      cmocka_unit_test_setup(the_limit_that_binds_may_be_above, healthy),
      cmocka_unit_test_setup(the_least_limit_binds_and_of_equals_the_nearest, healthy),
      cmocka_unit_test_setup(kills_of_others_are_not_ours, healthy),
      cmocka_unit_test_setup(high_without_swap_stalls, healthy),
      cmocka_unit_test_setup(version_one, healthy),
      cmocka_unit_test_setup(the_enclosure_of_a_run, healthy),
      cmocka_unit_test_setup(budgets, healthy),
      cmocka_unit_test(variables),
      cmocka_unit_test_setup(foreign_bytes_become_harmless, healthy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
