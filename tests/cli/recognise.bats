# SPDX-License-Identifier: MIT
load helpers

# The line that says what a program is: the first on stderr.
line_of() {
  ullage run "$@" 2>&1 >/dev/null </dev/null | head -1
}

@test "dynamic native: preloaded, with the budget in bytes" {
  [ "$(line_of --budget 1.5Gi -- true)" = "ullage: true: native, dynamic; libullage preloaded, budget 1536.0 MiB" ]
  # libullage gets the budget less 3 %; it puts the name of its tree behind the number.
  [ "$(ullage run -q --budget 1.5Gi -- printenv ULLAGE_BUDGET ULLAGE_LIVE | sed 's/@.*//')" = $'1562294355\n1' ]
  [[ "$(ullage run -q -- printenv LD_PRELOAD)" == /*/libullage.so.* ]]
  ullage run -q -- grep -q libullage /proc/self/maps
}

@test "a size in ULLAGE_BUDGET counts, the flag comes first" {
  ULLAGE_BUDGET=200M line_of -- true | grep -q 'budget 190.7 MiB$'
  ULLAGE_BUDGET=200M line_of --budget 300M -- true | grep -q 'budget 286.1 MiB$'
  ULLAGE_BUDGET=50% line_of -- true | grep -q 'budget [0-9.]* MiB$'
  # Where the variable is all there is, the library reads it as it stands.
  [ "$(ULLAGE_BUDGET=200M ullage run -q -- printenv ULLAGE_BUDGET | sed 's/@.*//')" = 200M ]
}

@test "an LD_PRELOAD that is there is kept" {
  local other
  other=$(ls /usr/lib/*/libjemalloc.so.2 /usr/lib/*/libmimalloc.so.2.0 2>/dev/null | head -1)
  [ -n "$other" ] || skip "no other library to preload"
  [[ "$(LD_PRELOAD=$other ullage run -q -- printenv LD_PRELOAD)" == /*/libullage.so.*:"$other" ]]
  # It is said that its malloc is not the one that serves.
  [ "$(LD_PRELOAD=$other line_of -- true)" = "ullage: true: native, dynamic; libullage preloaded before ${other##*/}, which gets no call of malloc" ]
  # As docs/howto/compare-allocators.md has it, the program runs with it alone.
  [ "$(ullage run -q -- env LD_PRELOAD="$other" printenv LD_PRELOAD)" = "$other" ]
  # A run inside a run does not name the library twice.
  [[ "$(ullage run -q -- "$ULLAGE_BIN" run -q -- printenv LD_PRELOAD)" != *:* ]]
}

@test "Python: its pools are bypassed, unless the user says otherwise" {
  [ -x /usr/bin/python3 ] || skip "no /usr/bin/python3"
  [ "$(line_of -- /usr/bin/python3 -c 0)" = "ullage: python3: Python; libullage preloaded, PYTHONMALLOC=malloc" ]
  [ "$(ullage run -q -- /usr/bin/python3 -c 'import os; print(os.environ["PYTHONMALLOC"])')" = malloc ]
  [ "$(PYTHONMALLOC=pymalloc line_of -- /usr/bin/python3 -c 0)" = "ullage: python3: Python; libullage preloaded, PYTHONMALLOC=pymalloc kept: it hides objects from libullage" ]
  [ "$(PYTHONMALLOC=pymalloc ullage run -q -- /usr/bin/python3 -c 'import os; print(os.environ["PYTHONMALLOC"])')" = pymalloc ]
}

@test "a launcher hands PYTHONMALLOC on, or what the user has set" {
  [ -x /usr/bin/python3 ] || skip "no /usr/bin/python3"
  show='import os; print(os.environ.get("PYTHONMALLOC"))'
  [ "$(ullage run -q -- sh -c '/usr/bin/python3 -c "$0"' "$show")" = malloc ]
  [ "$(ullage run -q -- env /usr/bin/python3 -c "$show")" = malloc ]
  [ "$(PYTHONMALLOC=debug ullage run -q -- sh -c '/usr/bin/python3 -c "$0"' "$show")" = debug ]
  [ "$(ullage run -q -- printenv PYTHONMALLOC)" = "" ]
}

@test "Python that reads no variables is not said to read one" {
  [ -x /usr/bin/python3 ] || skip "no /usr/bin/python3"
  for option in -I -E -Es; do
    [ "$(line_of -- /usr/bin/python3 $option -c 0)" = "ullage: python3: Python; libullage preloaded, but told by -E or -I to read no PYTHONMALLOC: its pools hide objects" ]
  done
  [ "$(line_of -- /usr/bin/python3 -S -c 0)" = "ullage: python3: Python; libullage preloaded, PYTHONMALLOC=malloc" ]
}

@test "live heap bytes are read from the program" {
  [ -x /usr/bin/python3 ] || skip "no /usr/bin/python3"
  cd "$BATS_TEST_TMPDIR"
  ullage run -q --report r.json -- /usr/bin/python3 -c '
import time
blocks = [bytes(1000) for i in range(50000)]
time.sleep(1)'
  [ "$(json r.json '5e7 < d["live_bytes"] <= d["live_resident_bytes"] * 1.05')" = True ]
}

@test "Node is run and watched" {
  skip_without node
  [ "$(line_of -- node -e 0)" = "ullage: node: Node; run and watched only (its runtime manages its own memory)" ]
  cp "$(readlink -f "$(command -v node)")" "$BATS_TEST_TMPDIR/renamed"
  [[ "$(line_of -- "$BATS_TEST_TMPDIR/renamed" -e 0)" == "ullage: renamed: Node;"* ]]
  rm "$BATS_TEST_TMPDIR/renamed"
}

@test "a JVM is run and watched" {
  skip_without java
  [ "$(line_of --budget 1G -- java -version)" = "ullage: java: JVM; told its budget of 953.7 MiB" ]
  [ "$(line_of -- java -version)" = "ullage: java: JVM; run and watched only (its runtime manages its own memory)" ]
}

@test "Go is recognised, stripped too" {
  skip_without go
  cd "$BATS_TEST_TMPDIR"
  printf 'package main\n\nfunc main() {}\n' >main.go
  GO111MODULE=off GOCACHE=$PWD/cache GOFLAGS= go build -o plain main.go || skip "go cannot build here"
  GO111MODULE=off GOCACHE=$PWD/cache GOFLAGS= go build -ldflags '-s -w' -o stripped main.go
  for program in plain stripped; do
    [ "$(line_of -- ./$program)" = "ullage: $program: Go, static; run and watched only (its runtime manages its own memory)" ]
  done
  # Without section headers, too: where they are and how many, in the ELF header.
  /usr/bin/python3 -c '
b = bytearray(open("stripped", "rb").read())
b[40:48] = bytes(8); b[60:64] = bytes(4)
open("bare", "wb").write(b)'
  chmod +x bare
  [[ "$(line_of -- ./bare)" == "ullage: bare: Go, static;"* ]]
}

@test "static native programs are run and watched" {
  skip_without gcc
  cd "$BATS_TEST_TMPDIR"
  echo 'int main(void) { return 0; }' >main.c
  gcc -static -o static main.c || skip "gcc cannot link statically here"
  gcc -static-pie -o pie main.c
  [ "$(line_of -- ./static)" = "ullage: static: native, static; run and watched only (static programs cannot be preloaded)" ]
  [[ "$(line_of -- ./pie)" == "ullage: pie: native, static;"* ]]
}

@test "a sanitizer's program is not preloaded" {
  skip_without gcc
  cd "$BATS_TEST_TMPDIR"
  echo 'int main(void) { return 0; }' >main.c
  gcc -fsanitize=address -o asan main.c || skip "gcc has no sanitizer here"
  [ "$(line_of -- ./asan)" = "ullage: asan: native, dynamic; run and watched only (a sanitizer brings its own malloc)" ]
  ullage run -q -- ./asan
}

@test "scripts are followed to their interpreter" {
  cd "$BATS_TEST_TMPDIR"
  printf '#!/bin/sh\nexit 4\n' >a && printf '#!/usr/bin/env python3\nraise SystemExit(5)\n' >b && printf 'exit 6\n' >c
  chmod +x a b c
  [ "$(line_of -- ./a)" = "ullage: a: script, run by sh (native, dynamic); libullage preloaded" ]
  [ "$(PATH=/usr/bin:/bin line_of -- ./b)" = "ullage: b: script, run by python3 (Python); libullage preloaded, PYTHONMALLOC=malloc" ]
  [ "$(line_of -- ./c)" = "ullage: c: script, run by sh (native, dynamic); libullage preloaded" ]
  run -4 ullage run -q -- ./a
  PATH=/usr/bin:/bin run -5 ullage run -q -- ./b
  run -6 ullage run -q -- ./c
}

@test "a setuid program is not preloaded" {
  [ "$(id -u)" -eq 0 ] || skip "only root can give a file away"
  cp /bin/true "$BATS_TEST_TMPDIR/raised"
  chown 65534 "$BATS_TEST_TMPDIR/raised" && chmod 4755 "$BATS_TEST_TMPDIR/raised"
  findmnt -no OPTIONS -T "$BATS_TEST_TMPDIR" 2>/dev/null | grep -q nosuid && skip "mounted nosuid"
  [ "$(line_of -- "$BATS_TEST_TMPDIR/raised")" = "ullage: raised: native, dynamic; run and watched only (it raises its privileges, so preloading is ignored)" ]
}

@test "the library is found relative to the command, where it is installed" {
  cd "$BATS_TEST_TMPDIR"
  mkdir -p a/bin a/lib/some-machine b/bin b/lib c/bin
  for place in a b c; do cp "$ULLAGE_BIN" $place/bin; done
  cp "$(dirname "$ULLAGE_BIN")/libullage.so.0" a/lib/some-machine
  cp "$(dirname "$ULLAGE_BIN")/libullage.so.0" b/lib
  [ "$(a/bin/ullage run -q -- printenv LD_PRELOAD)" = "$PWD/a/lib/some-machine/libullage.so.0" ]
  [ "$(b/bin/ullage run -q -- printenv LD_PRELOAD)" = "$PWD/b/lib/libullage.so.0" ]
  [[ "$(c/bin/ullage run -- true 2>&1)" == "ullage: true: native, dynamic; run and watched only (libullage.so was not found beside this command)"* ]]
}
