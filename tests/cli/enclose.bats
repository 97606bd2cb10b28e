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
  export XDG_STATE_HOME=$BATS_TEST_TMPDIR/state
  cat >"$BATS_TEST_TMPDIR/hog.py" <<'PY'
import sys, time
blocks = []
for i in range(int(sys.argv[1])):
    blocks.append(bytearray(1 << 20))
    time.sleep(0.001)
print("done", flush=True)
PY
  # Leaves a sleeping process behind that has no environment and no parent of its own.
  cat >"$BATS_TEST_TMPDIR/daemon.py" <<'PY'
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 20)
        os.execve("/bin/sleep", ["sleep", sys.argv[1]], {})
PY
}
groups() { ls "$(own_group)" | grep ullage-run || true; }
hog() { ullage run "${@:2}" -- /usr/bin/python3 -S -E "$BATS_TEST_TMPDIR/hog.py" "$1"; }
# A file of so many MiB on a disk; skips where the temporary directory is in memory.
big_file() {
  [ "$(stat -f -c %T "$BATS_TEST_TMPDIR")" != tmpfs ] || skip "the temporary directory is in memory"
  dd if=/dev/zero of="$BATS_TEST_TMPDIR/big" bs=1M count="$1" status=none
}
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
  [[ "$stderr" == *" objects of more than 32 KiB   (what it allocated most)"* ]]
  [[ "$stderr" == *"--max-budget"* ]]
  [ "$(json "$BATS_TEST_TMPDIR/r.json" 'd["exit_reason"], d["budget_kept"], d["enclosure"]["kind"], d["enclosure"]["pauses"]')" = "('wall', False, 'cgroup1', 1)" ]
  [ "$(json "$BATS_TEST_TMPDIR/r.json" 'd["oom_kills"]')" = 0 ]
  [ "$(json "$BATS_TEST_TMPDIR/r.json" 'd["enclosure"]["paused_ns"] > 0, d["enclosure"]["was_full"]')" = "(True, True)" ]
  # The whole of it is in a file of the user's alone.
  local file
  file=$(json "$BATS_TEST_TMPDIR/r.json" 'd["enclosure"]["wall_file"]')
  [ "$file" = "$(echo "$XDG_STATE_HOME"/ullage/walls/*-python3-*.txt)" ]
  [ "$(stat -c %a "$file")" = 600 ]
  grep -q "At the wall of 95.4 MiB, 1 process held:" "$file"
}

@test "-q: ended with 137 all the same, and the file says why" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  run --separate-stderr hog 300 -q --budget 100M
  [ "$status" -eq 137 ]
  [ -z "$output$stderr" ]
  grep -q "its largest mappings" "$XDG_STATE_HOME"/ullage/walls/*-python3-*.txt
}

@test "where the file cannot be written, nothing else changes" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  echo >"$BATS_TEST_TMPDIR/state"
  run --separate-stderr hog 300 --budget 100M
  [ "$status" -eq 137 ]
  [[ "$stderr" == *"At the wall of 95.4 MiB"* ]]
  [[ "$stderr" != *"All of it:"* ]]
}

@test "a tree of processes has one budget, and ends as one" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  local before
  before=$(groups)
  run --separate-stderr ullage run --budget 100M -- sh -c 'for i in 1 2 3 4; do /usr/bin/python3 -S -E "$1" 40 & done; wait; echo end' _ "$BATS_TEST_TMPDIR/hog.py"
  [ "$status" -eq 137 ]
  [[ "$output" != *end* ]]
  [[ "$stderr" == *"At the wall of 95.4 MiB, 5 processes held:"* ]]
  none_running "$BATS_TEST_TMPDIR/hog.py"
  [ "$(groups)" = "$before" ]
}

@test "page cache is not the wall" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  big_file 200
  run --separate-stderr ullage run --budget 50M -- sh -c 'cat "$1" >/dev/null && cp "$1" "$1.copy" && echo done' _ "$BATS_TEST_TMPDIR/big"
  [ "$status" -eq 0 ]
  [ "$output" = done ]
  [[ "$stderr" == *"kept, with "* ]]
}

@test "page cache, and then memory: the wall is where nothing is left to reclaim" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  big_file 200
  run --separate-stderr ullage run --budget 100M -- sh -c 'cat "$1" >/dev/null; exec /usr/bin/python3 -S -E "$2" 60' _ "$BATS_TEST_TMPDIR/big" "$BATS_TEST_TMPDIR/hog.py"
  [ "$status" -eq 0 ]
  [ "$output" = done ]
  run --separate-stderr ullage run --budget 100M -- sh -c 'cat "$1" >/dev/null; exec /usr/bin/python3 -S -E "$2" 200' _ "$BATS_TEST_TMPDIR/big" "$BATS_TEST_TMPDIR/hog.py"
  [ "$status" -eq 137 ]
  [[ "$stderr" == *"was ended at its wall"* ]]
}

@test "a program that fails by itself in a full group: its code, and a hint" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  # A system call that fills a buffer is not paused: it fails.
  run --separate-stderr ullage run --budget 60M -- /usr/bin/python3 -S -E -c '
import mmap, os, sys
block, zero, done = mmap.mmap(-1, 300 << 20), open("/dev/zero", "rb", buffering=0), 0
try:
    while done < len(block):
        done += zero.readinto(memoryview(block)[done:])
except OSError:
    sys.exit(3)'
  [ "$status" -eq 3 ] || [ "$status" -eq 137 ] # it may fault outside the call, too
  [ "$status" -eq 137 ] || [[ "$stderr" == *"Its cgroup was full, at 57.2 MiB."*"ENOMEM or EFAULT"* ]]
}

@test "a run within a run: the inner budget is its own" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  local before
  before=$(groups)
  run --separate-stderr ullage run -q --budget 200M -- "$ULLAGE_BIN" run --budget 80M -- /usr/bin/python3 -S -E "$BATS_TEST_TMPDIR/hog.py" 120
  [ "$status" -eq 137 ]
  [[ "$stderr" == *"was ended at its wall of 76.3 MiB"* ]]
  [ "$(groups)" = "$before" ]
}

@test "within --max-budget it is raised and goes on" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  run --separate-stderr hog 150 --budget 100M --max-budget 400M --report "$BATS_TEST_TMPDIR/r.json"
  [ "$status" -eq 0 ]
  [ "$output" = done ]
  [[ "$stderr" == *"as --max-budget allows"*"At its wall the budget was raised to "* ]]
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
  [[ "$stderr" == *"not enclosed, so nothing stops it at its budget"* ]]
  [[ "$stderr" == *"EXCEEDED by"* ]]
}

@test "another user: not permitted, said, and run all the same" {
  [ "$(id -u)" -eq 0 ] || skip "not root"
  skip_without runuser
  # A checkout may lie where that user cannot go: a copy for everybody.
  local open
  open=$(mktemp -d)
  cp "$ULLAGE_BIN" "$(dirname "$ULLAGE_BIN")"/libullage.so.? "$open"
  chmod 755 "$open"
  cd /
  run --separate-stderr runuser -u nobody -- "$open/ullage" run --budget 200M -- true
  rm -r "$open"
  [ "$status" -eq 0 ]
  [[ "$stderr" == *"not enclosed, so nothing stops it at its budget: making a cgroup below "*" is not permitted"* ]]
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

@test "killed with SIGKILL, also a daemon without environment and parent goes" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  local seconds
  seconds=$(own_seconds)
  "$ULLAGE_BIN" run -q --budget 200M -- sh -c '/usr/bin/python3 -S -E "$1" "$2"; sleep "$2"' _ "$BATS_TEST_TMPDIR/daemon.py" "$seconds" 3>&- &
  local pid=$!
  both() { [ "$(running "sleep $seconds" | wc -l)" -ge 2 ]; }
  until_true both
  kill -9 $pid
  wait $pid || true
  until_true none_running "sleep $seconds"
  gone() { [ -z "$(ls "$(own_group)" | grep "ullage-run-$pid-")" ]; }
  until_true gone
}

@test "killed at any moment, it leaves nothing" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  local before i pid
  before=$(groups)
  for ((i = 0; i < 15; i++)); do
    "$ULLAGE_BIN" run -q --budget 40M --max-budget 60M -- /usr/bin/python3 -S -E "$BATS_TEST_TMPDIR/hog.py" 200 >/dev/null 2>&1 3>&- &
    pid=$!
    sleep 0.$((RANDOM % 30 + 10))
    kill -9 $pid 2>/dev/null || true
    wait $pid || true
  done
  until_true none_running "$BATS_TEST_TMPDIR/hog.py"
  same() { [ "$(groups)" = "$before" ]; }
  until_true same
}

@test "a program that moves into another group is noticed" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  run --separate-stderr ullage run --budget 100M --report "$BATS_TEST_TMPDIR/r.json" -- sh -c 'sleep 0.2; echo $$ >"$1/cgroup.procs"; sleep 2.5' _ "$(own_group)"
  [ "$status" -eq 0 ]
  [[ "$stderr" == *"The program left its cgroup"* ]]
  [ "$(json "$BATS_TEST_TMPDIR/r.json" 'd["enclosure"]["moved_out"], d["enclosure"]["left_behind"]')" = "(True, False)" ]
}

@test "told to end in an enclosure, it ends with its own code" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  local pid code=0
  "$ULLAGE_BIN" run -q --budget 100M -- sh -c 'trap "exit 7" TERM; touch "$1"; while :; do sleep 0.05; done' _ "$BATS_TEST_TMPDIR/up" 3>&- &
  pid=$!
  until_true test -e "$BATS_TEST_TMPDIR/up"
  kill -TERM $pid
  wait $pid || code=$?
  [ "$code" -eq 7 ]
}

@test "a daemon that stays behind keeps no wall, and the next run takes the group away" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  local seconds before
  seconds=$(own_seconds)
  before=$(groups)
  run --separate-stderr ullage run --budget 200M -- sh -c "setsid sleep $seconds >/dev/null 2>&1 3>&- &"
  [ "$status" -eq 0 ]
  [[ "$stderr" == *"Processes stayed in its cgroup"* ]]
  kill $(running "sleep $seconds")
  until_true none_running "sleep $seconds"
  ullage run -q --budget 200M -- true
  [ "$(groups)" = "$before" ]
}

@test "where no group may be made, the names in the reason are whole" {
  [ "$(id -u)" -eq 0 ] || skip "only root can become somebody else"
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  skip_without setpriv
  local outer inner group
  outer=ullage-test-$BASHPID-$(printf 'o%.0s' {1..60})
  inner=$(printf 'i%.0s' {1..64})
  group=$(own_group)/$outer/$inner
  mkdir -p "$group"
  run --separate-stderr bash -c 'echo $$ >"$1/cgroup.procs"; ULLAGE_HISTORY=off exec setpriv --reuid=65534 --clear-groups "$ULLAGE_BIN" run --budget 100M -- true' _ "$group"
  until_true rmdir "$group" "${group%/*}"
  [ "$status" -eq 0 ]
  [[ "$stderr" == *"ullage: not enclosed, so nothing stops it at its budget: making a cgroup below .../$outer/$inner is not permitted; run as root"* ]]
}

@test "a run inside a run says why its enclosure is smaller than its budget" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  run --separate-stderr ullage run -q --budget 100M -- "$ULLAGE_BIN" run --budget 100M -- true
  [ "$status" -eq 0 ]
  [[ "$stderr" == *"enclosed in a cgroup (version 1) of 87.4 MiB; at that wall it is paused; it is 8.0 MiB below the limit around us, which counts ullage as well"* ]]
  # The same budget is not said to be more than itself.
  [[ "$stderr" != *"is more than the container's limit"* ]]
}

@test "with hardly any descriptors left the program runs, and what is said of its enclosure stays true" {
  may_enclose || skip "no memory cgroup (version 1) that may be written"
  local said=0 most
  for most in 10 12 14 16 18 20; do
    run -3 --separate-stderr bash -c "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; ulimit -n $most; exec \"\$ULLAGE_BIN\" run --budget 100M -- sh -c 'exit 3'"
    # Once in each run, enclosed or not.
    [ "$(grep -cE '^ullage: (not )?enclosed' <<<"$stderr")" -eq 1 ]
    [[ "$stderr" != *"not enclosed, so nothing stops it at its budget: hardly any file descriptors are left"* ]] || said=1
  done
  [ $said -eq 1 ]
}
