/* SPDX-License-Identifier: MIT */
/* judge_users.c: checks of what is left and who holds the rest; and whether a budget fits into
 * it. */
#include "base/size_text.h"
#include "toolbox/doctor/doctor.h"

/* Percent of the machine's memory. */
#define SHORT_PCT       5
#define TIGHT_PCT       15
#define SHARED_PCT      10 /* tmpfs and shared memory; unreclaimable slab */
#define PAGE_TABLES_PCT 3 /* at 4 KiB pages a byte in 512: 3 % is 15 processes sharing all memory */
#define MAPPINGS_PCT    80

static bool exceeds(uint64_t part, uint64_t whole, unsigned pct) {
  return ul_fact_is(part) && ul_fact_is(whole) && (double)part * 100 > (double)whole * pct;
}

/* ---- What is left ----------------------------------------------------------------------------- */

static void judge_available(const ul_facts *facts, ul_diagnosis *diagnosis) {
  uint64_t total = facts->memory.total, left = facts->memory.available;
  if (!ul_fact_is(total) || !ul_fact_is(left) || total == 0) return;
  enum ul_finding_id id = !exceeds(left, total, SHORT_PCT)   ? UL_FINDING_USERS_SHORT
                          : !exceeds(left, total, TIGHT_PCT) ? UL_FINDING_USERS_TIGHT
                                                             : UL_FINDING_USERS_FINE;
  ul_doctor_add(diagnosis, id, "%s of %s are available", UL_DOCTOR_MIB(left), UL_DOCTOR_MIB(total));
  if (id == UL_FINDING_USERS_FINE || facts->user_count == 0) return;
  ul_doctor_command(diagnosis, "ullage doctor %d   # the largest: a look at its limits",
                    facts->users[0].pid);
}

static void judge_fork(const ul_facts *facts, ul_diagnosis *diagnosis) {
  if (facts->user_count == 0 || !ul_fact_is(facts->memory.available)) return;
  const ul_facts_user *largest = &facts->users[0];
  uint64_t             swap = ul_fact_is(facts->memory.swap_free) ? facts->memory.swap_free : 0;
  uint64_t             held = largest->resident;
  if (!ul_fact_is(held) || held <= facts->memory.available + swap) return;
  ul_doctor_add(diagnosis, UL_FINDING_USERS_FORK,
                "%s (pid %d) holds %s, more than the %s that are available with swap",
                largest->name, largest->pid, UL_DOCTOR_MIB(held),
                UL_DOCTOR_MIB(facts->memory.available + swap));
}

/* ---- What no process owns --------------------------------------------------------------------- */

static void judge_tmpfs(const ul_facts *facts, ul_diagnosis *diagnosis) {
  char word[320];
  bool found = false;
  for (size_t i = 0; i < facts->tmpfs_count; i++) {
    const ul_facts_tmpfs *tmpfs = &facts->tmpfs[i];
    if (!exceeds(tmpfs->used, ul_doctor_room(facts), SHARED_PCT)) break; /* the fullest is first */
    ul_doctor_add(diagnosis, UL_FINDING_USERS_TMPFS, "files in %.120s, a tmpfs, take %s of memory",
                  tmpfs->path, UL_DOCTOR_MIB(tmpfs->used));
    ul_doctor_command(diagnosis, "sudo du -xah %s | sort -h | tail",
                      ul_doctor_quoted(word, sizeof word, tmpfs->path));
    found = true;
    if (i == 2) break; /* the rest is in the list below the findings */
  }
  if (!found && exceeds(facts->memory.shared, facts->memory.total, SHARED_PCT)) {
    ul_doctor_add(diagnosis, UL_FINDING_USERS_SHARED, "%s are shared memory",
                  UL_DOCTOR_MIB(facts->memory.shared));
  }
}

static void judge_kernel_use(const ul_facts *facts, ul_diagnosis *diagnosis) {
  const ul_facts_memory *memory = &facts->memory;
  if (exceeds(memory->slab_kept, memory->total, SHARED_PCT)) {
    ul_doctor_add(diagnosis, UL_FINDING_USERS_SLAB, "%s are objects of the kernel (SUnreclaim)",
                  UL_DOCTOR_MIB(memory->slab_kept));
  }
  if (exceeds(memory->page_tables, memory->total, PAGE_TABLES_PCT)) {
    ul_doctor_add(diagnosis, UL_FINDING_USERS_PAGE_TABLES, "%s are page tables",
                  UL_DOCTOR_MIB(memory->page_tables));
  }
}

static void judge_mappings(const ul_facts *facts, ul_diagnosis *diagnosis) {
  uint64_t limit = facts->rules.max_map_count;
  for (size_t i = 0; i < facts->user_count; i++) {
    const ul_facts_user *user = &facts->users[i];
    if (!exceeds(user->mappings, limit, MAPPINGS_PCT)) continue;
    ul_doctor_add(diagnosis, UL_FINDING_USERS_MAPPINGS,
                  "%s (pid %d) has %llu mappings; vm.max_map_count is %llu", user->name, user->pid,
                  (unsigned long long)user->mappings, (unsigned long long)limit);
    ul_doctor_command(diagnosis, "sudo sysctl vm.max_map_count=%llu",
                      (unsigned long long)UL_MAX(limit * 4, (uint64_t)262144));
  }
}

/* ---- A budget --------------------------------------------------------------------------------- */

static void judge_budget(const ul_facts *facts, uint64_t budget, ul_diagnosis *diagnosis) {
  uint64_t              room = ul_doctor_room(facts), left = facts->memory.available;
  const ul_facts_group *binding = ul_doctor_binding(facts);
  if (binding && ul_fact_is(binding->usage)) {
    uint64_t droppable = ul_fact_is(binding->reclaimable) ? binding->reclaimable : 0;
    uint64_t held = binding->usage - UL_MIN(droppable, binding->usage);
    left = UL_MIN(left, binding->limit - UL_MIN(held, binding->limit));
  }
  if (!ul_fact_is(room)) return;
  if (budget > room) {
    ul_doctor_add(diagnosis, UL_FINDING_BUDGET_ABOVE_LIMIT,
                  "a budget of %s does not fit: there are %s in all", UL_DOCTOR_MIB(budget),
                  UL_DOCTOR_MIB(room));
    ul_doctor_command(diagnosis, "ullage run --budget %lluMi -- PROG",
                      (unsigned long long)(room / 10 * 9 / UL_MIB));
  } else if (ul_fact_is(left) && budget > left) {
    ul_doctor_add(diagnosis, UL_FINDING_BUDGET_ABOVE_AVAILABLE,
                  "a budget of %s is above the %s that are available now", UL_DOCTOR_MIB(budget),
                  UL_DOCTOR_MIB(left));
  } else if (ul_fact_is(left)) {
    ul_doctor_add(diagnosis, UL_FINDING_BUDGET_FITS, "a budget of %s fits: %s are available",
                  UL_DOCTOR_MIB(budget), UL_DOCTOR_MIB(left));
  }
}

void ul_doctor_judge_users(const ul_facts *facts, uint64_t budget_bytes, ul_diagnosis *diagnosis) {
  if (budget_bytes > 0) judge_budget(facts, budget_bytes, diagnosis);
  judge_available(facts, diagnosis);
  judge_fork(facts, diagnosis);
  judge_tmpfs(facts, diagnosis);
  judge_kernel_use(facts, diagnosis);
  judge_mappings(facts, diagnosis);
}
