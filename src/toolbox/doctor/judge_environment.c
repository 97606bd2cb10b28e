/* SPDX-License-Identifier: MIT */
/* judge_environment.c: checks of the variables that steer an allocator or a runtime: those that are
 * in a form their reader refuses or passes over, and heaps that are larger than the room there is.
 *
 * The forms were tried, not only read: Go 1.26 dies of GOMEMLIMIT=1500M and passes over GOGC=20%;
 * Node 20 ends with 9 at --max-old-space-size=2g; Java 17 with 1 at -Xmx1.5g and -Xmx1500MB; glibc
 * 2.36 is silent about a tunable it cannot read.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/size_text.h"
#include "toolbox/doctor/doctor.h"

/* A number of bytes beyond any machine: says that a product does not fit. */
#define TOO_LARGE ((uint64_t)1 << 62)

static uint64_t times(uint64_t number, uint64_t unit) {
  return number > TOO_LARGE / unit ? TOO_LARGE : number * unit;
}

/* Leading digits. Returns what follows; NULL when there are none. */
static const char *read_digits(const char *text, uint64_t *ret_number) {
  uint64_t number = 0;
  size_t   digits = strspn(text, "0123456789");
  if (digits == 0) return NULL;
  for (size_t i = 0; i < digits; i++) {
    number = number > TOO_LARGE / 16 ? TOO_LARGE / 16 : number * 10 + (uint64_t)(text[i] - '0');
  }
  *ret_number = number;
  return text + digits;
}

/* The variable again, with another value in the place of the one that `at` points at, in its
 * text. */
static void command_replace(ul_diagnosis *diagnosis, const char *variable, const char *text,
                            const char *at, uint64_t number, const char *unit) {
  char        whole[480], word[560];
  const char *rest = at + strcspn(at, " \"'");
  if (snprintf(whole, sizeof whole, "%.*s%llu%s%s", (int)(at - text), text,
               (unsigned long long)number, unit, rest) < (int)sizeof whole) {
    ul_doctor_command(diagnosis, "export %s=%s", variable,
                      ul_doctor_quoted(word, sizeof word, whole));
  }
}

/* What people mean by 1500M, 1500MB, 1.5G, 1.5GiB, 1500Mi; 0: cannot be told. Java's and Node's
 * people mean powers of 1024 in any case. */
static uint64_t meant_by(const char *text, size_t length, bool binary) {
  char     size[32];
  uint64_t bytes;
  if (length == 0 || length + 2 > sizeof size) return 0;
  memcpy(size, text, length);
  if (size[length - 1] == 'B' || size[length - 1] == 'b') length--;
  if (length > 0 && size[length - 1] >= 'a' && size[length - 1] != 'i') size[length - 1] -= 32;
  if (binary && length > 0 && strchr("KMGT", size[length - 1])) size[length++] = 'i';
  size[length] = 0;
  return ul_size_parse(size, &bytes) == 0 ? bytes : 0;
}

/* ---- LD_PRELOAD and glibc --------------------------------------------------------------------- */

static void judge_preload(const ul_facts *facts, ul_diagnosis *diagnosis) {
  static const char *const allocators[] = {"jemalloc", "tcmalloc", "mimalloc",  "snmalloc",
                                           "rpmalloc", "hoard",    "scudo",     "hardened_malloc",
                                           "ltalloc",  "scalloc",  "tbbmalloc", "mesh"};
  const char              *preload = ul_facts_variable(facts, "LD_PRELOAD");
  if (!preload) return;
  if (strstr(preload, "libullage")) {
    ul_doctor_add(diagnosis, UL_FINDING_ENV_ULLAGE, "LD_PRELOAD=%.160s", preload);
  }
  for (size_t i = 0; i < UL_ARRAY_LEN(allocators); i++) {
    if (!strstr(preload, allocators[i])) continue;
    ul_doctor_add(diagnosis, UL_FINDING_ENV_ALLOCATOR, "LD_PRELOAD=%.160s brings %s", preload,
                  allocators[i]);
    return;
  }
}

/* name=value:name=value, each name with two dots; the values of malloc's are numbers. */
static bool is_tunable(const char *text, size_t length) {
  const char *equal = memchr(text, '=', length);
  if (!equal || strncmp(text, "glibc.", 6) != 0) return false;
  if (strncmp(text, "glibc.malloc.", 13) != 0) return true;
  size_t value = length - (size_t)(equal + 1 - text);
  return value > 0 && strspn(equal + 1, "0123456789abcdefxABCDEFX-") >= value;
}

static void judge_tunables(const ul_facts *facts, ul_diagnosis *diagnosis) {
  const char *tunables = ul_facts_variable(facts, "GLIBC_TUNABLES");
  bool        malloc_too = false;
  if (!tunables) return;
  for (const char *at = tunables; *at; at += at[0] == ':') {
    size_t length = strcspn(at, ":");
    if (length > 0 && !is_tunable(at, length)) {
      ul_doctor_add(diagnosis, UL_FINDING_ENV_TUNABLES_FORM,
                    "GLIBC_TUNABLES holds '%.*s', which is not glibc.NAME.NAME=NUMBER",
                    (int)UL_MIN(length, (size_t)80), at);
      ul_doctor_command(diagnosis, "export GLIBC_TUNABLES=glibc.malloc.arena_max=2");
    } else if (strncmp(at, "glibc.malloc.", 13) == 0) {
      malloc_too = true;
    }
    at += length;
  }
  if (malloc_too) {
    ul_doctor_add(diagnosis, UL_FINDING_ENV_TUNABLES, "GLIBC_TUNABLES=%.160s", tunables);
  }
}

static void judge_malloc(const ul_facts *facts, ul_diagnosis *diagnosis) {
  static const char *const tuning[] = {
      "MALLOC_ARENA_MAX",       "MALLOC_ARENA_TEST", "MALLOC_TOP_PAD_",    "MALLOC_TRIM_THRESHOLD_",
      "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_",  "MALLOC_TCACHE_COUNT"};
  static const char *const debugging[] = {"MALLOC_CHECK_", "MALLOC_PERTURB_"};
  char                     set[256] = "", names[256] = "";
  for (size_t i = 0; i < UL_ARRAY_LEN(tuning); i++) {
    const char *value = ul_facts_variable(facts, tuning[i]);
    size_t      length = strlen(set), names_length = strlen(names);
    if (!value) continue;
    snprintf(set + length, sizeof set - length, "%s%s=%.20s", length ? " " : "", tuning[i], value);
    snprintf(names + names_length, sizeof names - names_length, " %s", tuning[i]);
  }
  if (set[0]) {
    ul_doctor_add(diagnosis, UL_FINDING_ENV_MALLOC, "%s", set);
    ul_doctor_command(diagnosis, "unset%s", names);
  }
  for (size_t i = 0; i < UL_ARRAY_LEN(debugging); i++) {
    const char *value = ul_facts_variable(facts, debugging[i]);
    if (!value || strcmp(value, "0") == 0 || !value[0]) continue;
    ul_doctor_add(diagnosis, UL_FINDING_ENV_MALLOC_DEBUG, "%s=%.20s", debugging[i], value);
    ul_doctor_command(diagnosis, "unset %s", debugging[i]);
  }
}

/* ---- Go --------------------------------------------------------------------------------------- */

/* As Go's runtime reads GOMEMLIMIT. False: it would die. */
static bool read_go_size(const char *text, uint64_t *ret_bytes) {
  static const struct {
    const char *unit;
    unsigned    shift;
  } units[] = {{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
  uint64_t    number;
  const char *unit = read_digits(text, &number);
  for (size_t i = 0; unit && i < UL_ARRAY_LEN(units); i++) {
    if (strcmp(unit, units[i].unit) != 0) continue;
    *ret_bytes = times(number, (uint64_t)1 << units[i].shift);
    return *ret_bytes < TOO_LARGE;
  }
  return false;
}

static void judge_go(const ul_facts *facts, ul_diagnosis *diagnosis) {
  const char *limit = ul_facts_variable(facts, "GOMEMLIMIT");
  const char *percent = ul_facts_variable(facts, "GOGC");
  uint64_t    bytes, number, room = ul_doctor_room(facts);
  if (limit && limit[0] && strcmp(limit, "off") != 0) {
    if (!read_go_size(limit, &bytes)) {
      uint64_t mib = meant_by(limit, strlen(limit), false) / UL_MIB;
      ul_doctor_add(diagnosis, UL_FINDING_ENV_GO_FORM, "GOMEMLIMIT=%.60s is malformed", limit);
      if (mib > 0) {
        ul_doctor_command(diagnosis, "export GOMEMLIMIT=%lluMiB", (unsigned long long)mib);
      } else {
        ul_doctor_command(diagnosis, "unset GOMEMLIMIT");
      }
    } else if (ul_fact_is(room) && bytes > room / 100 * 95) {
      ul_doctor_add(diagnosis, UL_FINDING_ENV_GO_LARGE,
                    "GOMEMLIMIT=%.60s is above 95 %% of the %s there are", limit,
                    UL_DOCTOR_MIB(room));
      ul_doctor_command(diagnosis, "export GOMEMLIMIT=%lluMiB",
                        (unsigned long long)(room / 100 * 92 / UL_MIB));
    }
  }
  if (!percent || !percent[0] || strcmp(percent, "off") == 0) return;
  const char *rest = read_digits(percent + (percent[0] == '-'), &number);
  if (!rest || *rest) {
    ul_doctor_add(diagnosis, UL_FINDING_ENV_GO_PERCENT, "GOGC=%.60s is not a number", percent);
  }
}

/* ---- Node ------------------------------------------------------------------------------------- */

static void judge_node(const ul_facts *facts, ul_diagnosis *diagnosis) {
  const char *options = ul_facts_variable(facts, "NODE_OPTIONS"), *value = NULL;
  uint64_t    mib = 0, room = ul_doctor_room(facts);
  for (const char *at = options; at && (at = strstr(at, "--max")) != NULL; at++) {
    /* V8 takes - and _ alike. The last one wins. */
    if (strncasecmp(at, "--max-old-space-size=", 21) == 0 ||
        strncasecmp(at, "--max_old_space_size=", 21) == 0) {
      value = at + 21;
    }
  }
  if (!value) return;
  const char *rest = read_digits(value, &mib);
  int         length = (int)UL_MIN(strcspn(value, " \""), (size_t)40);
  uint64_t    fits = ul_fact_is(room) ? room / 100 * 74 / UL_MIB : 0;
  if (!rest || (*rest && !strchr(" \"", *rest))) {
    ul_doctor_add(diagnosis, UL_FINDING_ENV_NODE_FORM, "NODE_OPTIONS has --max-old-space-size=%.*s",
                  length, value);
    uint64_t meant = meant_by(value, (size_t)length, true) / UL_MIB;
    if (meant > 0) fits = fits > 0 ? UL_MIN(meant, fits) : meant;
  } else if (ul_fact_is(room) && times(mib, UL_MIB) > room) {
    ul_doctor_add(diagnosis, UL_FINDING_ENV_NODE_LARGE,
                  "NODE_OPTIONS lets V8's heap grow to %s; there are %s",
                  UL_DOCTOR_MIB(times(mib, UL_MIB)), UL_DOCTOR_MIB(room));
  } else {
    return;
  }
  if (fits > 0) command_replace(diagnosis, "NODE_OPTIONS", options, value, fits, "");
}

/* ---- Java ------------------------------------------------------------------------------------- */

/* As the JVM reads a size up to the next space. False: it would not start. */
static bool read_java_size(const char *text, uint64_t *ret_bytes) {
  static const char letters[] = "kmgt";
  uint64_t          number;
  const char       *unit = read_digits(text, &number);
  if (!unit) return false;
  if (*unit && !strchr(" \"'", *unit)) {
    const char *letter = strchr(letters, *unit | 0x20);
    if (!letter) return false;
    number = times(number, (uint64_t)1 << (10 * (letter - letters + 1)));
    unit++;
  }
  *ret_bytes = number;
  return *unit == 0 || strchr(" \"'", *unit);
}

/* The last -XmxN or -XX:MaxHeapSize=N of an options text. */
static const char *java_heap(const char *options) {
  const char *value = NULL;
  for (const char *at = options; *at; at++) {
    if (strncmp(at, "-Xmx", 4) == 0) value = at + 4;
    if (strncmp(at, "-XX:MaxHeapSize=", 16) == 0) value = at + 16;
  }
  return value;
}

static void judge_java_heap(const ul_facts *facts, const char *variable, const char *options,
                            const char *value, ul_diagnosis *diagnosis) {
  uint64_t heap, room = ul_doctor_room(facts);
  int      length = (int)UL_MIN(strcspn(value, " \"'"), (size_t)40);
  /* A little less than the 0.8 above which it is tight. */
  uint64_t fits = ul_fact_is(room) ? room / 100 * 70 / UL_MIB : 0;
  if (!read_java_size(value, &heap)) {
    ul_doctor_add(diagnosis, UL_FINDING_ENV_JAVA_FORM, "%s has a heap of '%.*s'", variable, length,
                  value);
    uint64_t meant = meant_by(value, (size_t)length, true) / UL_MIB;
    if (meant > 0) fits = fits > 0 ? UL_MIN(meant, fits) : meant;
  } else if (!ul_fact_is(room)) {
    return;
  } else if (heap > room) {
    ul_doctor_add(diagnosis, UL_FINDING_ENV_JAVA_LARGE, "%s has a heap of %s; there are %s",
                  variable, UL_DOCTOR_MIB(heap), UL_DOCTOR_MIB(room));
  } else if (heap > room / 100 * 80) {
    ul_doctor_add(diagnosis, UL_FINDING_ENV_JAVA_TIGHT,
                  "%s has a heap of %s, above 80 %% of the %s there are", variable,
                  UL_DOCTOR_MIB(heap), UL_DOCTOR_MIB(room));
  } else {
    return;
  }
  if (fits > 0) command_replace(diagnosis, variable, options, value, fits, "m");
}

static void judge_java(const ul_facts *facts, ul_diagnosis *diagnosis) {
  static const char *const variables[] = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"};
  for (size_t i = 0; i < UL_ARRAY_LEN(variables); i++) {
    const char *options = ul_facts_variable(facts, variables[i]);
    const char *value = options ? java_heap(options) : NULL;
    if (!value) continue;
    judge_java_heap(facts, variables[i], options, value, diagnosis);
    if (strstr(options, "-XX:MaxRAMPercentage=")) {
      ul_doctor_add(diagnosis, UL_FINDING_ENV_JAVA_TWICE, "%s has -Xmx and MaxRAMPercentage",
                    variables[i]);
    }
  }
}

/* ---- .NET ------------------------------------------------------------------------------------- */

static void judge_dotnet(const ul_facts *facts, ul_diagnosis *diagnosis) {
  static const char *const variables[] = {"DOTNET_GCHeapHardLimit", "COMPlus_GCHeapHardLimit"};
  uint64_t                 room = ul_doctor_room(facts);
  for (size_t i = 0; i < UL_ARRAY_LEN(variables); i++) {
    const char *value = ul_facts_variable(facts, variables[i]);
    if (!value || !value[0]) continue;
    const char *digits = value + (strncasecmp(value, "0x", 2) == 0 ? 2 : 0);
    if (digits[strspn(digits, "0123456789abcdefABCDEF")] || !digits[0]) {
      ul_doctor_add(diagnosis, UL_FINDING_ENV_DOTNET_FORM, "%s=%.40s", variables[i], value);
    } else if (ul_fact_is(room) && strtoull(digits, NULL, 16) > room) {
      ul_doctor_add(diagnosis, UL_FINDING_ENV_DOTNET_LARGE, "%s=%.40s is hexadecimal, that is %s",
                    variables[i], value, UL_DOCTOR_MIB(strtoull(digits, NULL, 16)));
    } else {
      continue;
    }
    if (ul_fact_is(room)) {
      ul_doctor_command(diagnosis, "export %s=0x%llX", variables[i],
                        (unsigned long long)(room / 4 * 3));
    }
  }
}

void ul_doctor_judge_environment(const ul_facts *facts, ul_diagnosis *diagnosis) {
  size_t before = diagnosis->count;
  if (!facts->environment_known) return;
  judge_preload(facts, diagnosis);
  judge_tunables(facts, diagnosis);
  judge_malloc(facts, diagnosis);
  judge_go(facts, diagnosis);
  judge_node(facts, diagnosis);
  judge_java(facts, diagnosis);
  judge_dotnet(facts, diagnosis);
  if (diagnosis->count == before) {
    ul_doctor_add(diagnosis, UL_FINDING_ENV_FINE,
                  "no variable changes an allocator or a runtime's heap for the worse");
  }
}
