# SPDX-License-Identifier: MIT
# The enclosure: a cgroup around a run, and what happens at its wall.
load helpers

own_group() { # directory of the memory cgroup we are in (version 1)
  local path
  path=$(sed -n 's/^[0-9]*:[a-z,]*memory[a-z,]*://p' /proc/self/cgroup)
  [ -z "$path" ] || echo "/sys/fs/cgroup/memory$path"
}

setup() {
  [ -x /usr/bin/python3 ] || skip "no /usr/bin/python3"
  cat >"$BATS_TEST_TMPDIR/hog.py" <<'PY'
import sys, time
blocks = []
for i in range(int(sys.argv[1])):
    blocks.append(bytearray(1 << 20))
    time.sleep(0.001)
print("done", flush=True)
PY
}
groups() { ls "$(own_group)" | grep ullage-run || true; }
hog() { ullage run "${@:2}" -- /usr/bin/python3 -S -E "$BATS_TEST_TMPDIR/hog.py" "$1"; }
may_enclose() {
  local group
  group=$(own_group)
  [ -n "$group" ] && mkdir "$group/ullage-test-$$" 2>/dev/null && rmdir "$group/ullage-test-$$"
}

@test "inside its budget nothing happens, and the group is gone" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  local before
  before=$(groups)
  run --separate-stderr hog 30 --budget 200M
  [ "$status" -eq 0 ]
  [ "$output" = done ]
  [[ "$stderr" == *"enclosed in a cgroup (version 1) of 190.7 MiB"* ]]
  [[ "$stderr" == *"kept, with "* ]]
  [ "$(groups)" = "$before" ]
}

@test "at the wall it is paused, written down, ended with 137" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  run --separate-stderr hog 300 --budget 100M --report "$BATS_TEST_TMPDIR/r.json"
  [ "$status" -eq 137 ]
  [ -z "$output" ]
  [[ "$stderr" == *"was ended at its wall of 95.4 MiB"*"exit code 137"* ]]
  [[ "$stderr" == *"At the wall of 95.4 MiB, 1 process held:"*python3*"anonymous"*"its largest mappings"* ]]
  [[ "$stderr" == *"--max-budget"* ]]
  [ "$(json "$BATS_TEST_TMPDIR/r.json" 'd["exit_reason"], d["budget_kept"], d["enclosure"]["kind"], d["enclosure"]["pauses"]')" = "('wall', False, 'cgroup1', 1)" ]
  [ "$(json "$BATS_TEST_TMPDIR/r.json" 'd["oom_kills"]')" = 0 ]
}

@test "within --max-budget it is raised and goes on" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  run --separate-stderr hog 150 --budget 100M --max-budget 400M --report "$BATS_TEST_TMPDIR/r.json"
  [ "$status" -eq 0 ]
  [ "$output" = done ]
  [[ "$stderr" == *"At its wall the budget was raised to "* ]]
  [ "$(json "$BATS_TEST_TMPDIR/r.json" '100e6 < d["enclosure"]["raised_to_bytes"] <= 400e6')" = True ]
}

@test "beyond --max-budget it is ended all the same" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  run --separate-stderr hog 400 --budget 100M --max-budget 150M
  [ "$status" -eq 137 ]
  [[ "$stderr" == *"was ended at its wall of 143.1 MiB"* ]]
}

@test "--no-enclose: watched only, and said" {
  run --separate-stderr hog 150 --budget 100M --no-enclose
  [ "$status" -eq 0 ]
  [[ "$stderr" == *"not enclosed"*"watched only"* ]]
  [[ "$stderr" == *"EXCEEDED by"* ]]
}

@test "another user: not permitted, said, and run all the same" {
  [ "$(id -u)" -eq 0 ] || skip "not root"
  skip_without runuser
  run --separate-stderr runuser -u nobody -- "$ULLAGE_BIN" run --budget 200M -- true
  [ "$status" -eq 0 ]
  [[ "$stderr" == *"not enclosed: making a cgroup below "*" is not permitted"*"watched only"* ]]
}

@test "killed with SIGKILL, ullage leaves neither process nor group" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  local seconds
  seconds=$(own_seconds)
  "$ULLAGE_BIN" run -q --budget 200M -- sleep "$seconds" 3>&- &
  local pid=$!
  until_true some_running "sleep $seconds"
  kill -9 $pid
  wait $pid || true
  until_true none_running "sleep $seconds"
  gone() { [ -z "$(ls "$(own_group)" | grep "ullage-run-$pid-")" ]; }
  until_true gone
}

@test "a daemon that stays behind keeps no wall, and the next run takes the group away" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  local seconds before
  seconds=$(own_seconds)
  before=$(groups)
  run --separate-stderr ullage run --budget 200M -- sh -c "setsid sleep $seconds >/dev/null 2>&1 3>&- &"
  [ "$status" -eq 0 ]
  [[ "$stderr" == *"Processes stayed in its cgroup"* ]]
  pkill -f "sleep $seconds"
  until_true none_running "sleep $seconds"
  ullage run -q --budget 200M -- true
  [ "$(groups)" = "$before" ]
}
