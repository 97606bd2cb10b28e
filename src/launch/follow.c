/* SPDX-License-Identifier: MIT */
/* follow.c: see follow.h. */
#include "launch/follow.h"

/* It is the one, or larger than it: look again what it runs, which exec changes. */
static void consider(ul_follow *follow, const ul_watched *member) {
  static ul_program program;
  bool is_it = follow->pid == member->process.pid && follow->start == member->usage.start;
  if (!is_it && member->rss_bytes <= follow->rss_bytes) return;
  if (ul_recognise_running(member->process.pid, &program) < 0 || program.is_launcher) return;
  follow->pid = member->process.pid;
  follow->start = member->usage.start;
  follow->rss_bytes = UL_MAX(follow->rss_bytes, member->rss_bytes);
  follow->program = program;
}

void ul_follow_look(ul_follow *follow, const ul_watch *watch) {
  uint64_t now_ns = watch->figures.last_at_ns;
  if (now_ns < follow->due_ns) return;
  follow->due_ns = ul_watch_rare_due_ns(now_ns);
  for (size_t i = 0; i < watch->count; i++) {
    const ul_watched *member = &watch->members[i];
    if (!member->is_gone && member->usage.start != 0) consider(follow, member);
  }
}

const ul_program *ul_follow_became(const ul_follow *follow, const ul_program *started) {
  const ul_program *program = &follow->program;
  if (follow->pid == 0) return NULL;
  if (program->runtime != started->runtime || started->is_launcher) return program;
  return NULL;
}
