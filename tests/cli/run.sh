#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh [BUILD_DIR] [bats options…]: the tests of the ullage command, in TAP.
#
# BUILD_DIR holds ullage and libullage.so (default: $ULLAGE_BUILD_DIR, else build/release).
# A test that cannot run here is skipped, and says why.
set -eu
# Who runs this in the background, or by nohup, has signals ignored that the tests send.
if [ -z "${ULLAGE_TEST_SIGNALS-}" ] && env --default-signal true 2>/dev/null; then
  ULLAGE_TEST_SIGNALS=default exec env --default-signal bash "$0" "$@"
fi
unset ULLAGE_TEST_SIGNALS
here=$(cd "$(dirname "$0")" && pwd)
build=${ULLAGE_BUILD_DIR-$here/../../build/release}
if [ $# -gt 0 ] && [ -d "$1" ]; then
  build=$1
  shift
fi
ULLAGE_BIN=$(cd "$build" && pwd)/ullage
export ULLAGE_BIN
if [ ! -x "$ULLAGE_BIN" ]; then
  echo "no $ULLAGE_BIN; build the release preset first: make build" >&2
  exit 2
fi
# What the caller has set must not decide how a test ends.
unset ULLAGE_BUDGET ULLAGE_STATS ULLAGE_RELEASE ULLAGE_RELEASE_DELAY_MS ULLAGE_RUN LD_PRELOAD \
  PYTHONMALLOC NO_COLOR GOMEMLIMIT GOGC GOMAXPROCS JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS \
  NODE_OPTIONS PYTHONPATH
# Nor may it write into the caller's home: histories and the like go to a directory of our own.
unset ULLAGE_HISTORY
XDG_DATA_HOME=$(mktemp -d)
export XDG_DATA_HOME
trap 'rm -rf "$XDG_DATA_HOME"' EXIT
bats --tap "$@" "$here"
