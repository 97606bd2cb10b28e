#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check_format.sh [--fix] [ROOT]: is all C and C++ as .clang-format says? --fix makes it so.
# Only clang-format 14 is asked: other versions lay out the same file differently.
set -eu
fix=0
[ "${1-}" != --fix ] || { fix=1; shift; }
cd "${1-$(dirname "$0")/..}"

tool=
for name in clang-format-14 clang-format; do
  if command -v "$name" >/dev/null && "$name" --version | grep -q 'version 14\.'; then
    tool=$name
    break
  fi
done
if [ -z "$tool" ]; then
  echo "skip: clang-format 14 is not here; tools/setup.sh test installs it"
  exit 77
fi

folders=()
for folder in src include tests bench examples fuzz; do
  [ ! -d "$folder" ] || folders+=("$folder")
done
mapfile -d '' files < <(find "${folders[@]}" -type f \( -name '*.c' -o -name '*.h' -o -name '*.cc' \) -print0 | sort -z)
if [ "${#files[@]}" -eq 0 ]; then
  echo "format: no files"
elif [ "$fix" -eq 1 ]; then
  "$tool" -i --style=file "${files[@]}"
  echo "format: ${#files[@]} files"
elif found=$("$tool" --dry-run -Werror --style=file "${files[@]}" 2>&1); then
  echo "format: ${#files[@]} files are as .clang-format says"
else
  # The first place of each file says enough; `make format` shows the rest as a difference.
  printf '%s\n' "$found" | grep ': error: ' | sort -t: -u -k1,1
  echo "format: 'make format' lays these out"
  exit 1
fi
