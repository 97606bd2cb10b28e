#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# install.sh install|uninstall PREFIX [DESTDIR]: what `make install` and `make uninstall` do.
#
# Installing keeps two lists in build/release/installed/: the files, and the directories that were
# not there before. Uninstalling removes those files, then those directories as far as they are
# empty, and nothing else. One pair of lists for each place.
#
# A program linked with libullage finds it where the loader looks by itself: the loader's cache is
# brought up to date where that helps and is ours to do, else a line says what is missing.
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

PATH=$PATH:/usr/sbin:/sbin # where ldconfig is, also for who is not root

library_directory() { # where libullage.so is, as programs will see it; nothing when it was not built
  sed -n 's|/libullage\.so$||p' "$lists/files" | sed "s|^$destdir||"
}

loader_looks_in() { # DIRECTORY
  ldconfig -v -N -X 2>/dev/null | sed -n 's|^\(/[^:]*\):.*|\1|p' | while IFS= read -r directory; do
    if [ "$directory" -ef "$1" ]; then echo yes; fi
  done | grep -q yes
}

tell_the_loader() { # DIRECTORY
  if ! command -v ldconfig >/dev/null; then
    return
  elif [ -n "$destdir" ]; then
    echo "on the system that this is for, 'ldconfig' makes the library known to the loader"
  elif ! loader_looks_in "$1"; then
    echo "the loader does not look in $1: a program linked with libullage needs -Wl,-rpath,$1, or LD_LIBRARY_PATH=$1 when it runs"
  elif [ "$(id -u)" -eq 0 ]; then
    ldconfig
  else
    echo "the loader does not know the library yet: run 'sudo ldconfig', or a program linked with libullage does not start"
  fi
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
  directory=$(library_directory)
  [ -z "$directory" ] || tell_the_loader "$directory"
elif [ -s "$lists/files" ]; then
  count=0
  forget=:
  directory=$(library_directory)
  if [ -z "$destdir" ] && [ "$(id -u)" -eq 0 ] && loader_looks_in "$directory"; then forget=ldconfig; fi
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
  $forget
  echo "removed $count files below $destdir$prefix"
else
  echo "uninstall: nothing was installed below $destdir$prefix from this build (or build/ was removed since)." >&2
  echo "uninstall: 'make install' with the same PREFIX and DESTDIR, then 'make uninstall', removes it." >&2
  exit 1
fi
