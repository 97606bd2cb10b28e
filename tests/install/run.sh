#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh: installs the release build into a scratch prefix and uses it from outside the tree, as a
# user would: pkg-config and find_package, shared and static, preloaded; then moves it, uninstalls,
# and looks for what was left. Ends with `N passed, N failed[, N skipped]`.
set -u
cd "$(dirname "$0")/../.."
root=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/usr
passed=0 failed=0 skipped=0

check() { # NAME COMMAND…
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    passed=$((passed + 1)) && echo "ok    $name"
  else
    failed=$((failed + 1)) && echo "FAIL  $name"
    printf '%s\n' "$output" | tail -20 | sed 's/^/        /'
  fi
}

is_equal() { # EXPECTED ACTUAL
  [ "$1" = "$2" ] || { printf 'expected:\n%s\nfound:\n%s\n' "$1" "$2"; return 1; }
}

headers_are_public() {
  is_equal "$(cd include && find . -name '*.h' | sort)" "$(cd "$prefix/include" && find . ! -type d | sort)"
}

pkg() { PKG_CONFIG_PATH=$scratch/usr/lib/pkgconfig pkg-config "$@"; }

with_pkg_config() { # OUTPUT COMPILER-OPTIONS PKG-CONFIG-OPTIONS
  gcc -O1 -Wall -Werror "$root/tests/install/main.c" -o "$scratch/$1" $2 $(pkg --cflags --libs $3 ullage)
}

with_archive() { # the archive in an otherwise dynamic program
  gcc -O1 "$root/tests/install/main.c" $(pkg --cflags ullage) "$(pkg --variable=static_library ullage)" -pthread \
    -o "$scratch/archive"
}

in_cxx() { # the header is C++ too
  printf '#include <ullage/ullage.h>\nint main() { delete new int; return ullage_version()[0] == 0; }\n' >"$scratch/main.cc"
  g++ -std=c++17 -Wall -Wextra -Werror "$scratch/main.cc" -o "$scratch/cxx" $(pkg --cflags --libs ullage)
}

in_c99() {
  printf '#include <ullage/ullage.h>\nint main(void) { return 0; }\n' >"$scratch/c99.c"
  gcc -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only "$scratch/c99.c" $(pkg --cflags ullage)
}

in_readme() { # the C of README.md compiles, runs, and knows the pointer
  { printf '#include <stdio.h>\n#include <stdlib.h>\n#include <ullage/ullage.h>\n'
    printf 'int main(void) {\nvoid *some_pointer = (char *)calloc(1, 100) + 50;\n'
    sed -n '/^```c$/,/^```$/{/^```/!p}' README.md
    printf 'free(NULL);\nreturn 0;\n}\n'; } >"$scratch/readme.c"
  gcc -Wall -Werror "$scratch/readme.c" -o "$scratch/readme" $(pkg --cflags --libs ullage) &&
    LD_LIBRARY_PATH=$prefix/lib "$scratch/readme" | tee /dev/stderr | grep -q 'bytes at 0x.*, live$'
}

with_find_package() {
  cmake -S "$root/tests/install" -B "$scratch/outside" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" &&
    cmake --build "$scratch/outside"
}

needs_libullage() { readelf -d "$1" | grep -q 'NEEDED.*libullage'; }
needs_no_libullage() { ! needs_libullage "$1"; }
not_there() { [ ! -e "$1" ] || { find "$1"; return 1; }; }
manual_reads() { MANPATH=$prefix/share/man man -P cat "$1" | grep -qi ullage; }
command_runs() { "$prefix/bin/ullage" version | grep -q '^ullage 0\.1'; }
command_finds_library() { # the installed command, away from the build, with the installed library
  (cd / && "$prefix/bin/ullage" run -q -- cat /proc/self/maps) | grep -q "$prefix/lib/libullage"
}

says() { # WORDS COMMAND…
  "${@:2}" | tee /dev/stderr | grep -qF -- "$1"
}

# Installs where the loader looks, in an /etc of its own: there the loader's list has the prefix.
# Then a linked program starts without LD_LIBRARY_PATH, and the loader forgets the library again.
loader_learns() {
  cp -a /etc "$scratch/etc" && echo "$prefix/lib" >"$scratch/etc/ld.so.conf.d/ullage-test.conf" &&
    unshare -m bash -c "set -ex; mount --bind '$scratch/etc' /etc
      tools/install.sh install '$prefix'; '$scratch/shared'; /sbin/ldconfig -p | grep '$prefix/lib/libullage'
      tools/install.sh uninstall '$prefix'; ! /sbin/ldconfig -p | grep libullage"
}

if unshare -m mount --bind /etc /etc 2>/dev/null; then may_mount=1; else may_mount=; fi

check "make install" make --no-print-directory install PREFIX="$prefix"
check "the loader does not look there: says what is needed" says "needs -Wl,-rpath,$prefix/lib" \
  tools/install.sh install "$prefix"
check "only the public headers" headers_are_public
check "pkg-config, shared: builds" with_pkg_config shared '' ''
check "pkg-config, shared: runs" env LD_LIBRARY_PATH="$prefix/lib" "$scratch/shared"
check "pkg-config, shared: is linked to it" needs_libullage "$scratch/shared"
check "pkg-config, -static: builds" with_pkg_config static -static --static
check "pkg-config, -static: runs" "$scratch/static"
check "pkg-config, archive: builds" with_archive
check "pkg-config, archive: runs" "$scratch/archive"
check "pkg-config, archive: has it inside" needs_no_libullage "$scratch/archive"
check "C++17: builds" in_cxx
check "C++17: runs" env LD_LIBRARY_PATH="$prefix/lib" "$scratch/cxx"
check "C99, pedantic" in_c99
check "the example in README.md" in_readme
check "find_package: builds both" with_find_package
check "find_package, shared: runs" "$scratch/outside/shared"
check "find_package, static: runs" "$scratch/outside/static"
check "find_package, static: has it inside" needs_no_libullage "$scratch/outside/static"
check "preload: a program that knows nothing of it" env LD_PRELOAD="$prefix/lib/libullage.so" ls "$scratch"
check "the command runs" command_runs
check "the command finds the library" command_finds_library
for page in ullage ullage-run; do
  check "manual page $page" manual_reads $page
done
for file in bash-completion/completions/ullage zsh/site-functions/_ullage fish/vendor_completions.d/ullage.fish; do
  check "completion $file" test -s "$prefix/share/$file"
done
check "completion of bash is bash" bash -n "$prefix/share/bash-completion/completions/ullage"

mv "$prefix" "$scratch/moved"
check "moved: pkg-config follows" test -d "$(PKG_CONFIG_PATH=$scratch/moved/lib/pkgconfig pkg-config --variable=includedir ullage)"
mv "$scratch/moved" "$prefix"

touch "$prefix/lib/of-somebody-else"
check "make uninstall" make --no-print-directory uninstall PREFIX="$prefix"
check "nothing of ours is left" is_equal "$prefix/lib/of-somebody-else" "$(find "$prefix" ! -type d)"
check "make uninstall twice says so" bash -c "! make --no-print-directory uninstall PREFIX=$prefix"

if [ "$may_mount" ]; then
  check "where the loader looks: a linked program starts" loader_learns
else
  skipped=$((skipped + 1)) && echo "skip  where the loader looks: this user may not mount"
fi

check "DESTDIR: install" make --no-print-directory install PREFIX=/usr DESTDIR="$scratch/stage"
check "DESTDIR: is below it" test -e "$scratch/stage/usr/lib/libullage.a"
check "DESTDIR: uninstall" make --no-print-directory uninstall PREFIX=/usr DESTDIR="$scratch/stage"
check "DESTDIR: nothing is left" not_there "$scratch/stage"

echo
echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
[ $failed -eq 0 ]
