/* SPDX-License-Identifier: MIT */
/* recognise.c: see recognise.h. */
#include "launch/recognise.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/process.h"

/* The kernel follows five interpreters of interpreters (BINPRM_BUF_SIZE bytes of the line each). */
#define SCRIPT_DEPTH_MAX 5
#define SCRIPT_LINE_MAX  256

static const char *const keys[] = {
#define UL_RUNTIME(id, key, title) key,
#include "launch/runtimes.def"
#undef UL_RUNTIME
};
static const char *const titles[] = {
#define UL_RUNTIME(id, key, title) title,
#include "launch/runtimes.def"
#undef UL_RUNTIME
};

const char *ul_runtime_key(enum ul_runtime runtime) {
  return keys[runtime];
}

const char *ul_runtime_title(enum ul_runtime runtime) {
  return titles[runtime];
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* ---- Where it is ------------------------------------------------------------------------------ */

/* 0 when `path` is a file that may be executed; else the errno that execve would give. */
static int check_executable(const char *path) {
  struct stat file;
  if (stat(path, &file) < 0) return errno;
  if (S_ISDIR(file.st_mode)) return EISDIR;
  if (!S_ISREG(file.st_mode)) return EACCES;
  return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

/* As execvp: every directory of the path in turn; one that is not allowed is remembered, not final.
 * Returns 0 and the path, or an errno. */
static int find_program(const char *name, const char *search_path, char ret_path[PATH_MAX]) {
  int denied = 0;
  if (name[0] == 0) return ENOENT;
  if (strchr(name, '/')) {
    if (snprintf(ret_path, PATH_MAX, "%s", name) >= PATH_MAX) return ENAMETOOLONG;
    return check_executable(ret_path);
  }
  if (!search_path) search_path = "/bin:/usr/bin";
  for (const char *at = search_path;; at++) {
    size_t length = strcspn(at, ":");
    int    n = snprintf(ret_path, PATH_MAX, "%.*s%s%s", (int)length, at, length ? "/" : "", name);
    if (n < PATH_MAX) {
      int error = check_executable(ret_path);
      if (error == 0) return 0;
      if (error == EACCES) denied = EACCES;
    }
    at += length;
    if (*at == 0) return denied ? denied : ENOENT;
  }
}

static int explain_missing(const char *name, int error, ul_fault *fault) {
  bool has_path = strchr(name, '/') != NULL;
  if (name[0] == 0) {
    return ul_fault_set(
        fault, UL_EXIT_NOT_FOUND,
        "the name of the program is empty; is a variable unset that should hold it?");
  }
  if (error == ENOENT && name[0] == '-') {
    return ul_fault_set(fault, UL_EXIT_NOT_FOUND,
                        "%s: there is no such program; options of ullage stand before the --",
                        name);
  }
  if (error == ENOENT || error == ENOTDIR) {
    return ul_fault_set(fault, UL_EXIT_NOT_FOUND,
                        has_path ? "%s: there is no such file; check the path"
                                 : "%s: not found in PATH; give its path, or check PATH",
                        name);
  }
  if (error == EISDIR) {
    return ul_fault_set(fault, UL_EXIT_NOT_EXECUTABLE, "%s: is a directory; name the program in it",
                        name);
  }
  if (error == EACCES && has_path && access(name, F_OK) < 0 && errno == EACCES) {
    return ul_fault_set(fault, UL_EXIT_NOT_EXECUTABLE,
                        "%s: a directory on its path may not be entered by this user", name);
  }
  if (error == EACCES) {
    return ul_fault_set(fault, UL_EXIT_NOT_EXECUTABLE,
                        "%s: may not be executed; chmod +x makes a file executable", name);
  }
  return ul_fault_set(fault, UL_EXIT_NOT_EXECUTABLE, "%s: cannot be executed: %s", name,
                      strerror(error));
}

/* ---- Scripts ---------------------------------------------------------------------------------- */

static const char *skip_spaces(const char *text) {
  return text + strspn(text, " \t");
}

/* Cuts the next word off `*text`. False when there is none. */
static bool next_word(const char **text, char *ret_word, size_t capacity) {
  const char *start = skip_spaces(*text);
  size_t      length = strcspn(start, " \t");
  *text = start + length;
  if (length == 0 || length >= capacity) return false;
  memcpy(ret_word, start, length);
  ret_word[length] = 0;
  return true;
}

/* What `env` is asked to run: its first argument that is neither an option nor NAME=value. Options
 * that take a value (-u NAME, -C DIR) take it along. `*arguments` then stands after it. */
static bool word_after_env(const char **arguments, char *ret_word, size_t capacity) {
  while (next_word(arguments, ret_word, capacity)) {
    if (strcmp(ret_word, "-u") == 0 || strcmp(ret_word, "-C") == 0) {
      if (!next_word(arguments, ret_word, capacity)) return false;
    } else if (ret_word[0] != '-' && !strchr(ret_word, '=')) {
      return true;
    } else if (strncmp(ret_word, "-S", 2) == 0 && ret_word[2]) { /* -Spython3 */
      memmove(ret_word, ret_word + 2, strlen(ret_word + 2) + 1);
      return true;
    }
  }
  return false;
}

enum kind { KIND_ELF, KIND_SCRIPT, KIND_TEXT, KIND_OTHER };

/* Looks at the first bytes. For a script, `line` gets what follows #!, without spaces around. */
static enum kind look(int fd, char line[SCRIPT_LINE_MAX]) {
  char    head[SCRIPT_LINE_MAX];
  ssize_t n = pread(fd, head, sizeof head - 1, 0);
  if (n <= 0) return KIND_TEXT; /* an empty file is an empty script to execvp */
  head[n] = 0;
  if (n >= 4 && memcmp(head, "\177ELF", 4) == 0) return KIND_ELF;
  if (head[0] == '#' && head[1] == '!') {
    head[strcspn(head, "\n")] = 0;
    snprintf(line, SCRIPT_LINE_MAX, "%s", skip_spaces(head + 2));
    for (size_t end = strlen(line); end > 0 && strchr(" \t\r", line[end - 1]);) line[--end] = 0;
    return KIND_SCRIPT;
  }
  /* Like the shells: a zero byte in the first line means that it is no text. */
  size_t length = strcspn(head, "\n");
  return length < (size_t)n && head[length] == 0 ? KIND_OTHER : KIND_TEXT;
}

/* ---- What it is ------------------------------------------------------------------------------- */

static int read_file(void *source, uint64_t offset, void *bytes, size_t count) {
  ssize_t n;
  if (offset > (uint64_t)INT64_MAX) return -1;
  do {
    n = pread(*(int *)source, bytes, count, (off_t)offset);
  } while (n < 0 && errno == EINTR);
  return n == (ssize_t)count ? 0 : -1;
}

static enum ul_runtime runtime_of(unsigned marks) {
  if (marks & UL_ELF_GO) return UL_RUNTIME_GO;
  if (marks & UL_ELF_JVM) return UL_RUNTIME_JVM;
  if (marks & UL_ELF_NODE) return UL_RUNTIME_NODE;
  if (marks & UL_ELF_DOTNET) return UL_RUNTIME_DOTNET;
  if (marks & UL_ELF_PYTHON) return UL_RUNTIME_PYTHON;
  return UL_RUNTIME_NATIVE;
}

static enum ul_preload preload_of(const ul_elf_facts *facts, enum ul_runtime runtime) {
  unsigned machine, bits;
  ul_process_own_machine(&machine, &bits);
  if (runtime != UL_RUNTIME_NATIVE && runtime != UL_RUNTIME_PYTHON) {
    return UL_PRELOAD_NOT_THIS_RUNTIME;
  }
  if (!facts->is_dynamic) return UL_PRELOAD_NOT_THIS_RUNTIME;
  if (facts->machine != machine || facts->bits != bits) return UL_PRELOAD_OTHER_MACHINE;
  if (strncmp(base_name(facts->interpreter), "ld-linux", 8) != 0) return UL_PRELOAD_OTHER_LIBC;
  if (facts->marks & UL_ELF_SANITIZER) return UL_PRELOAD_SANITIZER;
  return UL_PRELOAD_YES;
}

static void describe_elf(int fd, const char *path, ul_program *program) {
  ul_elf_reader reader = {.read = read_file, .source = &fd};
  ul_elf_facts  facts;
  program->runtime = UL_RUNTIME_UNKNOWN;
  program->preload = UL_PRELOAD_NOT_THIS_RUNTIME;
  if (ul_elf_read(&reader, &facts) < 0) return;
  program->runtime = runtime_of(facts.marks);
  program->is_static = !facts.is_dynamic;
  program->preload = preload_of(&facts, program->runtime);
  if (program->preload == UL_PRELOAD_YES && ul_process_file_is_secure(path)) {
    program->preload = UL_PRELOAD_SECURE;
  }
}

/* ---- Launchers -------------------------------------------------------------------------------- */

/* Programs whose work is to start another: what they are says little about what will run. */
static const char *const launchers[] = {
    /* shells */
    "sh", "bash", "dash", "zsh", "ksh", "mksh", "fish", "ash", "busybox", "toybox", "csh", "tcsh",
    /* in another state */
    "env", "timeout", "nice", "ionice", "chrt", "nohup", "setsid", "stdbuf", "taskset", "numactl",
    "prlimit", "setpriv", "setarch", "runuser", "su", "sudo", "doas", "gosu", "su-exec", "chroot",
    "unshare", "nsenter", "bwrap", "time", "flock", "script",
    /* first processes of containers */
    "tini", "dumb-init", "catatonit", "s6-svscan", "runsv", "supervisord",
    /* builders and package managers */
    "make", "ninja", "xargs", "parallel", "npm", "npx", "yarn", "yarnpkg", "pnpm", "corepack",
    "bun", "poetry", "pipenv", "uv", "conda", "pyenv", "nodenv", "sbt", "lein",
    /* those who look on */
    "strace", "ltrace", "perf", "gdb", "valgrind", "ullage"};

/* A script of a shell may start anything. A script of Node without .js in its name is a command that
 * a package installed, as npm and its like are. */
static bool is_launcher(const ul_program *program) {
  const char *name = base_name(program->path);
  const char *last = program->is_script ? base_name(program->interpreter) : name;
  for (size_t i = 0; i < UL_ARRAY_LEN(launchers); i++) {
    if (strcmp(name, launchers[i]) == 0 || strcmp(last, launchers[i]) == 0) return true;
  }
  return program->is_script && program->runtime == UL_RUNTIME_NODE && !strchr(name, '.');
}

/* From one file to the next: the interpreter of `path`, or false when `path` is the end. */
static bool describe(const char *path, const char *search_path, ul_program *program,
                     char ret_next[PATH_MAX]) {
  char line[SCRIPT_LINE_MAX], word[SCRIPT_LINE_MAX];
  int  fd = open(path, O_RDONLY | O_CLOEXEC);
  bool goes_on = false;
  program->runtime = UL_RUNTIME_UNKNOWN;
  program->preload = UL_PRELOAD_NOT_THIS_RUNTIME;
  if (fd < 0) return false; /* executable but not readable: it can be run, not looked at */
  const char *rest = line;
  switch (look(fd, line)) {
  case KIND_ELF: describe_elf(fd, path, program); break;
  case KIND_TEXT:
    program->needs_shell = !program->is_script;
    snprintf(ret_next, PATH_MAX, "/bin/sh");
    goes_on = true;
    break;
  case KIND_SCRIPT:
    goes_on = next_word(&rest, word, sizeof word);
    if (goes_on) snprintf(ret_next, PATH_MAX, "%s", word);
    if (goes_on && strcmp(base_name(word), "env") == 0 &&
        word_after_env(&rest, word, sizeof word)) {
      find_program(word, search_path, ret_next);
    }
    if (goes_on && next_word(&rest, word, sizeof word)) {
      snprintf(program->interpreter_option, sizeof program->interpreter_option, "%.*s",
               (int)sizeof program->interpreter_option - 1, word);
    }
    break;
  case KIND_OTHER: break;
  }
  close(fd);
  return goes_on;
}

int ul_recognise(const char *name, const char *search_path, ul_program *ret_program,
                 ul_fault *fault) {
  char at[PATH_MAX], next[PATH_MAX];
  memset(ret_program, 0, sizeof *ret_program);
  int error = find_program(name, search_path, ret_program->path);
  if (error != 0) return explain_missing(name, error, fault);
  snprintf(at, sizeof at, "%s", ret_program->path);
  for (int depth = 0; depth < SCRIPT_DEPTH_MAX; depth++) {
    if (!describe(at, search_path, ret_program, next)) break;
    ret_program->is_script = true;
    memcpy(ret_program->interpreter, next, sizeof next);
    memcpy(at, next, sizeof at);
  }
  /* A wrapper script that stands in for Python (pyenv's python3 is one) ends up in Python. */
  if (ret_program->is_script && ret_program->runtime == UL_RUNTIME_NATIVE &&
      strncmp(base_name(ret_program->path), "python", 6) == 0) {
    ret_program->runtime = UL_RUNTIME_PYTHON;
    ret_program->is_python_wrapper = true;
  }
  ret_program->is_launcher = !ret_program->is_python_wrapper && is_launcher(ret_program);
  return 0;
}

int ul_recognise_running(int pid, ul_program *ret_program) {
  char    link[64];
  ssize_t length;
  memset(ret_program, 0, sizeof *ret_program);
  snprintf(link, sizeof link, "/proc/%d/exe", pid);
  length = readlink(link, ret_program->path, sizeof ret_program->path - 1);
  if (length <= 0) return -UL_E_NOTFOUND;
  ret_program->path[length] = 0;
  int fd = open(link, O_RDONLY | O_CLOEXEC); /* the file itself, even where its name is gone */
  if (fd < 0) return -UL_E_NOTFOUND;
  describe_elf(fd, link, ret_program);
  close(fd);
  ret_program->is_launcher = is_launcher(ret_program);
  return 0;
}
