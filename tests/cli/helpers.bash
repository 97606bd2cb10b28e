# SPDX-License-Identifier: MIT
# helpers.bash: what the tests of the command share.
bats_require_minimum_version 1.5.0

ullage() {
  "$ULLAGE_BIN" "$@"
}

# Numbers, sizes and times as N, so that a whole page can be compared.
normal() {
  sed -E -e 's/[0-9]+(\.[0-9]+)? (MiB|ms|s|min)\b/N \2/g' -e 's/\b[0-9]+(\.[0-9]+)?\b/N/g' -e 's/ +/ /g'
}

# skip_without PROGRAM…
skip_without() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || skip "$program is not on this system"
  done
}

# json FILE EXPRESSION: evaluates a Python expression over the document d.
json() {
  /usr/bin/python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"
}

# Waits until a command succeeds, ten seconds at most.
until_true() {
  local i
  for ((i = 0; i < 200; i++)); do
    if "$@"; then return 0; fi
    sleep 0.05
  done
  return 1
}

# Processes that run (no zombies) with this text in their command line.
running() {
  local state pid
  for pid in $(pgrep -f -- "$1"); do
    state=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) || continue
    case $state in Z*) ;; *) echo "$pid" ;; esac
  done
}
none_running() { [ -z "$(running "$1")" ]; }
some_running() { [ -n "$(running "$1")" ]; }

# A number of seconds to sleep that no other test sleeps: its processes can be told by it.
own_seconds() {
  echo "$((100000 + BASHPID % 50000 + RANDOM))"
}
