#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh: can each gate fail? A small tree is made that all gates pass; then one thing at a time is
# broken in a copy, and the gate must fail and name it. Ends with `N passed, N failed[, N skipped]`.
set -u
cd "$(dirname "$0")/../.."
root=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0 skipped=0

gate() { # NAME TREE
  case $1 in
    format) "$root/tools/check_format.sh" "$2" ;;
    *) "$root/tools/check_$1.py" "$2" ;;
  esac
}

report() { # RESULT WORDS…
  if [ "$1" -eq 0 ]; then
    passed=$((passed + 1)) && echo "ok    ${*:2}"
  else
    failed=$((failed + 1)) && echo "FAIL  ${*:2}"
  fi
}

good_tree() {
  mkdir -p "$1/src/base" "$1/src/os/arch" "$1/src/heap" "$1/include/ullage" "$1/docs/design"
  cp "$root/.clang-format" "$1/"
  for room in base os heap; do
    printf '# %s\n\nSee [the heap](../../docs/design/heap.md#spans-heapspans).\n' $room >"$1/src/$room/README.md"
  done
  printf '# SPDX-License-Identifier: MIT\n' | tee "$1/Makefile" >"$1/CMakeLists.txt"
  printf '# Heap\n\n## Spans [heap.spans]\n\nWords.\n' >"$1/docs/design/heap.md"
  printf '/* SPDX-License-Identifier: MIT */\n#ifndef UL_BASE_BITS_H\n#define UL_BASE_BITS_H\nint ul_bits(int n);\n#endif\n' >"$1/src/base/bits.h"
  printf '/* SPDX-License-Identifier: MIT */\n/* A span, see [heap.spans]. */\n#include "base/bits.h"\n\nint ul_heap(void) {\n  return ul_bits(1);\n}\n' >"$1/src/heap/heap.c"
}

breaks() { # GATE EXPECTED-WORDS COMMAND: the command breaks a fresh tree, in which it runs
  local tree output
  tree=$scratch/tree
  rm -rf "$tree"
  good_tree "$tree"
  (cd "$tree" && eval "$3")
  if output=$(gate "$1" "$tree" 2>&1); then
    report 1 "$1: passes although: $2"
  elif ! grep -qF -- "$2" <<<"$output"; then
    report 1 "$1: fails without saying: $2"
    echo "$output" | sed 's/^/        /'
  else
    report 0 "$1: $2"
  fi
}

good_tree "$scratch/good"
for name in layers files docs format; do
  output=$(gate $name "$scratch/good" 2>&1)
  code=$?
  if [ $code -eq 77 ]; then
    skipped=$((skipped + 1)) && echo "skip  $name: $output"
    continue
  fi
  report $code "$name: a good tree passes"
  [ $code -eq 0 ] || echo "$output" | sed 's/^/        /'
done

spdx='/* SPDX-License-Identifier: MIT */\n'

breaks layers "base may not include heap" "touch src/heap/heap.h; sed -i '2i #include \"heap/heap.h\"' src/base/bits.h"
breaks layers "heap may not include wire" "mkdir src/wire; touch src/wire/README.md src/wire/live.h; sed -i '2i #include \"wire/live.h\"' src/heap/heap.c"
breaks layers "the public header is for" "sed -i '2i #include <ullage/ullage.h>' src/heap/heap.c"
breaks layers "a room without a row" "mkdir src/attic; touch src/attic/README.md"
breaks layers "a room without a README.md" "rm src/heap/README.md"
breaks layers "a file outside every room" "touch src/stray.c"
breaks layers 'write "heap/' "sed -i '2i #include \"../base/bits.h\"' src/heap/heap.c"
breaks layers "there is no src/base/none.h" "sed -i '2i #include \"base/none.h\"' src/heap/heap.c"
breaks layers "includes a .c file" "touch src/heap/other.c; sed -i '2i #include \"heap/other.c\"' src/heap/heap.c"
breaks layers "header cycle" "echo '#include \"base/b.h\"' >src/base/a.h; echo '#include \"base/a.h\"' >src/base/b.h"
breaks layers "an example includes only" "mkdir examples; echo '#include \"base/bits.h\"' >examples/e.c"

breaks files "the SPDX line is missing" "sed -i 1d src/heap/heap.c"
breaks files "601 lines" "printf '$spdx' >src/heap/long.c; yes '/* line */' | head -600 >>src/heap/long.c"
breaks files "#if on the system" "printf '$spdx#ifdef __linux__\n#endif\n' >src/heap/a.c"
breaks files "#if on the CPU" "printf '$spdx#if defined(__x86_64__)\n#endif\n' >src/os/a.c"
breaks files "#if on the compiler" "printf '$spdx#ifdef __clang__\n#endif\n' >src/heap/a.c"
breaks files "its include guard should be UL_OS_PAGES_H" "printf '$spdx#ifndef PAGES_H\n#define PAGES_H\n#endif\n' >src/os/pages.h"
breaks files "a tab" "printf '$spdx\tint a;\n' >src/heap/a.c"
breaks files "space at the end of the line" "printf '${spdx}int a; \n' >src/heap/a.c"
breaks files "ends without one newline" "printf '${spdx}int a;' >src/heap/a.c"

breaks docs "leads nowhere" "echo '[x](gone.md)' >>docs/design/heap.md"
breaks docs "leads out of the repository" "echo '[x](../../../)' >>docs/design/heap.md"
breaks docs "has no heading #stones" "echo '[x](#stones)' >>docs/design/heap.md"
breaks docs "[heap.gone] is set by no page" "sed -i 's/heap.spans/heap.gone/' src/heap/heap.c"
breaks docs "[heap.spans] is also set at" "printf '\n[heap.spans] again\n' >>docs/design/heap.md"

[ $skipped -gt 0 ] || breaks format "code should be clang-formatted" "printf '${spdx}int  *  a ;\n' >src/heap/a.c"

# ---- symbols: objects and a library made on the spot ---------------------------------------------
symbols() { # EXPECTED-WORDS ROOM C-CODE: an inside object of that room
  local output build=$scratch/build
  rm -rf "$build" && mkdir -p "$build/CMakeFiles/ullage_inside.dir/src/$2"
  printf '%s\n' "$3" | gcc -w -O1 -x c -c - -o "$build/CMakeFiles/ullage_inside.dir/src/$2/a.c.o"
  output=$("$root/tools/check_symbols.py" "$build" --objects 2>&1)
  code=$?
  if [ -z "$1" ]; then
    report $code "symbols: $2 may: $3"
  elif [ $code -ne 0 ] && grep -qF "$1" <<<"$output"; then
    report 0 "symbols: $1"
  else
    report 1 "symbols: passes although: $1"
  fi
}

library() { # EXPECTED-WORDS C-CODE LINKER-OPTIONS: libullage.so made of that code
  local output build=$scratch/build
  rm -rf "$build" && mkdir -p "$build"
  printf '%s\n' "$2" | gcc -w -O1 -fPIC -shared -fno-builtin -x c - -o "$build/libullage.so" -Wl,--no-as-needed $3
  output=$("$root/tools/check_symbols.py" "$build" --library 2>&1)
  code=$?
  grep -qF "$1" <<<"$output" && [ $code -ne 0 ]
  report $? "symbols: $1"
}

symbols "" heap 'void *memset(); long mmap(); void f(void) { memset(f, 0, mmap()); }'
symbols "" runtime 'char *getenv(); char *f(void) { return getenv("A"); }'
symbols "uses printf" heap 'int printf(); void f(int n) { printf("%d", n); }'
symbols "uses malloc" heap 'void *malloc(unsigned long); void *f(void) { return malloc(8); }'
symbols "uses strdup" os 'char *strdup(); char *f(char *s) { return strdup(s); }'
symbols "uses getenv" heap 'char *getenv(); char *f(void) { return getenv("A"); }'
library "exports helper" 'void helper(void) {}' ''
library "does not export calloc" 'void *malloc(unsigned long n) { return 0; }' ''
library "does not export prctl" 'void *malloc(unsigned long n) { return 0; }' ''
library "needs libm.so.6" 'void ullage_f(void) {}' '-lm'
library "newer than 2.28" 'int pthread_create(); int ullage_f(void) { return pthread_create(); }' ''
library "(for dlsym), newer than 2.28" 'void *dlsym() __attribute__((weak)); void *ullage_f(void) { return dlsym ? dlsym() : 0; }' ''
library "forms of operator new" 'void _Znwm(void) {}' ''

# ---- check.py: what it makes of a step's words ---------------------------------------------------
counts() { # EXPECTED TEXT
  local found
  found=$(printf "$2" | python3 -c 'import sys; sys.path.insert(0, "tools"); sys.dont_write_bytecode = True
import check; print(check.count_text(sys.stdin.read()))')
  [ "$found" = "$1" ] || echo "        found $found"
  [ "$found" = "$1" ]
  report $? "check: counts $1"
}

steps() { # EXPECTED-LAST-LINE COMMAND COUNT: check.py with that one step
  local found
  found=$(python3 -c 'import pathlib, sys; sys.path.insert(0, "tools"); sys.dont_write_bytecode = True
import check; command, count, scratch = sys.argv[1:]; sys.argv[1:] = []
check.ROOT = check.LOGS = pathlib.Path(scratch)
check.steps = lambda: [check.Step("one", command, count=count, limit_s=1)]
check.main()' "$2" "$3" "$scratch" | tail -1)
  [ "$found" = "$1" ] || echo "        found $found"
  [ "$found" = "$1" ]
  report $? "check: a step '$2' ends in: $1"
}

counts "(3, 1, 0)" 'ok\n3 passed, 1 failed\n'
counts "(3, 0, 2)" '1 passed, 9 failed\n3 passed, 0 failed, 2 skipped\n'
counts "(1, 1, 1)" '1..3\nok 1 a\nnot ok 2 b\nok 3 c # skip why\n'
counts "(2, 1, 1)" ' x\n4 tests, 1 failure, 1 skipped\n'
counts "None" 'all is well\n'
steps "1 passed, 0 failed" true one
steps "0 passed, 1 failed" false one
steps "0 passed, 0 failed, 1 skipped" "exit 77" one
steps "0 passed, 1 failed" "sleep 9" one
steps "0 passed, 1 failed" "echo all is well" text
steps "0 passed, 1 failed" "echo 0 passed, 0 failed" text
steps "2 passed, 1 failed" "echo 2 passed, 0 failed; exit 3" text

echo
echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
[ $failed -eq 0 ]
