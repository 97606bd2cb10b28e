/* SPDX-License-Identifier: MIT */
/* target.c: see target.h.
 *
 * Every way in which a process cannot be seen or steered has its own line, which says what to do:
 * a person who wants to know why there are no numbers should not have to guess between "no library",
 * "not yet", "not yours" and "stopped". */
#include "launch/target.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launch/recognise.h"
#include "os/control.h"
#include "os/process.h"
#include "os/self.h"

#define FAILED           2
#define SECOND_NS        ((uint64_t)1000000000u)
#define TRIM_TIMEOUT_NS  (5 * SECOND_NS) /* a trim of many GB takes a second or two */
#define ASK_TIMEOUT_NS   (3 * SECOND_NS / 2)
#define FRESH_TIMEOUT_NS (SECOND_NS / 5)
#define ATTEMPTS         100 /* a page that is written all the time is whole now and then */
#define CANDIDATES_MAX   8

struct search {
  const char *name;
  int         own_pid;
  int         pids[CANDIDATES_MAX];
  size_t      count;
};

static bool has_name(int pid, const char *name) {
  char comm[16], file[256];
  ul_process_name(pid, comm);
  if (strcmp(comm, name) == 0) return true;
  ul_process_file_name(pid, file, sizeof file);
  return file[0] && strcmp(file, name) == 0;
}

static void consider(int pid, void *arg) {
  struct search   *search = arg;
  ul_process_usage usage;
  if (pid == search->own_pid || !has_name(pid, search->name)) return;
  if (ul_process_usage_read(pid, &usage) < 0 || usage.is_zombie) return;
  if (search->count < CANDIDATES_MAX) search->pids[search->count] = pid;
  search->count++;
}

static int by_name(const char *text, int *ret_pid, ul_fault *fault) {
  struct search search = {.name = text, .own_pid = (int)ul_os_pid()};
  ul_process_each(consider, &search);
  if (search.count == 0) {
    if (strcmp(text, "-") == 0 || strchr(text, '/')) {
      return ul_fault_set(fault, FAILED,
                          "%s is a file, but this needs a process that runs: its number, or its "
                          "name without a directory",
                          text);
    }
    return ul_fault_set(fault, FAILED, "no process is named %s; give its number (`ps`)", text);
  }
  if (search.count > 1) {
    char   list[160] = "";
    size_t length = 0;
    for (size_t i = 0; i < search.count && i < CANDIDATES_MAX; i++) {
      length += (size_t)snprintf(list + length, sizeof list - length, "%s%d", i ? ", " : "",
                                 search.pids[i]);
    }
    return ul_fault_set(fault, FAILED, "%zu processes are named %s: %s%s; give the number of one",
                        search.count, text, list, search.count > CANDIDATES_MAX ? " …" : "");
  }
  *ret_pid = search.pids[0];
  return 0;
}

bool ul_target_runs(const ul_target *target) {
  ul_process_usage usage;
  return ul_process_usage_read(target->pid, &usage) == 0 && !usage.is_zombie &&
         usage.start == target->start;
}

int ul_target_find(const char *text, ul_target *ret_target, ul_fault *fault) {
  ul_target target = {0};
  char     *end;
  long      number = strtol(text, &end, 10);
  if (*text && *end == 0) {
    if (number <= 0 || number > INT_MAX) {
      return ul_fault_set(fault, FAILED, "%s is no process number", text);
    }
    target.pid = (int)number;
  } else if (by_name(text, &target.pid, fault) < 0) {
    return -UL_E_NOTFOUND;
  }
  ul_process_usage usage;
  if (ul_process_usage_read(target.pid, &usage) < 0 || usage.is_zombie) {
    return ul_fault_set(fault, FAILED, "there is no process %d", target.pid);
  }
  if (usage.is_thread) {
    return ul_fault_set(fault, FAILED, "%d is a thread; give the number of its process (`ps`)",
                        target.pid);
  }
  target.start = usage.start;
  ul_process_name(target.pid, target.name);
  *ret_target = target;
  return 0;
}

/* ---- Counters ----------------------------------------------------------------------------------- */

static int explain_gone(const ul_target *target, ul_fault *fault) {
  return ul_fault_set(fault, FAILED, "there is no process %d any more", target->pid);
}

static int explain_not_ours(const ul_target *target, ul_fault *fault) {
  return ul_fault_set(fault, FAILED,
                      "%s (%d) is another user's and cannot be looked at; ask as that user or as "
                      "root",
                      target->name, target->pid);
}

static int explain_no_page(const ul_target *target, int error, ul_fault *fault) {
  if (!ul_target_runs(target)) return explain_gone(target, fault);
  if (!ul_control_is_ours(target->pid)) return explain_not_ours(target, fault);
  if (error == -UL_E_RANGE) {
    return ul_fault_set(fault, FAILED,
                        "%s (%d) has a libullage whose counters this ullage cannot read; use the "
                        "ullage of its version",
                        target->name, target->pid);
  }
  if (error == -UL_E_SYSTEM) {
    return ul_fault_set(fault, FAILED,
                        "the counters of %s (%d) cannot be read now: it was stopped while it wrote "
                        "them, or the system does not allow it (ptrace_scope, seccomp)",
                        target->name, target->pid);
  }
  static ul_program program;
  if (ul_recognise_running(target->pid, &program) == 0 && program.runtime != UL_RUNTIME_NATIVE &&
      program.runtime != UL_RUNTIME_PYTHON) {
    return ul_fault_set(
        fault, FAILED,
        "%s (%d) publishes no counters: it is a program of %s, whose memory is not "
        "libullage's. `ullage run` watches it, `ullage doctor %d` looks at its limits",
        target->name, target->pid, ul_runtime_title(program.runtime), target->pid);
  }
  return ul_fault_set(fault, FAILED,
                      "%s (%d) publishes no counters: it runs without libullage, or its heap has "
                      "not reached 8 MiB yet; start it with `ullage run`, or with "
                      "LD_PRELOAD=libullage.so ULLAGE_LIVE=1",
                      target->name, target->pid);
}

static int try_page(ul_target *target, ul_counters *ret_counters) {
  int error = 0;
  if (target->page == 0) error = ul_counters_find(target->pid, &target->page);
  if (error == 0) error = ul_counters_read(target->pid, target->page, ret_counters);
  for (int i = 0; i < ATTEMPTS && error == -UL_E_SYSTEM; i++) {
    error = ul_counters_read(target->pid, target->page, ret_counters);
  }
  if (error < 0) target->page = 0;
  return error;
}

static int read_page(ul_target *target, ul_counters *ret_counters, ul_fault *fault) {
  bool was_known = target->page != 0;
  int  error = try_page(target, ret_counters);
  /* It may run another program since: that one's page lies elsewhere. */
  if (error < 0 && was_known && ul_target_runs(target)) error = try_page(target, ret_counters);
  return error < 0 ? explain_no_page(target, error, fault) : 0;
}

int ul_target_counters(ul_target *target, ul_counters *ret_counters, ul_fault *fault) {
  if (!ul_target_runs(target)) return explain_gone(target, fault);
  int error = read_page(target, ret_counters, fault);
  if (error < 0 || ul_os_now_ns() - ret_counters->updated_ns < SECOND_NS) return error;
  /* An idle program does not write: ask it once. If it does not answer, what is there will do. */
  ul_control_request request = {
      .magic = UL_CONTROL_MAGIC, .version = UL_CONTROL_VERSION, .verb = UL_CONTROL_REFRESH};
  ul_control_reply reply;
  ul_control_place place;
  ul_counters      fresh;
  if (ul_control_ask(target->pid, &request, sizeof request, &reply, sizeof reply, FRESH_TIMEOUT_NS,
                     &place) == UL_CONTROL_FINE &&
      try_page(target, &fresh) == 0) {
    *ret_counters = fresh;
  }
  return 0;
}

/* ---- Requests ----------------------------------------------------------------------------------- */

static int explain_failure(const ul_target *target, enum ul_control_failure failure,
                           const char *place, ul_fault *fault) {
  const char *name = target->name;
  int         pid = target->pid;
  switch (failure) {
  case UL_CONTROL_STALE:
    return ul_fault_set(
        fault, FAILED,
        "%s (%d) does not listen: the socket of its number in %s was left by a "
        "program that was killed, and is removed now. It runs without libullage, or "
        "its heap has not reached 8 MiB yet; start it with `ullage run`",
        name, pid, place);
  case UL_CONTROL_UNSAFE:
    return ul_fault_set(fault, FAILED,
                        "%s is not a directory of the user of %s (%d) alone (mode 0700), so no "
                        "socket in it is trusted; remove it and start the program again",
                        place, name, pid);
  case UL_CONTROL_IMPOSTOR:
    return ul_fault_set(fault, FAILED,
                        "what has the number of %s (%d) in %s is not its socket: it is another "
                        "process's, or no socket at all; it was told nothing. Remove it and start "
                        "the program again",
                        name, pid, place);
  case UL_CONTROL_NO_ANSWER:
    return ul_fault_set(fault, FAILED,
                        "%s (%d) did not answer in time; it may be stopped, or busy with a request "
                        "or a pressure callback. It may still do what was asked",
                        name, pid);
  case UL_CONTROL_GARBLED:
    return ul_fault_set(fault, FAILED,
                        "%s (%d) hung up, or answered what is no answer; it may be ending", name,
                        pid);
  case UL_CONTROL_FORBIDDEN: return explain_not_ours(target, fault);
  default:
    return ul_fault_set(
        fault, FAILED,
        "%s (%d) cannot be steered: it runs without libullage, its heap has not reached 8 MiB yet "
        "(or "
        "not since it was forked), it has changed its user or closed its descriptors, "
        "or ULLAGE_CONTROL=0; start it with `ullage run`",
        name, pid);
  }
}

/* Foreign bytes: 0 when they are the answer of somebody who did it. */
static int check_reply(const ul_target *target, const ul_control_reply *reply, ul_fault *fault) {
  const char *name = target->name;
  int         pid = target->pid;
  if (reply->magic != UL_CONTROL_MAGIC) {
    return ul_fault_set(fault, FAILED, "%s (%d) answered what is no answer", name, pid);
  }
  /* What is added to a reply leaves the version as it is: another one is another meaning. */
  if (reply->version != UL_CONTROL_VERSION) {
    return ul_fault_set(
        fault, FAILED,
        "%s (%d) answers in version %u, and this ullage knows %u; use the ullage of "
        "its libullage",
        name, pid, reply->version, UL_CONTROL_VERSION);
  }
  if (reply->answer == UL_CONTROL_UNKNOWN) {
    return ul_fault_set(fault, FAILED, "%s (%d) has an older libullage, which cannot do this", name,
                        pid);
  }
  if (reply->answer != UL_CONTROL_DONE) {
    return ul_fault_set(fault, FAILED, "%s (%d) refused: the value makes no sense to it", name,
                        pid);
  }
  return 0;
}

int ul_target_ask(const ul_target *target, enum ul_control_verb verb, uint64_t value,
                  uint64_t *ret_value, ul_fault *fault) {
  ul_control_request request = {.magic = UL_CONTROL_MAGIC,
                                .version = UL_CONTROL_VERSION,
                                .verb = (uint32_t)verb,
                                .value = value};
  ul_control_reply   reply = {0};
  ul_control_place   place;
  uint64_t           timeout_ns = verb == UL_CONTROL_TRIM ? TRIM_TIMEOUT_NS : ASK_TIMEOUT_NS;
  if (!ul_target_runs(target)) return explain_gone(target, fault);
  enum ul_control_failure failure = ul_control_ask(target->pid, &request, sizeof request, &reply,
                                                   sizeof reply, timeout_ns, &place);
  if (failure != UL_CONTROL_FINE && !ul_target_runs(target)) return explain_gone(target, fault);
  if (failure != UL_CONTROL_FINE) return explain_failure(target, failure, place.path, fault);
  if (check_reply(target, &reply, fault) < 0) return -UL_E_SYSTEM;
  *ret_value = reply.value;
  return 0;
}
