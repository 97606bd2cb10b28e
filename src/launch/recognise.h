/* SPDX-License-Identifier: MIT */
/* recognise.h: what a program is, told from its file before it is started.
 *
 * A name is looked up as execvp does. A script is followed to its interpreter (through env too);
 * what that is decides. Nothing is executed, and nothing read from the file is believed further
 * than elf.h says.
 */
#ifndef UL_LAUNCH_RECOGNISE_H
#define UL_LAUNCH_RECOGNISE_H

#include <limits.h>

#include "base/base.h"
#include "launch/elf.h"
#include "launch/fault.h"

enum ul_runtime {
#define UL_RUNTIME(id, key, title) UL_RUNTIME_##id,
#include "launch/runtimes.def"
#undef UL_RUNTIME
};

/* Why libullage is not preloaded, or that it can be. */
enum ul_preload {
  UL_PRELOAD_YES,
  UL_PRELOAD_NOT_THIS_RUNTIME, /* it brings its own memory management, or cannot be preloaded */
  UL_PRELOAD_SECURE,           /* privileges rise at exec: LD_PRELOAD is ignored */
  UL_PRELOAD_OTHER_MACHINE,    /* 32-bit, or another processor: our library does not fit */
  UL_PRELOAD_OTHER_LIBC,       /* not glibc's loader */
  UL_PRELOAD_SANITIZER,        /* a sanitizer brings its own malloc and must be loaded first */
};

typedef struct ul_program {
  char            path[PATH_MAX];         /* the file that is executed */
  bool            is_script;              /* it starts with #!, or is text for /bin/sh */
  bool            needs_shell;            /* text without #!: execvp would give it to /bin/sh */
  char            interpreter[PATH_MAX];  /* the program that a script ends up in; else "" */
  char            interpreter_option[64]; /* its first option in the script's first line; else "" */
  enum ul_runtime runtime;
  enum ul_preload preload;
  bool            is_static;
  bool            is_python_wrapper; /* a script named python…, whose interpreter is not Python */
  bool            is_launcher; /* it starts others: a shell, its script, env, timeout, npm … */
} ul_program;

/* Looks `name` up in `search_path` (PATH's value; NULL: the system's default) and describes it.
 * Returns 0, or negative with *fault filled: exit code 127 not found, 126 not executable. */
UL_MUST_USE int ul_recognise(const char *name, const char *search_path, ul_program *ret_program,
                             ul_fault *fault);

/* Describes the program that a process runs now: after a launcher, what was exec'd at last. path is
 * as the system names it ("… (deleted)" where the file is gone); a script shows as its interpreter.
 * Returns 0, or -UL_E_NOTFOUND: it is gone, or not ours to look at. Costs an open and some reads. */
UL_MUST_USE int ul_recognise_running(int pid, ul_program *ret_program);

const char *ul_runtime_key(enum ul_runtime runtime);   /* "python": for JSON */
const char *ul_runtime_title(enum ul_runtime runtime); /* "Python": for people */

#endif
