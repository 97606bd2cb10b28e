/* SPDX-License-Identifier: MIT */
/* knobs_node.c: Node's heap by NODE_OPTIONS, which its children read, too.
 *
 *     --max-old-space-size   0.74 B - 3 x semi-space, and B - 56 MiB - 3 x semi-space at most
 *     --max-semi-space-size  B/128 as a power of two, 1 to 64 MiB: a young generation is three of
 *                            them. Node 20 takes 1 MiB in a container of 512 MiB; 4 did 26 % more.
 *
 * In 512 MiB the heap is then 379 MiB, young and old; the program peaked at 320 MiB where Node's own
 * choice (259 MiB) ended it. The rest is Node itself (some 40 MiB resident before the program's first
 * line, hence the 56), code, and Buffers, which no option of Node's bounds.
 *
 * NODE_OPTIONS takes only what Node has on its list, and a Node with another word in it does not
 * start. --max-semi-space-size is on it since 16.18 and 18.10 (nodejs/node #44436).
 *
 * V8 reads '_' as '-' in options. What is on the command line wins over NODE_OPTIONS. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launch/knobs_rows.h"

#define OWN_BYTES      ((uint64_t)56 * UL_MIB)
#define OLD_LEAST      16 /* MiB: with less, Node 20 runs out before a program's first line */
#define SEMI_MOST      64
#define SEMI_OF_BUDGET 128

struct own {
  bool found;
  bool on_command_line;
  char text[64];
};

static void look_at(const char *word, const char *option, bool on_command_line, struct own *own) {
  const char *value = ul_words_match(word, option, true);
  if (!value || *value != '=') return;
  own->found = true;
  own->on_command_line = on_command_line;
  snprintf(own->text, sizeof own->text, "%s", value + 1);
}

/* Node's options end at the script. Options whose value is a word of its own take it along. */
static bool takes_a_word(const char *option) {
  static const char *const options[] = {"-r",
                                        "--require",
                                        "--import",
                                        "-C",
                                        "--conditions",
                                        "--loader",
                                        "--experimental-loader",
                                        "--env-file"};
  for (size_t i = 0; i < UL_ARRAY_LEN(options); i++) {
    if (strcmp(option, options[i]) == 0) return true;
  }
  return false;
}

static struct own find_own(const ul_knob_input *input, const char *option) {
  struct own  own = {0};
  const char *variable = ul_knobs_variable(input, "NODE_OPTIONS");
  char        word[256];
  while (variable && ul_words_next(&variable, word, sizeof word))
    look_at(word, option, false, &own);
  if (input->program->is_script || input->program->runtime != UL_RUNTIME_NODE) return own;
  for (char *const *at = input->arguments + 1; input->arguments[0] && *at && **at == '-'; at++) {
    if (strcmp(*at, "--") == 0) break;
    look_at(*at, option, true, &own);
    if (takes_a_word(*at) && at[1]) at++;
  }
  return own;
}

static void keep(ul_knobs *knobs, const char *option, const struct own *own, uint64_t ours) {
  const char *variable = own->on_command_line ? "" : "NODE_OPTIONS";
  ul_knob    *knob = ul_knobs_add(knobs, UL_RUNTIME_NODE, variable, option);
  knob->origin = UL_KNOB_KEPT;
  knob->join = UL_KNOB_WORDS;
  ul_knob_value(knob, "=%s", own->text);
  ul_knob_why(knob, "yours, in MiB; it would be %llu", (unsigned long long)ours);
}

static uint64_t semi_of(uint64_t budget_bytes) {
  uint64_t wanted = budget_bytes / UL_MIB / SEMI_OF_BUDGET, semi = 1;
  while (semi * 2 <= UL_MIN(wanted, (uint64_t)SEMI_MOST)) semi *= 2;
  return semi;
}

static uint64_t add_semi_space(const ul_knob_input *input, ul_knobs *knobs) {
  struct own own = find_own(input, "--max-semi-space-size");
  uint64_t   semi = semi_of(input->budget_bytes);
  if (own.found) {
    keep(knobs, "--max-semi-space-size", &own, semi);
    return UL_MIN(strtoull(own.text, NULL, 10), input->budget_bytes / UL_MIB);
  }
  ul_knob *knob = ul_knobs_add(knobs, UL_RUNTIME_NODE, "NODE_OPTIONS", "--max-semi-space-size");
  knob->join = UL_KNOB_WORDS;
  ul_knob_value(knob, "=%llu", (unsigned long long)semi);
  ul_knob_why(knob, "MiB; young objects get three of them, fewer are copied into the old space");
  return semi;
}

void ul_knobs_node(const ul_knob_input *input, ul_knobs *knobs) {
  uint64_t   budget = input->budget_bytes, semi = add_semi_space(input, knobs), young = 3 * semi;
  uint64_t   heap = UL_MIN(budget / 100 * 74, budget > OWN_BYTES ? budget - OWN_BYTES : 0) / UL_MIB;
  uint64_t   old = heap > young ? heap - young : 0;
  struct own own = find_own(input, "--max-old-space-size");
  if (own.found) {
    uint64_t theirs = strtoull(own.text, NULL, 10);
    keep(knobs, "--max-old-space-size", &own, old);
    if (theirs + young > budget / UL_MIB / 100 * 95) {
      ul_knobs_warn(
          knobs,
          "--max-old-space-size=%.20s is kept, but with %llu MiB for young objects it is "
          "more than 95 %% of the budget: Node will not collect in time. Leave it out, or "
          "give it %llu.",
          own.text, (unsigned long long)young, (unsigned long long)old);
    }
    return;
  }
  ul_knobs_least(
      knobs, OWN_BYTES + (young + OLD_LEAST) * UL_MIB,
      "Node itself takes 56 MiB, young objects %llu MiB, and the old space cannot do with "
      "less than 16 MiB",
      (unsigned long long)young);
  ul_knob *knob = ul_knobs_add(knobs, UL_RUNTIME_NODE, "NODE_OPTIONS", "--max-old-space-size");
  knob->join = UL_KNOB_WORDS;
  ul_knob_value(knob, "=%llu", (unsigned long long)old);
  ul_knob_why(
      knob,
      "MiB: 74 %% of the budget%s less 3 semi-spaces; the rest is for Node itself and Buffers",
      budget > OWN_BYTES && budget - OWN_BYTES < budget / 100 * 74
          ? ", here the budget less 56 MiB,"
          : "");
  if (input->facts.live_bytes / UL_MIB > old / 100 * 85) {
    ul_knobs_warn(
        knobs,
        "%llu MiB lived in earlier runs, more than 85 %% of the old space of %llu MiB: Node "
        "may end with \"heap out of memory\". It needs a budget of some %llu MiB.",
        (unsigned long long)(input->facts.live_bytes / UL_MIB), (unsigned long long)old,
        (unsigned long long)((input->facts.live_bytes / UL_MIB * 100 / 70 + young) * 100 / 74));
  }
}
