#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh PROGRAM EXPECTED: runs a program that makes one mistake and compares its last words.
#
# The program must end by SIGABRT, and the last line it wrote to stderr must be the one line of the
# file EXPECTED, after every 0x... has become PTR. What a program does differently than it says
# (survives, crashes, says something else) is shown in full.
set -u
if [ $# -ne 2 ]; then
  echo "usage: $0 PROGRAM EXPECTED" >&2
  exit 2
fi
said=$(mktemp) || exit 2
trap 'rm -f "$said"' EXIT
ulimit -c 0 # the abort is what we want, its core file is not

# In the background: a shell reports the death of a foreground command on the same stderr.
"$1" 2>"$said" >/dev/null </dev/null &
wait $!
code=$?
got=$(tail -n 1 "$said" | sed 's/0x[0-9a-f][0-9a-f]*/PTR/g')
want=$(cat "$2") || exit 2

if [ $code -eq 134 ] && [ "$got" = "$want" ]; then
  exit 0
fi
echo "FAILED: $(basename "$1")"
echo "  exit code: $code (134 is SIGABRT, which it must be)"
echo "  expected:  $want"
echo "  said:      $got"
sed 's/^/  stderr:    /' "$said"
exit 1
