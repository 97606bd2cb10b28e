#!/bin/sh
# SPDX-License-Identifier: MIT
# cases.sh: runs inside the small machine of tools/check_vm.sh, as its first process: what `ullage run`
# does with cgroups version 2. Prints a line for each case, and `N passed, N failed` at the end.
PATH=/bin:/usr/bin
export PATH HOME=/root XDG_STATE_HOME=/tmp/state
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
exec >/dev/console 2>&1
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t cgroup2 none /sys/fs/cgroup
ifconfig lo 127.0.0.1 2>/dev/null
top=/sys/fs/cgroup
passed=0
failed=0
echo # the console's first line is not ours alone

# Runs a program under ullage: what it says goes to $said, its exit code to $code.
said=/tmp/said
try() {
  ullage run "$@" >$said 2>&1
  code=$?
}

begin() {
  name=$1
  fine=1
  kills=$(sed -n 's/^oom_kill //p' /proc/vmstat)
}
want() { # WHAT IS-TRUE…
  what=$1
  shift
  "$@" && return
  fine=0
  echo "        not so: $what (exit code $code)"
}
says() { grep -q -e "$1" $said; }
is() { [ "$1" = "$2" ]; }
no_kill() { is "$(sed -n 's/^oom_kill //p' /proc/vmstat)" "$kills"; }
no_group() { [ -z "$(find $top -name 'ullage-run-*')" ]; }
soon() { # COMMAND…: within five seconds
  for i in 1 2 3 4 5 6 7 8 9 10; do
    "$@" && return
    sleep 0.5
  done
  return 1
}
end() {
  if [ $fine = 1 ]; then
    passed=$((passed + 1))
    echo "ok    $name"
  else
    failed=$((failed + 1))
    echo "FAIL  $name"
    sed 's/^/        | /' $said
  fi
}

begin "inside its budget nothing happens, and the group is gone"
try --budget 100M -- hog 40
want "exit code 0" is $code 0
want "said" says 'enclosed in a cgroup (version 2) of 95.4 MiB; at that wall it is paused'
want "kept" says 'kept, with '
want "no group" no_group
end

begin "at the wall it is frozen, written down, ended with 137, by us"
try --budget 100M -- hog 200
want "exit code 137" is $code 137
want "said" says 'was ended at its wall of 95.4 MiB'
want "written down" says 'At the wall of 95.4 MiB, 1 process held:'
want "mappings" says 'its largest mappings'
want "the kernel killed nobody" no_kill
want "no group" no_group
want "a file of it" test -n "$(ls /tmp/state/ullage/walls/*-hog-*.txt)"
end

begin "it is ended near the limit, not long before"
peak=$(sed -n 's/^ *cgroup *\([0-9]*\)\.[0-9]* MiB.*/\1/p' $said)
want "a peak above 88 MiB: $peak" [ "${peak:-0}" -ge 88 ]
end
echo "        at $peak of 95 MiB"

begin "within --max-budget it is raised and goes on"
try --budget 100M --max-budget 300M -- hog 200
want "exit code 0" is $code 0
want "said" says 'At its wall the budget was raised to '
want "the kernel killed nobody" no_kill
end

begin "beyond --max-budget it is ended all the same"
try --budget 100M --max-budget 150M -- hog 300
want "exit code 137" is $code 137
want "said" says 'was ended at its wall of 143.1 MiB'
end

begin "a tree of processes has one budget"
try --budget 100M -- hog 40 4
want "exit code 137" is $code 137
want "said" says 'was ended at its wall'
want "nobody is left" is "$(pidof hog)" ""
end

begin "in one leap past the wall: all of it ends, with 137"
try --budget 100M -- hog leap 300
want "exit code 137" is $code 137
want "no group" no_group
end

begin "page cache is not the wall: writing and reading a file of three budgets"
mke2fs /dev/nvme0n1 >/dev/null 2>&1
mkdir -p /disk
mount -t ext2 /dev/nvme0n1 /disk
try --budget 64M -- sh -c 'dd if=/dev/zero of=/disk/file bs=64k count=3072 && cat /disk/file >/dev/null'
want "exit code 0" is $code 0
want "no pause" test -z "$(grep -e wall $said | grep -v 'at that wall it is paused')"
end

begin "nor are mapped files: one of three budgets, read twice"
try --budget 64M -- hog map /disk/file
want "exit code 0" is $code 0
want "it ended normally" says 'ended normally'
end

begin "page cache and then memory: the wall is found all the same"
try --budget 64M -- sh -c 'cat /disk/file >/dev/null; exec hog 200'
want "exit code 137" is $code 137
want "by us" says 'was ended at its wall'
end

begin "while it runs, the tripwires are set: memory.high at 80 %, pressure"
ullage run -q --budget 100M -- hog sleep 1000 >$said 2>&1 &
run=$!
runs() { pidof hog >/dev/null; }
want "it runs" soon runs
want "80 %" is "$(cat $top/ullage-run-$run-*/memory.high)" "$((80000000 / 4096 * 4096))"
want "the wall" is "$(cat $top/ullage-run-$run-*/memory.max)" "$((100000000 / 4096 * 4096))"
want "no swap" is "$(cat $top/ullage-run-$run-*/memory.swap.max)" 0
want "pressure" test -n "$(ls -l /proc/$run/fd | grep memory.pressure)"
kill $run
soon no_group
want "no group" no_group
end

begin "killed with SIGKILL, it leaves neither process nor group"
ullage run -q --budget 100M -- hog daemon 1000 >$said 2>&1
ullage run -q --budget 100M -- hog sleep 1000 >$said 2>&1 &
run=$!
running() { [ -n "$(find $top -name "ullage-run-$run-*")" ] && [ "$(pidof hog | wc -w)" -ge 2 ]; }
want "both run" soon running
kill -9 $run
gone() { [ -z "$(find $top -name "ullage-run-$run-*")" ]; }
want "no group" soon gone
end

begin "who stays behind has no wall, no tripwire, and is not frozen"
group=$(find $top -name 'ullage-run-*')
want "one group" test -d "$group"
want "no limit" is "$(cat $group/memory.max)" max
want "memory.high is not left on" is "$(cat $group/memory.high)" max
want "not frozen" is "$(cat $group/cgroup.freeze)" 0
end

begin "the next run takes an empty leftover away"
kill $(pidof hog)
soon is "$(pidof hog)" ""
sleep 0.5
try --budget 100M -- true
want "no group" no_group
end

# As systemd does for a user's scope: a part of the tree is given to them.
cat >/bin/as_user <<'S'
#!/bin/sh
# as_user GROUP COMMAND…: in that group, as another user
echo $$ >"$1/cgroup.procs" || exit 9
shift
exec su -s /bin/sh user -c "exec $*"
S
chmod 755 /bin/as_user
delegate() {
  mkdir -p $1
  for file in . cgroup.procs cgroup.subtree_control cgroup.threads; do chown user $1/$file; done
}
echo +memory >$top/cgroup.subtree_control
mkdir -p $top/other
delegate $top/home
delegate $top/home/scope
echo +memory >$top/home/cgroup.subtree_control

begin "another user, nothing delegated: not enclosed, said, run all the same"
as_user $top/other ullage run --budget 100M -- hog 20 >$said 2>&1
code=$?
want "exit code 0" is $code 0
want "said" says 'not enclosed, so nothing stops it at its budget: making a cgroup below .* is not permitted'
end

begin "another user, alone in a delegated scope: steps aside and encloses"
as_user $top/home/scope ullage run --budget 100M -- hog 200 >$said 2>&1
code=$?
want "exit code 137" is $code 137
want "said" says 'enclosed in a cgroup (version 2)'
want "by us" says 'was ended at its wall'
want "no group" no_group
end
rmdir $top/home/scope/ullage-self $top/home/scope 2>/dev/null
delegate $top/home/scope

begin "another user, beside a shell in their scope: the group above is used"
as_user $top/home/scope "sh -c 'ullage run --budget 100M -- hog 200; echo shell \$?'" >$said 2>&1
code=$?
want "said" says 'enclosed in a cgroup (version 2)'
want "the shell goes on" says 'shell 137'
want "no group" no_group
end

begin "but not where that would lead out of a limit"
echo 400000000 >$top/home/scope/memory.max
as_user $top/home/scope "sh -c 'ullage run --budget 100M -- hog 20; echo shell \$?'" >$said 2>&1
want "said" says 'not enclosed, so nothing stops it at its budget: .* holds processes itself'
want "run all the same" says 'shell 0'
end

begin "a budget of auto is the least limit of the groups around it"
mkdir -p $top/outer/inner
echo 200000000 >$top/outer/memory.max
echo +memory >$top/outer/cgroup.subtree_control
echo 400000000 >$top/outer/inner/memory.max
(echo 0 >$top/outer/inner/cgroup.procs && exec ullage run --budget auto -- hog 20) >$said 2>&1
code=$?
want "exit code 0" is $code 0
want "190.7 MiB" says '190.7 MiB'
end

echo
echo "$passed passed, $failed failed"
poweroff -f
