/* SPDX-License-Identifier: MIT */
/* outside_facts.c: os/facts.h on Linux: the machine and its switches.
 *
 *     /proc/meminfo, /proc/swaps            where memory is
 *     /proc/sys/vm, /sys/kernel/mm          the rules it is dealt out by
 *     /proc/pressure/memory                 who waits for it
 *     /sys/devices/system/node              and where it is near
 *     outside_facts_groups.c                cgroups
 *     outside_facts_users.c                 one process, the largest ones, tmpfs
 *
 * Every file is small and read whole, into a buffer with an end: the kernel's texts grow with each
 * version, so lines are found by their key and what is not known is passed over.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/linux/outside_facts.h"

/* ---- Reading ---------------------------------------------------------------------------------- */

void ul_facts_hide(const ul_facts_reader *reader, const char *path, int error) {
  ul_facts *facts = reader->facts;
  if (facts->hidden_count == UL_FACTS_HIDDEN_MAX) return;
  ul_facts_hidden *hidden = &facts->hidden[facts->hidden_count++];
  snprintf(hidden->path, sizeof hidden->path, "%s", path);
  snprintf(hidden->why, sizeof hidden->why, "%s", strerror(error));
}

static bool join(const ul_facts_reader *reader, char path[PATH_MAX], const char *format,
                 va_list arguments) {
  size_t root = strlen(reader->root);
  if (root >= PATH_MAX) return false;
  memcpy(path, reader->root, root);
  return vsnprintf(path + root, PATH_MAX - root, format, arguments) < (int)(PATH_MAX - root);
}

bool ul_facts_path(const ul_facts_reader *reader, char ret_path[PATH_MAX], const char *format,
                   ...) {
  va_list arguments;
  va_start(arguments, format);
  bool fits = join(reader, ret_path, format, arguments);
  va_end(arguments);
  return fits;
}

/* The whole file. Returns an errno. */
static int read_file(const char *path, char *buffer, size_t capacity) {
  size_t length = 0;
  int    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  buffer[0] = 0;
  if (fd < 0) return errno;
  while (length + 1 < capacity) {
    ssize_t n = read(fd, buffer + length, capacity - 1 - length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      int error = errno;
      close(fd);
      buffer[0] = 0;
      return error;
    }
    if (n == 0) break;
    length += (size_t)n;
  }
  close(fd);
  buffer[length] = 0;
  return 0;
}

static bool read_noted(const ul_facts_reader *reader, enum ul_facts_need need, const char *path,
                       char *buffer, size_t capacity) {
  int error = read_file(path, buffer, capacity);
  if (error == 0) return true;
  if (need == UL_FACTS_MUST || error == EACCES || error == EPERM) {
    ul_facts_hide(reader, path + strlen(reader->root), error);
  }
  return false;
}

bool ul_facts_text(const ul_facts_reader *reader, enum ul_facts_need need, char *buffer,
                   size_t capacity, const char *format, ...) {
  char    path[PATH_MAX];
  va_list arguments;
  va_start(arguments, format);
  bool fits = join(reader, path, format, arguments);
  va_end(arguments);
  buffer[0] = 0;
  return fits && read_noted(reader, need, path, buffer, capacity);
}

uint64_t ul_facts_number(const ul_facts_reader *reader, enum ul_facts_need need, const char *format,
                         ...) {
  char    path[PATH_MAX], text[64];
  va_list arguments;
  va_start(arguments, format);
  bool fits = join(reader, path, format, arguments);
  va_end(arguments);
  if (!fits || !read_noted(reader, need, path, text, sizeof text)) return UL_FACT_UNKNOWN;
  return ul_facts_parse(text);
}

/* ---- Parsers ---------------------------------------------------------------------------------- */

/* No machine has so much: version 1 of cgroups says "no limit" as the largest multiple of a
 * page. */
#define NO_LIMIT ((uint64_t)1 << 62)

uint64_t ul_facts_parse(const char *text) {
  uint64_t number = 0;
  size_t   digits = 0;
  while (*text == ' ' || *text == '\t') text++;
  if (strncmp(text, "max", 3) == 0 || strncmp(text, "unlimited", 9) == 0) return UL_FACT_UNLIMITED;
  for (; *text >= '0' && *text <= '9'; text++, digits++) {
    if (number > (UL_FACT_UNLIMITED - 10) / 10) return UL_FACT_UNKNOWN;
    number = number * 10 + (uint64_t)(*text - '0');
  }
  if (digits == 0) return UL_FACT_UNKNOWN;
  return number >= NO_LIMIT ? UL_FACT_UNLIMITED : number;
}

uint64_t ul_facts_keyed(const char *text, const char *key) {
  size_t length = strlen(key);
  while (*text) {
    if (strncmp(text, key, length) == 0 && (text[length] == ':' || text[length] == ' ')) {
      const char *at = text + length + 1;
      uint64_t    number = ul_facts_parse(at);
      at += strspn(at, " \t");
      at += strspn(at, "0123456789");
      if (strncmp(at, " kB", 3) != 0 || !ul_fact_is(number)) return number;
      return number > NO_LIMIT / 1024 ? UL_FACT_UNKNOWN : number * 1024;
    }
    text += strcspn(text, "\n");
    text += *text == '\n';
  }
  return UL_FACT_UNKNOWN;
}

void ul_facts_chosen(const char *text, char *ret_word, size_t capacity) {
  const char *open = strchr(text, '['), *end = open ? strchr(open, ']') : NULL;
  ret_word[0] = 0;
  if (end) snprintf(ret_word, capacity, "%.*s", (int)(end - open - 1), open + 1);
}

/* "1.23" as 123; unknown where it is none. */
static uint64_t hundredths(const char *text) {
  uint64_t whole = ul_facts_parse(text);
  if (!ul_fact_is(whole) || whole > 100) return UL_FACT_UNKNOWN;
  text += strspn(text, "0123456789");
  whole *= 100;
  if (text[0] != '.' || text[1] < '0' || text[1] > '9') return whole;
  whole += (uint64_t)(text[1] - '0') * 10;
  return text[2] >= '0' && text[2] <= '9' ? whole + (uint64_t)(text[2] - '0') : whole;
}

static uint64_t share_of(const char *line, const char *key) {
  size_t      length = strcspn(line, "\n");
  const char *at = memmem(line, length, key, strlen(key));
  return at ? hundredths(at + strlen(key)) : UL_FACT_UNKNOWN;
}

bool ul_facts_parse_pressure(const char *text, ul_facts_pressure *ret_pressure) {
  const char *full = strstr(text, "full ");
  if (strncmp(text, "some ", 5) != 0 || !full) return false;
  ul_facts_pressure pressure = {share_of(text, "avg10="), share_of(text, "avg60="),
                                share_of(full, "avg10="), share_of(full, "avg60=")};
  if (pressure.some_10s == UL_FACT_UNKNOWN || pressure.full_10s == UL_FACT_UNKNOWN) return false;
  *ret_pressure = pressure;
  return true;
}

/* ---- The machine ------------------------------------------------------------------------------ */

static void read_memory(const ul_facts_reader *reader) {
  char             text[8192];
  ul_facts_memory *memory = &reader->facts->memory;
  if (!ul_facts_text(reader, UL_FACTS_MUST, text, sizeof text, "/proc/meminfo")) return;
  uint64_t cached = ul_facts_keyed(text, "Cached"), buffers = ul_facts_keyed(text, "Buffers");
  *memory = (ul_facts_memory){
      .total = ul_facts_keyed(text, "MemTotal"),
      .free = ul_facts_keyed(text, "MemFree"),
      .available = ul_facts_keyed(text, "MemAvailable"),
      .anonymous = ul_facts_keyed(text, "AnonPages"),
      .page_cache = UL_FACT_UNKNOWN,
      .shared = ul_facts_keyed(text, "Shmem"),
      .slab_kept = ul_facts_keyed(text, "SUnreclaim"),
      .slab_reclaimable = ul_facts_keyed(text, "SReclaimable"),
      .page_tables = ul_facts_keyed(text, "PageTables"),
      .commit_limit = ul_facts_keyed(text, "CommitLimit"),
      .committed = ul_facts_keyed(text, "Committed_AS"),
      .swap_total = ul_facts_keyed(text, "SwapTotal"),
      .swap_free = ul_facts_keyed(text, "SwapFree"),
      .huge_page = ul_facts_keyed(text, "Hugepagesize"),
      .huge_total = ul_facts_keyed(text, "HugePages_Total"),
      .huge_free = ul_facts_keyed(text, "HugePages_Free"),
      .huge_promised = ul_facts_keyed(text, "HugePages_Rsvd"),
  };
  if (ul_fact_is(cached) && ul_fact_is(buffers) && ul_fact_is(memory->shared) &&
      cached + buffers >= memory->shared) {
    memory->page_cache = cached + buffers - memory->shared;
  }
}

/* Filename, type, size and use in kB, priority; a space in a name is written as \040. */
static void read_swaps(const ul_facts_reader *reader) {
  char      text[4096];
  ul_facts *facts = reader->facts;
  if (!ul_facts_text(reader, UL_FACTS_MAY, text, sizeof text, "/proc/swaps")) return;
  facts->swaps_known = true;
  for (char *line = strchr(text, '\n'); line && facts->swap_count < UL_FACTS_SWAPS_MAX;
       line = strchr(line + 1, '\n')) {
    ul_facts_swap      swap = {0};
    unsigned long long total, used;
    if (sscanf(line + 1, "%127s %*31s %llu %llu", swap.name, &total, &used) != 3) continue;
    if (total > NO_LIMIT / 1024 || used > total) continue;
    swap.total = total * 1024;
    swap.used = used * 1024;
    swap.is_compressed_memory = strncmp(swap.name, "/dev/zram", 9) == 0;
    facts->swaps[facts->swap_count++] = swap;
  }
}

static void read_rules(const ul_facts_reader *reader) {
  ul_facts_rules *rules = &reader->facts->rules;
  char            text[8192];
#define VM(field, name) rules->field = ul_facts_number(reader, UL_FACTS_MUST, "/proc/sys/vm/" name)
  VM(overcommit_mode, "overcommit_memory");
  VM(overcommit_ratio_pct, "overcommit_ratio");
  VM(swappiness, "swappiness");
  VM(min_free, "min_free_kbytes");
  VM(max_map_count, "max_map_count");
  VM(panic_on_oom, "panic_on_oom");
  VM(oom_kill_allocating, "oom_kill_allocating_task");
#undef VM
  if (ul_fact_is(rules->min_free)) rules->min_free *= 1024;
  /* Kernels built without NUMA have neither of these. */
  rules->zone_reclaim = ul_facts_number(reader, UL_FACTS_MAY, "/proc/sys/vm/zone_reclaim_mode");
  rules->numa_balancing = ul_facts_number(reader, UL_FACTS_MAY, "/proc/sys/kernel/numa_balancing");
  rules->ksm_run = ul_facts_number(reader, UL_FACTS_MAY, "/sys/kernel/mm/ksm/run");
  rules->ksm_sharing_pages =
      ul_facts_number(reader, UL_FACTS_MAY, "/sys/kernel/mm/ksm/pages_sharing");
  rules->page = (uint64_t)sysconf(_SC_PAGESIZE);
  if (ul_facts_text(reader, UL_FACTS_MAY, text, sizeof text, "/proc/vmstat")) {
    rules->oom_kills = ul_facts_keyed(text, "oom_kill");
  }
}

static void read_huge_pages(const ul_facts_reader *reader) {
#define THP "/sys/kernel/mm/transparent_hugepage/"
  ul_facts_rules *rules = &reader->facts->rules;
  char            text[256];
  if (ul_facts_text(reader, UL_FACTS_MAY, text, sizeof text, THP "enabled")) {
    ul_facts_chosen(text, rules->thp, sizeof rules->thp);
  }
  if (ul_facts_text(reader, UL_FACTS_MAY, text, sizeof text, THP "defrag")) {
    ul_facts_chosen(text, rules->thp_defrag, sizeof rules->thp_defrag);
  }
  rules->thp_max_holes = ul_facts_number(reader, UL_FACTS_MAY, THP "khugepaged/max_ptes_none");
  uint64_t huge = ul_facts_number(reader, UL_FACTS_MAY, THP "hpage_pmd_size");
  if (ul_fact_is(huge) && rules->page > 0) rules->thp_pages = huge / rules->page;
#undef THP
}

/* Nodes without memory (processors or devices only) are passed over. */
static void read_nodes(const ul_facts_reader *reader) {
  ul_facts *facts = reader->facts;
  char      text[4096];
  for (unsigned number = 0; number < UL_FACTS_NODES_MAX; number++) {
    if (!ul_facts_text(reader, UL_FACTS_MAY, text, sizeof text,
                       "/sys/devices/system/node/node%u/meminfo", number)) {
      continue;
    }
    const char   *total = strstr(text, "MemTotal:"), *unused = strstr(text, "MemFree:");
    ul_facts_node node = {.number = number,
                          .total = total ? ul_facts_keyed(total, "MemTotal") : UL_FACT_UNKNOWN,
                          .free = unused ? ul_facts_keyed(unused, "MemFree") : UL_FACT_UNKNOWN};
    if (node.total != 0) facts->nodes[facts->node_count++] = node;
  }
}

static void read_kernel(const ul_facts_reader *reader) {
  ul_facts *facts = reader->facts;
  ul_facts_text(reader, UL_FACTS_MUST, facts->kernel, sizeof facts->kernel,
                "/proc/sys/kernel/osrelease");
  facts->kernel[strcspn(facts->kernel, "\n")] = 0;
  unsigned major, minor;
  if (sscanf(facts->kernel, "%3u.%3u", &major, &minor) == 2) {
    facts->kernel_major = major;
    facts->kernel_minor = minor;
  }
}

static void read_pressure(const ul_facts_reader *reader) {
  char text[512];
  reader->facts->has_pressure =
      ul_facts_text(reader, UL_FACTS_MAY, text, sizeof text, "/proc/pressure/memory") &&
      ul_facts_parse_pressure(text, &reader->facts->pressure);
}

/* ---- All of it -------------------------------------------------------------------------------- */

int ul_facts_read(const char *root, int pid, ul_facts *ret_facts) {
  ul_facts_reader reader = {.root = root, .who = "self", .facts = ret_facts};
  char            path[PATH_MAX];
  if (pid > 0) snprintf(reader.who, sizeof reader.who, "%d", pid);
  if (pid > 0 && (!ul_facts_path(&reader, path, "/proc/%s", reader.who) || access(path, F_OK))) {
    return -UL_E_NOTFOUND;
  }
  ul_facts_init(ret_facts);
  ret_facts->pid = pid;
  read_kernel(&reader);
  read_memory(&reader);
  read_swaps(&reader);
  read_rules(&reader);
  read_huge_pages(&reader);
  read_pressure(&reader);
  read_nodes(&reader);
  ul_facts_read_groups(&reader);
  ul_facts_read_process(&reader);
  ul_facts_read_users(&reader);
  ul_facts_read_tmpfs(&reader);
  return 0;
}

void ul_facts_init(ul_facts *ret_facts) {
  const ul_facts_pressure pressure = {UL_FACT_UNKNOWN, UL_FACT_UNKNOWN, UL_FACT_UNKNOWN,
                                      UL_FACT_UNKNOWN};
  /* Every figure is 64 bits wide: all ones is unknown. */
  memset(ret_facts, 0, sizeof *ret_facts);
  memset(&ret_facts->memory, 0xff, sizeof ret_facts->memory);
  memset(&ret_facts->rules, 0xff, sizeof ret_facts->rules);
  memset(&ret_facts->limits, 0xff, sizeof ret_facts->limits);
  ret_facts->rules.thp[0] = ret_facts->rules.thp_defrag[0] = 0;
  ret_facts->pressure = pressure;
}

const char *ul_facts_variable(const ul_facts *facts, const char *name) {
  size_t      length = strlen(name);
  const char *end = facts->environment + facts->environment_bytes;
  for (const char *at = facts->environment; at < end; at += strlen(at) + 1) {
    if (strncmp(at, name, length) == 0 && at[length] == '=') return at + length + 1;
  }
  return NULL;
}
