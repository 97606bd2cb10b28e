# SPDX-License-Identifier: MIT
load helpers

# A place of the doctor's own: what the caller's environment holds must not decide.
doctor() {
  env -u GOMEMLIMIT -u GOGC -u NODE_OPTIONS -u JAVA_TOOL_OPTIONS -u JDK_JAVA_OPTIONS \
    -u _JAVA_OPTIONS -u GLIBC_TUNABLES -u MALLOC_ARENA_MAX "$ULLAGE_BIN" doctor "$@"
}

@test "doctor: a page, nothing on stderr, exit 0" {
  run --separate-stderr doctor
  [ "$status" -eq 0 ]
  [ "$stderr" = "" ]
  [[ "${lines[0]}" =~ ^[0-9]+\ warnings?,\ [0-9]+\ notes?,\ [0-9]+\ as\ it\ should\ be$ ]]
  for title in "Container and its limits" "Who uses memory" "Out-of-memory killer" Overcommit Swap \
    "Limits of the process" "Environment of the process" Kernel "Where memory is"; do
    grep -qx "$title" <<<"$output"
  done
  [[ "$output" != *$'\033'* ]]
}

@test "doctor: a finding is three lines, and its name is in brackets" {
  run --separate-stderr env GOMEMLIMIT=1500M "$ULLAGE_BIN" doctor
  [ "$status" -eq 0 ]
  [ "$(grep -A2 gomemlimit-form <<<"$output")" = "  warning  GOMEMLIMIT=1500M is malformed  [gomemlimit-form]
           a Go program dies at start: it reads integers with B, KiB, MiB, GiB, TiB or no unit
           \$ export GOMEMLIMIT=1430MiB" ]
  # Its area comes before all that are not as bad.
  [ "$(grep -nE '^  warning' <<<"$output" | tail -1 | cut -d: -f1)" -lt \
    "$(grep -nx 'NUMA\|Kernel' <<<"$output" | tail -1 | cut -d: -f1)" ]
}

@test "doctor: what it says of Go is so" {
  skip_without go
  cd "$BATS_TEST_TMPDIR"
  echo 'package main; func main() {}' >m.go
  GOCACHE=$PWD/cache GO111MODULE=off go build -o m m.go
  command=$(GOMEMLIMIT=1500M "$ULLAGE_BIN" doctor | grep -A2 gomemlimit-form | sed -n 's/^ *\$ //p')
  run env GOMEMLIMIT=1500M ./m
  [ "$status" -ne 0 ]
  run bash -c "$command; ./m"
  [ "$status" -eq 0 ]
}

@test "doctor --fail-on: exit 1 for that level or worse" {
  run --separate-stderr env GOMEMLIMIT=1500M "$ULLAGE_BIN" doctor --fail-on warning
  [ "$status" -eq 1 ]
  [ "$stderr" = "" ]
  run --separate-stderr env GOMEMLIMIT=1500M "$ULLAGE_BIN" doctor --fail-on note
  [ "$status" -eq 1 ]
  run --separate-stderr env GOMEMLIMIT=1500M "$ULLAGE_BIN" doctor
  [ "$status" -eq 0 ]
  # A note alone is below a warning; whether there are others, the document says.
  MALLOC_ARENA_MAX=2 "$ULLAGE_BIN" doctor --json >"$BATS_TEST_TMPDIR/d.json"
  expected=$(json "$BATS_TEST_TMPDIR/d.json" '1 if d["warnings"] else 0')
  run --separate-stderr env MALLOC_ARENA_MAX=2 "$ULLAGE_BIN" doctor --fail-on warning
  [ "$status" -eq "$expected" ]
  run --separate-stderr env MALLOC_ARENA_MAX=2 "$ULLAGE_BIN" doctor --fail-on note
  [ "$status" -eq 1 ]
}

@test "doctor --json: one document, in bytes" {
  GOMEMLIMIT=1500M "$ULLAGE_BIN" doctor --json >"$BATS_TEST_TMPDIR/d.json"
  [ "$(json "$BATS_TEST_TMPDIR/d.json" 'd["schema"]')" = ullage.doctor/1 ]
  [ "$(json "$BATS_TEST_TMPDIR/d.json" '[(f["severity"], f["area"], f["command"]) for f in d["findings"] if f["id"] == "gomemlimit-form"]')" = \
    "[('warning', 'environment', 'export GOMEMLIMIT=1430MiB')]" ]
  [ "$(json "$BATS_TEST_TMPDIR/d.json" 'd["memory"]["total_bytes"]')" = \
    "$(awk '/^MemTotal:/ { printf "%.0f", $2 * 1024 }' /proc/meminfo)" ]
  [ "$(json "$BATS_TEST_TMPDIR/d.json" 'd["warnings"] == sum(f["severity"] == "warning" for f in d["findings"])')" = True ]
  [ "$(json "$BATS_TEST_TMPDIR/d.json" 'all(f["consequence"] for f in d["findings"] if f["severity"] != "ok")')" = True ]
}

@test "doctor PID: the limits and the environment of that process" {
  seconds=$(own_seconds)
  (ulimit -n 200 && GOMEMLIMIT=1.5G exec sleep "$seconds") &
  pid=$!
  until_true some_running "sleep $seconds"
  run --separate-stderr doctor "$pid"
  kill "$pid"
  [ "$status" -eq 0 ]
  [[ "$output" == *"only 200 files may be open (ulimit -n)  [limit-files-small]"* ]]
  [[ "$output" == *"sudo prlimit --pid $pid --nofile=4096"* ]]
  [[ "$output" == *"GOMEMLIMIT=1.5G is malformed"* ]]
}

@test "doctor: a limit of a group of ours is found, and who is near it" {
  group=/sys/fs/cgroup/memory$(awk -F: '$2 == "memory" { print $3 }' /proc/self/cgroup)/ullage-doctor-$$
  mkdir "$group" 2>/dev/null || skip "no memory group (version 1) can be made here"
  echo $((64 << 20)) >"$group/memory.limit_in_bytes"
  run --separate-stderr bash -c 'echo $$ >"$1/cgroup.procs" && exec "$ULLAGE_BIN" doctor --budget 100Mi' _ "$group"
  rmdir "$group"
  [ "$status" -eq 0 ]
  [[ "$output" == *"memory is limited to 64.0 MiB by "* ]]
  [[ "$output" == *"a budget of 100.0 MiB does not fit: there are 64.0 MiB in all  [budget-above-limit]"* ]]
}

@test "doctor PID: the enclosure of a run is ullage's, and its pause no warning" {
  run --separate-stderr ullage run -q --budget 200M --report "$BATS_TEST_TMPDIR/r.json" -- "$ULLAGE_BIN" doctor
  [ "$status" -eq 0 ]
  [ "$(json "$BATS_TEST_TMPDIR/r.json" 'd["enclosure"]["kind"]')" != none ] || skip "no memory group can be made here"
  [[ "$output" =~ "memory is limited to 190.7 MiB by \`ullage run\` (process "[0-9]+")" ]]
  [[ "$output" != *"has the killer switched off"*ullage-run-* && "$output" != *ullage-run-*"has the killer switched off"* ]]
}

@test "doctor: what may not be read is said to be hidden" {
  skip_without su
  [ "$(id -u)" -eq 0 ] || skip "only root can become somebody else"
  cp "$ULLAGE_BIN" "$BATS_TEST_TMPDIR/u" && chmod -R a+rX "$BATS_RUN_TMPDIR"
  su nobody -s /bin/sh -c "$BATS_TEST_TMPDIR/u version" >/dev/null 2>&1 || skip "nobody cannot run it here"
  run --separate-stderr su nobody -s /bin/sh -c "$BATS_TEST_TMPDIR/u doctor 1"
  [ "$status" -eq 0 ]
  [ "$stderr" = "" ]
  [[ "$output" == *"Not visible"*"/proc/1/environ: Permission denied"* ]]
  [[ "$output" != *"Environment of the process"* ]]
}

@test "doctor: each wrong call has a sentence and exit 2" {
  run --separate-stderr doctor --fail-on error
  [ "$status" -eq 2 ]
  [ "${stderr_lines[0]}" = "ullage doctor: --fail-on takes warning or note, not 'error'" ]
  run --separate-stderr doctor --budget 1500m
  [ "$status" -eq 2 ]
  [[ "${stderr_lines[0]}" == "ullage doctor: --budget 1500m is not a size; a size is a number and a unit"* ]]
  run --separate-stderr doctor --budget 0
  [ "$status" -eq 2 ]
  run --separate-stderr doctor no-such-name
  [ "$status" -eq 2 ]
  [ "$stderr" = "ullage: no process is named no-such-name; give its number (\`ps\`)" ]
  run --separate-stderr doctor 0
  [ "$status" -eq 2 ]
  [ "${stderr_lines[0]}" = "ullage doctor: 0 is no process number" ]
  run --separate-stderr doctor 1 2
  [ "$status" -eq 2 ]
  [ "${stderr_lines[0]}" = "ullage doctor: looks at one process at a time" ]
  run --separate-stderr doctor 1 --json
  [ "$status" -eq 2 ]
  [ "${stderr_lines[0]}" = "ullage doctor: --json stands after the process; options come first" ]
  run --separate-stderr doctor 2147483647
  [ "$status" -eq 2 ]
  [ "$stderr" = "ullage: there is no process 2147483647, so there is nothing to look at; \`ullage doctor\` alone looks at the system" ]
  [ "$output" = "" ]
}

@test "doctor: every finding is in the reference, and nothing else is" {
  root=$BATS_TEST_DIRNAME/../..
  table=$(sed -n 's/^UL_FINDING([A-Z0-9_]*, [A-Z]*, [A-Z]*, "\([a-z0-9-]*\)".*/\1/p' "$root/src/toolbox/doctor/findings.def" | sort)
  pages=$(sed -n 's/^| `\([a-z0-9-]*\)` | \(ok\|note\|warning\) |.*/\1/p' "$root/docs/reference/doctor.md" | sort)
  [ "$(wc -l <<<"$table")" -gt 50 ]
  [ "$table" = "$pages" ]
}

@test "doctor: a process by its name, where only one has it" {
  cp /bin/sleep "$BATS_TEST_TMPDIR/ullage-one"
  "$BATS_TEST_TMPDIR/ullage-one" 30 3>&- &
  until grep -q ullage-one "/proc/$!/comm"; do sleep 0.05; done
  doctor --json ullage-one >"$BATS_TEST_TMPDIR/d.json"
  kill "$!"
  [ "$(json "$BATS_TEST_TMPDIR/d.json" 'd["pid"]')" = "$!" ]
}
