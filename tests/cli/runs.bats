# SPDX-License-Identifier: MIT
# runs: what is recorded of runs, where, and that it never stands in the way of one.
load helpers

setup() {
  skip_without python3
  export XDG_DATA_HOME="$BATS_TEST_TMPDIR/data"
  db="$XDG_DATA_HOME/ullage/history.db"
  ullage runs >"$BATS_TEST_TMPDIR/none" 2>&1 || ! grep -q "without SQLite" "$BATS_TEST_TMPDIR/none" ||
    skip "built without SQLite"
}
teardown() { chmod -R u+w "$BATS_TEST_TMPDIR" 2>/dev/null || true; }

# document ARGUMENT…: the JSON of ullage runs, in a file for json().
document() { ullage runs --json "$@" >"$BATS_TEST_TMPDIR/d"; }
d() { json "$BATS_TEST_TMPDIR/d" "$1"; }
recorded() { document && [ "$(d 'len(d["runs"])')" -ge "$1" ]; }

@test "runs: nothing yet is no failure, and makes nothing" {
  run -0 --separate-stderr ullage runs
  [ "$output" = "" ]
  [ "$stderr" = "ullage: no runs yet; a run with a budget is recorded: ullage run --budget 512M -- PROG" ]
  document
  [ "$(d 'd')" = "{'schema': 'ullage.runs/1', 'runs': []}" ]
  [ ! -e "$XDG_DATA_HOME" ]
}

@test "runs: a run with a budget is recorded, one without is not" {
  ullage run -q --budget 300M -- sh -c 'exit 3' || [ $? -eq 3 ]
  ullage run -q -- true
  document
  [ "$(d '[(r["id"], r["state"], r["exit_code"], r["exit_reason"], r["budget_bytes"], r["budget_kept"]) for r in d["runs"]]')" = \
    "[(1, 'finished', 3, 'code', 300000000, True)]" ]
  [ "$(d 'd["runs"][0]["command"]')" = "sh -c 'exit 3'" ]
  [ "$(d 'd["runs"][0]["peak_rss_bytes"] > 0 and d["runs"][0]["wall_ns"] > 0')" = True ]
  run -0 --separate-stderr ullage runs
  [ "${#lines[@]}" -eq 2 ]
  [[ "${lines[0]}" =~ ^\ *ID\ +WHEN\ +PROGRAM\ +RUNTIME\ +BUDGET\ +PEAK\ +P99\ +KEPT\ +EXIT\ +DURATION$ ]]
  [[ "${lines[1]}" =~ ^\ *1\ +20..-..-..\ ..:..:...*286\.1\ MiB.*\ yes\ +3\ .*\ s$ ]]
  [ "$(stat -c %a "$db" "$XDG_DATA_HOME/ullage" | tr '\n' ' ')" = "600 700 " ]
}

@test "runs: which ones" {
  for code in 1 2 3; do ullage run -q --budget 300M -- sh -c "exit $code" || true; done
  ullage run -q --budget 300M -- true
  document -n 2
  [ "$(d '[r["id"] for r in d["runs"]]')" = "[4, 3]" ]
  document --program true
  [ "$(d '[r["id"] for r in d["runs"]]')" = "[4]" ]
  run -0 --separate-stderr ullage runs --program no-such-program
  [[ "$stderr" == "ullage: no run of no-such-program is recorded"* ]]
  run -2 --separate-stderr ullage runs 99
  [ "$stderr" = "ullage: there is no run 99; \`ullage runs\` lists those there are" ]
  run -2 --separate-stderr ullage runs seven
  run -2 --separate-stderr ullage runs -- -1
  run -2 --separate-stderr ullage runs 1 2
  run -2 --separate-stderr ullage runs --last 0
}

@test "runs: one of them, with its samples and what was measured" {
  ullage run -q --budget 300M -- sleep 1.2
  document 1
  [ "$(d '3 <= len(d["runs"][0]["samples"]) <= 6')" = True ]
  [ "$(d 'max(s[1] for s in d["runs"][0]["samples"]) <= d["runs"][0]["peak_rss_bytes"]')" = True ]
  [ "$(d 'd["runs"][0]["facts"]["threads"] >= 1')" = True ]
  run -0 --separate-stderr ullage runs 1
  [ "${lines[0]}" = "Run 1" ]
  [[ "$output" == *"command"*"sleep 1.2"* ]]
  [[ "$output" =~ "  ended"\ +"exit code 0"$'\n' ]]
  [[ "$output" == *"Measured, for the next run"*threads* ]]
}

@test "runs: --record keeps it elsewhere, ULLAGE_HISTORY=off keeps none" {
  cd "$BATS_TEST_TMPDIR"
  ullage run -q --record other.db -- true
  ULLAGE_HISTORY=off ullage run -q --budget 300M -- true
  [ ! -e "$db" ]
  document --record other.db
  [ "$(d 'len(d["runs"]), d["runs"][0]["budget_bytes"], d["runs"][0]["budget_kept"]')" = "(1, None, None)" ]
  [ "$(stat -c %a other.db)" = 600 ]
}

# refused TEXT: a run says one line with TEXT about the history, ends as ever, and is silent with -q.
refused() {
  run -3 --separate-stderr ullage run --budget 300M "${@:2}" -- sh -c 'exit 3'
  [ "$(grep -c "$1" <<<"$stderr")" -eq 1 ]
  run -3 --separate-stderr ullage run -q --budget 300M "${@:2}" -- sh -c 'exit 3'
  [ "$stderr" = "" ]
}

@test "runs: what cannot be trusted or written never stops a run" {
  mkdir -p "$XDG_DATA_HOME/ullage"
  chmod 700 "$XDG_DATA_HOME/ullage"
  ln -s /tmp/elsewhere "$db"
  refused "link"
  [ ! -e /tmp/elsewhere ]
  rm "$db"
  mkdir "$db"
  refused "history"
  rmdir "$db"
  : >"$db"
  chmod 666 "$db"
  refused "others may write"
  rm -r "$XDG_DATA_HOME/ullage"
  : >"$XDG_DATA_HOME/ullage"
  refused "history"
  refused "history" --record /nowhere/at/all.db
  echo "my notes" >"$BATS_TEST_TMPDIR/notes"
  refused "notes" --record "$BATS_TEST_TMPDIR/notes"
  [ "$(cat "$BATS_TEST_TMPDIR/notes")" = "my notes" ]
  XDG_DATA_HOME= HOME= refused "XDG_DATA_HOME"
  XDG_DATA_HOME=/proc/none refused /proc/none
  # What follows is said, and what is not there.
  XDG_DATA_HOME=/proc/none refused "^ullage: this run is not recorded: the directory /proc/none/ullage of the history cannot be made: "
  refused "^ullage: this run is not recorded: there is no directory /nowhere/at to keep the history in" --record /nowhere/at/all.db
}

@test "runs: a read-only home is said and no more" {
  [ "$(id -u)" -ne 0 ] || skip "nothing is read-only for root"
  mkdir "$XDG_DATA_HOME"
  chmod 500 "$XDG_DATA_HOME"
  refused "Permission denied"
}

@test "runs: a damaged history is moved aside, once" {
  mkdir -p "$XDG_DATA_HOME/ullage"
  chmod 700 "$XDG_DATA_HOME/ullage"
  head -c 20000 /dev/urandom >"$db"
  chmod 600 "$db"
  run -2 --separate-stderr ullage runs
  [[ "$stderr" == *damaged* ]]
  run -0 --separate-stderr ullage run --budget 300M -- true
  [ "$(grep -c damaged <<<"$stderr")" -eq 1 ]
  [ "$(ls "$XDG_DATA_HOME/ullage" | grep -c damaged)" -eq 1 ]
  run -0 --separate-stderr ullage run --budget 300M -- true
  [[ "$stderr" != *damaged* ]]
  document
  [ "$(d 'len(d["runs"])')" -eq 2 ]
}

@test "runs: two at once are both recorded" {
  ullage run -q --budget 300M -- sleep 0.5 3>&- &
  ullage run -q --budget 300M -- sleep 0.5 3>&- &
  until_true recorded 2
  [ "$(d 'sorted(r["state"] for r in d["runs"])')" = "['running', 'running']" ]
  wait
  document
  [ "$(d '[r["state"] for r in d["runs"]]')" = "['finished', 'finished']" ]
}

@test "runs: one that was killed is unfinished" {
  "$ULLAGE_BIN" run -q --budget 300M -- sleep 60 3>&- &
  local supervisor=$!
  until_true recorded 1
  kill -9 "$supervisor"
  wait "$supervisor" || true
  document
  [ "$(d 'd["runs"][0]["state"], d["runs"][0]["exit_code"]')" = "('unfinished', None)" ]
  run -0 ullage runs
  [[ "${lines[1]}" == *unfinished* ]]
}

@test "runs: a program that cannot be started is no run" {
  run -127 ullage run -q --budget 300M -- no-such-program-here
  [ ! -e "$db" ]
  printf '#!/no/such/interpreter\n' >"$BATS_TEST_TMPDIR/x"
  chmod +x "$BATS_TEST_TMPDIR/x"
  run ullage run -q --budget 300M -- "$BATS_TEST_TMPDIR/x"
  [ "$status" -ge 125 ]
  document
  [ "$(d '[r["state"] for r in d["runs"] if r["state"] != "finished"]')" = "[]" ]
}

@test "runs: an odd command line comes out whole" {
  ullage run -q --budget 300M -- true $'a\nb' $'\033[31m' $'\xff' 'c"d'
  document
  [[ "$(d 'repr(d["runs"][0]["command"])')" == *'c"d'* ]]
  [[ "$(ullage runs 1)" != *$'\033'* ]]
}

@test "runs: what was measured of a JVM is told to its next run" {
  skip_without java
  cat >"$BATS_TEST_TMPDIR/T.java" <<'JAVA'
public class T {
  static byte[] live = new byte[40 << 20];
  static java.nio.ByteBuffer buffer = java.nio.ByteBuffer.allocateDirect(100 << 20);
  public static void main(String[] arguments) throws Exception {
    System.gc();
    Thread.sleep(1500);
  }
}
JAVA
  run -0 ullage run --dry-run --budget 512Mi -- java "$BATS_TEST_TMPDIR/T.java"
  [[ "$output" == *"(assumed) x 0.35"*"10 MiB are counted, until it is measured"* ]]
  ullage run -q --budget 512Mi -- java "$BATS_TEST_TMPDIR/T.java"
  document 1
  [ "$(d '40 << 20 <= d["runs"][0]["facts"]["live_bytes"] < 80 << 20')" = True ]
  [ "$(d '100 << 20 <= d["runs"][0]["facts"]["direct_bytes"] < 125 << 20')" = True ]
  [ "$(d 'd["runs"][0]["facts"]["classes"] > 300')" = True ]
  run -0 ullage run --dry-run --budget 512Mi -- java "$BATS_TEST_TMPDIR/T.java"
  [[ "$output" == *"5.8 kB x"* && "$output" != *"(assumed) x 0.35"* ]]
  [[ "$output" != *"threads (assumed)"* && "$output" == *"MiB are counted, measured x 1.3"* ]]
}

@test "runs: a limit on the size of files stops no run, and is the program's as it was" {
  # In a pipe: what bats keeps in files would be cut, too.
  [ "$( (ulimit -f 16; ullage run --budget 300M -- sh -c 'exit 3' 2>&1; echo "code $?") | grep -cE '^code 3|history')" -eq 2 ]
  [ "$( (ulimit -f 16; ullage run -q --budget 300M -- sh -c 'kill -XFSZ $$'; echo "code $?") | cat)" = "code 153" ]
}

@test "runs: what a launcher starts is what is known, not the launcher" {
  # Behind a launcher any runtime may come, so threads that were counted show in what a JVM is told.
  knows() { ullage run --dry-run --budget 512Mi -- "$@" | grep -q 'a stack; [0-9]* threads touch'; }
  cd "$BATS_TEST_TMPDIR"
  mkdir one other
  echo 'sleep 0.3' | tee one/x.sh >other/x.sh
  cd one
  for words in 'sh -c "sleep 0.3"' 'env sleep 0.3' 'bash x.sh' 'timeout 5 sleep 0.3'; do
    eval "ullage run -q --budget 512Mi -- $words"
    eval "run -0 knows $words"
    eval "run -1 knows $words more"
    cd ../other
    eval "run -1 knows $words"
    cd ../one
  done
  [ "$(/usr/bin/python3 -c 'import sqlite3, sys
print(*{row[0] for row in sqlite3.connect(sys.argv[1]).execute("SELECT directory FROM runs")})' "$db")" = \
    "$(pwd -P)" ]
  document --program x.sh
  [ "$(d 'len(d["runs"])')" -eq 1 ]
}

@test "runs: a class is what its class path has by that name" {
  skip_without javac java
  cd "$BATS_TEST_TMPDIR"
  mkdir one other
  echo 'class H { public static void main(String[] a) throws Exception { Thread.sleep(500); } }' >H.java
  javac -d one H.java
  javac -d other H.java
  knows() { ullage run --dry-run --budget 512Mi -- "$@" | grep -q 'a stack; [0-9]* threads touch'; }
  ullage run -q --budget 512Mi -- java -cp one H
  run -0 knows java -cp one H
  run -0 knows java -cp "$PWD/one" -Dx=y H 7
  run -1 knows java -cp other H
  CLASSPATH=one run -0 knows java H
  cd one
  run -1 knows java -cp one H
  run -0 knows java H
  cd ../other
  run -1 knows java H
}
