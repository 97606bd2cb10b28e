/* SPDX-License-Identifier: MIT */
/* judge_limits.c: checks of what the process may have (ulimits, mappings), where a limit that is
 * not about memory often looks like want of it. */
#include "base/size_text.h"
#include "toolbox/doctor/doctor.h"

/* Linux gives a main thread 8 MiB; eight times that, for each thread, is a mistake or a need that
 * its owner knows of. */
#define STACK_LARGE (64 * (uint64_t)UL_MIB)
/* 64 KiB was the kernel's default to 5.15, 8 MiB since: below 1 MiB even a key store is short. */
#define LOCKED_SMALL ((uint64_t)UL_MIB)
/* A JVM or Go service of middling size has hundreds of threads. */
#define PROCESSES_SMALL 1024
/* The default for decades, and what select() can hold. */
#define FILES_SMALL 1024
/* Ten times the kernel's default nr_open of 2^20: only "infinity" in a unit makes so many. */
#define FILES_HUGE ((uint64_t)10 << 20)
/* The kernel's default, which no distribution lowers. */
#define MAPPINGS_DEFAULT 65530

static void judge_stack(uint64_t stack, ul_diagnosis *diagnosis) {
  if (stack == UL_FACT_UNLIMITED) {
    ul_doctor_add(diagnosis, UL_FINDING_LIMITS_STACK_NONE, "the stack is unlimited (ulimit -s)");
  } else if (ul_fact_is(stack) && stack > STACK_LARGE) {
    ul_doctor_add(diagnosis, UL_FINDING_LIMITS_STACK_LARGE, "the stack may be %s (ulimit -s)",
                  UL_DOCTOR_MIB(stack));
  }
}

static void judge_files(uint64_t files, ul_diagnosis *diagnosis) {
  if (files == UL_FACT_UNLIMITED || (ul_fact_is(files) && files > FILES_HUGE)) {
    ul_doctor_add(diagnosis, UL_FINDING_LIMITS_FILES_HUGE,
                  files == UL_FACT_UNLIMITED ? "open files are unlimited (ulimit -n)"
                                             : "%llu files may be open (ulimit -n)",
                  (unsigned long long)files);
  } else if (ul_fact_is(files) && files < FILES_SMALL) {
    ul_doctor_add(diagnosis, UL_FINDING_LIMITS_FILES, "only %llu files may be open (ulimit -n)",
                  (unsigned long long)files);
  }
}

/* A process that runs is reached by prlimit, not by its shell's ulimit. */
static void use_prlimit(const ul_facts *facts, ul_diagnosis *diagnosis, size_t before) {
  static const struct {
    enum ul_finding_id id;
    const char        *option;
  } options[] = {
      {UL_FINDING_LIMITS_ADDRESS, "as=unlimited"},
      {UL_FINDING_LIMITS_DATA, "data=unlimited"},
      {UL_FINDING_LIMITS_STACK_LARGE, "stack=8388608"},
      {UL_FINDING_LIMITS_STACK_NONE, "stack=8388608"},
      {UL_FINDING_LIMITS_LOCKED, "memlock=67108864"},
      {UL_FINDING_LIMITS_PROCESSES, "nproc=4096"},
      {UL_FINDING_LIMITS_FILES, "nofile=4096"},
      {UL_FINDING_LIMITS_FILES_HUGE, "nofile=1048576"},
  };
  for (size_t i = before; facts->pid > 0 && i < diagnosis->count; i++) {
    for (size_t j = 0; j < UL_ARRAY_LEN(options); j++) {
      ul_finding *finding = &diagnosis->findings[i];
      if (finding->id != options[j].id) continue;
      snprintf(finding->command, sizeof finding->command, "sudo prlimit --pid %d --%s", facts->pid,
               options[j].option);
    }
  }
}

void ul_doctor_judge_limits(const ul_facts *facts, ul_diagnosis *diagnosis) {
  size_t   before = diagnosis->count;
  uint64_t address = facts->limits[UL_LIMIT_ADDRESS_SPACE].soft;
  uint64_t data = facts->limits[UL_LIMIT_DATA].soft, locked = facts->limits[UL_LIMIT_LOCKED].soft;
  uint64_t processes = facts->limits[UL_LIMIT_PROCESSES].soft;
  uint64_t mappings = facts->rules.max_map_count;
  if (ul_fact_is(address)) {
    ul_doctor_add(diagnosis, UL_FINDING_LIMITS_ADDRESS,
                  "the address space may be %s at most (ulimit -v)", UL_DOCTOR_MIB(address));
  }
  if (ul_fact_is(data)) {
    ul_doctor_add(diagnosis, UL_FINDING_LIMITS_DATA, "data may be %s at most (ulimit -d)",
                  UL_DOCTOR_MIB(data));
  }
  judge_stack(facts->limits[UL_LIMIT_STACK].soft, diagnosis);
  if (ul_fact_is(locked) && locked < LOCKED_SMALL) {
    ul_doctor_add(diagnosis, UL_FINDING_LIMITS_LOCKED, "%llu KiB may be locked (ulimit -l)",
                  (unsigned long long)(locked / UL_KIB));
  }
  if (ul_fact_is(processes) && processes < PROCESSES_SMALL) {
    ul_doctor_add(diagnosis, UL_FINDING_LIMITS_PROCESSES,
                  "%llu processes and threads are allowed to this user (ulimit -u)",
                  (unsigned long long)processes);
  }
  judge_files(facts->limits[UL_LIMIT_FILES].soft, diagnosis);
  if (ul_fact_is(mappings) && mappings < MAPPINGS_DEFAULT) {
    ul_doctor_add(diagnosis, UL_FINDING_LIMITS_MAPPINGS,
                  "a process may have %llu mappings (vm.max_map_count); the default is %u",
                  (unsigned long long)mappings, MAPPINGS_DEFAULT);
  }
  use_prlimit(facts, diagnosis, before);
  if (diagnosis->count == before && address != UL_FACT_UNKNOWN) {
    ul_doctor_add(diagnosis, UL_FINDING_LIMITS_FINE,
                  "nothing is limited that programs usually need (ulimit, vm.max_map_count)");
  }
}
