/* SPDX-License-Identifier: MIT */
/* knobs_jvm.c: a JVM's budget is a sum, of which the heap gets what is left.
 *
 *     B = R + metaspace + code cache + direct + threads + 24 MiB + heap + collector
 *
 *     metaspace    measured x 1.3; else 14 MB + 5.8 kB x classes x 0.35
 *     code cache   measured x 1.5; else 48 MiB below 1 GiB, B/16 above, 240 MiB (the JVM's own) at most
 *     direct       measured x 1.3, at least 10 MiB: NIO takes some for itself; prod B/16 until then
 *     threads      256 KiB of each stack are touched; 32 threads until they are known
 *     24 MiB       the JVM itself: symbols, archive of its own classes, malloc
 *     collector    Serial 1 % of the heap, G1 and others 10 %
 *     heap         never above 0.8 B
 *
 * Each part is also set as a limit, never tighter than for a program of which nothing is known: what
 * was measured enters the sum, and may have been a short run. Whoever reaches a limit ends with an
 * OutOfMemoryError, and as often as he is started again, since nobody learns what he would have
 * needed; at the wall it is measured, and the next run has room for it. A part that the user has set
 * enters the sum as it is.
 *
 * Direct buffers are not known before they are measured, and may be as large as the heap. Until then
 * the heap makes room: it starts at a quarter and keeps 10 to 25 % of itself free, not 40 to 70.
 * 150 MB live and 150 direct in 512 MiB: 488 MiB at the peak; 529, and killed, with a heap that is
 * fixed. Who is refused one gets neither dump nor exit code (Java code throws that error).
 *
 * Serial below 1 GiB of heap or on one core. G1 above, with a pause target and regions of heap/200
 * (16 MiB in 4 GiB): half a region is the largest object that does not get regions of its own.
 *
 * Everything goes into JAVA_TOOL_OPTIONS, which every JVM reads and announces on stderr ("Picked up
 * JAVA_TOOL_OPTIONS"). The command line and _JAVA_OPTIONS come after it and win. Where they cannot
 * be seen (a launcher, an @argument file), what may clash is left out: a JVM with two collectors, or
 * with -Xms above -Xmx, does not start. There the heap is a percentage of a MaxRAM, which gives way
 * to any -Xmx.
 *
 * Source  Paketo's memory calculator (the sum, classes x 0.35); NMT of JDK 17 in 512 MiB: with heap
 *         380, metaspace 48, code 32, direct 10 MiB the peak was 412 MiB for 250 MB live. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launch/knobs_jvm.h"

/* JDK 17's own and a mid-sized service's; they make 48 MiB of metaspace, which held in 512 MiB. */
#define CLASSES_UNKNOWN   17800
#define THREADS_UNKNOWN   32
#define THREAD_BYTES      ((uint64_t)256 * UL_KIB)
#define DIRECT_LEAST      ((uint64_t)10 * UL_MIB)
#define CODE_SMALL        ((uint64_t)48 * UL_MIB)
#define CODE_MOST         ((uint64_t)240 * UL_MIB)
#define CODE_LEAST        ((uint64_t)16 * UL_MIB) /* the compilers stop when it is full */
#define JVM_ITSELF        ((uint64_t)24 * UL_MIB)
#define HEAP_LEAST        ((uint64_t)16 * UL_MIB)
#define SMALL_BYTES       ((uint64_t)1 * UL_GIB)
#define G1_LEAST          ((uint64_t)1 * UL_GIB)
#define FREE_LEAST_PCT    10
#define FREE_MOST_PCT     25
#define DEV_START         ((uint64_t)256 * UL_MIB)
#define PAUSE_MS          200 /* G1's own default, said so that it is seen */
#define REGIONS           200 /* the 16 MiB of a well-tried 4 GiB setting; G1 itself would take 2048 */
#define REGION_MOST_BYTES ((uint64_t)32 * UL_MIB)

/* ---- Rows ------------------------------------------------------------------------------------- */

static ul_knob *keep(ul_knobs *knobs, const ul_jvm_own *own) {
  ul_knob *knob = ul_knobs_add(knobs, UL_RUNTIME_JVM, own->variable, own->option);
  knob->origin = UL_KNOB_KEPT;
  knob->join = UL_KNOB_WORDS;
  ul_knob_value(knob, "%s", own->value);
  ul_knob_why(knob, "yours");
  return knob;
}

static ul_knob *add(ul_knobs *knobs, const char *option) {
  ul_knob *knob = ul_knobs_add(knobs, UL_RUNTIME_JVM, UL_JVM_VARIABLE, option);
  knob->join = UL_KNOB_WORDS;
  return knob;
}

/* ---- The parts -------------------------------------------------------------------------------- */

struct parts {
  uint64_t metaspace, code, direct, threads, reserve; /* bytes */
  unsigned collector_pct;                             /* of the heap */
  bool     hidden, g1, kept_collector;
  bool     yields; /* the heap, to direct buffers of which nothing is known yet */
};

/* One part: the user's where there is one, else ours in the sum, and a limit of at least `limit`; in
 * MiB, rounded up. */
static uint64_t add_part(const ul_jvm_own *own, ul_knobs *knobs, const char *option, uint64_t ours,
                         uint64_t limit, const char *what, const char *how) {
  uint64_t theirs = ul_jvm_size(own->value);
  ours = ul_knobs_mib_up(ours) * UL_MIB;
  limit = ul_knobs_mib_up(UL_MAX(ours, limit)) * UL_MIB;
  if (own->found && theirs > 0) {
    ul_knob_why(keep(knobs, own), "yours; it would be %llum", (unsigned long long)(limit / UL_MIB));
    return theirs;
  }
  ul_knob *knob = add(knobs, option);
  ul_knob_value(knob, "%llum", (unsigned long long)(limit / UL_MIB));
  if (limit > ours) {
    ul_knob_why(knob, "%s: a limit, of which %llu MiB are counted, %s", what,
                (unsigned long long)(ours / UL_MIB), how);
  } else {
    ul_knob_why(knob, "%s: %s", what, how);
  }
  return ours;
}

static uint64_t metaspace_of(uint64_t classes) {
  return 14000000 + classes * 5800 / 100 * 35;
}

static uint64_t add_metaspace(const ul_knob_input *input, ul_knobs *knobs) {
  const ul_knob_facts *facts = &input->facts;
  ul_jvm_own           own = UL_JVM_FIND(input, "-XX:MaxMetaspaceSize=");
  uint64_t             classes = facts->classes ? facts->classes : CLASSES_UNKNOWN;
  uint64_t             limit = metaspace_of(CLASSES_UNKNOWN);
  char                 how[128];
  if (facts->metaspace_bytes) {
    return add_part(&own, knobs, "-XX:MaxMetaspaceSize=", facts->metaspace_bytes / 10 * 13, limit,
                    "classes", "measured x 1.3");
  }
  snprintf(how, sizeof how, "14 MB + 5.8 kB x %llu%s x 0.35, until it is measured",
           (unsigned long long)classes, facts->classes ? "" : " (assumed)");
  return add_part(&own, knobs, "-XX:MaxMetaspaceSize=", metaspace_of(classes), limit, "classes",
                  how);
}

static uint64_t add_code(const ul_knob_input *input, ul_knobs *knobs) {
  uint64_t   measured = input->facts.code_cache_bytes, budget = input->budget_bytes;
  ul_jvm_own own = UL_JVM_FIND(input, "-XX:ReservedCodeCacheSize=");
  uint64_t   unknown = UL_MIN(UL_MAX(budget / 16, CODE_SMALL), CODE_MOST);
  uint64_t   ours = UL_MIN(UL_MAX(measured / 2 * 3, CODE_LEAST), CODE_MOST);
  if (budget < SMALL_BYTES) unknown = CODE_SMALL;
  return add_part(&own, knobs, "-XX:ReservedCodeCacheSize=", measured ? ours : unknown, unknown,
                  "compiled code", measured ? "measured x 1.5" : "until it is measured");
}

static uint64_t add_direct(const ul_knob_input *input, struct parts *parts, ul_knobs *knobs) {
  uint64_t   budget = input->budget_bytes, measured = input->facts.direct_bytes;
  ul_jvm_own own = UL_JVM_FIND(input, "-XX:MaxDirectMemorySize=");
  bool       fixed = input->preset == UL_PRESET_PROD && !measured;
  uint64_t   part = UL_MAX(fixed ? budget / 16 : measured / 10 * 13, DIRECT_LEAST);
  parts->yields = !own.found && !measured && !fixed && !parts->hidden;
  return add_part(&own, knobs, "-XX:MaxDirectMemorySize=", part, budget / 10 * 3, "direct buffers",
                  measured ? "measured x 1.3, at least 10" : "until it is measured");
}

static uint64_t add_stacks(const ul_knob_input *input, ul_knobs *knobs) {
  ul_jvm_own own = UL_JVM_FIND(input, "-Xss", "-XX:ThreadStackSize=");
  uint64_t   threads = input->facts.threads ? input->facts.threads : THREADS_UNKNOWN;
  if (own.found) {
    keep(knobs, &own);
  } else {
    ul_knob *knob = add(knobs, "-Xss");
    ul_knob_value(knob, "%s", input->budget_bytes < SMALL_BYTES ? "512k" : "1m");
    ul_knob_why(knob, "a stack; %llu threads%s touch 256 KiB each", (unsigned long long)threads,
                input->facts.threads ? "" : " (assumed)");
  }
  return threads * THREAD_BYTES;
}

static uint64_t fixed_of(const struct parts *parts) {
  return parts->metaspace + parts->code + parts->direct + parts->threads + JVM_ITSELF;
}

/* The heap that the parts leave, with the collector's share taken off. */
static uint64_t heap_left(const ul_knob_input *input, const struct parts *parts,
                          unsigned collector_pct) {
  uint64_t budget = input->budget_bytes, taken = fixed_of(parts) + parts->reserve;
  if (taken >= budget) return 0;
  return UL_MIN((budget - taken) / (100 + collector_pct) * 100, budget / 10 * 8);
}

/* ---- Collector -------------------------------------------------------------------------------- */

static void choose_collector(const ul_knob_input *input, struct parts *parts, ul_knobs *knobs) {
  ul_jvm_own own = ul_jvm_find(input, (ul_jvm_search){.is_collector = true});
  bool       pays = heap_left(input, parts, 10) >= G1_LEAST && input->machine.cores >= 2;
  parts->collector_pct = 10;
  if (own.found) {
    ul_knob_why(keep(knobs, &own), "yours");
    parts->kept_collector = true;
    parts->g1 = strcmp(own.option, "-XX:+UseG1GC") == 0;
    if (strcmp(own.option, "-XX:+UseSerialGC") == 0) parts->collector_pct = 1;
    return;
  }
  if (parts->hidden) return; /* a second one would keep the JVM from starting */
  ul_knob *knob = add(knobs, pays ? "-XX:+UseG1GC" : "-XX:+UseSerialGC");
  parts->g1 = pays;
  if (pays) {
    ul_knob_why(knob, "short pauses; it takes 10 %% of the heap for itself");
  } else {
    parts->collector_pct = 1;
    ul_knob_why(knob,
                "takes 1 %% of the heap for itself; G1 takes 10, and pays from 1 GiB and 2 cores");
  }
}

static void tune_g1(const ul_knob_input *input, uint64_t heap, ul_knobs *knobs) {
  ul_jvm_own pause = UL_JVM_FIND(input, "-XX:MaxGCPauseMillis="),
             own = UL_JVM_FIND(input, "-XX:G1HeapRegionSize=");
  uint64_t region = UL_MIB;
  while (region * 2 <= UL_MIN(heap / REGIONS, REGION_MOST_BYTES)) region *= 2;
  if (pause.found) {
    keep(knobs, &pause);
  } else {
    ul_knob *knob = add(knobs, "-XX:MaxGCPauseMillis=");
    ul_knob_value(knob, "%d", PAUSE_MS);
    ul_knob_why(knob, "the pause that G1 aims at");
  }
  if (own.found) {
    keep(knobs, &own);
    return;
  }
  ul_knob *knob = add(knobs, "-XX:G1HeapRegionSize=");
  ul_knob_value(knob, "%llum", (unsigned long long)(region / UL_MIB));
  ul_knob_why(knob, "some 200 regions: objects up to half of one need none of their own");
}

/* ---- Heap ------------------------------------------------------------------------------------- */

static void warn_of_heap(const ul_knob_input *input, const struct parts *parts, uint64_t heap,
                         uint64_t ours, const ul_jvm_own *own, ul_knobs *knobs) {
  uint64_t sum = heap + heap / 100 * parts->collector_pct + fixed_of(parts);
  if (sum <= input->budget_bytes) return;
  ul_knobs_warn(
      knobs,
      "%s%s is kept, but with %llu MiB for what is not heap it makes %llu MiB, more than the "
      "budget of %llu: the JVM will not collect in time. Leave it out, or give it %llum.",
      own->option, own->value, (unsigned long long)ul_knobs_mib_up(sum - heap),
      (unsigned long long)ul_knobs_mib_up(sum),
      (unsigned long long)ul_knobs_mib_down(input->budget_bytes),
      (unsigned long long)(ours / UL_MIB));
}

/* The user's limit of the heap. Returns false when there is none. */
static bool keep_heap(const ul_knob_input *input, const struct parts *parts, uint64_t ours,
                      ul_knobs *knobs, uint64_t *ret_heap) {
  ul_jvm_own own = UL_JVM_FIND(input, "-Xmx", "-XX:MaxHeapSize=", "-XX:MaxRAMPercentage=",
                               "-XX:MaxRAMFraction=", "-XX:MaxRAM=");
  if (!own.found) return false;
  ul_knob_why(keep(knobs, &own), "yours; it would be -Xmx%llum",
              (unsigned long long)(ours / UL_MIB));
  *ret_heap = ours;
  if (strcmp(own.option, "-XX:MaxRAMPercentage=") == 0) {
    *ret_heap = (uint64_t)((double)input->budget_bytes / 100 * atof(own.value));
  } else if (strncmp(own.option, "-XX:MaxRAM", 10) != 0) {
    *ret_heap = ul_jvm_size(own.value);
  }
  warn_of_heap(input, parts, *ret_heap, ours, &own, knobs);
  return true;
}

/* As a share of a MaxRAM: whatever -Xmx or -Xms a launcher passes on wins without a clash. */
static void add_heap_share(const ul_knob_input *input, uint64_t heap, ul_knobs *knobs) {
  static const char *const options[] = {"-XX:MaxRAMPercentage=", "-XX:MinRAMPercentage="};
  unsigned long long hundredths = (unsigned long long)(heap / (input->budget_bytes / 10000 + 1));
  ul_knob           *knob = add(knobs, "-XX:MaxRAM=");
  ul_knob_value(knob, "%llu", (unsigned long long)input->budget_bytes);
  ul_knob_why(knob, "the budget, in bytes, of which the heap gets a share");
  for (size_t i = 0; i < UL_ARRAY_LEN(options); i++) {
    knob = add(knobs, options[i]);
    ul_knob_value(knob, "%llu.%02llu", hundredths / 100, hundredths % 100);
    ul_knob_why(knob,
                i == 0 ? "a heap of %llu MiB; gives way to an -Xmx that a script passes on"
                       : "the same; the JVM takes this one where there is little memory (%llu MiB)",
                (unsigned long long)(heap / UL_MIB));
  }
}

/* How much of itself the heap keeps free before it grows, and before it shrinks. A JVM with the one
 * above the other does not start, so both are left out where the user has set one. */
static void add_free_ratios(const ul_knob_input *input, ul_knobs *knobs) {
  ul_jvm_own own = UL_JVM_FIND(input, "-XX:MinHeapFreeRatio=", "-XX:MaxHeapFreeRatio=");
  if (own.found) {
    keep(knobs, &own);
    return;
  }
  ul_knob *knob = add(knobs, "-XX:MinHeapFreeRatio=");
  ul_knob_value(knob, "%d", FREE_LEAST_PCT);
  ul_knob_why(knob, "grow as late as that (default 40): what direct buffers need is not known yet");
  knob = add(knobs, "-XX:MaxHeapFreeRatio=");
  ul_knob_value(knob, "%d", FREE_MOST_PCT);
  ul_knob_why(knob, "and give back what is free beyond (default 70); both go once it is measured");
}

/* -Xms: fixed from the start, but in dev, until direct buffers are known, and where it is set. */
static void add_start(const ul_knob_input *input, const struct parts *parts, uint64_t heap,
                      ul_knobs *knobs) {
  ul_jvm_own own = UL_JVM_FIND(input, "-Xms", "-XX:InitialHeapSize=", "-XX:InitialRAMPercentage=");
  if (own.found) {
    keep(knobs, &own);
  } else {
    bool        dev = input->preset == UL_PRESET_DEV;
    uint64_t    start = heap;
    const char *why = "the same: the heap need not grow, and what does not fit is seen early";
    if (parts->yields) {
      start = UL_MAX(heap / 4, HEAP_LEAST);
      why = "a quarter: the heap makes room for direct buffers until they are measured";
    }
    if (dev) {
      start = UL_MIN(heap, DEV_START);
      why = "starts small, and grows";
    }
    ul_knob *knob = add(knobs, "-Xms");
    ul_knob_value(knob, "%llum", (unsigned long long)(start / UL_MIB));
    ul_knob_why(knob, "%s", why);
  }
  if (parts->yields) add_free_ratios(input, knobs);
}

static uint64_t add_heap(const ul_knob_input *input, const struct parts *parts, ul_knobs *knobs) {
  uint64_t   ours = heap_left(input, parts, parts->collector_pct) / UL_MIB * UL_MIB, heap;
  ul_jvm_own start = UL_JVM_FIND(input, "-Xms", "-XX:InitialHeapSize=");
  if (keep_heap(input, parts, ours, knobs, &heap)) return heap;
  uint64_t rest = fixed_of(parts) + HEAP_LEAST / 100 * (100 + parts->collector_pct);
  ul_knobs_least(
      knobs, UL_MAX(rest + ul_knobs_reserve(0), rest / 97 * 100),
      "%llu MiB for classes, %llu for compiled code, %llu for direct buffers, %llu for "
      "threads, %llu for the JVM itself, 16 held back, and a heap of 16; a part that you "
      "set yourself (-XX:MaxMetaspaceSize=24m) counts as you set it",
      (unsigned long long)(parts->metaspace / UL_MIB), (unsigned long long)(parts->code / UL_MIB),
      (unsigned long long)(parts->direct / UL_MIB), (unsigned long long)(parts->threads / UL_MIB),
      (unsigned long long)(JVM_ITSELF / UL_MIB));
  if (parts->hidden) {
    add_heap_share(input, ours, knobs);
    return ours;
  }
  heap = UL_MAX(ours, ul_jvm_size(start.value));
  ul_knob *knob = add(knobs, "-Xmx");
  ul_knob_value(knob, "%llum", (unsigned long long)ul_knobs_mib_up(heap));
  ul_knob_why(knob,
              "what the budget leaves: less %llu MiB for the parts below and the JVM itself, "
              "%llu reserve, %u %% of it for the collector; at most 80 %%",
              (unsigned long long)(fixed_of(parts) / UL_MIB),
              (unsigned long long)(parts->reserve / UL_MIB), parts->collector_pct);
  if (heap > ours) warn_of_heap(input, parts, heap, ours, &start, knobs);
  add_start(input, parts, heap, knobs);
  return heap;
}

/* ---- When memory is short --------------------------------------------------------------------- */

static void add_end(const ul_knob_input *input, ul_knobs *knobs) {
  ul_jvm_own end = UL_JVM_FIND(input, "-XX:+ExitOnOutOfMemoryError", "-XX:-ExitOnOutOfMemoryError",
                               "-XX:+CrashOnOutOfMemoryError", "-XX:OnOutOfMemoryError=");
  if (end.found) {
    keep(knobs, &end);
  } else {
    ul_knob_why(add(knobs, "-XX:+ExitOnOutOfMemoryError"),
                "ends with code 3; otherwise one thread dies and the rest limps on");
  }
}

static void add_dump(const ul_knob_input *input, ul_knobs *knobs) {
  ul_jvm_own dump =
      UL_JVM_FIND(input, "-XX:+HeapDumpOnOutOfMemoryError", "-XX:-HeapDumpOnOutOfMemoryError");
  ul_jvm_own  path = UL_JVM_FIND(input, "-XX:HeapDumpPath=");
  const char *directory = ul_knobs_variable(input, "ULLAGE_DUMP_DIR");
  if (dump.found) {
    keep(knobs, &dump);
  } else {
    ul_knob_why(add(knobs, "-XX:+HeapDumpOnOutOfMemoryError"), "the heap is written down first");
  }
  if (path.found) {
    keep(knobs, &path);
    return;
  }
  /* /tmp may be memory, which would count against the budget. */
  if (!directory || strpbrk(directory, " \t'\"") || strlen(directory) > 256) directory = "/var/tmp";
  ul_knob *knob = add(knobs, "-XX:HeapDumpPath=");
  ul_knob_value(knob, "%s", directory);
  ul_knob_why(knob, "as java_pid<PID>.hprof, as large as what lives; ULLAGE_DUMP_DIR moves it");
}

void ul_knobs_jvm(const ul_knob_input *input, ul_knobs *knobs) {
  struct parts parts = {.reserve = ul_knobs_reserve(input->budget_bytes),
                        .hidden = ul_jvm_hides_options(input)};
  ul_knobs     below = {0}; /* rows of the parts, which stand below the heap that they decide */
  if (parts.hidden && !ul_knobs_for_all(input)) {
    ul_knobs_warn(knobs, "options in an @file or in -XX:Flags are not seen here; what could clash "
                         "with them (-Xmx, -Xms, a collector) is left out or set so that it gives "
                         "way.");
  }
  parts.metaspace = add_metaspace(input, &below);
  parts.code = add_code(input, &below);
  parts.direct = add_direct(input, &parts, &below);
  parts.threads = add_stacks(input, &below);
  choose_collector(input, &parts, &below);
  uint64_t heap = add_heap(input, &parts, knobs);
  for (size_t i = 0; i < below.count && knobs->count < UL_KNOBS_MAX; i++) {
    knobs->rows[knobs->count++] = below.rows[i];
  }
  if (parts.g1 && !parts.hidden) tune_g1(input, heap, knobs);
  add_end(input, knobs);
  add_dump(input, knobs);
  if (input->facts.live_bytes > heap / 100 * 85) {
    ul_knobs_warn(
        knobs,
        "%llu MiB lived in earlier runs, more than 85 %% of the heap of %llu MiB: the JVM will "
        "collect much, or end with an OutOfMemoryError. Some %llu MiB would be comfortable.",
        (unsigned long long)(input->facts.live_bytes / UL_MIB), (unsigned long long)(heap / UL_MIB),
        (unsigned long long)((input->facts.live_bytes / 10 * 17 + fixed_of(&parts)) / UL_MIB));
  }
}
