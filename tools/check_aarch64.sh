#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check_aarch64.sh: builds libullage for aarch64 and runs its model and stress tests there, under
# qemu-user, with the C library that comes with the cross compiler. Unit tests need an arm64 cmocka,
# which is not simply to be had; they are left to the native build.
# Ends with `N passed, N failed[, N skipped]`.
set -u
cd "$(dirname "$0")/.."
build=$PWD/build/aarch64
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu STRESS_PATIENCE=3
passed=0 failed=0 skipped=0

report() { # CODE NAME LOG
  case $1 in
    0) passed=$((passed + 1)) && echo "ok    $2" ;;
    77) skipped=$((skipped + 1)) && echo "skip  $2: $(tail -1 "$3")" ;;
    *)
      failed=$((failed + 1)) && echo "FAIL  $2 (exit status $1)"
      tail -20 "$3" | sed 's/^/        /'
      ;;
  esac
}

finish() {
  echo
  echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
  [ $failed -eq 0 ]
  exit
}

mkdir -p $build/run
cmake -S . -B $build -G Ninja -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
  -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_COMPILE_WARNING_AS_ERROR=ON -DULLAGE_INVARIANTS=1 \
  -DULLAGE_BUILD_TESTS=OFF -DULLAGE_WITH_CJSON=OFF -DULLAGE_WITH_SQLITE=OFF -DULLAGE_LIBM=m >$build/run/build.log 2>&1 &&
  cmake --build $build --target libullage.so libullage.a >>$build/run/build.log 2>&1
report $? "build" $build/run/build.log
[ $failed -eq 0 ] || finish

# What qemu-user (7.2) itself cannot do, and which test needs it. Each is a skip with its reason, not
# silence; a real aarch64 machine runs them with `make check`.
declare -A beyond_qemu=(
  [model_drain]="the system sees the stacks of qemu, not those of the program"
  [model_faults]="qemu-user forgets pages after mremap with MREMAP_DONTUNMAP"
  [stress_family]="qemu-user forgets pages after mremap with MREMAP_DONTUNMAP"
  [stress_budget]="starts itself anew, and what it finds under its own name is qemu"
  [stress_dlopen]="builds its modules with the native compiler"
  [stress_fork]="qemu-user aborts on fork in a threaded program"
  [stress_idle]="the resident memory it reads is qemu's too"
  [stress_limit]="its limit on address space hits qemu first"
  [stress_thread_churn]="qemu-user keeps memory for each thread that ended; 100,000 are too many"
  [stress_main_exit]="qemu-user does not end with the last thread"
)

mapfile -t inside < <(find $build/CMakeFiles/ullage_inside.dir $build/CMakeFiles/ullage_thread.dir -name '*.o')

run() { # KIND SOURCE LINKED-WITH…
  local name log
  name=$(basename "$2")
  name=${name%.*}
  log=$build/run/$name.log
  if [ -n "${beyond_qemu[$name]-}" ]; then
    echo "${beyond_qemu[$name]}" >"$log"
    report 77 "$1/$name" "$log"
    return
  fi
  if aarch64-linux-gnu-g++ -x "$([ "${2##*.}" = cc ] && echo c++ || echo c)" -O1 -g -D_GNU_SOURCE \
    -DULLAGE_INVARIANTS=1 -DULLAGE_OS_PAGE_BYTES=0 -fno-builtin -w -Isrc -Iinclude -Itests "$2" -x none "${@:3}" \
    -pthread -ldl -o "$build/run/$name" >"$log" 2>&1; then
    # In a shell of its own, which keeps the words about a signal out of the list.
    (timeout 900 qemu-aarch64 "$build/run/$name" >"$log" 2>&1 </dev/null; exit $?) 2>/dev/null
  else
    false
  fi
  report $? "$1/$name" "$log"
}

shopt -s nullglob
for source in tests/model/model_*.c; do
  run model "$source" "${inside[@]}"
done
for source in tests/stress/stress_*.c tests/stress/stress_*.cc; do
  run stress "$source" "$build/libullage.so" -Wl,-rpath,"$build"
done
finish
