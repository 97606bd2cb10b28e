/* SPDX-License-Identifier: MIT */
/* judge_rules.c: checks of the rules memory is dealt out by: overcommit, huge pages, reserves, and
 * who is killed when it is gone. See judge_system.c about thresholds. */
#include <string.h>

#include "base/size_text.h"
#include "toolbox/doctor/doctor.h"

/* ---- Overcommit ------------------------------------------------------------------------------- */

#define COMMIT_NEAR_PCT 90

static void judge_commit(const ul_facts *facts, ul_diagnosis *diagnosis) {
  uint64_t limit = facts->memory.commit_limit, promised = facts->memory.committed;
  switch (facts->rules.overcommit_mode) {
  case 0:
    ul_doctor_add(diagnosis, UL_FINDING_COMMIT_FINE,
                  "vm.overcommit_memory=0: only a request larger than all memory is refused");
    return;
  case 1: ul_doctor_add(diagnosis, UL_FINDING_COMMIT_ALWAYS, "vm.overcommit_memory=1"); return;
  case 2: break;
  default: return;
  }
  if (!ul_fact_is(limit) || !ul_fact_is(promised) || limit == 0) {
    ul_doctor_add(diagnosis, UL_FINDING_COMMIT_NEVER, "vm.overcommit_memory=2");
    return;
  }
  double share = (double)promised * 100 / (double)limit;
  ul_doctor_add(diagnosis,
                share >= COMMIT_NEAR_PCT ? UL_FINDING_COMMIT_NEAR : UL_FINDING_COMMIT_NEVER,
                "vm.overcommit_memory=2: %s promised (Committed_AS), %.0f %% of the %s there may "
                "be (CommitLimit)",
                UL_DOCTOR_MIB(promised), share, UL_DOCTOR_MIB(limit));
}

/* ---- Transparent huge pages ------------------------------------------------------------------- */

static void judge_thp(const ul_facts *facts, ul_diagnosis *diagnosis) {
  const ul_facts_rules *rules = &facts->rules;
  if (strcmp(rules->thp, "never") == 0) {
    ul_doctor_add(diagnosis, UL_FINDING_THP_NEVER, "transparent huge pages are off");
  } else if (strcmp(rules->thp, "madvise") == 0) {
    ul_doctor_add(diagnosis, UL_FINDING_THP_FINE,
                  "transparent huge pages go to those who ask for them (madvise)");
  } else if (strcmp(rules->thp, "always") == 0) {
    ul_doctor_add(diagnosis, UL_FINDING_THP_ALWAYS,
                  "transparent huge pages go to everybody (always)");
    if (ul_fact_is(rules->thp_max_holes) && rules->thp_max_holes > 0) {
      ul_doctor_add(diagnosis, UL_FINDING_THP_REFILL,
                    "khugepaged makes a huge page where up to %llu of its small pages are empty",
                    (unsigned long long)rules->thp_max_holes);
    }
  }
  if (strcmp(rules->thp_defrag, "always") == 0 && strcmp(rules->thp, "never") != 0) {
    ul_doctor_add(diagnosis, UL_FINDING_THP_DEFRAG,
                  "a huge page is compacted for on the spot (defrag: always)");
  }
}

/* ---- Reserves --------------------------------------------------------------------------------- */

/* The kernel's own choice is 4 * sqrt(kB of memory), 64 MiB where huge pages are on: 0.3 % of 24
 * GiB. Twenty times that share, and an eighth of the smallest usual value on machines above 4
 * GiB. */
#define MIN_FREE_HIGH_PCT  5
#define MIN_FREE_LOW       (8 * (uint64_t)UL_MIB)
#define MIN_FREE_LOW_ABOVE (4 * (uint64_t)UL_GIB)
#define HUGE_IDLE_MIN      (64 * (uint64_t)UL_MIB)

static void judge_huge_reserve(const ul_facts *facts, ul_diagnosis *diagnosis) {
  const ul_facts_memory *memory = &facts->memory;
  if (!ul_fact_is(memory->huge_total) || !ul_fact_is(memory->huge_free) ||
      !ul_fact_is(memory->huge_promised) || !ul_fact_is(memory->huge_page)) {
    return;
  }
  if (memory->huge_free <= memory->huge_promised) return;
  uint64_t idle = memory->huge_free - memory->huge_promised;
  if (memory->huge_page == 0 || idle < HUGE_IDLE_MIN / memory->huge_page) return;
  ul_doctor_add(diagnosis, UL_FINDING_RESERVE_HUGE,
                "%llu of %llu reserved huge pages of %s are used by nobody: %s",
                (unsigned long long)idle, (unsigned long long)memory->huge_total,
                UL_DOCTOR_MIB(memory->huge_page), UL_DOCTOR_MIB(idle * memory->huge_page));
  ul_doctor_command(diagnosis, "sudo sysctl vm.nr_hugepages=%llu",
                    (unsigned long long)(memory->huge_total - UL_MIN(idle, memory->huge_total)));
}

static void judge_reserves(const ul_facts *facts, ul_diagnosis *diagnosis) {
  const ul_facts_rules *rules = &facts->rules;
  uint64_t              total = facts->memory.total, least = rules->min_free;
  size_t                before = diagnosis->count;
  judge_huge_reserve(facts, diagnosis);
  if (ul_fact_is(least) && ul_fact_is(total)) {
    if (least > total / 100 * MIN_FREE_HIGH_PCT) {
      ul_doctor_add(diagnosis, UL_FINDING_RESERVE_HIGH, "vm.min_free_kbytes keeps %s of %s empty",
                    UL_DOCTOR_MIB(least), UL_DOCTOR_MIB(total));
      ul_doctor_command(diagnosis, "sudo sysctl vm.min_free_kbytes=%llu",
                        (unsigned long long)UL_MIN(total / 100 / UL_KIB, (uint64_t)67584));
    } else if (least < MIN_FREE_LOW && total >= MIN_FREE_LOW_ABOVE) {
      ul_doctor_add(diagnosis, UL_FINDING_RESERVE_LOW,
                    "vm.min_free_kbytes keeps only %s of %s empty", UL_DOCTOR_MIB(least),
                    UL_DOCTOR_MIB(total));
    }
  }
  if (rules->ksm_run == 1) {
    uint64_t saved = ul_fact_is(rules->ksm_sharing_pages) && ul_fact_is(rules->page)
                         ? rules->ksm_sharing_pages * rules->page
                         : 0;
    ul_doctor_add(diagnosis, UL_FINDING_RESERVE_KSM,
                  "equal pages are merged (KSM), which saves %s now", UL_DOCTOR_MIB(saved));
  }
  if (diagnosis->count == before && ul_fact_is(least)) {
    ul_doctor_add(diagnosis, UL_FINDING_RESERVE_FINE,
                  "the kernel keeps %s empty; no huge pages lie idle", UL_DOCTOR_MIB(least));
  }
}

/* ---- Out of memory ---------------------------------------------------------------------------- */

/* Without a pid it is the shell's score, which whatever is started from it begins with. */
static void judge_score(const ul_facts *facts, ul_diagnosis *diagnosis) {
  int score = facts->oom_score_adjust;
  if (!facts->oom_score_known || score == 0) return;
  enum ul_finding_id id = score <= -1000 ? UL_FINDING_OOM_EXEMPT
                          : score < 0    ? UL_FINDING_OOM_SPARED
                                         : UL_FINDING_OOM_PREFERRED;
  ul_doctor_add(diagnosis, id, "oom_score_adj is %d here%s", score,
                score <= -1000 ? ": never to be killed" : "");
  if (facts->pid > 0) {
    ul_doctor_command(diagnosis, "echo 0 | sudo tee /proc/%d/oom_score_adj", facts->pid);
  } else {
    ul_doctor_command(diagnosis, "echo 0 | sudo tee /proc/$$/oom_score_adj");
  }
}

static void judge_oom(const ul_facts *facts, ul_diagnosis *diagnosis) {
  const ul_facts_rules *rules = &facts->rules;
  size_t                before = diagnosis->count;
  if (ul_fact_is(rules->panic_on_oom) && rules->panic_on_oom > 0) {
    ul_doctor_add(diagnosis, UL_FINDING_OOM_PANIC, "vm.panic_on_oom is %u",
                  (unsigned)rules->panic_on_oom);
  }
  if (ul_fact_is(rules->oom_kill_allocating) && rules->oom_kill_allocating > 0) {
    ul_doctor_add(diagnosis, UL_FINDING_OOM_ALLOCATING, "vm.oom_kill_allocating_task is set");
  }
  judge_score(facts, diagnosis);
  if (ul_fact_is(rules->oom_kills) && rules->oom_kills > 0) {
    ul_doctor_add(diagnosis, UL_FINDING_OOM_KILLS, "%llu process%s killed for want of memory",
                  (unsigned long long)rules->oom_kills, rules->oom_kills == 1 ? " was" : "es were");
  }
  if (diagnosis->count == before && ul_fact_is(rules->panic_on_oom)) {
    ul_doctor_add(diagnosis, UL_FINDING_OOM_FINE,
                  "the largest is killed; nobody was since the start");
  }
}

void ul_doctor_judge_rules(const ul_facts *facts, ul_diagnosis *diagnosis) {
  judge_commit(facts, diagnosis);
  judge_thp(facts, diagnosis);
  judge_reserves(facts, diagnosis);
  judge_oom(facts, diagnosis);
}
