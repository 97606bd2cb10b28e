/* SPDX-License-Identifier: MIT */
/* agent.c: see agent.h. */
#include "runtime/agent.h"

#include "heap/scavenge.h"
#include "os/asleep.h"
#include "os/confine.h"
#include "os/self.h"
#include "os/thread.h"
#include "runtime/control.h"
#include "runtime/runtime.h"

#define MS ((uint64_t)1000000)

/* A look takes at most a tenth of the time; but one that gave back much, and so took long, must not
 * put the next off for longer than people wait. */
#define PAUSE_PER_LOOK 10
#define PAUSE_NS_MOST  (500 * MS)
/* While there is someone to watch for (a reader of the page, threads that outlive main). */
#define WATCH_NS (250 * MS)
/* A forked child that spilled this often is worth an agent; most exec or end before. */
#define FREES_BEFORE_START 256
/* How long to wait for its end, and how often to look: as it starts, and from its last line on. Long,
 * since a filter may kill who outlives it, and with a dozen busy processes on two processors a second
 * was not enough. */
#define STOP_NS     (5000 * MS)
#define STARTING_NS (1 * MS)
#define ENDING_NS   (MS / 20)

static bool must_end(const ul_runtime *runtime) {
  if (ul_agent_is_barred(&runtime->agent)) return true;
  return ul_load(&runtime->main_is_gone) && ul_os_thread_is_last();
}

/* Sleeps until woken as `how` allows, or until a request comes, which it answers. */
static void sleep_for(ul_runtime *runtime, uint32_t how, uint64_t ns) {
  ul_agent *agent = &runtime->agent;
  __atomic_store_n(&agent->asleep, how, __ATOMIC_SEQ_CST);
  bool stay = !__atomic_load_n(&agent->urgent, __ATOMIC_SEQ_CST) &&
              (how != UL_AGENT_IDLE || !__atomic_load_n(&agent->pending, __ATOMIC_SEQ_CST));
  bool request = false;
  if (stay && ul_os_listen_is_open(&agent->listen) && !ul_os_is_confined()) {
    request = ul_os_listen_wait(&agent->listen, ns);
  } else if (stay) {
    ul_os_wait(&agent->asleep, how, ns);
  }
  ul_store(&agent->asleep, (uint32_t)UL_AGENT_AWAKE);
  if (request) ul_control_answer(runtime);
}

/* Somebody may need us though nothing was freed here. */
static uint64_t idle_ns(const ul_runtime *runtime) {
  const ul_budget *budget = &runtime->budget;
  bool             watch = runtime->options.LIVE || ul_load(&runtime->main_is_gone);
  /* Others of the tree may grow, and only this program's callbacks can make room for them. */
  watch |= ul_load(&budget->members) > 1 && ul_load(&budget->relief.pressures) > 0;
  return watch ? WATCH_NS : UINT64_MAX;
}

/* When the agent last looked for idle memory, and whether it must look again. */
struct look {
  uint64_t delay_ns, due_ns;
  bool     again;
};

/* One round of work; returns how long to pause before the next. */
static uint64_t work(ul_runtime *runtime, struct look *look, bool freed) {
  uint64_t begin_ns = ul_os_now_ns();
  uint64_t relief_ns = ul_budget_tick(&runtime->budget, begin_ns);
  look->again |= freed;
  if (look->again && begin_ns >= look->due_ns) {
    look->again = false;
    if (runtime->heap.return_memory) ul_scavenge_idle(&runtime->heap, &look->again);
    uint64_t took_ns = ul_os_now_ns() - begin_ns;
    look->due_ns =
        ul_os_now_ns() + UL_MAX(look->delay_ns, UL_MIN(took_ns * PAUSE_PER_LOOK, PAUSE_NS_MOST));
  }
  ul_live_update(&runtime->live);
  uint64_t now_ns = ul_os_now_ns();
  uint64_t pause_ns = look->due_ns > now_ns ? look->due_ns - now_ns : 0;
  return UL_MIN(pause_ns, relief_ns);
}

static void run(void *arg) {
  ul_runtime *runtime = arg;
  ul_agent   *agent = &runtime->agent;
  struct look look = {.delay_ns = runtime->options.RELEASE_DELAY_MS * MS, .again = true};
  bool        freed = true, urgent = false;
  bool        listens = runtime->options.CONTROL && !ul_agent_is_barred(agent);
  ul_store(&agent->thread, ul_os_thread_id());
  /* Where it cannot be had, the program is steered by nobody. */
  if (listens && ul_os_listen_open(&agent->listen) != 0) ul_os_listen_init(&agent->listen);
  ul_store_release(&agent->state, (uint32_t)UL_AGENT_RUNNING);
  while (!must_end(runtime)) {
    if (look.again || freed || urgent) {
      uint64_t pause_ns = work(runtime, &look, freed);
      if (pause_ns > 0) sleep_for(runtime, UL_AGENT_PAUSING, pause_ns);
      urgent = false;
    } else {
      sleep_for(runtime, UL_AGENT_IDLE, idle_ns(runtime));
      urgent = ul_load(&runtime->budget.members) > 1;
      if (runtime->options.LIVE) ul_live_update(&runtime->live);
    }
    if (ul_swap(&agent->urgent, 0u)) urgent = true;
    freed = ul_swap(&agent->pending, 0u) != 0;
  }
  /* Who was too slow to be waited for does not ask for anything any more. */
  if (!ul_os_is_confined()) ul_os_listen_close(&agent->listen);
  ul_store_release(&agent->state, (uint32_t)UL_AGENT_ENDED);
  ul_os_wake_all(&agent->state);
}

bool ul_agent_start(ul_agent *agent) {
  if (ul_agent_is_barred(agent)) return false;
  if (ul_load(&agent->state) != UL_AGENT_NONE) return true;
  if (!ul_cas_u32(&agent->state, UL_AGENT_NONE, UL_AGENT_STARTING)) return true;
  /* Either we see that it is barred, or who bars it sees that it starts. */
  ul_store_ordered(&agent->state, (uint32_t)UL_AGENT_STARTING);
  if (ul_load_ordered(&agent->barred) ||
      ul_os_thread_start(run, &ul_runtime_self, "ullage-agent") != 0) {
    ul_store_release(&agent->state, (uint32_t)UL_AGENT_NONE); /* tried again when the heap grows */
    return false;
  }
  return true;
}

bool ul_agent_is_barred(const ul_agent *agent) {
  return UL_UNLIKELY(ul_load(&agent->barred) != 0);
}

/* Is there a thread to wait for in that state? */
static bool is_there(const ul_agent *agent, uint32_t state) {
  switch (state) {
  case UL_AGENT_NONE: return false;
  case UL_AGENT_ENDED: return ul_os_thread_exists(ul_load(&agent->thread));
  default: return true;
  }
}

void ul_agent_bar(ul_agent *agent) {
  ul_store_ordered(&agent->barred, 1u);
  uint32_t state = ul_load_ordered(&agent->state);
  if (state == UL_AGENT_NONE) return;
  if (state == UL_AGENT_RUNNING && ul_load(&agent->thread) == ul_os_thread_id()) {
    ul_os_listen_close(&agent->listen); /* a callback asks: it ends when that returns */
    return;
  }
  ul_agent_press(agent);
  /* A child that was made past the handlers of fork has only its parent's word for a thread. With vfork
   * the parent loses it: the memory is the same, and nothing tells the two apart. */
  if (ul_os_pid() != agent->pid) return;
  uint64_t until_ns = ul_os_now_ns() + STOP_NS;
  while (is_there(agent, state) && ul_os_now_ns() < until_ns) {
    ul_os_wait(&agent->state, state, state == UL_AGENT_ENDED ? ENDING_NS : STARTING_NS);
    state = ul_load_acquire(&agent->state);
  }
}

bool ul_agent_freed(ul_agent *agent) {
  if (ul_load(&agent->state) == UL_AGENT_NONE) {
    uint32_t frees = ul_load(&agent->frees) + 1;
    ul_store(&agent->frees, frees);
    return frees % FREES_BEFORE_START == 0;
  }
  if (!ul_load(&agent->pending)) __atomic_store_n(&agent->pending, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&agent->asleep, __ATOMIC_SEQ_CST) == UL_AGENT_IDLE) ul_agent_wake(agent);
  return false;
}

void ul_agent_wake(ul_agent *agent) {
  if (ul_swap(&agent->asleep, (uint32_t)UL_AGENT_AWAKE) == UL_AGENT_AWAKE) return;
  ul_os_wake_all(&agent->asleep);
  if (!ul_os_is_confined()) ul_os_listen_wake(&agent->listen);
}

void ul_agent_press(ul_agent *agent) {
  __atomic_store_n(&agent->urgent, 1, __ATOMIC_SEQ_CST);
  ul_agent_wake(agent);
}

void ul_agent_init(ul_agent *agent) {
  agent->pid = ul_os_pid();
}

void ul_agent_forget(ul_agent *agent) {
  uint32_t barred = ul_load(&agent->barred);
  if (!ul_os_is_confined()) ul_os_listen_forget(&agent->listen);
  *agent = (ul_agent){.barred = barred};
  ul_os_listen_init(&agent->listen);
  ul_agent_init(agent);
}

void ul_agent_done(ul_agent *agent) {
  if (!ul_os_is_confined()) ul_os_listen_unname(&agent->listen);
}
