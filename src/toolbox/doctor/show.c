/* SPDX-License-Identifier: MIT */
/* show.c: the doctor's page.
 *
 *     Area                       areas with the worst first
 *       warning  what is seen
 *                what follows
 *                $ the command   or: nothing to do
 *
 * What is well takes one line. Colour is never the only signal: the word stands there too.
 */
#include <string.h>

#include "base/size_text.h"
#include "toolbox/doctor/doctor.h"

#define RED    "\033[31m"
#define YELLOW "\033[33m"
#define GREEN  "\033[32m"
#define BOLD   "\033[1m"
#define PLAIN  "\033[0m"

static void put_word(FILE *out, enum ul_severity severity, bool colour) {
  static const char *const colours[] = {GREEN, YELLOW, RED};
  fprintf(out, "  %s%-7s%s  ", colour ? colours[severity] : "", ul_severity_key(severity),
          colour ? PLAIN : "");
}

static void put_finding(FILE *out, const ul_finding *finding, bool colour) {
  const ul_finding_row *row = &ul_finding_rows[finding->id];
  put_word(out, row->severity, colour);
  if (row->severity == UL_SEVERITY_OK) {
    fprintf(out, "%s\n", finding->what);
    return;
  }
  fprintf(out, "%s  [%s]\n           %s\n", finding->what, row->key, row->consequence);
  if (finding->command[0]) {
    fprintf(out, "           $ %s\n", finding->command);
  } else {
    fprintf(out, "           nothing to do\n");
  }
}

/* -1: nothing was found there. */
static int worst_of(const ul_diagnosis *diagnosis, enum ul_area area) {
  int worst = -1;
  for (size_t i = 0; i < diagnosis->count; i++) {
    const ul_finding_row *row = &ul_finding_rows[diagnosis->findings[i].id];
    if (row->area == area && (int)row->severity > worst) worst = (int)row->severity;
  }
  return worst;
}

static void put_area(FILE *out, const ul_diagnosis *diagnosis, enum ul_area area, bool colour) {
  fprintf(out, "\n%s%s%s\n", colour ? BOLD : "", ul_area_title(area), colour ? PLAIN : "");
  for (int severity = UL_SEVERITY_WARNING; severity >= UL_SEVERITY_OK; severity--) {
    for (size_t i = 0; i < diagnosis->count; i++) {
      const ul_finding_row *row = &ul_finding_rows[diagnosis->findings[i].id];
      if (row->area == area && (int)row->severity == severity) {
        put_finding(out, &diagnosis->findings[i], colour);
      }
    }
  }
}

/* ---- Who uses memory -------------------------------------------------------------------------- */

static void put_size(FILE *out, uint64_t bytes, const char *what) {
  if (ul_fact_is(bytes)) fprintf(out, "  %14s  %s\n", UL_DOCTOR_MIB(bytes), what);
}

static void put_users(FILE *out, const ul_facts *facts, bool colour) {
  char text[320];
  fprintf(out, "\n%sWhere memory is%s\n", colour ? BOLD : "", colour ? PLAIN : "");
  for (size_t i = 0; i < facts->user_count; i++) {
    const ul_facts_user *user = &facts->users[i];
    bool                 exact = ul_fact_is(user->proportional);
    snprintf(text, sizeof text, "%s, pid %d%s", user->name, user->pid,
             exact ? "" : ", shared pages counted in full");
    put_size(out, exact ? user->proportional : user->resident, ul_doctor_plain(text));
  }
  for (size_t i = 0; i < facts->tmpfs_count && i < UL_FACTS_USERS_MAX; i++) {
    if (facts->tmpfs[i].used < UL_MIB) break;
    snprintf(text, sizeof text, "files in %s (tmpfs)", facts->tmpfs[i].path);
    put_size(out, facts->tmpfs[i].used, ul_doctor_plain(text));
  }
  put_size(out, facts->memory.page_cache, "page cache: given up when programs want memory");
  put_size(out, facts->memory.slab_reclaimable, "the kernel's caches: given up, too");
  put_size(out, facts->memory.slab_kept, "the kernel's objects that stay");
  put_size(out, facts->memory.free, "free");
}

void ul_doctor_show(FILE *out, const ul_facts *facts, const ul_diagnosis *diagnosis, bool colour) {
  size_t warnings = ul_doctor_count(diagnosis, UL_SEVERITY_WARNING);
  size_t notes = ul_doctor_count(diagnosis, UL_SEVERITY_NOTE);
  size_t fine = ul_doctor_count(diagnosis, UL_SEVERITY_OK);
  fprintf(out, "%zu warning%s, %zu note%s, %zu as it should be\n", warnings,
          warnings == 1 ? "" : "s", notes, notes == 1 ? "" : "s", fine);
  for (int severity = UL_SEVERITY_WARNING; severity >= UL_SEVERITY_OK; severity--) {
    for (size_t area = 0; area < UL_AREA_COUNT; area++) {
      if (worst_of(diagnosis, (enum ul_area)area) == severity) {
        put_area(out, diagnosis, (enum ul_area)area, colour);
      }
    }
  }
  put_users(out, facts, colour);
  if (facts->hidden_count == 0) return;
  fprintf(out, "\n%sNot visible%s\n", colour ? BOLD : "", colour ? PLAIN : "");
  for (size_t i = 0; i < facts->hidden_count; i++) {
    char text[340];
    snprintf(text, sizeof text, "%s: %s", facts->hidden[i].path, facts->hidden[i].why);
    fprintf(out, "  %s\n", ul_doctor_plain(text));
  }
}
