# SPDX-License-Identifier: MIT
# `ullage stat`, `trim` and `budget`: a program seen and steered from outside, and all that may stand
# in the way. Nothing is timed; what would hang is ended by timeout(1), whose code is 124.
load helpers

setup() {
  library=$(dirname "$ULLAGE_BIN")/libullage.so
  export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
  export TMPDIR=$BATS_TEST_TMPDIR
  sockets=$XDG_RUNTIME_DIR/ullage
  mkdir -m 700 "$XDG_RUNTIME_DIR"
  pids=()
}

teardown() {
  local pid
  for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
}

# A Python that holds MIB of malloc's memory and then obeys words on its standard input.
start_program() { # MIB [VARIABLE=VALUE…]
  skip_without /usr/bin/python3
  [ -e "$library" ] || skip "there is no $library"
  rm -f "$BATS_TEST_TMPDIR/go"
  mkfifo "$BATS_TEST_TMPDIR/go"
  env "${@:2}" LD_PRELOAD="$library" PYTHONMALLOC=malloc /usr/bin/python3 -c '
import sys
held = [bytes(4000) for _ in range(int(sys.argv[1]) * 256)]
print("ready", flush=True)
for line in open(sys.argv[2]):
    if line == "free\n": held.clear()
' "$1" "$BATS_TEST_TMPDIR/go" >"$BATS_TEST_TMPDIR/said" 3>&- &
  pid=$!
  pids+=("$pid")
  exec 8<>"$BATS_TEST_TMPDIR/go"
  until_true grep -q ready "$BATS_TEST_TMPDIR/said"
}
has_socket() { [ -S "$sockets/$pid" ]; }

# A process that answers as no program should; sets pid.
start_server() { # MODE
  mkdir -p -m 700 "$sockets"
  rm -f "$BATS_TEST_TMPDIR/said" # of an earlier one
  /usr/bin/python3 "$BATS_TEST_DIRNAME/steer.py" "$sockets" "$1" >"$BATS_TEST_TMPDIR/said" 3>&- &
  pid=$!
  pids+=("$pid")
  until_true grep -q . "$BATS_TEST_TMPDIR/said"
}

# The command says one line that holds this, prints nothing, and exits with 2.
refused() { # TEXT ARGUMENT…
  run --separate-stderr timeout 60 "$ULLAGE_BIN" "${@:2}"
  [ "$status" -eq 2 ] || { echo "status $status: $output $stderr"; return 1; }
  [ "$output" = "" ]
  [[ "$stderr" == *"$1"* ]] || { echo "said: $stderr"; return 1; }
  [ "${#stderr_lines[@]}" -eq 1 ]
}

@test "stat: a header, a line each, as many as asked" {
  start_program 16 ULLAGE_LIVE=1
  run --separate-stderr ullage stat "$pid" 20 25
  [ "$status" -eq 0 ]
  [ "$stderr" = "" ]
  [ "${#lines[@]}" -eq 26 ] # one header: this is no terminal
  [ "$(echo ${lines[0]})" = "LIVE OBJECTS CACHED FREE RESIDENT RETURNED HELD BUDGET LEVEL RELIEF TREE THREADS" ]
  [[ "$(echo ${lines[1]})" =~ ^[0-9]+\.[0-9]\ [0-9]+\ .*\ -\ calm\  ]]
}

@test "stat --json: a document a line, in bytes, every counter" {
  start_program 16 ULLAGE_LIVE=1 ULLAGE_BUDGET=200Mi
  counted() { ullage stat --json "$pid" >"$BATS_TEST_TMPDIR/c.json" && [ "$(json "$BATS_TEST_TMPDIR/c.json" 'd["live_bytes"] >= 15 << 20 and d["held_bytes"] >= d["live_bytes"]')" = True ]; }
  until_true counted
  ullage stat --json "$pid" 20 3 >"$BATS_TEST_TMPDIR/s"
  [ "$(wc -l <"$BATS_TEST_TMPDIR/s")" -eq 3 ]
  head -1 "$BATS_TEST_TMPDIR/s" >"$BATS_TEST_TMPDIR/s.json"
  [ "$(json "$BATS_TEST_TMPDIR/s.json" 'd["schema"], d["pid"], d["budget_bytes"]')" = "('ullage.stat/1', $pid, 209715200)" ]
}

@test "stat: the end of the program is the end, and no failure" {
  start_program 16 ULLAGE_LIVE=1
  "$ULLAGE_BIN" stat "$pid" 20 >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  local stat=$!
  pids+=("$stat")
  until_true grep -q calm "$BATS_TEST_TMPDIR/out"
  kill -KILL "$pid"
  wait "$stat"
  grep -qx "ullage: python3.* ($pid) has ended" "$BATS_TEST_TMPDIR/err"
}

@test "stat: an idle program is asked to bring its counters up to date" {
  start_program 32
  until_true has_socket
  local before
  ullage stat --json "$pid" >"$BATS_TEST_TMPDIR/a.json"
  sleep 1.2 # until they are old
  ullage stat --json "$pid" >"$BATS_TEST_TMPDIR/b.json"
  before=$(json "$BATS_TEST_TMPDIR/a.json" 'd["updated_ns"]')
  [ "$(json "$BATS_TEST_TMPDIR/b.json" "d['updated_ns'] > $before")" = True ]
}

@test "stat: a stopped program is seen all the same" {
  start_program 32
  until_true has_socket
  kill -STOP "$pid"
  sleep 1.2
  run --separate-stderr timeout 60 "$ULLAGE_BIN" stat "$pid"
  [ "$status" -eq 0 ]
  refused "did not answer in time" budget "$pid" 64Mi
}

@test "trim: what was free is given back" {
  start_program 64 ULLAGE_RELEASE=0
  until_true has_socket
  echo free >&8
  freed() { ullage stat --json "$pid" >"$BATS_TEST_TMPDIR/f.json" && [ "$(json "$BATS_TEST_TMPDIR/f.json" 'd["live_bytes"] < 32 << 20')" = True ]; }
  until_true freed
  ullage trim --json "$pid" >"$BATS_TEST_TMPDIR/t.json"
  [ "$(json "$BATS_TEST_TMPDIR/t.json" 'd["schema"]')" = ullage.trim/1 ]
  [ "$(json "$BATS_TEST_TMPDIR/t.json" 'd["given_back_bytes"] > 40 << 20')" = True ]
  [ "$(json "$BATS_TEST_TMPDIR/t.json" 'd["rss_before_bytes"] - d["rss_after_bytes"] > 40 << 20')" = True ]
  run --separate-stderr ullage trim "$pid"
  local size='[0-9]+\.[0-9] MiB'
  [[ "$output" =~ ^python3.*\ \($pid\)\ gave\ $size\ back\;\ resident\ $size\ before,\ $size\ after$ ]]
}

@test "budget: shown, set, taken away" {
  start_program 16
  until_true has_socket
  [[ "$(ullage budget "$pid")" =~ ^python3.*\ \($pid\):\ budget\ none,\ held\ .*\ MiB$ ]]
  [[ "$(ullage budget "$pid" 128Mi)" == *": budget 128.0 MiB, before none" ]]
  [[ "$(ullage budget "$pid")" == *": budget 128.0 MiB, held "* ]]
  ullage budget --json "$pid" off >"$BATS_TEST_TMPDIR/b.json"
  [ "$(json "$BATS_TEST_TMPDIR/b.json" 'd["schema"], d["budget_bytes"], d["budget_before_bytes"]')" = "('ullage.budget/1', 0, 134217728)" ]
}

@test "wrong words: one line each" {
  for command in stat trim budget; do
    refused "there is no process 4194999" $command 4194999
    refused "0 is no process number" $command 0
    refused "no process is named no-such-program" $command no-such-program
    refused "- is a file" $command -
    run --separate-stderr ullage $command
    [ "$status" -eq 2 ]
  done
  for size in 12Q m -1 1e9 "" 4096; do
    run --separate-stderr ullage budget $$ "$size"
    [ "$status" -eq 2 ]
  done
  for interval in 0 9 x 1.5 99999999999999999999; do
    run --separate-stderr ullage stat $$ "$interval"
    [ "$status" -eq 2 ]
  done
}

@test "a program without libullage, and one whose heap is small yet" {
  local seconds
  seconds=$(own_seconds)
  sleep "$seconds" 3>&- &
  pid=$!
  pids+=("$pid")
  refused "publishes no counters: it runs without libullage" stat "$pid"
  refused "cannot be steered: it runs without libullage" trim "$pid"
  refused "cannot be steered" budget "$pid" 64Mi
  LD_PRELOAD=$library sleep "$seconds" 3>&- &
  pid=$!
  pids+=("$pid")
  refused "its heap has not reached 8 MiB yet" stat "$pid"
  refused "its heap has not reached 8 MiB yet" trim "$pid"
}

@test "a name that two processes have: both are listed" {
  cp "$(command -v sleep)" "$BATS_TEST_TMPDIR/twice"
  "$BATS_TEST_TMPDIR/twice" 1000 3>&- &
  pids+=($!)
  "$BATS_TEST_TMPDIR/twice" 1000 3>&- &
  pids+=($!)
  named() { [ "$(cat "/proc/${pids[1]}/comm")" = twice ] && [ "$(cat "/proc/${pids[0]}/comm")" = twice ]; }
  until_true named
  refused "2 processes are named twice: " stat twice
  [[ "$stderr" == *"${pids[0]}"* && "$stderr" == *"${pids[1]}"* ]]
  kill -KILL "${pids[1]}"
  wait "${pids[1]}" || true
  refused "twice (${pids[0]}) publishes no counters" stat twice
}

@test "answers that are none" {
  for mode in close short; do
    start_server $mode
    refused "hung up, or answered what is no answer" budget "$pid" 64Mi
  done
  for mode in garbage magic; do
    start_server $mode
    refused "answered what is no answer" trim "$pid"
  done
  start_server version
  refused "answers in version 77, and this ullage knows 1" budget "$pid" 64Mi
  start_server unknown
  refused "has an older libullage" trim "$pid"
  start_server refuse
  refused "refused" budget "$pid" 64Mi
  start_server stream
  refused "is not its socket" budget "$pid" 64Mi
  start_server silent
  refused "did not answer in time" budget "$pid" 64Mi
}

@test "an answer with more behind it, of a later version, is understood" {
  start_server long
  [[ "$(ullage budget "$pid" 64Mi)" == *": budget 64.0 MiB, before 3.0 MiB" ]]
}

@test "a directory that others can enter, a link, a file: not used, and said" {
  start_server long
  chmod 750 "$sockets"
  refused "$sockets is not a directory of the user of" budget "$pid" 64Mi
  chmod 700 "$sockets"
  mv "$sockets" "$sockets.real"
  ln -s "$sockets.real" "$sockets"
  refused "$sockets is not a directory" budget "$pid" 64Mi
  rm "$sockets"
  touch "$sockets"
  refused "$sockets is not a directory" budget "$pid" 64Mi
  rm "$sockets"
  mv "$sockets.real" "$sockets"
  ullage budget "$pid" 64Mi
}

@test "a directory of somebody else is not used" {
  [ "$(id -u)" -eq 0 ] || skip "only root can give a directory away"
  start_server long
  chown 65534 "$sockets"
  refused "$sockets is not a directory of the user of" budget "$pid" 64Mi
}

@test "a socket of another process is told nothing" {
  start_server long
  sleep 1000 3>&- &
  local other=$!
  pids+=("$other")
  mv "$sockets/$pid" "$sockets/$other"
  refused "is not its socket" budget "$other" 64Mi
  until_true grep -qx "heard 0" "$BATS_TEST_TMPDIR/said"
  touch "$sockets/$pid"
  refused "is not its socket" budget "$pid" 64Mi
  [ -e "$sockets/$pid" ]
}

@test "what a killed program left is removed, and stops nobody" {
  start_server long
  local left=$pid
  kill -KILL "$left"
  wait "$left" 2>/dev/null || true
  sleep 1000 3>&- &
  pids+=($!)
  mv "$sockets/$left" "$sockets/$!"
  refused "was left by a program that was killed, and is removed now" trim $!
  [ ! -e "$sockets/$!" ]
  refused "cannot be steered" trim $!
}

@test "a program of another user" {
  [ "$(id -u)" -eq 0 ] || skip "only root can start programs of other users"
  skip_without setpriv
  start_server long
  cp "$ULLAGE_BIN" "$BATS_TEST_TMPDIR/ullage"
  other() { setpriv --reuid 65534 --clear-groups "$BATS_TEST_TMPDIR/ullage" "$@"; }
  chmod 755 "$BATS_TEST_TMPDIR"
  other version || skip "other users cannot reach the test's directory"
  for command in "stat $pid" "trim $pid" "budget $pid 64Mi"; do
    run --separate-stderr other $command
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"is another user's"* ]]
  done
}

@test "killed fifty times at any moment: nothing is left that a later one stumbles on" {
  local i seed=${ULLAGE_TEST_SEED:-$RANDOM}
  echo "ULLAGE_TEST_SEED=$seed"
  RANDOM=$seed
  for ((i = 0; i < 50; i++)); do
    LD_PRELOAD=$library PYTHONMALLOC=malloc /usr/bin/python3 -c '
while True: held = [bytes(4000) for _ in range(4096)]
' 3>&- &
    pid=$!
    pids+=("$pid")
    sleep "0.$(printf %03d $((RANDOM % 150)))"
    timeout 60 "$ULLAGE_BIN" trim "$pid" >/dev/null 2>&1 3>&- &
    kill -KILL "$pid"
    wait "$!" || [ $? -eq 2 ]
    wait "$pid" 2>/dev/null || true
  done
  # Whoever comes next is served, though sockets of the killed lie around; also under a number that
  # was one of theirs.
  start_program 16
  until_true has_socket
  [ "$(ls "$sockets" | wc -l)" -eq 1 ] # it took away what the others left
  ullage budget "$pid" 128Mi
  ullage trim "$pid"
  mv "$sockets/$pid" "$sockets/$pid.own"
  for i in "$sockets"/*[0-9]; do
    if [ -S "$i" ]; then
      mv "$i" "$sockets/$pid"
      refused "is removed now" trim "$pid"
      break
    fi
  done
  mv "$sockets/$pid.own" "$sockets/$pid"
  ullage stat "$pid" && ullage trim "$pid"
}

@test "stat: a program in a container, which knows itself by another number" {
  unshare -pf true 2>/dev/null || skip "no pid namespace may be made"
  LD_PRELOAD=$library ULLAGE_LIVE=1 unshare -pf --kill-child sleep 30 3>&- &
  pids+=("$!")
  inner() { pid=$(cat "/proc/$!/task/$!/children" 2>/dev/null | tr -d ' ') && [ -n "$pid" ] && grep -q sleep "/proc/$pid/comm"; }
  until_true inner
  run --separate-stderr ullage stat --json "$pid"
  [ "$status" -eq 0 ]
  [[ "$output" == *'"live_bytes": '* ]]
}

@test "budget: a wall that stands nearer is named" {
  "$ULLAGE_BIN" run -q --budget 100M -- /usr/bin/python3 -c 'import time; b = bytearray(20 << 20); time.sleep(60)' 3>&- &
  local run=$!
  pids+=("$run")
  inner() { pid=$(pgrep -P "$run" python3) && ullage stat "$pid" 2>/dev/null; }
  until_true inner
  grep -q ullage-run "/proc/$pid/cgroup" || skip "it is not enclosed here"
  run --separate-stderr ullage budget "$pid" 200Mi
  [ "$status" -eq 0 ]
  [ "$stderr" = "ullage: its cgroup still ends it at 95.4 MiB" ]
  run --separate-stderr ullage budget "$pid" 60Mi
  [ "$stderr" = "" ]
}
