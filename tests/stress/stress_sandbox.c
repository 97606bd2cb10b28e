/* SPDX-License-Identifier: MIT */
/* stress_sandbox.c: a program that forbids itself system calls goes on living.
 *
 * The filter is what sshd's child before authentication installs, and shorter: who makes any other call
 * is ended (kill) or comes into a handler (trap). The allocator must then get by with what allocating
 * memory needs, and must have done so before the filter is there, since afterwards nobody can be asked.
 *
 *     who        self          the process itself, with threads that have allocated and one that has not
 *                child         its forked child, with threads of its own; the parent goes on as it was
 *                grandchild    forked under the filter
 *                callback      asked for by a pressure callback, on the agent's own thread
 *                handler       asked for by a signal handler that interrupts malloc and free
 *                strict        SECCOMP_MODE_STRICT: with the memory that it has, and no call at all
 *                inherited     a filter that was there before exec, and ULLAGE_AGENT=0
 *     agent      running before, or not yet
 *     budget     none, one that grows beyond (small enough to be reached), one that refuses
 *
 * Each combination is a process of its own, started by exec, since a filter is for ever. Under the
 * filter it grows to 64 MiB, resizes, frees, and must have given memory back before it sleeps; under
 * a budget that refuses it must not hold a byte more.
 */
#include "stress.h"

#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "ullage/ullage.h"

enum { LIMIT_S = 60, SKIP = 77, HANDLER_ROUNDS = 4 };

static const size_t grow_bytes = 64 * MIB, thread_bytes = 6 * MIB, warm_bytes = 20 * MIB;
static const size_t budget_bytes = 40 * MIB;
static const size_t places = 256 * KIB; /* of a table; objects are 512 bytes and more */

/* ---- The filter ------------------------------------------------------------------------------- */

static const int allowed[] = {
    SYS_read,   SYS_write,         SYS_close,        SYS_exit,          SYS_exit_group, SYS_mmap,
    SYS_munmap, SYS_mprotect,      SYS_madvise,      SYS_mremap,        SYS_brk,        SYS_futex,
    SYS_getpid, SYS_clock_gettime, SYS_rt_sigreturn, SYS_rt_sigprocmask};
/* What glibc's fork and waitpid need besides. */
static const int allowed_to_fork[] = {SYS_clone, SYS_set_robust_list, SYS_wait4};

static void allow(struct sock_filter **at, int number) {
  *(*at)++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1);
  *(*at)++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
}

/* Calls of ours that ULLAGE_AGENT=0 spares. */
static const int forbidden[] = {SYS_clone,           SYS_socket,     SYS_memfd_create,
                                SYS_eventfd2,        SYS_membarrier, SYS_process_vm_readv,
                                SYS_prctl,
#ifdef SYS_clone3
                                SYS_clone3,
#endif
#ifdef SYS_process_madvise
                                SYS_process_madvise,
#endif
#ifdef SYS_pidfd_open
                                SYS_pidfd_open
#endif
};

/* A filter that allows all else, for a program that is executed under it. */
static int forbid(void) {
  struct sock_filter filter[40], *at = filter;
  *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
    *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)forbidden[i], 0, 1);
    *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  }
  *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {.len = (unsigned short)(at - filter), .filter = filter};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* For all threads, or through prctl for the caller alone. Returns 0 where the system has no filters. */
static int install(unsigned action, int may_fork, int all_threads) {
  struct sock_filter filter[80], *at = filter;
  *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) allow(&at, allowed[i]);
  for (size_t i = 0; may_fork && i < sizeof allowed_to_fork / sizeof *allowed_to_fork; i++) {
    allow(&at, allowed_to_fork[i]);
  }
  *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
  struct sock_fprog program = {.len = (unsigned short)(at - filter), .filter = filter};
  if (!all_threads) return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

static void promise_no_privileges(void) {
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "prctl(PR_SET_NO_NEW_PRIVS): %s",
        strerror(errno));
}

static void trapped(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  stress_fail(__FILE__, __LINE__, "the filter forbids system call %d", info->si_syscall);
}

/* ---- The agent, as the system sees it --------------------------------------------------------- */

static int read_task(const char *tid, const char *file, char *ret_text, size_t capacity) {
  char path[300];
  snprintf(path, sizeof path, "/proc/self/task/%s/%s", tid, file);
  int     fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, ret_text, capacity - 1);
  if (fd >= 0) close(fd);
  ret_text[n > 0 ? n : 0] = 0;
  return n > 0;
}

/* Whether there is one; its status then. */
static int find_agent(char *ret_status, size_t capacity) {
  char           name[64];
  int            found = 0;
  DIR           *tasks = opendir("/proc/self/task");
  struct dirent *entry;
  CHECK(tasks, "/proc/self/task does not open: %s", strerror(errno));
  while (!found && (entry = readdir(tasks))) {
    found = read_task(entry->d_name, "comm", name, sizeof name) &&
            strcmp(name, "ullage-agent\n") == 0 &&
            read_task(entry->d_name, "status", ret_status, capacity);
  }
  closedir(tasks);
  return found;
}

static int has_agent(void) {
  char status[4096];
  return find_agent(status, sizeof status);
}

/* What it causes itself must reach the program's handlers; what others send must not reach it. */
static void check_signals(void) {
  static const int own[] = {SIGSYS, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  char             status[4096];
  while (!find_agent(status, sizeof status) || !strstr(status, "SigBlk:")) stress_sleep_ms(1);
  uint64_t blocked = strtoull(strstr(status, "SigBlk:") + 7, NULL, 16);
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
    CHECK(!(blocked >> (own[i] - 1) & 1), "the agent blocks signal %d", own[i]);
  }
  CHECK(blocked >> (SIGTERM - 1) & 1, "the agent would take the program's SIGTERM");
}

/* ---- Under the filter: nothing here may make a call of its own -------------------------------- */

typedef struct load {
  void   **object;
  size_t   count, bytes;
  uint64_t random;
} load;

static size_t resident(void) {
  ullage_stats_t stats;
  ullage_stats(&stats);
  return stats.resident_bytes;
}

/* Objects of 512 to 4096 bytes until there are so many bytes. 0: refused. */
static int grow(load *load, size_t bytes) {
  while (load->bytes < bytes && load->count < places) {
    size_t size = 512 + stress_random(&load->random) % 3584;
    void  *object = malloc(size);
    if (!object) return 0;
    load->object[load->count++] = memset(object, 1, size);
    load->bytes += size;
  }
  return 1;
}

static void free_all(load *load) {
  for (size_t i = 0; i < load->count; i++) free(load->object[i]);
  load->count = load->bytes = 0;
}

static int refuses, waits_for_filter;

static void large(void) {
  char *object = malloc(8 * MIB);
  if (!object && refuses) return;
  CHECK(object, "malloc of 8 MiB gave NULL");
  memset(object, 7, 8 * MIB);
  char *moved = realloc(object, 24 * MIB);
  CHECK(moved || refuses, "realloc to 24 MiB gave NULL");
  if (moved) object = moved;
  CHECK(object[8 * MIB - 1] == 7, "realloc lost what the object held");
  free(object);
  free(calloc(3, MIB));
}

static void live_under_filter(load *load) {
  for (int round = 0; round < 2; round++) {
    int grown = grow(load, grow_bytes);
    CHECK(grown || refuses, "malloc gave NULL after %zu bytes", load->bytes);
    CHECK(!grown || !refuses, "a budget of %zu bytes holds %zu", budget_bytes, load->bytes);
    CHECK(!refuses || load->bytes > budget_bytes / 2, "refused after %zu bytes", load->bytes);
    free_all(load);
    large();
  }
  size_t now = resident();
  CHECK(now < grow_bytes / 3, "%zu bytes stay resident after all was freed", now);
}

/* ---- Threads that are there before ------------------------------------------------------------ */

static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  opens = PTHREAD_COND_INITIALIZER;
static atomic_int      arrived; /* what starting a thread takes is behind them */

static void *work(void *arg) {
  load *load = arg;
  if (load->random & 1) free(malloc(100)); /* warm: it has a cache */
  pthread_mutex_lock(&door);
  atomic_fetch_add(&arrived, 1);
  while (waits_for_filter) pthread_cond_wait(&opens, &door);
  pthread_mutex_unlock(&door);
  CHECK(grow(load, thread_bytes) || refuses, "malloc gave NULL in a thread");
  free_all(load);
  return NULL;
}

static load make_load(uint64_t random) {
  return (load){.object = stress_map(places * sizeof(void *)), .random = random};
}

static void live(load *own, unsigned action, int all_threads, int may_fork) {
  load      load[2] = {make_load(2), make_load(3)};
  pthread_t thread[2];
  waits_for_filter = 1;
  for (int i = 0; i < 2; i++) thread[i] = stress_thread(work, &load[i]);
  while (atomic_load(&arrived) < 2) stress_sleep_ms(1);
  promise_no_privileges();
  CHECK(!has_agent(), "the agent still runs after prctl(PR_SET_NO_NEW_PRIVS)");
  CHECK(install(action, may_fork, all_threads), "the filter is refused: %s", strerror(errno));
  pthread_mutex_lock(&door);
  waits_for_filter = 0;
  pthread_cond_broadcast(&opens);
  pthread_mutex_unlock(&door);
  live_under_filter(own);
  for (int i = 0; i < 2; i++) stress_join(thread[i]);
}

/* ---- Who -------------------------------------------------------------------------------------- */

static void await(pid_t pid, const char *what) {
  int status = 0;
  CHECK(pid > 0, "%s: fork: %s", what, strerror(errno));
  while (waitpid(pid, &status, 0) < 0) CHECK(errno == EINTR, "waitpid: %s", strerror(errno));
  CHECK(!WIFSIGNALED(status), "%s: ended by signal %d%s", what, WTERMSIG(status),
        WTERMSIG(status) == SIGSYS ? ": a system call that the filter forbids" : "");
  CHECK(WEXITSTATUS(status) == 0, "%s: exit code %d", what, WEXITSTATUS(status));
}

static void as_child(load *load, unsigned action, int running) {
  pid_t pid = fork();
  if (pid == 0) {
    alarm(LIMIT_S);
    live(load, action, 1, 0);
    exit(0);
  }
  await(pid, "the forked child");
  CHECK(!running || has_agent(), "the parent lost its agent");
  free_all(load);
}

static void as_grandchild(load *load, unsigned action) {
  live(load, action, 0, 1);
  pid_t pid = fork();
  if (pid == 0) {
    live_under_filter(load);
    exit(0);
  }
  await(pid, "the child forked under the filter");
}

static atomic_int asked;

static void ask_in_callback(int level, size_t want_bytes, void *arg) {
  (void)level, (void)want_bytes, (void)arg;
  if (!atomic_load(&asked)) promise_no_privileges();
  atomic_store(&asked, 1);
}

/* The callback returns, and the agent ends by itself. */
static void as_callback(load *load, unsigned action) {
  CHECK(ullage_pressure_register(ask_in_callback, NULL) == 0, "the callback is refused");
  while (!atomic_load(&asked)) {
    if (!grow(load, budget_bytes) || load->bytes >= budget_bytes) free_all(load);
  }
  while (has_agent()) stress_sleep_ms(1);
  live(load, action, 1, 0);
}

static void ask_in_handler(int number) {
  (void)number;
  if (!atomic_load(&asked)) promise_no_privileges();
  atomic_store(&asked, 1);
}

static void *interrupt(void *target) {
  stress_sleep_ms((unsigned)(stress_seed % 20));
  pthread_kill(*(pthread_t *)target, SIGUSR1);
  return NULL;
}

static void as_handler(load *load, unsigned action) {
  pthread_t        self = pthread_self();
  struct sigaction handler = {.sa_handler = ask_in_handler};
  sigaction(SIGUSR1, &handler, NULL);
  pthread_t thread = stress_thread(interrupt, &self);
  while (!atomic_load(&asked)) {
    (void)grow(load, MIB);
    free_all(load);
  }
  stress_join(thread);
  live(load, action, 1, 0);
}

/* No memory is to be had, so it gets by with what it had; nothing goes back. */
static __attribute__((noreturn)) void as_strict(load *load) {
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0, "strict mode: %s", strerror(errno));
  for (int round = 0; round < 3; round++) {
    free_all(load);
    if (!grow(load, warm_bytes / 2)) syscall(SYS_exit, 1);
    free(calloc(2, MIB));
    free(realloc(malloc(4 * MIB), 5 * MIB));
  }
  free_all(load);
  syscall(SYS_exit, 0);
  __builtin_unreachable();
}

/* One process: WHO, and whether the agent is to run before. */
static int scenario(const char *who, int running, const char *how) {
  unsigned         action = strcmp(how, "trap") == 0 ? SECCOMP_RET_TRAP : SECCOMP_RET_KILL_PROCESS;
  const char      *policy = getenv("ULLAGE_ON_BUDGET");
  struct sigaction trap = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
  load             load = make_load(stress_seed);
  sigaction(SIGSYS, &trap, NULL);
  refuses = policy && strcmp(policy, "fail") == 0;
  if (running) {
    CHECK(grow(&load, warm_bytes), "malloc gave NULL before the filter");
    check_signals();
  }
  if (strcmp(who, "self") == 0) live(&load, action, 1, 0);
  if (strcmp(who, "child") == 0) as_child(&load, action, running);
  if (strcmp(who, "grandchild") == 0) as_grandchild(&load, action);
  if (strcmp(who, "callback") == 0) as_callback(&load, action);
  if (strcmp(who, "handler") == 0) as_handler(&load, action);
  if (strcmp(who, "strict") == 0) as_strict(&load);
  if (strcmp(who, "inherited") == 0) live_under_filter(&load);
  exit(0);
}

/* ---- All of them ------------------------------------------------------------------------------ */

static int runs;

/* `policy` NULL: no budget. */
static void run(const char *who, int running, const char *how, const char *policy, uint64_t seed) {
  char  budget[32], word[32], what[160];
  pid_t pid = fork();
  snprintf(what, sizeof what, "%s, agent %s, %s, budget %s", who, running ? "running" : "not yet",
           how, policy ? policy : "none");
  if (pid == 0) {
    snprintf(budget, sizeof budget, "%zu", budget_bytes);
    snprintf(word, sizeof word, "%llu", (unsigned long long)seed);
    setenv("ULLAGE_BUDGET", policy ? budget : "off", 1);
    setenv("ULLAGE_ON_BUDGET", policy ? policy : "grow", 1);
    setenv("ULLAGE_BUDGET_OTHER", policy ? "1" : "0", 1);
    setenv("ULLAGE_LIVE", policy ? "1" : "0", 1);
    if (strcmp(who, "inherited") == 0) {
      setenv("ULLAGE_AGENT", "0", 1);
      setenv("ULLAGE_LIVE", "0", 1); /* which asks for the page */
      promise_no_privileges();
      CHECK(forbid(), "the filter is refused: %s", strerror(errno));
    }
    execl("/proc/self/exe", "stress_sandbox", word, who, running ? "running" : "not-yet", how,
          (char *)NULL);
    _exit(127);
  }
  await(pid, what);
  runs++;
}

/* Is there a filter to be had (an emulator may have none)? */
static int has_filters(void) {
  int   status;
  pid_t pid = fork();
  if (pid == 0) {
    _exit(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && install(SECCOMP_RET_ALLOW, 0, 1) ? 0 : 1);
  }
  return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv) {
  static const char *const who[] = {"self", "child", "grandchild"};
  static const char *const policies[] = {NULL, "grow", "fail"};
  stress_start(argc, argv, LIMIT_S * 3);
  if (argc == 5) return scenario(argv[2], strcmp(argv[3], "running") == 0, argv[4]);
  if (!has_filters()) {
    puts("skip: this system has no seccomp filters");
    return SKIP;
  }
  for (size_t w = 0; w < 3; w++) {
    for (size_t p = 0; p < 3; p++) {
      for (int running = 0; running < 2; running++) {
        run(who[w], running, "trap", policies[p], stress_seed); /* says which call it was */
        run(who[w], running, "kill", policies[p], stress_seed);
      }
    }
  }
  run("callback", 0, "kill", "grow", stress_seed);
  run("callback", 1, "kill", "grow", stress_seed);
  for (uint64_t i = 0; i < HANDLER_ROUNDS; i++) run("handler", 1, "kill", NULL, stress_seed + i);
  for (size_t p = 0; p < 3; p++) run("inherited", 0, "kill", policies[p], stress_seed);
  run("strict", 1, "kill", NULL, stress_seed);
  run("strict", 1, "kill", "grow", stress_seed);
  char what[64];
  snprintf(what, sizeof what, "%d programs lived under a filter", runs);
  return stress_done("stress_sandbox", what);
}
