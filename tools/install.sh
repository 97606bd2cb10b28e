#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# install.sh install|uninstall PREFIX [DESTDIR]: what `make install` and `make uninstall` do.
#
# Installing keeps two lists in build/release/installed/: the files, and the directories that were
# not there before. Uninstalling removes those files, then those directories as far as they are
# empty, and nothing else. One pair of lists for each place.
set -eu
cd "$(dirname "$0")/.."
verb=${1-} prefix=${2-} destdir=${3-}
case $verb:$prefix in
  install:/* | uninstall:/*) ;;
  *)
    echo "usage: tools/install.sh install|uninstall PREFIX [DESTDIR]   (PREFIX begins with /)" >&2
    exit 2
    ;;
esac
prefix=${prefix%/}
build=build/release
lists=$build/installed/$(printf '%s' "$destdir:$prefix" | cksum | cut -d' ' -f1)

new_directories() { # of the files named on stdin: those that do not exist, deepest first
  while IFS= read -r file; do
    directory=$(dirname "$file")
    while [ ! -d "$directory" ]; do
      printf '%s\n' "$directory"
      directory=$(dirname "$directory")
    done
  done | sort -ru
}

if [ "$verb" = install ]; then
  mkdir -p "$lists"
  # Once into a scratch place, to know the files; then in earnest.
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  DESTDIR=$scratch cmake --install $build --prefix "$prefix" >/dev/null
  (cd "$scratch" && find . ! -type d | sed 's/^\.//' | sort) | sed "s|^|$destdir|" >"$lists/files.new"
  new_directories <"$lists/files.new" >"$lists/directories.new"
  DESTDIR=$destdir cmake --install $build --prefix "$prefix"
  # A second install over the first adds to its lists.
  for list in files directories; do
    touch "$lists/$list"
    sort -ru "$lists/$list" "$lists/$list.new" >"$lists/$list.all"
    mv "$lists/$list.all" "$lists/$list"
    rm "$lists/$list.new"
  done
  echo "installed $(wc -l <"$lists/files") files below $destdir$prefix; 'make uninstall' with the same PREFIX removes them"
elif [ -s "$lists/files" ]; then
  count=0
  while IFS= read -r file; do
    if [ -e "$file" ] || [ -L "$file" ]; then
      rm -f -- "$file"
      count=$((count + 1))
    fi
  done <"$lists/files"
  while IFS= read -r directory; do
    rmdir -- "$directory" 2>/dev/null || true # not empty: somebody else uses it
  done <"$lists/directories"
  rm -rf "$lists"
  echo "removed $count files below $destdir$prefix"
else
  echo "uninstall: nothing was installed below $destdir$prefix from this build (or build/ was removed since)." >&2
  echo "uninstall: 'make install' with the same PREFIX and DESTDIR, then 'make uninstall', removes it." >&2
  exit 1
fi
