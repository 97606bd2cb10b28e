#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check_vm.sh [BUILD_DIR]: `ullage run` with cgroups version 2, in a small machine of its own.
#
# Where a system still has the memory controller in version 1, version 2 cannot be tried. So a kernel
# (Debian's for clouds, unpacked, not installed) boots in qemu, without KVM, with an initramfs of busybox, ullage, its libraries and tests/vm/. Needs no privileges; nothing of it stays
# but build/vm/. ULLAGE_VM_KERNEL=FILE takes another kernel.
# Ends with `N passed, N failed`, or with 77 and the reason why it cannot run here.
set -eu
cd "$(dirname "$0")/.."
build=${1-build/release}
vm=build/vm
limit_s=${ULLAGE_VM_LIMIT_S-400} # without KVM it takes some 60 s

cannot() {
  echo "skip  the small machine: $1"
  echo "0 passed, 0 failed, 1 skipped"
  exit 77
}
[ "$(uname -m)" = x86_64 ] || cannot "it is made for x86_64"
for program in qemu-system-x86_64 busybox gcc; do
  command -v $program >/dev/null || cannot "there is no $program; tools/setup.sh vm installs it"
done
busybox --list | grep -qx cpio || cannot "this busybox has no cpio; busybox-static has"
[ -x "$build/ullage" ] || { echo "no $build/ullage; build the release preset first: make build" >&2 && exit 2; }

# ---- The kernel ---------------------------------------------------------------------------------

find_kernel() {
  local package
  kernel=${ULLAGE_VM_KERNEL-}
  [ -z "$kernel" ] || return 0
  mkdir -p $vm/kernel
  kernel=$(find $vm/kernel -name 'vmlinuz-*' | sort | tail -1)
  [ -z "$kernel" ] || return 0
  command -v apt-get >/dev/null || cannot "no kernel; name one with ULLAGE_VM_KERNEL=FILE"
  package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
  [ -n "$package" ] || cannot "apt knows no linux-image-cloud-amd64; name a kernel with ULLAGE_VM_KERNEL=FILE"
  (cd $vm/kernel && apt-get download -q "$package" >apt.log 2>&1) || cannot "$package cannot be had: $(tail -1 $vm/kernel/apt.log)"
  dpkg-deb -x $vm/kernel/linux-image-*.deb $vm/kernel/unpacked
  cp $vm/kernel/unpacked/boot/vmlinuz-* $vm/kernel/
  rm -rf $vm/kernel/unpacked $vm/kernel/linux-image-*.deb
  kernel=$(find $vm/kernel -name 'vmlinuz-*' | sort | tail -1)
}

# ---- The initramfs ------------------------------------------------------------------------------

copy_with_libraries() { # FILE TO: and what it is linked to, at the same paths
  local library
  cp "$1" "$root/$2"
  ldd "$1" 2>/dev/null | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*\).*/\1/p' |
    while read -r library; do
      mkdir -p "$root$(dirname "$library")"
      cp -Ln "$library" "$root$library" 2>/dev/null || true
    done
}

make_root() {
  root=$vm/root
  rm -rf $root
  mkdir -p $root/bin $root/usr/bin $root/usr/lib $root/etc $root/proc $root/sys $root/dev $root/tmp $root/root
  cp "$(command -v busybox)" $root/bin/busybox
  for applet in $(busybox --list); do
    [ -e $root/bin/"$applet" ] || ln -s busybox $root/bin/"$applet"
  done
  copy_with_libraries "$build/ullage" usr/bin/ullage
  copy_with_libraries "$(readlink -f "$build/libullage.so")" usr/bin/libullage.so.0
  gcc -O1 -o $vm/hog tests/vm/hog.c
  copy_with_libraries $vm/hog usr/bin/hog
  cp tests/vm/cases.sh $root/init
  chmod 755 $root/init
  echo 'root:x:0:0:root:/root:/bin/sh' >$root/etc/passwd
  echo 'user:x:1000:1000:user:/tmp:/bin/sh' >>$root/etc/passwd
  echo 'user:x:1000:' >$root/etc/group
  (cd $root && find . | busybox cpio -o -H newc -R 0:0 2>/dev/null | gzip -1) >$vm/initramfs.gz
}

# ---- The machine --------------------------------------------------------------------------------

mkdir -p $vm
exec 9>$vm/lock
flock 9 # one at a time
find_kernel
make_root
truncate -s 512M $vm/disk.img
echo "kernel: $(basename "$kernel")"
status=0
# Not KVM: inside a virtual machine it may be there and not work, and this is fast enough.
timeout "$limit_s" qemu-system-x86_64 -accel "${ULLAGE_VM_ACCEL-tcg,thread=multi}" -cpu max -m 1024 -smp 2 -nographic -no-reboot \
  -kernel "$kernel" -initrd $vm/initramfs.gz -append "console=ttyS0 quiet panic=-1 cgroup_no_v1=all psi=1" \
  -drive file=$vm/disk.img,format=raw,if=none,id=disk -device nvme,drive=disk,serial=disk \
  -net none </dev/null 9>&- >$vm/console.log 2>&1 || status=$?
rm -f $vm/disk.img
tr -d '\r' <$vm/console.log | sed -n -E '/^(ok|FAIL)  |^        |^[0-9]+ passed, /p'
if ! grep -q -E '^[0-9]+ passed, [0-9]+ failed' $vm/console.log; then
  echo "the machine did not come to its end (qemu: $status); its last words, of $vm/console.log:"
  tail -20 $vm/console.log
  echo "0 passed, 1 failed"
  exit 1
fi
tr -d '\r' <$vm/console.log | grep -q -E '^[0-9]+ passed, 0 failed$'
