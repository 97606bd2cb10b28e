# SPDX-License-Identifier: MIT
load helpers

@test "no arguments: the commands, one example, exit 0" {
  run --separate-stderr ullage
  [ "$status" -eq 0 ]
  [ "$stderr" = "" ]
  [ "$output" = "Ullage keeps programs inside their memory, and shows where it went.

  ullage run          run a program, watch its memory, report what it used
  ullage runs         list recorded runs, or show one
  ullage stat         counters of a running program, a line each time
  ullage trim         make a running program give idle memory back
  ullage budget       show or set the budget of a running program
  ullage doctor       check how this system deals out memory; changes nothing
  ullage options      list the environment variables of libullage
  ullage completion   print a completion script for bash, zsh or fish
  ullage help         show or write the manual pages
  ullage version      print the version

Try:
  ullage run --budget 1500M -- redis-server

\`ullage COMMAND -h\` shows examples, \`ullage COMMAND --help\` is the manual page." ]
}

@test "an unknown word: did you mean, exit 2" {
  run --separate-stderr ullage rnu
  [ "$status" -eq 2 ]
  [ "$output" = "" ]
  [ "$stderr" = "ullage: there is no command 'rnu'; did you mean 'ullage run'?
\`ullage\` alone lists the commands; to run a program: ullage run -- PROG" ]
  run --separate-stderr ullage completely-else
  [ "$status" -eq 2 ]
  [[ "$stderr" != *"did you mean"* ]]
  # What is announced is not denied.
  run --separate-stderr ullage top
  [ "$status" -eq 2 ]
  [ "${stderr_lines[0]}" = "ullage: there is no command 'top' yet" ]
}

@test "an unknown option is named" {
  run --separate-stderr ullage --nonsense
  [ "$status" -eq 2 ]
  run --separate-stderr ullage options --nonsense
  [ "$status" -eq 2 ]
  [ "$stderr" = "ullage options: unknown option '--nonsense'
usage: ullage options [--json]
\`ullage options -h\` shows examples." ]
}

@test "run -h is one screen, examples first" {
  run --separate-stderr ullage run -h
  [ "$status" -eq 0 ]
  [ "${#lines[@]}" -le 30 ]
  [ "${lines[1]}" = "Examples:" ]
  while IFS= read -r line; do [ "${#line}" -le 100 ]; done <<<"$output"
  # The options' second column is one column.
  options=$(sed -n '/^Options:/,/^Exit codes:/p' <<<"$output" | grep '^  ')
  column=$(sed -n 's/^\(  -h  *\).*/\1/p' <<<"$options")
  while IFS= read -r line; do [[ "${line:${#column}-1:1}" == " " && "${line:${#column}:1}" != " " ]]; done <<<"$options"
}

@test "every option of -h is in the manual page and in all completions" {
  for command in run runs stat trim budget doctor options completion help version; do
    for option in $(ullage $command -h | sed -n '/^Options:/,/^Exit codes:/p' | grep -oE -- '--[a-z-]+' | sort -u); do
      [ "$option" = --help ] && continue
      ullage $command --help | grep -q -- "$option"
      ullage help $command --man | sed 's/\\-/-/g' | grep -q -- "$option"
      for shell in bash zsh; do ullage completion $shell | grep -q -- "$option"; done
      ullage completion fish | grep -q -- "-l ${option#--}"
    done
  done
}

@test "--help and the troff page say the same" {
  skip_without man
  MANWIDTH=200 man -P cat <(ullage help run --man) 2>/dev/null >"$BATS_TEST_TMPDIR/troff" || skip "man cannot show files"
  for word in SYNOPSIS PYTHONMALLOC=malloc "EXIT STATUS" 127; do
    ullage run --help | grep -q "$word"
    grep -q "$word" "$BATS_TEST_TMPDIR/troff"
  done
}

@test "the page of ullage names every command's page, and every exit status" {
  page=$(ullage help ullage)
  for command in $(ullage | sed -nE 's/^  ullage ([a-z]+)  .*/\1/p'); do
    [[ "$page" == *"ullage-$command(1)"* ]]
  done
  [[ "$page" == *"ullage-options(7)"* ]]
  [ "$(sed -n '/^EXIT STATUS/,/^SEE ALSO/s/^       \([0-9]\)$/\1/p' <<<"$page" | tr '\n' ' ')" = "0 1 2 " ]
}

@test "help --man-dir writes one page for each command, and options(7)" {
  mkdir "$BATS_TEST_TMPDIR/man"
  ullage help --man-dir "$BATS_TEST_TMPDIR/man"
  [ "$(ls "$BATS_TEST_TMPDIR/man" | tr '\n' ' ')" = "ullage-budget.1 ullage-completion.1 ullage-doctor.1 ullage-help.1 ullage-options.1 ullage-options.7 ullage-run.1 ullage-runs.1 ullage-stat.1 ullage-trim.1 ullage-version.1 ullage.1 " ]
  head -2 "$BATS_TEST_TMPDIR/man/ullage-run.1" | grep -q '^.TH "ULLAGE-RUN" "1"'
  run --separate-stderr ullage help --man-dir /nowhere/at/all
  [ "$status" -eq 2 ]
}

@test "completion is valid for the shells that are here" {
  ullage completion bash | bash -n
  if command -v zsh >/dev/null; then ullage completion zsh | zsh -n /dev/stdin; fi
  if command -v fish >/dev/null; then ullage completion fish | fish -n /dev/stdin; fi
  run --separate-stderr ullage completion tcsh
  [ "$status" -eq 2 ]
}

@test "bash completes commands, options and programs" {
  complete_line() {
    ullage completion bash >"$BATS_TEST_TMPDIR/completion"
    bash -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ullage; echo "${COMPREPLY[*]}"' _ "$BATS_TEST_TMPDIR/completion" "$@"
  }
  [ "$(complete_line ullage co)" = completion ]
  [ "$(complete_line ullage run --b)" = --budget ]
  [ "$(complete_line ullage completion z)" = zsh ]
  [ "$(complete_line ullage run --budget 1M -- tes)" != "" ]
  cd "$BATS_TEST_TMPDIR" && touch some-file
  [ "$(complete_line ullage run cat some)" = some-file ]
  # The words that an option takes, in the order of the help.
  [ "$(complete_line ullage run --preset '')" = "dev prod container" ]
  [ "$(complete_line ullage run --on-budget a)" = abort ]
  [ "$(complete_line ullage run --budget '')" = auto ]
  [ "$(complete_line ullage doctor --fail-on w)" = warning ]
  [ "$(complete_line ullage runs --last '')" = all ]
  [ "$(complete_line ullage run --max-budget '')" = "" ]
  # A program that two directories have, once.
  mkdir one two && touch one/twice-there two/twice-there && chmod +x one/twice-there two/twice-there
  [ "$(PATH=$PWD/one:$PWD/two:$PATH complete_line ullage run twice-)" = twice-there ]
  [ "$(PATH=$PWD/one:$PWD/two:$PATH complete_line ullage run -- twice-)" = twice-there ]
  ullage completion zsh | grep -qF ':dev|prod|container:(dev prod container)'
  ullage completion fish | grep -qF "preset -x -a 'dev prod container'"
}

@test "options lists the environment, also as JSON" {
  run --separate-stderr ullage options
  [ "$status" -eq 0 ]
  [[ "$output" == *ULLAGE_BUDGET*ULLAGE_RELEASE_DELAY_MS*ULLAGE_STATS* ]]
  ULLAGE_BUDGET='a"\ü' ullage options --json >"$BATS_TEST_TMPDIR/o.json"
  [ "$(json "$BATS_TEST_TMPDIR/o.json" 'd["schema"]')" = ullage.options/1 ]
  [ "$(json "$BATS_TEST_TMPDIR/o.json" '[o["default"] for o in d["options"] if o["name"] == "ULLAGE_BUDGET"]')" = "['off']" ]
  [ "$(json "$BATS_TEST_TMPDIR/o.json" '[o["default"] for o in d["options"] if o["name"] == "ULLAGE_ON_BUDGET"]')" = "['grow']" ]
  ullage options | grep -qE '^ULLAGE_ON_BUDGET +grow '
  ullage help environment | grep -q 'default grow'
}

@test "version" {
  run --separate-stderr ullage version
  [[ "$output" =~ ^ullage\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
  [ "$(ullage --version)" = "$output" ]
  ullage version --json >"$BATS_TEST_TMPDIR/v.json"
  [ "$(json "$BATS_TEST_TMPDIR/v.json" 'd["schema"]')" = ullage.version/1 ]
}

@test "a full disk is an error" {
  [ -e /dev/full ] || skip "there is no /dev/full"
  run --separate-stderr bash -c '"$ULLAGE_BIN" options >/dev/full'
  [ "$status" -eq 2 ]
  [ "$stderr" = "ullage: cannot write the output: No space left on device" ]
}
