# SPDX-License-Identifier: MIT
load helpers

setup() {
  group=
}

# A memory group with a limit, and sets $group to its directory; skips where that is not allowed.
make_group() {
  local parent=/sys/fs/cgroup/memory
  if [ -w $parent ] && mkdir "$parent/ullage-test-$$" 2>/dev/null; then
    group=$parent/ullage-test-$$
    echo "$1" >"$group/memory.limit_in_bytes"
    echo "$1" >"$group/memory.memsw.limit_in_bytes" 2>/dev/null || true
    return
  fi
  parent=/sys/fs/cgroup
  if grep -qw memory $parent/cgroup.subtree_control 2>/dev/null && mkdir "$parent/ullage-test-$$" 2>/dev/null; then
    group=$parent/ullage-test-$$
    echo "$1" >"$group/memory.max"
    echo 0 >"$group/memory.swap.max" 2>/dev/null || true
    return
  fi
  skip "no memory cgroup can be made here"
}

teardown() {
  [ -z "$group" ] || until_true rmdir "$group"
}

@test "an OOM kill is recognised and explained" {
  make_group 67108864
  cd "$BATS_TEST_TMPDIR"
  run --separate-stderr sh -c 'echo $$ >"$1/cgroup.procs" && exec "$ULLAGE_BIN" run --report r.json -- /usr/bin/python3 -c "b = bytearray(200000000)"' _ "$group"
  [ "$status" -eq 137 ]
  [[ "$stderr" == *"ullage: python3 was killed for memory by the kernel (OOM kill) after "*"
  Its cgroup may hold 64.0 MiB, and reached that: $group.
  Give the group more, or the program a budget below it (--budget)."* ]]
  [ "$(json r.json '[d["exit_reason"], d["exit_signal"], d["oom_kills"] >= 1, d["oom_limit_bytes"]]')" = \
    "['oom-kill', 'SIGKILL', True, 67108864]" ]
}

@test "a program that moves into a group of its own is followed" {
  make_group 67108864
  cd "$BATS_TEST_TMPDIR"
  run -137 ullage run -q --report r.json -- sh -c 'echo $$ >"$1/cgroup.procs"; sleep 2.5; exec /usr/bin/python3 -c "b = bytearray(200000000)"' _ "$group"
  [ "$(json r.json '[d["exit_reason"], d["oom_kills"] >= 1]')" = "['oom-kill', True]" ]
}

@test "a plain SIGKILL is not an OOM kill" {
  cd "$BATS_TEST_TMPDIR"
  run -137 ullage run -q --report r.json -- sh -c 'kill -KILL $$'
  [ "$(json r.json '[d["exit_reason"], d["oom_kills"]]')" = "['signal', 0]" ]
}
