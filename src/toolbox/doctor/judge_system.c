/* SPDX-License-Identifier: MIT */
/* judge_system.c: checks of swap, pressure, NUMA and the kernel: what the machine is.
 *
 * Thresholds are ours unless they say otherwise: low enough to speak before somebody is killed,
 * high enough that a healthy machine hears nothing.
 */
#include <string.h>

#include "base/size_text.h"
#include "toolbox/doctor/doctor.h"

/* ---- Swap ------------------------------------------------------------------------------------- */

#define SWAP_FULL_PCT 90
#define SWAP_BUSY_PCT 50

static void judge_swap_use(const ul_facts *facts, ul_diagnosis *diagnosis) {
  uint64_t total = facts->memory.swap_total, used = total - facts->memory.swap_free;
  unsigned share = (unsigned)((double)used * 100 / (double)total);
  if (share >= SWAP_FULL_PCT) {
    ul_doctor_add(diagnosis, UL_FINDING_SWAP_FULL, "%u %% of %s of swap is in use", share,
                  UL_DOCTOR_MIB(total));
    ul_doctor_command(diagnosis,
                      "sudo fallocate -l %lluM /swapfile2 && sudo chmod 600 /swapfile2 && sudo "
                      "mkswap /swapfile2 && sudo swapon /swapfile2",
                      (unsigned long long)(total / UL_MIB));
  } else if (share >= SWAP_BUSY_PCT) {
    ul_doctor_add(diagnosis, UL_FINDING_SWAP_BUSY, "%u %% of %s of swap is in use", share,
                  UL_DOCTOR_MIB(total));
  } else {
    ul_doctor_add(diagnosis, UL_FINDING_SWAP_FINE, "%s of swap, %u %% in use", UL_DOCTOR_MIB(total),
                  share);
  }
}

static void judge_swap(const ul_facts *facts, ul_diagnosis *diagnosis) {
  const ul_facts_memory *memory = &facts->memory;
  if (memory->swap_total == 0) {
    ul_doctor_add(diagnosis, UL_FINDING_SWAP_NONE, "there is no swap");
    return;
  }
  if (!ul_fact_is(memory->swap_total) || memory->swap_free > memory->swap_total) return;
  judge_swap_use(facts, diagnosis);
  for (size_t i = 0; i < facts->swap_count; i++) {
    const ul_facts_swap *swap = &facts->swaps[i];
    if (!swap->is_compressed_memory) continue;
    ul_doctor_add(diagnosis, UL_FINDING_SWAP_COMPRESSED,
                  "%s is compressed memory: what it holds (%s) still takes a third or half of that",
                  swap->name, UL_DOCTOR_MIB(swap->used));
  }
  if (facts->rules.swappiness == 0) {
    ul_doctor_add(diagnosis, UL_FINDING_SWAP_ZERO, "there is swap, but vm.swappiness is 0");
  }
}

/* ---- Pressure --------------------------------------------------------------------------------- */

/* Hundredths of a percent, over a minute. Senpai aims at 10 ms in 6 s (0.17 %) and works well
 * there; systemd-oomd kills at 60 %. Above 1 % somebody notices; at 10 % full nobody works well. */
#define PRESSURE_SOME 100
#define PRESSURE_FULL 1000

static void judge_pressure(const ul_facts *facts, ul_diagnosis *diagnosis) {
  const ul_facts_pressure *p = &facts->pressure;
  bool                     kernel_has =
      facts->kernel_major > 4 || (facts->kernel_major == 4 && facts->kernel_minor >= 20);
  if (!facts->has_pressure) {
    if (kernel_has) {
      ul_doctor_add(diagnosis, UL_FINDING_PRESSURE_ABSENT,
                    "the kernel does not measure memory pressure (no /proc/pressure/memory)");
    }
    return;
  }
  if (p->full_60s != UL_FACT_UNKNOWN && p->full_60s >= PRESSURE_FULL) {
    ul_doctor_add(diagnosis, UL_FINDING_PRESSURE_FULL,
                  "in the last minute all tasks waited for memory %.1f %% of the time",
                  (double)p->full_60s / 100);
  } else if (p->some_60s != UL_FACT_UNKNOWN && p->some_60s >= PRESSURE_SOME) {
    ul_doctor_add(diagnosis, UL_FINDING_PRESSURE_SOME,
                  "in the last minute some task waited for memory %.1f %% of the time",
                  (double)p->some_60s / 100);
  } else if (p->some_60s != UL_FACT_UNKNOWN) {
    ul_doctor_add(diagnosis, UL_FINDING_PRESSURE_NONE,
                  "in the last minute tasks waited for memory %.2f %% of the time",
                  (double)p->some_60s / 100);
  }
}

/* ---- NUMA ------------------------------------------------------------------------------------- */

/* A node with less than a twentieth free is full; another with three tenths has room. */
#define NODE_FULL_PCT 5
#define NODE_ROOM_PCT 30

static unsigned free_pct(const ul_facts_node *node) {
  return (unsigned)((double)node->free * 100 / (double)node->total);
}

static void judge_nodes(const ul_facts *facts, ul_diagnosis *diagnosis) {
  const ul_facts_node *least = NULL, *most = NULL;
  for (size_t i = 0; i < facts->node_count; i++) {
    const ul_facts_node *node = &facts->nodes[i];
    if (!ul_fact_is(node->total) || !ul_fact_is(node->free) || node->total == 0) continue;
    if (!least || free_pct(node) < free_pct(least)) least = node;
    if (!most || free_pct(node) > free_pct(most)) most = node;
  }
  if (least && free_pct(least) < NODE_FULL_PCT && free_pct(most) >= NODE_ROOM_PCT) {
    ul_doctor_add(diagnosis, UL_FINDING_NUMA_UNEVEN,
                  "node %u has %u %% of its memory free, node %u has %u %%", least->number,
                  free_pct(least), most->number, free_pct(most));
  }
}

static void judge_numa(const ul_facts *facts, ul_diagnosis *diagnosis) {
  const ul_facts_rules *rules = &facts->rules;
  size_t                before = diagnosis->count;
  if (facts->node_count == 0) return;
  if (facts->node_count == 1) {
    ul_doctor_add(diagnosis, UL_FINDING_NUMA_ONE, "one node: all memory is equally near");
    return;
  }
  if (ul_fact_is(rules->zone_reclaim) && rules->zone_reclaim != 0) {
    ul_doctor_add(diagnosis, UL_FINDING_NUMA_RECLAIM, "%zu nodes, and vm.zone_reclaim_mode is %u",
                  facts->node_count, (unsigned)rules->zone_reclaim);
  }
  if (ul_fact_is(rules->numa_balancing) && rules->numa_balancing != 0) {
    ul_doctor_add(diagnosis, UL_FINDING_NUMA_BALANCING,
                  "%zu nodes, and the kernel moves pages between them by itself",
                  facts->node_count);
  }
  judge_nodes(facts, diagnosis);
  if (diagnosis->count == before) {
    ul_doctor_add(diagnosis, UL_FINDING_NUMA_FINE, "%zu nodes, nothing unusual set",
                  facts->node_count);
  }
}

/* ---- Kernel ----------------------------------------------------------------------------------- */

/* What a program that watches memory misses on older kernels, and since when it is there. */
static const struct {
  unsigned    major, minor;
  const char *what;
} features[] = {
    {4, 5, "MADV_FREE"},
    {4, 19, "memory.oom.group"},
    {4, 20, "pressure (PSI)"},
    {5, 2, "the version 2 freezer"},
    {5, 4, "MADV_COLD and MADV_PAGEOUT"},
    {5, 10, "process_madvise"},
    {5, 14, "cgroup.kill"},
    {5, 19, "memory.reclaim and memory.peak"},
};

static void judge_kernel(const ul_facts *facts, ul_diagnosis *diagnosis) {
  char missing[256] = "";
  if (facts->kernel_major == 0) return;
  for (size_t i = 0; i < UL_ARRAY_LEN(features); i++) {
    if (facts->kernel_major > features[i].major ||
        (facts->kernel_major == features[i].major && facts->kernel_minor >= features[i].minor)) {
      continue;
    }
    size_t length = strlen(missing);
    snprintf(missing + length, sizeof missing - length, "%s%s", length ? ", " : "",
             features[i].what);
  }
  if (missing[0]) {
    ul_doctor_add(diagnosis, UL_FINDING_KERNEL_LACKS, "Linux %.60s is without: %s", facts->kernel,
                  missing);
  } else {
    ul_doctor_add(diagnosis, UL_FINDING_KERNEL_FINE, "Linux %.60s has all that is made use of",
                  facts->kernel);
  }
}

void ul_doctor_judge_system(const ul_facts *facts, ul_diagnosis *diagnosis) {
  judge_swap(facts, diagnosis);
  judge_pressure(facts, diagnosis);
  judge_numa(facts, diagnosis);
  judge_kernel(facts, diagnosis);
}
