# SPDX-License-Identifier: MIT
# stat, trim and budget: a running program seen and steered from outside.
load helpers

# A program with libullage and 40 MiB of live heap, half of it freed; ends with the test.
setup() {
  [ -x /usr/bin/python3 ] || skip "no /usr/bin/python3"
  cat >"$BATS_TEST_TMPDIR/hold.py" <<'PY'
import sys, time
blocks = [bytes(1000) for i in range(40000)]
print("ready", flush=True)
time.sleep(60)
PY
  ullage run -q --budget 400M -- /usr/bin/python3 "$BATS_TEST_TMPDIR/hold.py" >"$BATS_TEST_TMPDIR/out" 3>&- &
  supervisor=$!
  until_true grep -q ready "$BATS_TEST_TMPDIR/out"
  until_true has_child
}
has_child() { pid=$(pgrep -f -- "^/usr/bin/python3 $BATS_TEST_TMPDIR/hold.py" | head -1); [ -n "$pid" ]; }
teardown() {
  [ -z "${pid-}" ] || kill "$pid" 2>/dev/null || true
  wait
}
answers() { ullage budget "$pid" 400M >/dev/null 2>&1; }

@test "stat: a header and a line" {
  until_true answers
  run --separate-stderr ullage stat "$pid"
  [ "$status" -eq 0 ]
  [ "${#lines[@]}" -eq 2 ]
  [[ "${lines[0]}" =~ LIVE.*OBJECTS.*RESIDENT.*BUDGET.*LEVEL.*THREADS ]]
  [[ "${lines[1]}" == *381.5*calm* ]]
}

@test "stat: every 50 ms, three times, and as JSON" {
  until_true answers
  [ "$(ullage stat "$pid" 50 3 | wc -l)" -eq 4 ]
  ullage stat --json "$pid" >"$BATS_TEST_TMPDIR/d"
  [ "$(json "$BATS_TEST_TMPDIR/d" 'd["schema"]')" = ullage.stat/1 ]
  [ "$(json "$BATS_TEST_TMPDIR/d" 'd["live_bytes"] > 40_000_000 and d["pid"]')" = "$pid" ]
  [ "$(json "$BATS_TEST_TMPDIR/d" 'd["held_bytes"] >= d["resident_bytes"] >= d["live_bytes"] > 0')" = True ]
}

@test "stat: says when the program has ended" {
  until_true answers
  (sleep 0.3; kill "$pid") 3>&- &
  run --separate-stderr ullage stat "$pid" 100
  [ "$status" -eq 0 ]
  [[ "$stderr" == "ullage: python3"*"($pid) has ended" ]]
}

@test "budget: shown, set, taken away" {
  until_true answers
  [[ "$(ullage budget "$pid")" == *": budget 381.5 MiB, held "*" MiB" ]]
  [[ "$(ullage budget "$pid" 300M)" == *": budget 286.1 MiB, before 381.5 MiB" ]]
  [[ "$(ullage budget "$pid" off)" == *": budget none, before 286.1 MiB" ]]
  ullage budget --json "$pid" 200M >"$BATS_TEST_TMPDIR/d"
  [ "$(json "$BATS_TEST_TMPDIR/d" 'd["budget_bytes"], d["budget_before_bytes"]')" = "(200000000, 0)" ]
}

@test "trim: says what was given back" {
  until_true answers
  [[ "$(ullage trim "$pid")" =~ ^python3[.0-9]*\ \($pid\)\ gave\ [0-9.]+\ MiB\ back\;\ resident ]]
  ullage trim --json "$pid" >"$BATS_TEST_TMPDIR/d"
  [ "$(json "$BATS_TEST_TMPDIR/d" 'd["schema"], d["rss_after_bytes"] > 40_000_000')" = "('ullage.trim/1', True)" ]
}

@test "wrong calls" {
  run -2 --separate-stderr ullage stat
  [[ "$stderr" == *"name the process"* ]]
  run -2 --separate-stderr ullage stat "$pid" 5
  [[ "$stderr" == *"no number of milliseconds from 10 on"* ]]
  run -2 --separate-stderr ullage budget "$pid" 1500
  [[ "$stderr" == *"less than any program needs"* ]]
  run -2 --separate-stderr ullage budget "$pid" 15x
  [[ "$stderr" == *"15x is not a size, nor off"* ]]
  run -2 --separate-stderr ullage stat 99999999
  [ "$stderr" = "ullage: there is no process 99999999" ]
  run -2 --separate-stderr ullage stat -- -5
  [[ "$stderr" == *"no process number"* ]]
  run -2 --separate-stderr ullage trim no-such-program-runs
  [[ "$stderr" == "ullage: no process is named no-such-program-runs"* ]]
}

@test "a program without libullage: said, with what to do" {
  sleep 60 3>&- &
  local other=$!
  run -2 --separate-stderr ullage stat $other
  [[ "$stderr" == *"publishes no counters"*"ullage run"* ]]
  run -2 --separate-stderr ullage trim $other
  [[ "$stderr" == *"cannot be steered"* ]]
  kill $other
}
