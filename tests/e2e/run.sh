#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh ULLAGE: pages of real runs, and of invented ones (report_pages.c), opened by a real browser (run.py).
# Prints "N passed, N failed".
#
# 77 with a reason where there is no Chromium (Debian: apt-get install chromium).
set -u
ullage=$(realpath "${1:?usage: run.sh path/to/ullage}")
here=$(realpath "$(dirname "$0")")
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
  echo "skipped: no Chromium; apt-get install chromium"
  exit 77
}
python=/usr/bin/python3
place=$(mktemp -d) || exit 2
trap 'rm -rf "$place"' EXIT
cd "$place" || exit 2
export ULLAGE_HISTORY=off XDG_STATE_HOME="$place/state"

hostile=('<script>window.alien=1</script>' '"><img src=x onerror=window.alien=1>' "it's & it's" \
         $'esc\x1b[31m\nline\xff\xe2\x80\xae' '</title></style><h1>alien</h1>')
"$ullage" run -q --budget 200M --no-enclose --report budget.html -- \
  "$python" -c 'import time
kept = []
for i in range(60): kept.append(bytearray(1 << 20)); time.sleep(.02)' "${hostile[@]}"
"$ullage" run -q --no-enclose --budget 50M --report over.html -- \
  "$python" -c 'import time; kept = bytearray(90 << 20); time.sleep(.6)'
"$ullage" run -q --budget 60M --report wall.html -- \
  "$python" -c 'import time
kept = []
for i in range(120): kept.append(bytearray(1 << 20)); time.sleep(.005)'
"$ullage" run -q --report short.html -- true
"$ullage" run -q --report none.htm -- sleep 0.3
# A program whose very name is markup.
printf '#!/bin/sh\nsleep 0.1\n' > '<b onclick=alien>.sh' && chmod +x '<b onclick=alien>.sh'
"$ullage" run -q --budget 100M --report name.html -- './<b onclick=alien>.sh'

for page in budget.html over.html wall.html short.html none.htm name.html; do
  [ -s "$page" ] || { echo "FAIL  $page was not written"; echo "0 passed, 1 failed"; exit 1; }
done
mkdir invented
"$(dirname "$ullage")/tests/report_pages" invented || { echo "0 passed, 1 failed"; exit 1; }

"$python" "$here/run.py" --pages . --pages invented
