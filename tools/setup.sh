#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# setup.sh: installs from Debian what a group of work needs and what is not there.
#
#   tools/setup.sh [--check] GROUP…      groups: build test demo demo-budget programs bench
#                                        bench-full cross vm all
#
# What is there is asked of the machine itself (a command in PATH, a pkg-config module, a file), not
# of the package database: a compiler from elsewhere counts, and a second run finds nothing to do,
# says so in one line and calls no apt. Works as root and through sudo. Where there is no apt-get
# it names what to install by hand.
#
# Services that come with a package (redis, nginx, postgresql …) are installed but not started: the
# tests start servers of their own, on ports of their own.
set -euo pipefail

# package | how to see that it is there: cmd:NAME, pc:MODULE, file:GLOB | what it is for
group_build='
make                    | cmd:make                         | the names of the commands
gcc                     | cmd:gcc                          | C
g++                     | cmd:g++                          | C++ (tests of new and delete)
libc6-dev               | file:/usr/include/stdlib.h       | the C library headers
cmake                   | cmd:cmake                        | the build
ninja-build             | cmd:ninja                        | the build
pkg-config              | cmd:pkg-config                   | finds the libraries of the command
libcjson-dev            | pc:libcjson                      | JSON reports of the command
libsqlite3-dev          | pc:sqlite3                       | the history of runs
python3                 | cmd:python3                      | the tools'"'"' language
'
# The programs of tests/preload/run.py --small.
small_programs='
sqlite3                 | cmd:sqlite3                      | a real program, under the library
z3                      | cmd:z3                           | a real program, under the library
git                     | cmd:git                          | a real program, under the library
perl                    | cmd:perl                         | a real program, under the library
ruby                    | cmd:ruby                         | a real program, under the library
nodejs                  | cmd:node                         | a real program, under the library
imagemagick-6.q16       | cmd:convert-im6.q16              | a real program, under the library
'
group_test='
libcmocka-dev           | pc:cmocka                        | unit tests
bats                    | cmd:bats                         | tests of the command line
clang                   | cmd:clang                        | the second compiler
libclang-rt-14-dev      | file:/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a | libFuzzer and the sanitizers of clang
clang-format-14         | cmd:clang-format-14              | the format check
binutils                | cmd:readelf                      | the symbol check
man-db                  | cmd:man                          | the manual pages are read as a user reads them
chromium                | cmd:chromium                     | the HTML report is opened in it
'"$small_programs"
group_demo='
libmimalloc2.0          | file:/usr/lib/*/libmimalloc.so.2*          | an allocator to compare with
libjemalloc2            | file:/usr/lib/*/libjemalloc.so.2           | an allocator to compare with
'
group_bench="$group_demo"'
libtcmalloc-minimal4    | file:/usr/lib/*/libtcmalloc_minimal.so.4   | an allocator to compare with
'
group_bench_full="$group_bench$small_programs"'
redis-server            | cmd:redis-server                 | a real program, to measure
ghostscript             | cmd:gs                           | a real program, to measure
rocksdb-tools           | cmd:db_bench                     | a real program, to measure
mawk                    | cmd:mawk                         | a real program, to measure
'
group_programs="$small_programs"'
redis-server            | cmd:redis-server                 | a real program, under the library
redis-tools             | cmd:redis-benchmark              | its load
openjdk-17-jdk-headless | cmd:javac                        | a real program, under the library
ghostscript             | cmd:gs                           | a real program, under the library
nginx-light             | cmd:nginx                        | a real program, under the library
apache2-utils           | cmd:ab                           | its load
postgresql              | file:/usr/lib/postgresql/*/bin/initdb  | a real program, under the library
postgresql-contrib      | file:/usr/lib/postgresql/*/bin/pgbench | its load
memcached               | cmd:memcached                    | a real program, under the library
ffmpeg                  | cmd:ffmpeg                       | a real program, under the library
'
group_demo_budget='
openjdk-17-jdk-headless | cmd:javac                        | the programs of the budget demo
nodejs                  | cmd:node                         | the programs of the budget demo
golang-go               | cmd:go                           | the programs of the budget demo
'
group_vm='
qemu-system-x86         | cmd:qemu-system-x86_64           | the small machine with cgroups version 2
busybox-static          | cmd:busybox                      | its programs
'
group_cross='
gcc-aarch64-linux-gnu   | cmd:aarch64-linux-gnu-gcc        | the aarch64 build
g++-aarch64-linux-gnu   | cmd:aarch64-linux-gnu-g++        | the aarch64 build
libc6-dev-arm64-cross   | file:/usr/aarch64-linux-gnu/lib/libc.a | the aarch64 build
qemu-user               | cmd:qemu-aarch64                 | runs it
'

usage() {
  sed -n '3,14s/^# \{0,1\}//p' "$0"
  exit "${1:-0}"
}

is_there() { # PROBE
  case $1 in
    cmd:*) PATH="$PATH:/usr/sbin:/sbin" command -v "${1#cmd:}" >/dev/null 2>&1 ;;
    pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
    file:*) compgen -G "${1#file:}" >/dev/null ;;
  esac
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

# Debian asks policy-rc.d before it starts a service; 101 means no. One that is there is left alone.
hold_services() {
  policy=/usr/sbin/policy-rc.d
  [ ! -e "$policy" ] || return 0
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
  trap 'as_root rm -f "$policy"' EXIT
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q "$@" </dev/null
}

check_only=0
groups=()
for word in "$@"; do
  case $word in
    --check) check_only=1 ;;
    -h | --help) usage ;;
    build | test | demo | demo-budget | programs | bench | bench-full | cross | vm) groups+=("$word") ;;
    all) groups+=(build test bench-full programs cross vm) ;;
    *)
      echo "setup: there is no group '$word'; groups: build test demo demo-budget programs bench bench-full cross vm all" >&2
      exit 2
      ;;
  esac
done
[ "${#groups[@]}" -gt 0 ] || groups=(build test demo)

missing=()
reasons=
for group in "${groups[@]}"; do
  table="group_${group//-/_}"
  while IFS='|' read -r package probe reason; do
    package=${package// /}
    probe=$(echo $probe)
    [ -n "$package" ] || continue
    case " ${missing[*]-} " in *" $package "*) continue ;; esac
    if ! is_there "$probe"; then
      missing+=("$package")
      reasons+=$(printf '  %-24s%s' "$package" "$reason")$'\n'
    fi
  done < <(printf '%s' "${!table}" | sed 's/ *| */|/g')
done

if [ "${#missing[@]}" -eq 0 ]; then
  echo "setup: all there for: ${groups[*]}"
  exit 0
fi

echo "setup: missing for ${groups[*]}:"
printf '%s' "$reasons"
if [ "$check_only" -eq 1 ]; then
  echo "setup: 'tools/setup.sh ${groups[*]}' installs them"
  exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "setup: this system has no apt-get. The names above are Debian's; install their like by hand," >&2
  echo "setup: then run this again: it looks for the commands and libraries, not for the packages." >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
  echo "setup: installing needs root and there is no sudo. Run as root:" >&2
  echo "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

echo "setup: installing ${#missing[@]} package(s) with apt-get"
hold_services
compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null || apt update
if ! apt install -y --no-install-recommends "${missing[@]}"; then
  echo "setup: that failed; once more with fresh package lists"
  apt update
  apt install -y --no-install-recommends "${missing[@]}"
fi
echo "setup: done"
