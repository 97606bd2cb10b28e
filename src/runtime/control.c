/* SPDX-License-Identifier: MIT */
/* control.c: see control.h. A request is foreign bytes: nothing in it is believed before it is
 * looked at, and what is not understood is answered, not guessed. */
#include "runtime/control.h"

#include "heap/drain.h"
#include "heap/scavenge.h"
#include "runtime/runtime.h"
#include "wire/control.h"

/* Caches of sleeping threads too: who asks from outside wants all. */
static uint64_t trim(ul_runtime *runtime) {
  uint64_t before = ul_load(&runtime->heap.returned_bytes);
  ul_drain_asleep(&runtime->heap, 1);
  ul_drain_ask(&runtime->heap);
  ul_scavenge_all(&runtime->heap);
  return ul_load(&runtime->heap.returned_bytes) - before;
}

static void act(ul_runtime *runtime, const ul_control_request *request, ul_control_reply *reply) {
  switch (request->verb) {
  case UL_CONTROL_REFRESH: break;
  case UL_CONTROL_TRIM: reply->value = trim(runtime); break;
  case UL_CONTROL_BUDGET:
    reply->value = ul_budget_limit(&runtime->budget);
    ul_budget_set(&runtime->budget, request->value);
    break;
  default: reply->answer = UL_CONTROL_UNKNOWN; return;
  }
  ul_live_update(&runtime->live);
}

void ul_control_answer(ul_runtime *runtime) {
  ul_control_request request;
  ul_control_reply   reply = {.magic = UL_CONTROL_MAGIC, .version = UL_CONTROL_VERSION};
  int connection = ul_os_listen_take(&runtime->agent.listen, &request, sizeof request);
  if (connection < 0) return;
  if (request.magic != UL_CONTROL_MAGIC) {
    reply.answer = UL_CONTROL_INVALID;
  } else {
    act(runtime, &request, &reply);
  }
  ul_os_listen_reply(connection, &reply, sizeof reply);
}
