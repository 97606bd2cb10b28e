/* SPDX-License-Identifier: MIT */
/* manual.c: -h, --help and the manual pages, from the records of the commands.
 *
 *     record -> page (sections, paragraphs, items) -> troff   ullage help --man, --man-dir
 *                                                  -> text    --help, ullage help
 *
 * A page is written once, into a sink that knows the two forms; so both always say the same.
 */
#include <string.h>

#include "cli/command.h"
#include "ullage/ullage.h"

#define TEXT_WIDTH  78
#define TEXT_INDENT 7

#define VERSION_OF_(major, minor, patch) #major "." #minor "." #patch
#define VERSION_OF(major, minor, patch)  VERSION_OF_(major, minor, patch)
#define VERSION                          VERSION_OF(ULLAGE_VERSION_MAJOR, ULLAGE_VERSION_MINOR, ULLAGE_VERSION_PATCH)

static const struct {
  const char *name, *preset, *help;
} library_options[] = {
#define UL_OPTION(name, type, preset, help) {"ULLAGE_" #name, #preset, help},
#include "wire/options.def"
#undef UL_OPTION
};

/* ---- The sink --------------------------------------------------------------------------------- */

typedef struct sink {
  FILE *out;
  bool  troff;
} sink;

/* Text that troff would take for a request or an escape is made plain. */
static void troff_text(FILE *out, const char *text) {
  if (*text == '.' || *text == '\'') fputs("\\&", out);
  for (; *text; text++) {
    if (*text == '\\') {
      fputs("\\e", out);
    } else if (*text == '-') {
      fputs("\\-", out);
    } else {
      fputc(*text, out);
      if (*text == '\n' && (text[1] == '.' || text[1] == '\'')) fputs("\\&", out);
    }
  }
}

/* How many columns the bytes up to the next space take: UTF-8's later bytes take none. */
static size_t columns(const char *text, size_t bytes) {
  size_t n = 0;
  for (size_t i = 0; i < bytes; i++) n += ((unsigned char)text[i] & 0xc0) != 0x80;
  return n;
}

static void wrapped(FILE *out, const char *text, size_t indent) {
  size_t at = 0;
  while (*text) {
    size_t bytes = strcspn(text, " "), width = columns(text, bytes);
    if (at > 0 && indent + at + 1 + width > TEXT_WIDTH) {
      fputc('\n', out);
      at = 0;
    }
    fprintf(out, "%*s%.*s", at ? 1 : (int)indent, "", (int)bytes, text);
    at += width + (at ? 1 : 0);
    text += bytes;
    text += strspn(text, " ");
  }
  fputc('\n', out);
}

static void put_title(sink *s, const char *name, int number, const char *summary) {
  if (s->troff) {
    fprintf(s->out, ".TH \"");
    for (const char *at = name; *at; at++) {
      fputc(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at, s->out);
    }
    fprintf(s->out, "\" \"%d\" \"\" \"Ullage %s\" \"Ullage manual\"\n.SH NAME\n", number, VERSION);
    troff_text(s->out, name);
    fputs(" \\- ", s->out);
    troff_text(s->out, summary);
    fputc('\n', s->out);
  } else {
    fprintf(s->out, "NAME\n%*s%s - %s\n", TEXT_INDENT, "", name, summary);
  }
}

static void put_section(sink *s, const char *title) {
  fprintf(s->out, s->troff ? ".SH %s\n" : "\n%s\n", title);
}

static void put_paragraph(sink *s, const char *text, bool first) {
  if (s->troff) {
    if (!first) fputs(".PP\n", s->out);
    troff_text(s->out, text);
    fputc('\n', s->out);
  } else {
    if (!first) fputc('\n', s->out);
    wrapped(s->out, text, TEXT_INDENT);
  }
}

static void put_item(sink *s, const char *term, const char *text) {
  if (s->troff) {
    fputs(".TP\n.B ", s->out);
    troff_text(s->out, term);
    fputc('\n', s->out);
    troff_text(s->out, text);
    fputc('\n', s->out);
  } else {
    fprintf(s->out, "%*s%s\n", TEXT_INDENT, "", term);
    wrapped(s->out, text, TEXT_INDENT + 8);
  }
}

/* One row of "left\tright\n" as `examples` and `exits` have them. Returns the next row or NULL. */
static const char *cut_row(const char *rows, char left[160], char right[240]) {
  size_t tab = strcspn(rows, "\t\n"), end = strcspn(rows, "\n");
  if (!rows[0]) return NULL;
  snprintf(left, 160, "%.*s", (int)tab, rows);
  right[0] = 0;
  if (tab < end) snprintf(right, 240, "%.*s", (int)(end - tab - 1), rows + tab + 1);
  return rows + end + (rows[end] == '\n');
}

static void put_rows(sink *s, const char *rows) {
  char left[160], right[240];
  while ((rows = cut_row(rows, left, right)) != NULL) put_item(s, left, right);
}

static void flag_term(const ul_flag *flag, char term[96]) {
  char letter[8] = "";
  if (flag->letter) snprintf(letter, sizeof letter, "-%c, ", flag->letter);
  snprintf(term, 96, "%s--%s%s%s", letter, flag->name, flag->argument ? " " : "",
           flag->argument ? flag->argument : "");
}

/* ---- The pages -------------------------------------------------------------------------------- */

static void command_page(sink *s, const ul_command *command) {
  char name[64], text[256], term[96];
  snprintf(name, sizeof name, "ullage-%s", command->name);
  put_title(s, name, 1, command->summary);
  put_section(s, "SYNOPSIS");
  snprintf(text, sizeof text, "ullage %s %s", command->name, command->usage);
  put_paragraph(s, text, true);
  put_section(s, "DESCRIPTION");
  for (size_t i = 0; command->about[i]; i++) put_paragraph(s, command->about[i], i == 0);
  put_section(s, "OPTIONS");
  for (size_t i = 0; i < command->flag_count; i++) {
    flag_term(&command->flags[i], term);
    put_item(s, term, command->flags[i].help);
  }
  put_item(s, "-h", "one screen, examples first");
  put_item(s, "--help", "this page");
  put_section(s, "EXAMPLES");
  put_rows(s, command->examples);
  put_section(s, "EXIT STATUS");
  put_rows(s, command->exits);
  put_section(s, "SEE ALSO");
  put_paragraph(s, "ullage(1), ullage-options(7)", true);
}

static void put_all_pages(sink *s) {
  char   names[512];
  size_t length = 0;
  for (size_t i = 0; i < ul_command_count; i++) {
    length += (size_t)snprintf(names + length, sizeof names - length, "ullage-%s(1), ",
                               ul_commands[i]->name);
  }
  snprintf(names + length, sizeof names - length, "ullage-options(7)");
  put_paragraph(s, names, true);
}

static void main_page(sink *s) {
  put_title(s, "ullage", 1, "keeps programs inside their memory, and shows where it went");
  put_section(s, "SYNOPSIS");
  put_paragraph(s, "ullage COMMAND [ARGUMENT...]", true);
  put_section(s, "DESCRIPTION");
  put_paragraph(
      s,
      "Ullage runs a program inside a memory budget and shows where the memory went. What it "
      "starts it recognises, and tells the budget in its own words: Go, JVM, Node, .NET and Python "
      "by their own settings; native programs and Python get libullage preloaded, a malloc that "
      "keeps a limit, gives memory back and counts what lives. All are enclosed where the system "
      "allows it, watched, and reported on.",
      true);
  put_paragraph(s, "`ullage COMMAND -h` shows examples, `ullage COMMAND --help` is its page.",
                false);
  put_section(s, "COMMANDS");
  for (size_t i = 0; i < ul_command_count; i++) {
    char term[64];
    snprintf(term, sizeof term, "ullage %s", ul_commands[i]->name);
    put_item(s, term, ul_commands[i]->summary);
  }
  put_section(s, "EXIT STATUS");
  put_item(s, "0", "fine");
  put_item(s, "1", "something was found, and that was to fail: `ullage doctor --fail-on`");
  put_item(s, "2",
           "wrong usage, or a failure; `ullage run` has codes of its own, see ullage-run(1)");
  put_section(s, "SEE ALSO");
  put_all_pages(s);
}

static void environment_page(sink *s) {
  put_title(s, "ullage-options", 7, "environment variables of libullage");
  put_section(s, "DESCRIPTION");
  put_paragraph(
      s,
      "A program that runs with libullage, preloaded or linked, reads these when it starts. "
      "A bad value never stops it: one line on stderr says so, and the default is used. "
      "Where privileges rise at exec (setuid), all are ignored.",
      true);
  put_paragraph(
      s,
      "SIZE is an integer or decimal number of bytes, or has a unit: k M G T are powers of "
      "1000, Ki Mi Gi Ti powers of 1024, as Kubernetes reads them. (Java and Docker read m "
      "as 1024 squared; a small m is refused here.)",
      false);
  put_section(s, "VARIABLES");
  for (size_t i = 0; i < UL_ARRAY_LEN(library_options); i++) {
    char text[256];
    snprintf(text, sizeof text, "%s (default %s)", library_options[i].help,
             library_options[i].preset);
    put_item(s, library_options[i].name, text);
  }
  put_section(s, "SEE ALSO");
  put_paragraph(s, "ullage(1), ullage-run(1)", true);
}

size_t ul_manual_count(void) {
  return ul_command_count + 2;
}

const char *ul_manual_name(size_t page, char buffer[64]) {
  if (page == 0) {
    snprintf(buffer, 64, "ullage.1");
  } else if (page <= ul_command_count) {
    snprintf(buffer, 64, "ullage-%s.1", ul_commands[page - 1]->name);
  } else {
    snprintf(buffer, 64, "ullage-options.7");
  }
  return buffer;
}

void ul_manual_write(FILE *out, size_t page, bool as_troff) {
  sink s = {.out = out, .troff = as_troff};
  if (as_troff) fputs(".\\\" Written by `ullage help`; do not edit.\n", out);
  if (page == 0) {
    main_page(&s);
  } else if (page <= ul_command_count) {
    command_page(&s, ul_commands[page - 1]);
  } else {
    environment_page(&s);
  }
}

bool ul_manual_find(const char *topic, size_t *ret_page) {
  char name[64];
  if (strcmp(topic, "environment") == 0) topic = "ullage-options.7";
  for (size_t page = 0; page < ul_manual_count(); page++) {
    ul_manual_name(page, name);
    size_t stem = strlen(name) - 2;
    if (strcmp(topic, name) == 0 || (strncmp(topic, name, stem) == 0 && topic[stem] == 0) ||
        (page > 0 && page <= ul_command_count && strcmp(topic, ul_commands[page - 1]->name) == 0)) {
      *ret_page = page;
      return true;
    }
  }
  return false;
}

/* ---- One screen ------------------------------------------------------------------------------- */

static void screen_rows(FILE *out, const char *rows, int width) {
  char left[160], right[240];
  while ((rows = cut_row(rows, left, right)) != NULL) {
    if ((int)strlen(left) > width) {
      fprintf(out, "  %s\n  %*s %s\n", left, width, "", right);
    } else {
      fprintf(out, "  %-*s %s\n", width, left, right);
    }
  }
}

#define TERM_LEAST 24
#define TERM_MOST  30 /* what is longer is out of line */

/* How wide the column of the options is. */
static int term_width(const ul_command *command) {
  char   term[96];
  size_t width = TERM_LEAST;
  for (size_t i = 0; i < command->flag_count; i++) {
    flag_term(&command->flags[i], term);
    if (strlen(term) <= TERM_MOST) width = UL_MAX(width, strlen(term));
  }
  return (int)width;
}

void ul_manual_screen(FILE *out, const ul_command *command) {
  char term[96];
  int  width = term_width(command);
  fprintf(out, "ullage %s: %s\n\nExamples:\n", command->name, command->summary);
  screen_rows(out, command->examples, 44);
  fprintf(out, "\nUsage:\n  ullage %s %s\n\nOptions:\n", command->name, command->usage);
  for (size_t i = 0; i < command->flag_count; i++) {
    flag_term(&command->flags[i], term);
    fprintf(out, "  %-*s %s\n", width, term, command->flags[i].help);
  }
  fprintf(out, "  %-*s %s\n", width, "-h", "this screen");
  fprintf(out, "  %-*s %s\n\nExit codes:\n", width, "--help", "the manual page");
  screen_rows(out, command->exits, 12);
}

void ul_manual_overview(FILE *out) {
  fputs("Ullage keeps programs inside their memory, and shows where it went.\n\n", out);
  for (size_t i = 0; i < ul_command_count; i++) {
    fprintf(out, "  ullage %-12s %s\n", ul_commands[i]->name, ul_commands[i]->summary);
  }
  fputs("\nTry:\n  ullage run --budget 1500M -- redis-server\n\n"
        "`ullage COMMAND -h` shows examples, `ullage COMMAND --help` is the manual page.\n",
        out);
}
