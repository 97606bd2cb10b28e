# SPDX-License-Identifier: MIT
load helpers

@test "the program's exit code is ours" {
  for code in 0 1 3 77 125 255; do
    run -$code ullage run -q -- sh -c "exit $code"
  done
}

@test "a signal is 128 + its number" {
  run -143 ullage run -q -- sh -c 'kill -TERM $$'
  run -137 ullage run -q -- sh -c 'kill -KILL $$'
  run -139 ullage run -q -- sh -c 'ulimit -c 0; kill -SEGV $$'
}

@test "the page: normal end" {
  run --separate-stderr ullage run -- sleep 0.6
  [ "$status" -eq 0 ]
  [ "$output" = "" ]
  [ "$(sed 1d <<<"$stderr" | normal)" = "$(cat "$BATS_TEST_DIRNAME/page-normal.expected")" ]
}

@test "the page says how it ended" {
  run --separate-stderr ullage run -- sh -c 'exit 3'
  [[ "$stderr" == *"ullage: sh ended with exit code 3 after "* ]]
  run --separate-stderr ullage run -- sh -c 'kill -USR1 $$'
  [[ "$stderr" == *"ullage: sh was ended by SIGUSR1 after "* ]]
}

@test "not found: 127; not executable: 126; each says what to do" {
  run --separate-stderr -127 ullage run no-such-program
  [ "$stderr" = "ullage: no-such-program: not found in PATH; give its path, or check PATH" ]
  run --separate-stderr -127 ullage run ""
  [ "$stderr" = "ullage: the name of the program is empty; is a variable unset that should hold it?" ]
  run --separate-stderr -127 ullage run /no/such/program
  [ "$stderr" = "ullage: /no/such/program: there is no such file; check the path" ]
  run --separate-stderr -126 ullage run /etc
  [ "$stderr" = "ullage: /etc: is a directory; name the program in it" ]
  run --separate-stderr -126 ullage run /etc/passwd
  [ "$stderr" = "ullage: /etc/passwd: may not be executed; chmod +x makes a file executable" ]
  printf '#!/no/such/interpreter\n' >"$BATS_TEST_TMPDIR/script" && chmod +x "$BATS_TEST_TMPDIR/script"
  run --separate-stderr -126 ullage run -q "$BATS_TEST_TMPDIR/script"
  [[ "$stderr" == *"the interpreter or loader that it names does not exist"* ]]
  printf '\177ELF\2\1\1\0junk' >"$BATS_TEST_TMPDIR/junk" && chmod +x "$BATS_TEST_TMPDIR/junk"
  run --separate-stderr -126 ullage run -q "$BATS_TEST_TMPDIR/junk"
  [[ "$stderr" == *"is not a program that this machine can run"* ]]
}

@test "wrong calls: 125, and how to do it" {
  run --separate-stderr -125 ullage run
  [ "$stderr" = "ullage run: name the program to run
usage: ullage run [OPTION...] [--] PROG [ARG...]
\`ullage run -h\` shows examples." ]
  run --separate-stderr -125 ullage run --budget 12Mb true
  [[ "$stderr" == "ullage run: --budget 12Mb is not a size; a size is a number and a unit: 1500M "* ]]
  run --separate-stderr -125 ullage run --budget 1500 true
  [[ "$stderr" == "ullage run: --budget 1500 is 1500 bytes, less than any program needs; "* ]]
  run --separate-stderr -125 ullage run --budget 1 -- true
  [[ "$stderr" == "ullage run: --budget 1 is 1 byte, less than any program needs; "* ]]
  run --separate-stderr -125 ullage run --budget 99999999Ti true
  [[ "$stderr" == "ullage run: --budget 99999999Ti is more than any machine has"* ]]
  run --separate-stderr -125 ullage run --budget
  [[ "$stderr" == "ullage run: --budget needs a value"* ]]
  run --separate-stderr -125 ullage run --nonsense true
  [[ "$stderr" == "ullage run: unknown option '--nonsense'"* ]]
  run --separate-stderr -125 ullage run -x true
  [[ "$stderr" == "ullage run: unknown option '-x'"* ]]
}

@test "--report FILE.html: a page, for its owner only" {
  ullage run -q --report "$BATS_TEST_TMPDIR/r.html" true
  [ "$(head -c 15 "$BATS_TEST_TMPDIR/r.html")" = "<!DOCTYPE html>" ]
  [ "$(stat -c %a "$BATS_TEST_TMPDIR/r.html")" = 600 ]
}

@test "a limit on file sizes does not kill the program" {
  run --separate-stderr bash -c 'ulimit -f 0; exec "$0" run -q -- sh -c "exit 3"' "$ULLAGE_BIN"
  [ "$status" -eq 3 ]
}

@test "options end at the program, with and without --" {
  [ "$(ullage run -q echo --budget -q)" = "--budget -q" ]
  [ "$(ullage run -q -- echo -- -h)" = "-- -h" ]
}

@test "-q says nothing" {
  run --separate-stderr ullage run -q -- true
  [ "$stderr" = "" ]
}

@test "stdin, stdout and stderr are the program's" {
  [ "$(echo through | ullage run -q -- cat)" = through ]
  [ "$(ullage run -q -- sh -c 'echo out; echo err >&2' 2>/dev/null)" = out ]
  [ "$(ullage run -q -- sh -c 'echo out; echo err >&2' 2>&1 >/dev/null)" = err ]
}

@test "a pipe ends when the program ends, and SIGPIPE is the program's" {
  [ "$(timeout 10 "$ULLAGE_BIN" run -q -- yes | head -1)" = y ]
  run timeout 10 bash -c '"$ULLAGE_BIN" run -q -- yes | head -1; exit ${PIPESTATUS[0]}'
  [ "$status" -eq 141 ]
}

@test "argv[0], the working directory and the environment are as without us" {
  cd "$BATS_TEST_TMPDIR"
  [ "$(ullage run -q -- pwd)" = "$PWD" ]
  [ "$(A=b ullage run -q -- printenv A)" = b ]
  [ "$(ullage run -q -- sh -c 'ulimit -n')" = "$(ulimit -n)" ]
  # Only the standard descriptors are passed on.
  [ "$(ullage run -q -- ls /proc/self/fd | wc -l)" -eq "$(ls /proc/self/fd | wc -l)" ]
}

@test "SIGCHLD ignored by the caller does not lose the exit code" {
  run -7 bash -c 'trap "" CHLD; exec "$ULLAGE_BIN" run -q -- sh -c "exit 7"'
}

@test "the report file: valid JSON, 0600, all keys" {
  cd "$BATS_TEST_TMPDIR"
  ullage run -q --budget 1G --report r.json -- sleep 0.5
  /usr/bin/python3 -m json.tool r.json >/dev/null
  [ "$(stat -c %a r.json)" = 600 ]
  [ "$(ls)" = r.json ]
  for key in schema command program runtime preloaded exit_reason exit_code exit_signal core_dumped oom_kills \
    oom_limit_bytes left_running peak_rss_bytes peak_at_ns p99_rss_bytes startup_peak_rss_bytes floor_rss_bytes \
    peak_pss_bytes live_bytes live_resident_bytes budget_bytes budget_kept budget_exceeded_at_ns started_unix_ns \
    wall_ns cpu_user_ns cpu_sys_ns minor_faults major_faults threads_peak processes_peak samples pss_samples \
    ullage_cpu_ns; do
    [ "$(json r.json "'$key' in d")" = True ]
    grep -q "\`$key\`" "$BATS_TEST_DIRNAME/../../docs/reference/report-format.md"
  done
  [ "$(json r.json '[d["schema"], d["command"], d["exit_code"], d["exit_reason"], d["budget_bytes"], d["budget_kept"]]')" = \
    "['ullage.run/1', ['sleep', '0.5'], 0, 'normal', 1000000000, True]" ]
  [ "$(json r.json 'd["peak_rss_bytes"] >= d["p99_rss_bytes"] >= d["floor_rss_bytes"] > 0')" = True ]
  [ "$(json r.json 'd["wall_ns"] >= 500000000 and d["samples"] > 5')" = True ]
  # What does not apply is null, not missing: here in a run without an enclosure.
  ullage run -q --report none.json -- true
  [ "$(json none.json '[d["enclosure"][key] for key in ("kind", "why_not", "group", "limit_bytes", "wall", "wall_file")]')" = \
    "['none', None, None, None, None, None]" ]
}

@test "--json prints the document after the program's output" {
  cd "$BATS_TEST_TMPDIR"
  ullage run -q --json -- sh -c 'kill -TERM $$' >r.json || [ $? -eq 143 ]
  [ "$(json r.json '[d["exit_code"], d["exit_signal"], d["exit_reason"]]')" = "[None, 'SIGTERM', 'signal']" ]
  ullage run -q --json -- printf '' $'\xff"\\\n' >r.json
  [ "$(json r.json 'd["command"][2]')" = '?"\' ]
}

@test "a report that cannot be written is found before the program starts" {
  cd "$BATS_TEST_TMPDIR"
  run --separate-stderr -125 ullage run --report /no/such/place/r.json -- touch started
  [[ "$stderr" == "ullage: cannot write the report to /no/such/place/r.json: No such file or directory; nothing was started."* ]]
  [ ! -e started ]
}

@test "a full disk is said, and the exit code is the program's" {
  [ -e /dev/full ] || skip "there is no /dev/full"
  run --separate-stderr -3 ullage run -q --report /dev/full -- sh -c 'exit 3'
  [[ "$stderr" == "ullage: the report was not written to /dev/full: No space left on device;"* ]]
}

@test "an old report stays when the program is not found" {
  cd "$BATS_TEST_TMPDIR"
  echo old >r.json
  run -127 ullage run -q --report r.json -- no-such-program
  [ "$(cat r.json)" = old ]
  [ "$(ls)" = r.json ]
}

@test "killed, it leaves nothing of a report behind, and an old one stays" {
  /usr/bin/python3 -c 'import os, sys; os.close(os.open(sys.argv[1], os.O_TMPFILE | os.O_WRONLY))' "$BATS_TEST_TMPDIR" \
    2>/dev/null || skip "no files without a name here"
  local ullage report
  mkdir "$BATS_TEST_TMPDIR/reports"
  cd "$BATS_TEST_TMPDIR/reports"
  for report in r.json r.html; do
    echo old >$report
    "$ULLAGE_BIN" run -q --report $report -- sh -c 'touch ../up; sleep 60' 3>&- &
    ullage=$!
    until_true test -e ../up
    kill -KILL $ullage
    wait $ullage || true
    [ "$(ls)" = $report ]
    [ "$(cat $report)" = old ]
    rm $report ../up
  done
}

@test "a report's name that is too long is found before the program starts" {
  cd "$BATS_TEST_TMPDIR"
  run --separate-stderr -125 ullage run --report "$(printf 'n%.0s' {1..250})" -- touch started
  [[ "$stderr" == *"File name too long; nothing was started."* ]]
  [ ! -e started ]
}

@test "two reports are not asked for" {
  cd "$BATS_TEST_TMPDIR"
  run --separate-stderr -125 ullage run --report r.json -r r.html -- touch started
  [[ "$stderr" == *"--report is there twice, for r.json and r.html"* ]]
  [ ! -e started ]
}

@test "a budget that is exceeded is marked" {
  cd "$BATS_TEST_TMPDIR"
  run --separate-stderr ullage run --no-enclose --budget 100M --report r.json -- /usr/bin/python3 -c '
import time
block = bytearray(200_000_000)
time.sleep(0.5)'
  [ "$status" -eq 0 ]
  grep -qE '^  budget +95.4 MiB   EXCEEDED by 1[0-9][0-9]\.[0-9] MiB \(1[0-9][0-9]\.[0-9] %\), first at ' <<<"$stderr"
  [ "$(json r.json 'd["budget_kept"] is False and d["budget_exceeded_at_ns"] > 0 and d["peak_rss_bytes"] > 2e8')" = True ]
}

@test "the peak of a process that lives between two looks is not missed" {
  cd "$BATS_TEST_TMPDIR"
  ullage run -q --report r.json -- /usr/bin/perl -e '$x = "a" x 60000000; undef $x;'
  [ "$(json r.json 'd["peak_rss_bytes"] > 6e7')" = True ]
}

@test "the whole tree counts, daemons too" {
  cd "$BATS_TEST_TMPDIR"
  cat >child.py <<'PY'
import time
block = bytearray(50_000_000)
time.sleep(1.5)
PY
  ullage run -q --report r.json -- sh -c '/usr/bin/python3 child.py & (setsid /usr/bin/python3 child.py &) ; sleep 1.4'
  [ "$(json r.json 'd["peak_rss_bytes"] > 1e8 and d["processes_peak"] >= 4')" = True ]
}

@test "processes that stay behind are left alone, and said" {
  local n
  n=$(own_seconds)
  run --separate-stderr timeout 20 "$ULLAGE_BIN" run -- sh -c "sleep $n >/dev/null 2>&1 & sleep 0.3"
  [ "$status" -eq 0 ]
  [[ "$stderr" == *"1 process that it started still runs, and is not watched any more."* ]]
  some_running "sleep $n"
  kill "$(running "sleep $n")"
}

@test "the program that did the work is named: exec in a script, a child of a shell" {
  printf '#!/bin/sh\nexec /usr/bin/python3 -c "import time; time.sleep(0.8)"\n' >"$BATS_TEST_TMPDIR/start"
  chmod +x "$BATS_TEST_TMPDIR/start"
  run --separate-stderr ullage run --report "$BATS_TEST_TMPDIR/r.json" -- "$BATS_TEST_TMPDIR/start"
  [ "$status" -eq 0 ]
  [[ "$stderr" =~ "  became"\ +python3[.0-9]*\ +Python ]]
  [ "$(json "$BATS_TEST_TMPDIR/r.json" 'd["became"]["runtime"], "python3" in d["became"]["program"]')" = "('python', True)" ]
  run --separate-stderr ullage run --report "$BATS_TEST_TMPDIR/r.json" -- sh -c 'sleep 0.8; true'
  [[ "$stderr" =~ "  became"\ +sleep\ +native ]]
  run --separate-stderr ullage run --report "$BATS_TEST_TMPDIR/r.json" -- sleep 0.8
  [[ "$stderr" != *became* ]]
  [ "$(json "$BATS_TEST_TMPDIR/r.json" 'd["became"]')" = None ]
}

@test "-- is no value, and an option behind it is no program" {
  run --separate-stderr -125 ullage run --report -- true
  [[ "$stderr" == *"--report needs a value before --"* ]]
  [ ! -e -- ]
  run --separate-stderr -127 ullage run -- --budget 100M true
  [[ "$stderr" == *"--budget: there is no such program; options of ullage stand before the --"* ]]
}
