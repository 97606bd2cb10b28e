# SPDX-License-Identifier: MIT
load helpers

# on_terminal SECONDS KEYS ARGUMENTS…: runs ullage on a terminal of its own, types KEYS after a while;
# prints what the terminal showed and, as the last line, the exit code.
on_terminal() {
  /usr/bin/python3 "$BATS_TEST_DIRNAME/on_terminal.py" "$@"
}

@test "a live line on a terminal: now, peak, budget; erased at the end" {
  run on_terminal 0 "" "$ULLAGE_BIN" run --budget 100M -- sleep 1.6
  [[ "$output" == *$'\r'"now "*" MiB  peak "*" MiB  ["* ]]
  [[ "$output" == *" % of 95.4 MiB"* ]]
  [[ "$output" == *$'\r\033[K'"ullage: sleep ended normally"* ]]
  [ "${lines[-1]}" = "exit 0" ]
}

@test "no line without a terminal, with -q, or under TERM=dumb; no colour with NO_COLOR" {
  run --separate-stderr ullage run -- sleep 1.3
  [[ "$stderr" != *"now "* ]]
  run on_terminal 0 "" "$ULLAGE_BIN" run -q -- sleep 1.3
  [ "$output" = "exit 0" ]
  TERM=dumb run on_terminal 0 "" "$ULLAGE_BIN" run -- sleep 1.3
  [[ "$output" != *"now "* ]]
  NO_COLOR=1 run on_terminal 0 "" "$ULLAGE_BIN" run --budget 100M -- sleep 1.3
  [[ "$output" == *"now "* ]]
  [[ "$output" != *$'\033['[0-9]* ]]
}

@test "the line fits the terminal" {
  COLUMNS=40 run on_terminal 0 "" "$ULLAGE_BIN" run --budget 100M -- sleep 1.3
  live=$(printf '%s' "$output" | tr '\r' '\n' | grep -a '^now' | head -1 | sed 's/\x1b\[[0-9]*[mK]//g')
  [ "${#live}" -le 39 ]
  # Every figure that is there is whole.
  [[ "$live" =~ ^"now "[0-9]+\.[0-9]" MiB"(.*" of 95.4 MiB")?$ ]]
}

@test "^C reaches the program once, and its exit code is ours" {
  run on_terminal 0.5 $'\003' "$ULLAGE_BIN" run -q -- bash -c '
    count=0; trap "count=\$((count+1))" INT
    for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done; echo "count $count"; exit $((50 + count))'
  [ "${lines[-1]}" = "exit 51" ]
}

@test "^C ends a program that does not catch it: 130" {
  run on_terminal 0.5 $'\003' "$ULLAGE_BIN" run -q -- sleep 60
  [ "${lines[-1]}" = "exit 130" ]
}

@test "the program may read the terminal" {
  run on_terminal 0.5 $'hello\n' "$ULLAGE_BIN" run -q -- head -1
  [[ "$output" == *hello*hello* ]]
}

@test "a terminal that is closed ends the program, as without ullage" {
  run on_terminal 0.5 "hang up" "$ULLAGE_BIN" run -q -- sh -c 'echo $$ >"$0"; exec sleep 60' "$BATS_TEST_TMPDIR/pid"
  [ "$output" = "exit 129" ]
  ! kill -0 "$(cat "$BATS_TEST_TMPDIR/pid")" 2>/dev/null
}
