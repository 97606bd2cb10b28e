# SPDX-License-Identifier: MIT
# What a budget makes `ullage run` tell the runtimes, and that real ones take it.
load helpers

setup() {
  unset GOMEMLIMIT GOGC GOMAXPROCS JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS NODE_OPTIONS PYTHONPATH \
    ULLAGE_DUMP_DIR ULLAGE_ON_BUDGET
  cd "$BATS_TEST_TMPDIR"
}

script() { # NAME LINE…
  printf '%s\n' "${@:2}" >"$1"
  chmod +x "$1"
}

# A Go program of no size; skips where there is no Go.
go_program() {
  skip_without go
  printf 'package main\n\nimport (\n\t"fmt"\n\t"runtime/debug"\n)\n\nfunc main() { fmt.Println(debug.SetMemoryLimit(-1)) }\n' >main.go
  GO111MODULE=off GOCACHE=$PWD/cache GOFLAGS= go build -o app main.go || skip "go cannot build here"
}

@test "--dry-run prints the table and runs nothing" {
  run --separate-stderr ullage run --dry-run --budget 512Mi -- touch started
  [ "$status" -eq 0 ]
  [ "$stderr" = "" ]
  [ ! -e started ]
  [ "${lines[0]}" = "touch: native, dynamic; libullage preloaded, budget 512.0 MiB" ]
  [ "${lines[1]}" = "budget   512.0 MiB (536870912 bytes)" ]
  [[ "$output" == *"  set        ULLAGE_BUDGET=520093696                 libullage's soft limit in bytes: the budget less 16.0 MiB reserve"* ]]
  run --separate-stderr ullage run --dry-run -- touch started
  [ "$status" -eq 0 ] && [ ! -e started ]
  [ "${lines[1]}" = "no budget, so nothing is set; --budget SIZE gives it one" ]
}

@test "--dry-run --json: one document, its keys documented" {
  ullage run --dry-run --json --budget 512Mi --max-budget 1Gi --on-budget fail -- sh -c true >plan.json
  [ "$(json plan.json '[d["schema"], d["runtime"], d["is_launcher"], d["budget_bytes"], d["max_budget_bytes"], d["on_budget"], d["enclose"]]')" = \
    "['ullage.run-plan/1', 'native', True, 536870912, 1073741824, 'fail', True]" ]
  [ "$(json plan.json 'sorted({s["runtime"] for s in d["settings"]})')" = "['dotnet', 'go', 'jvm', 'native', 'node', 'python']" ]
  for key in $(json plan.json '" ".join([*d, *d["machine"], *d["settings"][0]])'); do
    grep -q "\`$key\`" "$BATS_TEST_DIRNAME/../../docs/reference/run-plan.md"
  done
}

@test "wrong calls about budgets: 125, and what to do" {
  expect() { # WORDS ARGUMENTS…
    run --separate-stderr -125 ullage run "${@:2}" -- true
    [[ "$stderr" == "ullage run: $1"* ]] || { echo "$stderr" && return 1; }
  }
  expect "--budget 0% is not a percentage" --budget 0%
  expect "--budget 101% is not a percentage" --budget 101%
  expect "--budget 5x% is not a percentage" --budget 5x%
  expect "--preset prd: there are dev, prod and container" --preset prd
  expect "--on-budget die: there are grow, fail and abort" --budget 1G --on-budget die
  expect "--on-budget says what happens at the budget, and there is none" --on-budget fail
  expect "--max-budget raises a budget, and there is none" --max-budget 1G
  expect "--max-budget 100M is less than the budget of 200000000 bytes" --budget 200M --max-budget 100M
  expect "--max-budget 12Mb is not a size" --budget 1G --max-budget 12Mb
  expect "--dry-run runs nothing, so there is nothing for --report" --dry-run --report r.json
  expect "--dry-run runs nothing, so there is nothing for --record" --dry-run --record r.db
}

@test "a budget below what the runtime needs: the least, and why" {
  skip_without java
  run --separate-stderr -125 ullage run --budget 100Mi -- java -version
  [[ "$stderr" == "ullage: a budget of 100.0 MiB is less than JVM needs: 48 MiB for classes, "*" Give it --budget 171Mi or more." ]]
  run --separate-stderr -0 ullage run -q --budget 171Mi -- java -version
}

@test "a percentage is of what there is" {
  [[ "$(ullage run --dry-run --budget 50% -- true)" =~ budget\ +([0-9]+)\.[0-9]\ MiB ]]
  half=${BASH_REMATCH[1]}
  [[ "$(ullage run --dry-run --budget 25% -- true)" =~ budget\ +([0-9]+)\.[0-9]\ MiB ]]
  [ $((half - 2 * BASH_REMATCH[1])) -le 2 ]
}

@test "presets print what they set, capped by the budget" {
  skip_without java
  run --separate-stderr ullage run --preset dev --budget 600Mi -- java -version
  [ "$status" -eq 0 ]
  [[ "$stderr" == *"  budget   600.0 MiB (629145600 bytes), preset dev"*"  set        -Xms256m "* ]]
  run --separate-stderr ullage run --preset prod --budget 700Mi -- java -version
  [[ "$stderr" == *"(734003200 bytes), preset prod"* ]]
  [[ "$stderr" =~ set\ +-Xmx([0-9]+)m ]]
  [[ "$stderr" == *"  set        -Xms${BASH_REMATCH[1]}m "* ]]
  [[ "$(ullage run --dry-run --preset dev -- true)" =~ budget\ +1024\.0\ MiB ]]
}

@test "Go takes its limit, and a malformed one of the user's is corrected" {
  go_program
  [ "$(ullage run -q --budget 1500M -- ./app)" = $((1258 * 1048576)) ]
  [ "$(GOMEMLIMIT=100MiB ullage run -q --budget 1500M -- ./app)" = 104857600 ]
  run env GOMEMLIMIT=1G ./app
  [ "$status" -ne 0 ] # this is why
  run --separate-stderr env GOMEMLIMIT=1G "$ULLAGE_BIN" run --budget 1500M -- ./app
  [ "$status" -eq 0 ]
  [ "$output" = $((953 * 1048576)) ]
  [[ "$stderr" == *"GOMEMLIMIT=1G is malformed and a Go program dies of it at start"*"953MiB is set instead."* ]]
  run --separate-stderr env GOMEMLIMIT=2GiB "$ULLAGE_BIN" run --budget 1500M -- ./app
  [ "$output" = 2147483648 ]
  [[ "$stderr" == *"GOMEMLIMIT=2GiB is kept, but it is above 95 % of the budget"* ]]
}

@test "a JVM starts in 512 MiB with all of it" {
  skip_without java
  export ULLAGE_HISTORY=off # what other tests measured would count
  run --separate-stderr ullage run -q --budget 512Mi -- java -XX:+PrintFlagsFinal -version
  [ "$status" -eq 0 ]
  for flag in 'MaxHeapSize *= 371195904' 'InitialHeapSize *= 92274688' 'MaxMetaspaceSize *= 50331648' \
    'ReservedCodeCacheSize *= 50331648' 'MaxDirectMemorySize *= 161480704' 'MinHeapFreeRatio *= 10' 'MaxHeapFreeRatio *= 25' 'ThreadStackSize *= 512' \
    'UseSerialGC *= true' 'ExitOnOutOfMemoryError *= true' 'HeapDumpOnOutOfMemoryError *= true'; do
    grep -q " $flag" <<<"$output"
  done
  run --separate-stderr ullage run -q --budget 4Gi -- java -XX:+PrintFlagsFinal -version
  [ "$status" -eq 0 ]
}

@test "a JVM's options of the user are kept, beside ours" {
  skip_without java
  run --separate-stderr env JAVA_TOOL_OPTIONS=-Da=b "$ULLAGE_BIN" run -q --budget 512Mi -- java -Xmx100m -XX:+UseParallelGC -XX:+PrintFlagsFinal -version
  [ "$status" -eq 0 ]
  grep -q ' MaxHeapSize *= 104857600' <<<"$output"
  grep -q ' UseSerialGC *= false' <<<"$output"
  [[ "$stderr" == "Picked up JAVA_TOOL_OPTIONS: "*" -Da=b"* ]]
  run --separate-stderr ullage run --budget 512Mi -- java -Xmx1g -version
  [[ "$stderr" == *"ullage: -Xmx1g is kept, but with "*", more than the budget of 512"* ]]
}

@test "start scripts: a JVM takes the budget, and whatever the script passes on does not clash" {
  skip_without java
  script catalina.sh '#!/bin/sh' 'exec java -XX:+PrintFlagsFinal $CATALINA_OPTS -version'
  run --separate-stderr ullage run -q --budget 512Mi -- ./catalina.sh
  [ "$status" -eq 0 ]
  [[ "$output" =~ \ MaxHeapSize\ *=\ ([0-9]+) ]]
  [ $((BASH_REMATCH[1] / 1048576)) -ge 320 ] && [ $((BASH_REMATCH[1] / 1048576)) -le 330 ]
  run --separate-stderr env CATALINA_OPTS="-Xms600m -Xmx700m -XX:+UseG1GC" "$ULLAGE_BIN" run --budget 512Mi -- ./catalina.sh
  [ "$status" -eq 0 ]
  grep -q ' MaxHeapSize *= 734003200' <<<"$output"
  [[ "$stderr" == *"ullage: -Xmx700m is kept, but with "* ]]
  run --separate-stderr ullage run -q --budget 512Mi -- sh -c 'exec java -Xms600m -version'
  [ "$status" -eq 0 ]
  printf -- '-Xms600m\n-XX:+UseParallelGC\n' >options
  run --separate-stderr ullage run -q --budget 512Mi -- java @options -version
  [ "$status" -eq 0 ]
}

@test "Node takes its heap, also through npm start and beside the user's options" {
  skip_without node
  limit='console.log(Math.round(require("v8").getHeapStatistics().heap_size_limit / 1048576))'
  [ "$(ullage run -q --budget 512Mi -- node -e "$limit")" = 378 ]
  [ "$(NODE_OPTIONS='--no-warnings --max_old_space_size=200' ullage run -q --budget 512Mi -- node -e "$limit; console.log(process.env.NODE_OPTIONS)")" = $'212\n--max-semi-space-size=4 --no-warnings --max_old_space_size=200' ]
  script tool '#!/usr/bin/env node' "$limit"
  [ "$(ullage run -q --budget 512Mi -- ./tool)" = 378 ]
  skip_without npm
  echo "$limit" >print.js
  echo '{"name": "x", "version": "1.0.0", "scripts": {"start": "node print.js"}}' >package.json
  [ "$(ullage run -q --budget 512Mi -- npm start --silent)" = 378 ]
}

@test "Python: thresholds, and a sitecustomize of the user's is still imported" {
  [ -x /usr/bin/python3 ] || skip "no /usr/bin/python3"
  show='import gc, sys; print(gc.get_threshold(), sys.modules["sitecustomize"].__file__, any("ullage" in p for p in sys.path))'
  mkdir mine
  echo 'MARK = 1' >mine/sitecustomize.py
  [ "$(PYTHONPATH=$PWD/mine ullage run -q --budget 512Mi -- /usr/bin/python3 -c "$show")" = "(100, 10, 10) $PWD/mine/sitecustomize.py False" ]
  script tool '#!/usr/bin/python3' "$show"
  [ "$(PYTHONPATH=$PWD/mine ullage run -q --budget 512Mi -- sh -c ./tool)" = "(100, 10, 10) $PWD/mine/sitecustomize.py False" ]
  # One that fails is the user's to hear of, as without us.
  echo 'import no_such_module' >mine/sitecustomize.py
  run --separate-stderr env PYTHONPATH="$PWD/mine" "$ULLAGE_BIN" run -q --budget 512Mi -- /usr/bin/python3 -c 'print(1)'
  [ "$output" = 1 ]
  [[ "$stderr" == *"No module named 'no_such_module'"* ]]
}

@test "Python: large cycles are collected before the budget is used up" {
  [ -x /usr/bin/python3 ] || skip "no /usr/bin/python3"
  # Its own thresholds find none of these: 800 MB of garbage.
  cat >cycles.py <<'PY'
import gc
gc.set_threshold(0)
for n in range(80):
    a = [bytearray(10 << 20)]
    a.append(a)
PY
  ullage run -q --report r.json -- /usr/bin/python3 cycles.py
  [ "$(json r.json 'd["peak_rss_bytes"] > 8e8')" = True ]
  ullage run -q --no-enclose --budget 256Mi --report r.json -- /usr/bin/python3 cycles.py
  [ "$(json r.json 'd["peak_rss_bytes"] < 4e8')" = True ]
  # A fork has a watcher of its own; gc.disable() is respected.
  ullage run -q --no-enclose --budget 256Mi --report r.json -- /usr/bin/python3 -c '
import os
pid = os.fork()
if pid: os._exit(os.waitpid(pid, 0)[1] >> 8)
exec(open("cycles.py").read())'
  [ "$(json r.json 'd["peak_rss_bytes"] < 4e8')" = True ]
  ullage run -q --no-enclose --budget 256Mi --report r.json -- /usr/bin/python3 -c '
import gc
gc.disable()
exec(open("cycles.py").read())'
  [ "$(json r.json 'd["peak_rss_bytes"] > 8e8')" = True ]
}

@test "python -I, -E and -S are said aloud" {
  [ -x /usr/bin/python3 ] || skip "no /usr/bin/python3"
  for option in -I -E -sE; do
    run --separate-stderr ullage run --budget 512Mi -- /usr/bin/python3 $option -c 'print(1)'
    [ "$output" = 1 ]
    [[ "$stderr" == *"ullage: Python is told by -E or -I to read no variables: "* ]]
  done
  run --separate-stderr ullage run --budget 512Mi -- /usr/bin/python3 -S -c 'print(1)'
  [[ "$stderr" == *"ullage: Python is told by -S to import no sitecustomize: "* ]]
}

@test "a static program: enclosed only, and said" {
  skip_without gcc
  echo 'int main(void) { return 0; }' >main.c
  gcc -static -o static main.c || skip "gcc cannot link statically here"
  run --separate-stderr ullage run --budget 100M -- ./static
  [ "$status" -eq 0 ]
  [[ "$stderr" == *"ullage: libullage cannot be preloaded into it, so its budget is kept by enclosure only"* ]]
}

@test "what --on-budget says reaches libullage" {
  [ "$(ullage run -q --budget 1G --on-budget fail -- printenv ULLAGE_ON_BUDGET)" = fail ]
  run ullage run -q --budget 1G -- printenv ULLAGE_ON_BUDGET
  [ "$status" -eq 1 ]
}

# A cgroup version 1 group of our own: CONTROLLER; sets $group, or skips.
make_group() {
  local path
  path=$(sed -nE "s/^[0-9]+:([a-z]+,)*$1(,[a-z]+)*:(.*)/\\3/p" /proc/self/cgroup)
  group=/sys/fs/cgroup/$1$path/ullage-budget-$$
  mkdir "$group" 2>/dev/null || skip "no $1 group (version 1) can be made here"
}

teardown() {
  [ -z "${group-}" ] || until_true rmdir "$group"
}

@test "auto and percentages are of the container's limit, which caps a larger budget" {
  make_group memory
  echo 268435456 >"$group/memory.limit_in_bytes"
  inside() { sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$ULLAGE_BIN" run --dry-run "$@" -- true; }
  [[ "$(inside --budget auto)" == *"budget   256.0 MiB (268435456 bytes)"*"container limit 256.0 MiB"* ]]
  [[ "$(inside --budget 50%)" == *"budget   128.0 MiB "* ]]
  [[ "$(inside --preset container)" == *"budget   256.0 MiB (268435456 bytes), preset container"* ]]
  [[ "$(inside --preset prod)" == *"budget   256.0 MiB "* ]]
  run --separate-stderr inside --budget 1Gi
  [[ "$output" == *"budget   256.0 MiB "* ]]
  [ "$stderr" = "ullage: the budget of 1024.0 MiB is more than the container's limit, which acts first: the budget is 256.0 MiB" ]
}

@test "Go's processors follow a quota" {
  go_program
  make_group cpu
  echo 100000 >"$group/cpu.cfs_period_us"
  echo 70000 >"$group/cpu.cfs_quota_us"
  [ "$(nproc)" -gt 1 ] || skip "one processor"
  output=$(sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$ULLAGE_BIN" run --dry-run --budget 1500M -- ./app)
  [[ "$output" == *"  set        GOMAXPROCS=1 "* ]]
}

# page ARGUMENT…: the report as a page of text, after a run whose exit code does not matter; in $text.
page() {
  ullage run --report page.html "$@" >out 2>err || true
  text=$(/usr/bin/python3 -c 'import html, re, sys
s = re.sub(r"<(style|script).*?</\1>", "", open("page.html").read(), flags=re.S)
print(" ".join(html.unescape(re.sub(r"<[^>]+>", " ", s)).split()))')
}

@test "a static program: what is said holds with and without an enclosure, and of --on-budget" {
  skip_without gcc
  echo 'int main(void) { return 0; }' >main.c
  gcc -static -o static main.c || skip "gcc cannot link statically here"
  run --separate-stderr ullage run --no-enclose --budget 100M --on-budget fail -- ./static
  [[ "$stderr" == *"it is not told, an enclosure stops it at the wall, and without one it is only watched."* ]]
  [[ "$stderr" == *"ullage: --on-budget fail has no effect here: libullage"* ]]
  [[ "$stderr" != *"and at the wall it is stopped"* ]]
  run --separate-stderr ullage run --dry-run --budget 100M -- ./static
  [[ "$output" != *"--on-budget"* ]]
}

@test "a program that leaves its group is judged by what was seen of it" {
  skip_without python3
  make_group memory
  ullage run --budget 100Mi --report r.json -- sh -c \
    'sleep 0.5; echo $$ >"$0/cgroup.procs" || exit 9; sleep 1; exec /usr/bin/python3 -c "import time; b = bytearray(150 << 20); time.sleep(1)"' \
    "$group" >out 2>err
  # Where the run could not be enclosed it was watched from the start; the answer is the same.
  [ "$(json r.json 'd["budget_kept"], d["peak_rss_bytes"] > 150 << 20')" = "(False, True)" ]
  grep -q 'EXCEEDED by 5' err
  ! grep -q 'to spare' err
}

@test "the page advises no budget that was not enough, or that the runtime refuses" {
  skip_without python3 node
  page -- node -e 'setTimeout(() => {}, 1200)'
  [[ "$text" == *"without a budget"* ]]
  least=$(sed -E 's/.*ullage run --budget ([0-9]+)Mi .*/\1/' <<<"$text")
  ullage run -q --budget "${least}Mi" -- node -e 0
  page --budget 500Mi -- sh -c 'sleep 1.1; exit 7'
  [[ "$text" == *"ended with exit code 7, and nothing that was seen here says that memory was why"* ]]
  [[ "$text" != *"smaller budget"* && "$text" != *"did what it was meant to"* ]]
}

@test "--on-budget with a runtime that libullage is not in: said" {
  skip_without java node
  for words in "java -version" "node -e 0"; do
    run --separate-stderr ullage run --budget 300Mi --on-budget abort -- $words
    [[ "$stderr" == *"ullage: --on-budget abort has no effect here: libullage"* ]]
  done
  run --separate-stderr ullage run --budget 300Mi --on-budget abort -- true
  [[ "$stderr" != *"no effect"* ]]
}

@test "a ULLAGE_BUDGET that is none is said once, by whoever is there" {
  skip_without java
  for words in "java -version" true; do
    ULLAGE_BUDGET=foo run --separate-stderr ullage run -- $words
    [ "$status" -eq 0 ]
    [ "$(grep -c '^ullage: ULLAGE_BUDGET=foo is not' <<<"$stderr")" -eq 1 ]
  done
  for value in off 0 ""; do
    ULLAGE_BUDGET=$value run --separate-stderr ullage run -- java -version
    [[ "$stderr" != *"is not a budget"* ]]
  done
}

@test "an end at a limit that ullage set is named, in the report and on the page" {
  skip_without java javac node python3
  cat >H.java <<'JAVA'
class H {
  public static void main(String[] a) {
    byte[][] held = new byte[1000][];
    for (int i = 0; ; i++) held[i % 1000] = new byte[1 << 20];
  }
}
JAVA
  cat >D.java <<'JAVA'
class D {
  public static void main(String[] a) {
    java.nio.ByteBuffer[] held = new java.nio.ByteBuffer[1000];
    for (int i = 0; i < 1000; i++) held[i] = java.nio.ByteBuffer.allocateDirect(1 << 20);
  }
}
JAVA
  javac H.java D.java
  export ULLAGE_DUMP_DIR=$PWD
  page --budget 256Mi -- java -cp . H
  tr -s '\n ' ' ' <err | grep -q 'Ullage set these limits, in MiB: heap [0-9]*, metaspace [0-9]*, direct buffers [0-9]*'
  [[ "$text" == *"exit code 3, as -XX:+ExitOnOutOfMemoryError"*"Ullage set these limits"*"--budget 512Mi"* ]]
  [[ "$text" != *"smaller budget"* ]]
  page --budget 256Mi -- java -cp . D
  tr -s '\n ' ' ' <err | grep -q 'Where stderr names an OutOfMemoryError'
  [[ "$text" == *"Where stderr names an OutOfMemoryError"* && "$text" != *"did what it was meant to"* ]]
  page --budget 100Mi -- node -e 'const k = []; for (;;) k.push(new Array(13000).fill(1.5))'
  [[ "$text" == *"It aborted, as Node does when its heap is full"*"limited to 41 MiB, which ullage set"* ]]
  page --budget 256Mi -- java -version
  ! grep -q 'Ullage set these limits' err
}
