# SPDX-License-Identifier: MIT
"""suite.py: which programs are measured, with which arguments, under which allocators.

The programs of our own are in OWN; those of the system, with their inputs, in real/programs.py.
Programs are only ever added: a list from which the bad ones can go measures nothing.

A program is a name and a command; `--scale` lengthens our own. `-2` in a name means two threads;
the total work of the two may differ, so compare allocators, not the pair. The arguments are chosen
so that one run takes about a second under mimalloc on a small server core and that most heaps lie
above 20 MiB: below that, the text and data of libc and of the allocator itself are most of what a
peak RSS shows.
"""
import glob
import os
import subprocess

from real import programs

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEERS = os.path.join(ROOT, "build", "bench", "peers")  # what bench/peers.py builds

# name, program, arguments
OWN = [
    ("churn", "churn", []),
    ("churn-hot", "churn", ["--live", "2000", "--ops", "20000000"]),
    ("churn-2", "churn", ["--threads", "2", "--ops", "12000000"]),
    ("larson-2", "larson", []),
    ("xmalloc-2", "xmalloc", []),
    ("sh6", "sh6", []),
    ("sh6-2", "sh6", ["--threads", "2", "--ops", "90000000"]),
    ("sh8-2", "sh8", []),
    ("sizes", "sizes", []),
    ("sizes-2", "sizes", ["--threads", "2", "--ops", "5000000"]),
    ("large", "large", []),
    ("large-2", "large", ["--threads", "2"]),
    ("realloc", "realloc", []),
    ("threads-2", "threads", []),
    ("cache", "cache", []),
    ("cache-2", "cache", ["--threads", "2", "--ops", "3600000"]),
    ("scratch-2", "scratch", []),
    ("mstress-2", "mstress", []),
    ("cfrac", "cfrac", []),
    ("alloctest", "alloctest", []),
    ("alloctest-2", "alloctest", ["--threads", "2", "--ops", "18000000"]),
    ("espresso", "espresso", []),
    ("espresso-2", "espresso", ["--threads", "2", "--ops", "3000"]),
    ("scratch", "scratch", ["--threads", "1"]),
    ("thrash-2", "thrash", []),
    ("neighbours-2", "neighbours", []),
    ("simple", "simple", []),
    ("simple-2", "simple", ["--threads", "2", "--ops", "150000000"]),
    ("threadtest", "threadtest", []),
    ("threadtest-2", "threadtest", ["--threads", "2", "--ops", "80000000"]),
    ("threads64", "threads64", ["--idle", "0"]),  # a sleep would only dilute its time
    ("calloc", "calloc", []),
    ("calloc-2", "calloc", ["--threads", "2"]),
    ("burst", "burst", []),
    ("burst-2", "burst", ["--threads", "2"]),
]

# Not in --quick, which must end within 8 minutes: each has a sibling there that says nearly the same.
QUICK_LEAVES_OUT = {"sh6-2", "sizes-2", "large-2", "simple-2", "calloc-2", "burst-2", "espresso-2",
                    "scratch"}


def own_programs(build, scale, quick=False):
    extra = [] if scale == 1 else ["--scale", str(scale)]
    return [(name, [os.path.join(build, "bench", "bench_" + program)] + arguments + extra)
            for name, program, arguments in OWN if not (quick and name in QUICK_LEAVES_OUT)]


def real_programs(directory, build=os.path.join(ROOT, "build", "release")):
    """Programs of the system with inputs written into `directory`: those that are there."""
    return programs.programs(build, directory)


def missing_programs(directory, build=os.path.join(ROOT, "build", "release")):
    """A line for each program of the system that is left out, with the reason."""
    return programs.missing(build, directory)


def allocators(build):
    """Name → library to preload ('' for libc's own): Debian's that are there, peers.py's, ours."""
    found = {"glibc": ""}
    for name, pattern in (("mimalloc", "libmimalloc.so.2*"), ("jemalloc", "libjemalloc.so.2"),
                          ("tcmalloc", "libtcmalloc_minimal.so.4")):
        paths = sorted(glob.glob("/usr/lib/*/" + pattern))
        if paths:
            found[name] = paths[0]
    for path in sorted(glob.glob(os.path.join(PEERS, "lib*.so"))):
        found.setdefault(os.path.basename(path)[len("lib"):-len(".so")], path)
    ours = os.path.join(build, "libullage.so")
    if os.path.exists(ours):
        found["ullage"] = ours
    return found


def version(path):
    """What a person needs to get the same library again: Debian's package, or for one from peers.py
    the line that it wrote beside it, else the file's name."""
    if not path:
        return "libc " + " ".join(os.confstr("CS_GNU_LIBC_VERSION").split()[1:])
    real = os.path.realpath(path)
    try:
        with open(real + ".version") as file:
            return file.readline().strip()
    except OSError:
        pass
    try:
        owner = subprocess.run(["dpkg-query", "-S", real], capture_output=True, text=True)
        package = owner.stdout.split(": ")[0] if owner.returncode == 0 else ""
        if package:
            shown = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}", package],
                                   capture_output=True, text=True)
            return shown.stdout.strip()
    except OSError:
        pass
    return os.path.basename(real)


def environment(path):
    """What the library's own project tells its users to set, as peers.py wrote it beside it."""
    try:
        with open(os.path.realpath(path) + ".env") as file:
            return file.read().split()
    except OSError:
        return []
