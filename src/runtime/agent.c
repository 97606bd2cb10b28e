/* SPDX-License-Identifier: MIT */
/* agent.c: see agent.h. */
#include "runtime/agent.h"

#include "heap/scavenge.h"
#include "os/self.h"
#include "os/thread.h"
#include "runtime/runtime.h"

/* A look takes at most a tenth of the time; but one that gave back much, and so took long, must not
 * put the next off for longer than people wait. */
#define PAUSE_PER_LOOK 10
#define PAUSE_NS_MOST  ((uint64_t)500 * 1000000)
/* While there is someone to watch for (a reader of the page, threads that outlive main). */
#define WATCH_NS ((uint64_t)250 * 1000000)
/* A forked child that spilled this often is worth an agent; most exec or end before. */
#define FREES_BEFORE_START 256

static bool must_end(const ul_runtime *runtime) {
  return ul_load(&runtime->main_is_gone) && ul_os_thread_is_last();
}

/* Sleeps until something was freed. */
static void sleep_idle(ul_runtime *runtime, ul_agent *agent) {
  bool watch = runtime->options.LIVE || ul_load(&runtime->main_is_gone);
  __atomic_store_n(&agent->asleep, 1, __ATOMIC_SEQ_CST);
  if (!__atomic_load_n(&agent->pending, __ATOMIC_SEQ_CST)) {
    ul_os_wait(&agent->asleep, 1, watch ? WATCH_NS : UINT64_MAX);
  }
  ul_store(&agent->asleep, 0);
}

static void pause_ns(ul_agent *agent, uint64_t ns) {
  uint32_t never = ul_load(&agent->state);
  if (ns) ul_os_wait(&agent->state, never, ns);
}

static void run(void *arg) {
  ul_runtime *runtime = arg;
  ul_agent   *agent = &runtime->agent;
  uint64_t    delay_ns = runtime->options.RELEASE_DELAY_MS * 1000000;
  bool        more = true;
  ul_store(&agent->state, (uint32_t)UL_AGENT_RUNNING);
  for (;;) {
    if (must_end(runtime)) break;
    if (!more && !ul_swap(&agent->pending, 0u)) {
      sleep_idle(runtime, agent);
      if (runtime->options.LIVE) ul_live_update(&runtime->live);
      if (!ul_load(&agent->pending)) continue;
    }
    uint64_t begin_ns = ul_os_now_ns();
    ul_store(&agent->pending, 0);
    more = false;
    if (runtime->heap.return_memory) ul_scavenge_idle(&runtime->heap, &more);
    ul_live_update(&runtime->live);
    uint64_t took_ns = ul_os_now_ns() - begin_ns;
    pause_ns(agent, UL_MAX(delay_ns, UL_MIN(took_ns * PAUSE_PER_LOOK, PAUSE_NS_MOST)));
  }
  ul_store(&agent->state, (uint32_t)UL_AGENT_ENDED);
}

void ul_agent_start(ul_agent *agent) {
  if (ul_load(&agent->state) != UL_AGENT_NONE) return;
  if (!ul_cas_u32(&agent->state, UL_AGENT_NONE, UL_AGENT_STARTING)) return;
  if (ul_os_thread_start(run, &ul_runtime_self, "ullage-agent") != 0) {
    ul_store(&agent->state, (uint32_t)UL_AGENT_NONE); /* tried again when the heap grows */
  }
}

bool ul_agent_freed(ul_agent *agent) {
  if (ul_load(&agent->state) == UL_AGENT_NONE) {
    uint32_t frees = ul_load(&agent->frees) + 1;
    ul_store(&agent->frees, frees);
    return frees % FREES_BEFORE_START == 0;
  }
  if (!ul_load(&agent->pending)) __atomic_store_n(&agent->pending, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&agent->asleep, __ATOMIC_SEQ_CST)) ul_agent_wake(agent);
  return false;
}

void ul_agent_wake(ul_agent *agent) {
  if (ul_swap(&agent->asleep, 0u)) ul_os_wake_all(&agent->asleep);
}

void ul_agent_forget(ul_agent *agent) {
  *agent = (ul_agent){0};
}
