/* SPDX-License-Identifier: MIT */
/* report_pages.c: report_pages DIRECTORY: the pages of invented runs, for a browser to open.
 *
 *     go       a service with garbage collection, 60 s, with a price curve
 *     cache    a C cache that is relieved near its budget for ten minutes
 *     wall     grows, is raised twice, is ended at its wall
 *     oom      killed by the kernel, never enclosed
 *     short    0.1 s
 *     days     72 hours, more marks than are kept
 *     bare     no budget, no live bytes, hardly anything known
 *     blind    ended before the first look
 *     hostile  every text from outside is somebody's attempt at something
 *
 * A real run shows one page in one minute; what the others show takes days, a kill, or an attacker.
 * Everything is computed from a seedless generator, so a page is the same each time.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launch/figures.h"
#include "launch/report_html.h"

#define MS     ((uint64_t)1000000)
#define SECOND ((uint64_t)1000000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

static ul_run_result   result;
static ul_timeline     timeline;
static ul_figures      figures;
static ul_knobs        knobs;
static ul_peak_parts   parts;
static ul_report_price price;
static ul_report_view  view;
static char           *arguments[12];
static uint64_t        noise_state;
static const char     *directory;

/* The same in each run of this program: 0 to below `most`. */
static uint64_t noise(uint64_t most) {
  noise_state = noise_state * 6364136223846793005u + 1442695040888963407u;
  return (noise_state >> 33) % most;
}

static void begin(const char *command, enum ul_runtime runtime, uint64_t budget_bytes) {
  static char words[1024];
  size_t      n = 0;
  memset(&result, 0, sizeof result);
  memset(&parts, 0, sizeof parts);
  memset(&price, 0, sizeof price);
  memset(&knobs, 0, sizeof knobs);
  noise_state = 7;
  ul_timeline_init(&timeline, budget_bytes);
  ul_figures_init(&figures, budget_bytes);
  snprintf(words, sizeof words, "%s", command);
  for (char *word = strtok(words, " "); word && n + 1 < UL_ARRAY_LEN(arguments);
       word = strtok(NULL, " ")) {
    arguments[n++] = word;
  }
  arguments[n] = NULL;
  snprintf(result.program.path, sizeof result.program.path, "/usr/local/bin/%s", arguments[0]);
  result.program.runtime = runtime;
  result.budget_bytes = budget_bytes;
  result.budget_exceeded_at_ns = UL_UNKNOWN;
  result.live_bytes = result.live_resident_bytes = result.peak_pss_bytes = UL_UNKNOWN;
  result.started_unix_ns = 1795514400 * SECOND;
  result.threads_peak = result.processes_peak = 1;
  view = (ul_report_view){.result = &result,
                          .arguments = arguments,
                          .timeline = &timeline,
                          .parts = &parts,
                          .price = &price};
}

static void settings(uint64_t budget_bytes, char **environment) {
  ul_knob_input input = {.program = &result.program,
                         .budget_bytes = budget_bytes,
                         .budget_is_ordered = true,
                         .machine = {.cores = 2, .memory_bytes = 24 * UL_GIB},
                         .arguments = arguments,
                         .environment = environment,
                         .preloads = result.program.runtime == UL_RUNTIME_NATIVE,
                         .python_directory = "/usr/local/share/ullage/python"};
  ul_fault      fault;
  if (ul_knobs_make(&input, &knobs, &fault) == 0) view.knobs = &knobs;
}

static void look(uint64_t at_ns, uint64_t resident_bytes, uint64_t live_bytes,
                 uint64_t relief_bytes, unsigned level) {
  ul_timeline_look look = {.at_ns = at_ns,
                           .resident_bytes = resident_bytes,
                           .live_bytes = live_bytes,
                           .relief_bytes = relief_bytes,
                           .level = level};
  ul_timeline_add(&timeline, &look);
  ul_figures_add(&figures, at_ns, resident_bytes);
  if (live_bytes != UL_UNKNOWN &&
      (result.live_bytes == UL_UNKNOWN || live_bytes > result.live_bytes)) {
    result.live_bytes = live_bytes;
    result.live_resident_bytes = resident_bytes;
  }
}

static void enclosed(uint64_t limit_bytes, uint64_t max_bytes) {
  result.enclose.kind = UL_ENCLOSURE_CGROUP1;
  result.enclose.limit_bytes = limit_bytes;
  result.enclose.max_bytes = max_bytes;
  result.enclose.peak_bytes = figures.peak_bytes;
  snprintf(result.enclose.path, sizeof result.enclose.path, "/ullage-run-4711-1795514400");
}

/* The run is over: its figures, and the page. */
static void end(const char *name, uint64_t wall_ns) {
  char  path[4200];
  FILE *out;
  char *text;
  result.wall_ns = wall_ns;
  result.samples = figures.samples;
  result.peak_rss_bytes = figures.peak_bytes ? figures.peak_bytes : UL_UNKNOWN;
  result.peak_at_ns = figures.peak_bytes ? figures.peak_at_ns : UL_UNKNOWN;
  result.p99_rss_bytes = figures.samples ? ul_figures_p99(&figures) : UL_UNKNOWN;
  result.budget_exceeded_at_ns = figures.exceeded_at_ns;
  if (!ul_figures_startup_peak(&figures, wall_ns, &result.startup_peak_rss_bytes)) {
    result.startup_peak_rss_bytes = UL_UNKNOWN;
  }
  if (!ul_figures_floor(&figures, wall_ns, &result.floor_rss_bytes)) {
    result.floor_rss_bytes = UL_UNKNOWN;
  }
  result.cpu_user_ns = wall_ns / 10 * 13;
  result.cpu_system_ns = wall_ns / 12;
  result.own_cpu_ns = wall_ns / 900;
  result.minor_faults = result.peak_rss_bytes == UL_UNKNOWN ? 0 : result.peak_rss_bytes / 4096;
  text = ul_report_html(&view);
  snprintf(path, sizeof path, "%s/%s.html", directory, name);
  out = text ? fopen(path, "w") : NULL;
  if (!out || fputs(text, out) < 0 || fclose(out) != 0) {
    fprintf(stderr, "report_pages: %s: %s\n", path, strerror(errno));
    exit(1);
  }
  free(text);
}

/* ---- The runs --------------------------------------------------------------------------------- */

/* Loads for 6 s, then a saw: the heap grows to its limit and a collection takes it down. */
static void go_service(void) {
  static const ul_price_point points[] = {{1425 * UL_MIB, 0.358}, {1650 * UL_MIB, 0.228}};
  char                        why[UL_PRICE_WHY_MAX];
  char                       *environment[] = {(char *)"GOMEMLIMIT=1500M", NULL};
  uint64_t                    budget = 1500 * UL_MIB, bytes = 40 * UL_MIB;
  begin("cache_service -keys 9000000 -seconds 60", UL_RUNTIME_GO, budget);
  for (uint64_t at = 50 * MS; at <= MINUTE; at += 50 * MS) {
    bool loads = at < 6 * SECOND;
    bytes += loads ? 10 * UL_MIB + noise(2 * UL_MIB) : 6 * UL_MIB + noise(4 * UL_MIB);
    if (bytes > 1432 * UL_MIB) {
      bytes = 1265 * UL_MIB + noise(8 * UL_MIB);
      ul_timeline_mark(&timeline, UL_MARK_COLLECTION, at, bytes, NULL);
    }
    if (at == 5500 * MS) ul_timeline_mark(&timeline, UL_MARK_TRIPWIRE_80, at, bytes, NULL);
    if (at == 7 * SECOND) ul_timeline_mark(&timeline, UL_MARK_TRIPWIRE_90, at, bytes, NULL);
    look(at, bytes, UL_UNKNOWN, 0, 0);
  }
  settings(budget, environment);
  price.valid = ul_price_fit(points, 2, &price.price, why) == 0;
  price.points = points;
  price.count = 2;
  price.limit_bytes = 1380 * UL_MIB;
  result.threads_peak = 9;
  result.cpu_user_ns = 78 * SECOND;
  enclosed(budget, 0);
  end("go", MINUTE + 31 * MS);
}

/* Fills to its budget, then is relieved again and again. */
static void c_cache(void) {
  char    *environment[] = {NULL};
  uint64_t budget = (uint64_t)1500 * 1000 * 1000, live = 2 * UL_MIB, relief = 0;
  begin("pressure_cache --items 2000000 --threads 2", UL_RUNTIME_NATIVE, budget);
  result.preloaded = true;
  for (uint64_t at = 50 * MS; at <= 10 * MINUTE; at += 50 * MS) {
    unsigned level = live > 1270 * UL_MIB ? 2 : live > 1200 * UL_MIB ? 1 : 0;
    live += at < 40 * SECOND ? 2 * UL_MIB : noise(3 * UL_MIB);
    if (live > 1290 * UL_MIB) {
      live -= 120 * UL_MIB + noise(30 * UL_MIB);
      relief += 110 * UL_MIB + noise(10 * UL_MIB);
    }
    uint64_t resident = UL_MIN(live + 60 * UL_MIB + noise(12 * UL_MIB), budget - 22 * UL_MIB);
    if (at == 34 * SECOND) ul_timeline_mark(&timeline, UL_MARK_TRIPWIRE_80, at, resident, NULL);
    if (at == 36 * SECOND) ul_timeline_mark(&timeline, UL_MARK_TRIPWIRE_90, at, resident, NULL);
    look(at, resident, live, relief, level);
  }
  parts = (ul_peak_parts){.valid = true,
                          .at_ns = 300 * SECOND,
                          .resident_bytes = 1408 * UL_MIB,
                          .live_bytes = 1288 * UL_MIB,
                          .free_bytes = 84 * UL_MIB,
                          .own_bytes = 14 * UL_MIB};
  settings(budget, environment);
  enclosed(budget, 0);
  end("cache", 10 * MINUTE + 80 * MS);
}

static void at_the_wall(void) {
  char    *environment[] = {NULL};
  uint64_t budget = 512 * UL_MIB, bytes = 8 * UL_MIB;
  begin("python3 import.py --file orders-2026.csv", UL_RUNTIME_PYTHON, budget);
  result.preloaded = true;
  for (uint64_t at = 50 * MS; at <= 18 * SECOND; at += 50 * MS) {
    bytes = UL_MIN(bytes + 2 * UL_MIB, 640 * UL_MIB);
    if (at == 10 * SECOND) ul_timeline_mark(&timeline, UL_MARK_TRIPWIRE_80, at, bytes, NULL);
    if (at == 11500 * MS) ul_timeline_mark(&timeline, UL_MARK_TRIPWIRE_90, at, bytes, NULL);
    if (at == 12600 * MS) ul_timeline_mark(&timeline, UL_MARK_PAUSED, at, 512 * UL_MIB, NULL);
    if (at == 12650 * MS) ul_timeline_mark(&timeline, UL_MARK_RAISED, at, 564 * UL_MIB, NULL);
    if (at == 14 * SECOND) ul_timeline_mark(&timeline, UL_MARK_RAISED, at, 640 * UL_MIB, NULL);
    look(at, bytes, bytes - bytes / 6, 0, 0);
  }
  snprintf(result.enclose.wall_text, sizeof result.enclose.wall_text,
           "  pid      RSS         command\n  4712     638.2 MiB   python3 import.py\n"
           "  largest mappings\n    [heap] <b>&amp;      601.0 MiB\n");
  ul_timeline_mark(&timeline, UL_MARK_WALL, 18 * SECOND, 640 * UL_MIB, result.enclose.wall_text);
  settings(budget, environment);
  enclosed(budget, 640 * UL_MIB);
  result.enclose.raised_to_bytes = 640 * UL_MIB;
  result.enclose.raises = 2;
  result.enclose.pauses = 3;
  result.enclose.paused_ns = 61 * MS;
  result.enclose.ended_at_wall = result.enclose.was_full = true;
  result.exit_reason = UL_EXIT_REASON_WALL;
  result.exit_code = -1;
  result.exit_signal = SIGKILL;
  parts = (ul_peak_parts){.valid = true,
                          .at_ns = 17 * SECOND,
                          .resident_bytes = 638 * UL_MIB,
                          .live_bytes = 530 * UL_MIB,
                          .free_bytes = 40 * UL_MIB,
                          .own_bytes = 8 * UL_MIB};
  end("wall", 18 * SECOND + 20 * MS);
}

static void killed_by_the_kernel(void) {
  begin("java -jar shop.jar", UL_RUNTIME_JVM, 0);
  for (uint64_t at = 50 * MS; at <= 9 * SECOND; at += 50 * MS) {
    look(at, UL_MIB * (60 + at / (20 * MS)), UL_UNKNOWN, 0, 0);
  }
  result.exit_reason = UL_EXIT_REASON_OOM_KILL;
  result.exit_code = -1;
  result.exit_signal = SIGKILL;
  result.oom.group_kills = 1;
  result.oom.limit_bytes = 512 * UL_MIB;
  snprintf(result.oom.group, sizeof result.oom.group, "/kubepods/besteffort/pod7/shop");
  ul_timeline_mark(&timeline, UL_MARK_OOM_KILL, 9 * SECOND + 30 * MS, 512 * UL_MIB,
                   result.oom.group);
  result.threads_peak = 41;
  end("oom", 9 * SECOND + 31 * MS);
}

static void short_run(void) {
  char *environment[] = {NULL};
  begin("node --eval 1+1", UL_RUNTIME_NODE, 256 * UL_MIB);
  for (uint64_t at = 5 * MS; at <= 95 * MS; at += 15 * MS) {
    look(at, UL_MIB * (4 + 36 * at / (95 * MS)), UL_UNKNOWN, 0, 0);
  }
  snprintf(result.enclose.why_not, sizeof result.enclose.why_not,
           "no permission to make a cgroup below /user.slice");
  settings(256 * UL_MIB, environment);
  end("short", 103 * MS);
}

/* Three days of nights and days, a slow leak, and somebody who reclaims again and again. */
static void three_days(void) {
  char    *environment[] = {NULL};
  uint64_t budget = 1500 * UL_MIB, relief = 0;
  begin("redis-server /etc/redis/redis.conf", UL_RUNTIME_NATIVE, budget);
  result.preloaded = true;
  for (uint64_t at = SECOND; at <= 72 * HOUR; at += SECOND) {
    uint64_t day = at % (24 * HOUR) / MINUTE; /* a parabola from midnight to midnight */
    uint64_t live = 600 * UL_MIB + day * (1440 - day) * 700 + at / HOUR * 2 * UL_MIB;
    unsigned level = live > 1050 * UL_MIB ? 1 : 0;
    if (level && noise(300) == 0) relief += 20 * UL_MIB;
    if (at % (10 * MINUTE) == 0) {
      ul_timeline_mark(&timeline, UL_MARK_PRESSURE, at, live, NULL);
    }
    look(at, live + 90 * UL_MIB + noise(30 * UL_MIB), live, relief, level);
  }
  result.processes_peak = 2;
  result.threads_peak = 7;
  settings(budget, environment);
  enclosed(budget, 0);
  parts = (ul_peak_parts){.valid = true,
                          .at_ns = 60 * HOUR,
                          .resident_bytes = 1210 * UL_MIB,
                          .live_bytes = 1090 * UL_MIB,
                          .free_bytes = 70 * UL_MIB,
                          .own_bytes = 12 * UL_MIB};
  end("days", 72 * HOUR + 250 * MS);
}

static void bare(void) {
  begin("backup.sh", UL_RUNTIME_UNKNOWN, 0);
  for (uint64_t at = 50 * MS; at <= 5 * MINUTE; at += 50 * MS) {
    look(at, 3 * UL_MIB + noise(UL_MIB), UL_UNKNOWN, 0, 0);
  }
  result.exit_reason = UL_EXIT_REASON_CODE;
  result.exit_code = 3;
  view.parts = NULL;
  view.price = NULL;
  end("bare", 5 * MINUTE);
}

static void blind(void) {
  begin("true", UL_RUNTIME_NATIVE, 64 * UL_MIB);
  view.parts = NULL;
  view.price = NULL;
  end("blind", 900000);
}

/* What may run where it is not escaped, leave its place, or turn the text around. */
static void hostile(void) {
  static char *words[] = {(char *)"<script>document.title='pwned'</script>",
                          (char *)"--name=\"><img src=x onerror=document.title='pwned'>",
                          (char *)"'; alert(1) //",
                          (char *)"\x1b[31mred\x07\x7f",
                          (char *)"\xff\xfe\xc3(\xed\xa0\x80 not UTF-8",
                          (char *)"gr\xc3\xbc\xc3\x9f"
                                  "e \xe2\x80\xae"
                                  "txt.exe",
                          (char *)"</title></style></svg>-->]]>",
                          (char *)"",
                          (char *)"a\nb\tc",
                          (char *)"&amp;&#60;script&#62;",
                          NULL};
  char       *environment[] = {(char *)"JAVA_TOOL_OPTIONS=-Dx=\"</td><script>document.title='pwned'"
                                             "</script>\" -Xmx9g",
                               NULL};
  static char wall[] = "<script>document.title='pwned'</script>\n</pre>\x1b[2J\n\xff";
  begin("java", UL_RUNTIME_JVM, 512 * UL_MIB);
  memcpy(arguments, words, sizeof words);
  snprintf(result.program.path, sizeof result.program.path, "/tmp/%s", words[0]);
  for (uint64_t at = 50 * MS; at <= 8 * SECOND; at += 50 * MS) {
    look(at, 100 * UL_MIB + noise(40 * UL_MIB), UL_UNKNOWN, 0, 0);
  }
  ul_timeline_mark(&timeline, UL_MARK_WALL, 8 * SECOND, 512 * UL_MIB, wall);
  settings(512 * UL_MIB, environment);
  enclosed(512 * UL_MIB, 0);
  snprintf(result.enclose.wall_text, sizeof result.enclose.wall_text, "%s", wall);
  snprintf(result.enclose.path, sizeof result.enclose.path, "%s", wall);
  snprintf(result.enclose.wall_path, sizeof result.enclose.wall_path, "%s", words[1]);
  result.enclose.ended_at_wall = true;
  result.exit_reason = UL_EXIT_REASON_WALL;
  result.exit_code = -1;
  result.exit_signal = SIGKILL;
  end("hostile", 8 * SECOND + 10 * MS);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: report_pages DIRECTORY\n");
    return 2;
  }
  directory = argv[1];
  go_service();
  c_cache();
  at_the_wall();
  killed_by_the_kernel();
  short_run();
  three_days();
  bare();
  blind();
  hostile();
  return 0;
}
