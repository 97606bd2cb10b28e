# SPDX-License-Identifier: MIT
load helpers

@test "SIGTERM, INT, HUP, QUIT, USR1, USR2 are passed on, once" {
  for signal in TERM INT HUP QUIT USR1 USR2; do
    # A shell starts what it puts into the background with INT and QUIT ignored.
    env --default-signal=INT,QUIT "$ULLAGE_BIN" run -q -- bash -c '
      count=0
      trap "count=\$((count + 1)); echo got $1" '"$signal"'
      echo ready
      for i in $(seq 40); do sleep 0.05; [ $count -gt 0 ] && break; done
      sleep 0.2
      exit $((40 + count))' >"$BATS_TEST_TMPDIR/out" 3>&- &
    pid=$!
    until_true grep -q ready "$BATS_TEST_TMPDIR/out"
    kill -$signal $pid
    code=0
    wait $pid || code=$?
    [ "$code" -eq 41 ]
    rm "$BATS_TEST_TMPDIR/out"
  done
}

@test "any other signal that one can send is passed on, once" {
  signals="ABRT ALRM IO PIPE PROF PWR STKFLT URG VTALRM XCPU XFSZ RTMIN RTMIN+5 RTMAX"
  env --default-signal "$ULLAGE_BIN" run -q -- bash -c '
    trap "exit 0" TERM
    for signal in '"$signals"'; do trap "echo got $signal" $signal; done
    echo ready
    while :; do sleep 0.02; done' >"$BATS_TEST_TMPDIR/out" 3>&- &
  ullage=$!
  until_true grep -q ready "$BATS_TEST_TMPDIR/out"
  for signal in $signals; do
    kill -$signal $ullage
    until_true grep -qFx "got $signal" "$BATS_TEST_TMPDIR/out"
  done
  kill -TERM $ullage
  wait $ullage
  [ "$(sort "$BATS_TEST_TMPDIR/out" | uniq -d)" = "" ]
}

@test "an alarm that was set before ullage took the process over ends the program" {
  [ -x /usr/bin/python3 ] || skip "no /usr/bin/python3"
  run -142 /usr/bin/python3 -c 'import os, signal, sys; signal.alarm(1); os.execv(sys.argv[1], sys.argv[1:])' \
    "$ULLAGE_BIN" run -q -- sleep 60
}

@test "a limit on the size of files ends the program that reaches it, not ullage" {
  cd "$BATS_TEST_TMPDIR"
  run -7 bash -c 'ulimit -f 0; "$ULLAGE_BIN" run --report r.json --record h.db -- sh -c "exit 7"'
  [[ "$output" == *"the report was not written to r.json: File too large"* ]]
  [ ! -e r.json ]
  run -153 bash -c 'ulimit -f 0; "$ULLAGE_BIN" run -q -- sh -c "echo more >file"'
}

@test "told to end, it ends the whole tree" {
  n=$(own_seconds)
  "$ULLAGE_BIN" run -q -- sh -c "(setsid sleep $n &) ; sleep $n & trap '' HUP; sleep $n" 3>&- &
  ullage=$!
  until_true eval '[ "$(running "^sleep $n" | wc -l)" -eq 3 ]'
  kill -TERM $ullage
  code=0
  wait $ullage || code=$?
  [ "$code" -eq 143 ]
  none_running "sleep $n"
}

@test "a program that ends itself after SIGTERM keeps its exit code" {
  "$ULLAGE_BIN" run -q -- bash -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done' \
    >"$BATS_TEST_TMPDIR/out" 3>&- &
  ullage=$!
  until_true grep -q ready "$BATS_TEST_TMPDIR/out"
  kill -TERM $ullage
  code=0
  wait $ullage || code=$?
  [ "$code" -eq 9 ]
}

@test "killed with SIGKILL, it leaves no process behind" {
  n=$(own_seconds)
  "$ULLAGE_BIN" run -q -- sh -c "(setsid sleep $n &) ; (sleep $n &) ; sleep $n & wait" 3>&- &
  ullage=$!
  until_true eval '[ "$(running "^sleep $n" | wc -l)" -eq 3 ]'
  guard=$(pgrep -P $ullage -x ullage-guard)
  kill -KILL $ullage
  wait $ullage || true
  until_true none_running "sleep $n"
  until_true eval '! kill -0 '"$guard"' 2>/dev/null || grep -q "^State:.Z" /proc/'"$guard"'/status'
}

@test "killed at once, it leaves no process behind" {
  for delay in 0 0.002 0.005 0.01 0.02; do
    n=$(own_seconds)
    "$ULLAGE_BIN" run -q -- sh -c "(setsid sleep $n &) ; sleep $n & wait" 3>&- &
    ullage=$!
    sleep $delay
    kill -KILL $ullage
    wait $ullage || true
    sleep 0.3
    until_true none_running "sleep $n"
  done
}

@test "its whole process group killed, nothing is left either" {
  n=$(own_seconds)
  setsid "$ULLAGE_BIN" run -q -- sh -c "(setsid sleep $n &) ; sleep $n & wait" 3>&- &
  until_true eval '[ "$(running "^sleep $n" | wc -l)" -eq 2 ]'
  leader=$(pgrep -f "ullage run -q -- sh -c .setsid sleep $n" | head -1)
  kill -KILL -- -"$(ps -o pgid= -p "$leader" | tr -d ' ')"
  until_true none_running "sleep $n"
}

@test "no guard stays after a normal end" {
  before=$(pgrep -x ullage-guard | wc -l)
  ullage run -q -- true
  [ "$(pgrep -x ullage-guard | wc -l)" -le "$before" ]
}

@test "a signal mask and ignored signals are handed on" {
  [ "$(ullage run -q -- grep -E '^Sig(Blk|Ign)' /proc/self/status)" = "$(grep -E '^Sig(Blk|Ign)' /proc/self/status)" ]
  run bash -c 'trap "" HUP; "$ULLAGE_BIN" run -q -- grep SigIgn /proc/self/status'
  [[ "$output" == *1 ]]
}
