#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""peers.py: builds the newest other allocators as libraries to preload, to be measured beside ours.

    bench/peers.py                  build what is missing, into build/bench/peers (minutes, once)
    bench/peers.py --list           the table: versions, where their sources come from, licences
    bench/peers.py --only snmalloc,mimalloc3
    bench/peers.py --force          build again

Debian's allocators are years old. Current sources of most of them lie inside Rust's "-sys" crates,
which exist to compile them into Rust programs; cargo fetches such a crate (`cargo vendor`, from the
registry this machine is set up for), and we compile the C or C++ in it ourselves: no Rust is
built and no build script of a crate runs. Nothing of theirs enters this repository; sources,
objects and libraries stay below build/.

What holds:
- A version is pinned in the table below, with the crate's sha256: cargo compares what it downloads
  with the registry's, and we compare the registry's with ours.
- Each is built as its own project builds its library to preload: its CMake or configure with
  their defaults where they exist, -O3 -DNDEBUG, initial-exec TLS, malloc's family and C++'s new
  and delete replaced. No flag for this processor, no option that its users would not get.
- A library appears in build/bench/peers only after bench/peers/smoke.c, python3 and sort have run
  under it and the answers were right. Beside it lies libNAME.so.version: what it is, in one line
  (suite.version shows it), and in the second line what it was built from, by which a second call
  sees that there is nothing to do. libNAME.so.env holds what its own project tells its users to
  set in the environment, if anything: NAME=VALUE.
- One that cannot be fetched, built or trusted is named with the reason and left out, and removed if
  an older one lies there. The exit code is 0 if at least one is there to be measured.

suite.allocators() finds the libraries by their file names: libNAME.so is measured as NAME.
"""
import argparse
import collections
import fcntl
import glob
import hashlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import suite

HERE = os.path.join(suite.ROOT, "bench", "peers")
PRELOAD_MAP = os.path.join(HERE, "preload.map")
CC = os.environ.get("CC", "cc").split()
CXX = os.environ.get("CXX", "c++").split()
FLAGS = ["-O3", "-DNDEBUG", "-fPIC", "-ftls-model=initial-exec", "-fno-builtin-malloc", "-w"]
FETCH_TIMEOUT_S = 300
BUILD_TIMEOUT_S = 1800
SMOKE_TIMEOUT_S = 120

Peer = collections.namedtuple("Peer", "name what crate version sha256 licence build env",
                              defaults=("",))


class Failure(Exception):
    """One peer cannot be had; the text is the reason, for a person."""


def run(words, cwd=None, timeout=BUILD_TIMEOUT_S, env=None):
    """Runs a command; a Failure with its last words if it does not end well. Returns its output."""
    try:
        ran = subprocess.run(words, cwd=cwd, env=env, timeout=timeout, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             errors="replace")
    except FileNotFoundError:
        raise Failure("there is no '%s' on this machine" % words[0])
    except subprocess.TimeoutExpired:
        raise Failure("%s did not end in %d s" % (words[0], timeout))
    if ran.returncode:
        raise Failure("%s ended with %d: %s" % (os.path.basename(words[0]), ran.returncode,
                                                last_words(ran.stdout) or "it said nothing"))
    return ran.stdout


def last_words(output):
    """The lines a person needs of a long output: cargo's last cause, else those that say error,
    else the last ones."""
    lines = [line.strip() for line in output.rpartition("Caused by:")[2].splitlines()
             if line.strip()]
    if "Caused by:" in output:
        return " | ".join(lines[:2])[:400]
    errors = [line for line in lines if re.search(r"\berror\b", line, re.I)]
    return " | ".join((errors[:2] or lines[-2:]))[:400]


# ---- how each is built: (source of the crate, empty work directory, jobs) -> the library

def cmake(source, work, jobs, target, options):
    work = os.path.join(work, "cmake")
    run(["cmake", "-S", source, "-B", work, "-DCMAKE_BUILD_TYPE=Release",
         "-DCMAKE_C_COMPILER=" + CC[0], "-DCMAKE_CXX_COMPILER=" + CXX[0]] + options)
    run(["cmake", "--build", work, "--target", target, "-j", str(jobs)])
    found = [path for path in glob.glob(os.path.join(work, "lib*.so*"))
             if not os.path.islink(path)]
    if len(found) != 1:
        raise Failure("its CMake left %d libraries where one was expected" % len(found))
    return found[0]


def build_mimalloc(source, work, jobs):
    tree, = glob.glob(os.path.join(source, "mimalloc-v[23]"))
    return cmake(tree, work, jobs, "mimalloc",
                 ["-DMI_OVERRIDE=ON", "-DMI_BUILD_STATIC=OFF", "-DMI_BUILD_OBJECT=OFF",
                  "-DMI_BUILD_TESTS=OFF"])


def build_snmalloc(source, work, jobs):
    """The shim without checks: upstream's library for LD_PRELOAD."""
    return cmake(os.path.join(source, "upstream"), work, jobs, "snmallocshim",
                 ["-DSNMALLOC_BUILD_TESTING=OFF", "-DSNMALLOC_STATIC_LIBRARY=OFF"])


def build_jemalloc(source, work, jobs):
    """configure with its defaults (no prefix, C++ operators, -O3). The crate ships the script ready
    made; the time stamps of a copy would make `make` look for autoconf, hence the order."""
    tree = os.path.join(work, "tree")
    shutil.copytree(os.path.join(source, "jemalloc"), tree)
    shutil.copy(os.path.join(source, "configure", "configure"), os.path.join(tree, "configure"))
    version = os.path.basename(source).partition("+")[2]
    env = dict(os.environ, CC=" ".join(CC), CXX=" ".join(CXX), EXTRA_CFLAGS="-DNDEBUG",
               EXTRA_CXXFLAGS="-DNDEBUG")
    run(["sh", "configure", "--with-version=" + version, "--disable-doc"], cwd=tree, env=env)
    run(["make", "-j", str(jobs), "build_lib_shared"], cwd=tree, env=env)
    return os.path.join(tree, "lib", "libjemalloc.so.2")


def compile_all(sources, flags, work, jobs):
    """Object files of many sources, `jobs` at a time; the first error ends it."""
    def one(numbered):
        number, source = numbered
        target = os.path.join(work, "%03d-%s.o" % (number, os.path.basename(source)))
        compiler = CXX if source.endswith((".cc", ".cpp")) else CC
        run(compiler + FLAGS + flags + ["-c", source, "-o", target])
        return target
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, enumerate(sources)))


def build_rpmalloc(source, work, jobs):
    """Upstream's rpmallocwrap: PRELOAD starts it with the process, OVERRIDE replaces malloc."""
    folder = os.path.join(source, "rpmalloc", "rpmalloc")
    objects = compile_all([os.path.join(folder, "rpmalloc.c")],
                          ["-std=c11", "-funroll-loops", "-D_GNU_SOURCE=1", "-DENABLE_PRELOAD=1",
                           "-DENABLE_OVERRIDE=1", "-I" + folder], work, jobs)
    library = os.path.join(work, "librpmalloc.so")
    run(CC + ["-shared", "-pthread", "-o", library] + objects)
    return library


def build_tcmalloc(source, work, jobs):
    """Upstream knows only Bazel. The crate's build script lists the sources; its bridge to Rust is
    exchanged for tcmalloc.cc itself, which replaces malloc. C++ 17 and 8 KiB pages are upstream's
    defaults. All of tcmalloc is linked in, because a constructor that nothing refers to turns
    its caches per core on; of abseil only what is used. The crate's patch (it asks for huge
    pages) is not applied. Under a libc that uses restartable sequences itself (glibc 2.35 and
    newer) this allocator caches per thread; GLIBC_TUNABLES=glibc.pthread.rseq=0 gives it its
    caches per core."""
    with open(os.path.join(source, "build.rs")) as file:
        listed = re.findall(r'"(c_src/[^"]+\.(?:cc|S))"', file.read())
    wanted = [name for name in dict.fromkeys(listed) if "_bridge" not in name]
    wanted.append("c_src/tcmalloc/tcmalloc/tcmalloc.cc")
    objects = compile_all([os.path.join(source, name) for name in wanted],
                          ["-DNOMINMAX", "-I" + os.path.join(source, "c_src", "tcmalloc"),
                           "-I" + os.path.join(source, "c_src", "abseil-cpp")], work, jobs)
    whole = [made for made, name in zip(objects, wanted) if "/abseil-cpp/" not in name]
    abseil = os.path.join(work, "abseil.a")
    run(["ar", "rcs", abseil] + [made for made in objects if made not in whole])
    library = os.path.join(work, "libtcmalloc-google.so")
    run(CXX + ["-shared", "-pthread", "-Wl,--version-script=" + PRELOAD_MAP, "-o", library]
        + whole + [abseil])
    return library


PEERS = [
    Peer("mimalloc2", "mimalloc 2.5.2", "mimalloc-rich-src-v2", "1.5.200",
         "c0f73775890afc52fb377976c23ecc022bfe9de139cf6b2d35139655b00f80be", "MIT",
         build_mimalloc),
    Peer("mimalloc3", "mimalloc 3.6.1", "mimalloc-rich-src-v3", "1.6.101",
         "c3b1a4b63def18baccf3751e6b2c1a6f4db4542721e76f7538ec173e64ac7294", "MIT",
         build_mimalloc),
    Peer("jemalloc-new", "jemalloc 5.3.1", "tikv-jemalloc-sys", "0.7.1",
         "1a2825c78386b4ae0314074867860ba9577875de945f05992c38815cbec327f0", "BSD-2-Clause",
         build_jemalloc),
    Peer("snmalloc", "snmalloc 0.7.6", "snmalloc-sys", "0.7.6",
         "f09c93c55f9a2b8dab75738a83c771231c5f408af65b8657433fe5bc93cc76cb", "MIT",
         build_snmalloc),
    Peer("rpmalloc", "rpmalloc 1.4.3+b097fd0", "rpmalloc-sys", "0.2.3",
         "8d4b7d5e225a53887ee57fcec492eaf114b8e290f7072d035adc6ddd6810b67b", "Unlicense or MIT",
         build_rpmalloc),
    Peer("tcmalloc-google", "google tcmalloc of June 2025", "libtcmalloc-sys", "0.1.14",
         "33e204268a3b09862788a2894346c768b95b2cb29cba42c5e2bb9ea7f48fa317", "Apache-2.0",
         build_tcmalloc, "GLIBC_TUNABLES=glibc.pthread.rseq=0"),
]


# ---- fetching

def fetched(peer, folder):
    """The crate's source below `folder` if it is there and is the pinned one, else None."""
    name = os.path.join(folder, "vendor", peer.crate + "-" + peer.version)
    for path in glob.glob(name) + glob.glob(name + "+*"):  # "+…": upstream's version, for show
        try:
            with open(os.path.join(path, ".cargo-checksum.json")) as file:
                package = json.load(file).get("package")
        except (OSError, ValueError):
            continue
        if package == peer.sha256:
            return path
        raise Failure("crate %s %s has sha256 %s, not the pinned %s: look at the source before you "
                      "change the pin" % (peer.crate, peer.version, package, peer.sha256))
    return None


def fetch(peer, folder):
    """A manifest for this one crate: a peer whose crate is gone takes no other with it."""
    source = fetched(peer, folder)
    if source:
        return source
    if not shutil.which("cargo"):
        raise Failure("there is no cargo to fetch its source with")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(os.path.join(folder, "Cargo.toml"), "w") as file:
        file.write('[package]\nname = "peer"\nversion = "0.0.0"\nedition = "2018"\n[workspace]\n'
                   '[lib]\npath = "empty.rs"\n[dependencies]\n"%s" = "=%s"\n'
                   % (peer.crate, peer.version))
    open(os.path.join(folder, "empty.rs"), "w").close()
    run(["cargo", "vendor", "--versioned-dirs", "vendor"], cwd=folder, timeout=FETCH_TIMEOUT_S)
    source = fetched(peer, folder)
    if not source:
        raise Failure("cargo fetched crate %s, but not version %s" % (peer.crate, peer.version))
    return source


# ---- is what was built really an allocator, and in use?

def smoke(library, work):
    program = os.path.join(work, "smoke")
    run(CC + ["-O1", "-w", "-fno-builtin", "-pthread", "-o", program,
              os.path.join(HERE, "smoke.c"), "-ldl"])
    lines = os.path.join(work, "lines")
    with open(lines, "w") as file:
        file.writelines("%d\n" % (i * 7919 % 100003) for i in range(100003))
    python = ("import json, threading\n"
              "rows = [{'id': i, 'text': 'row %d' % i * (i % 7)} for i in range(20000)]\n"
              "text = json.dumps(rows)\n"
              "assert json.loads(text) == rows\n"
              "all = [threading.Thread(target=json.loads, args=(text,)) for _ in range(4)]\n"
              "[t.start() for t in all]; [t.join() for t in all]\n"
              "print(len(text), library in open('/proc/self/maps').read())\n")
    for name, words in (("smoke.c", [program, library]),
                        ("sort", ["sort", "-n", "-S", "1M", lines]),
                        ("python3", [sys.executable, "-c",
                                     "library = %r\n%s" % (os.path.basename(library), python)])):
        env = dict(os.environ, PYTHONMALLOC="malloc", LC_ALL="C", TMPDIR=work)
        plain = None if name == "smoke.c" else run(words, env=env, timeout=SMOKE_TIMEOUT_S)
        try:
            # LD_PRELOAD for the program, by env, and not for this Python.
            ran = run(["env", "LD_PRELOAD=" + library] + words, env=env, timeout=SMOKE_TIMEOUT_S)
        except Failure as failure:
            raise Failure("built, but %s fails under it: %s" % (name, failure))
        expected = {"smoke.c": "ok\n", "python3": (plain or "").replace("False", "True")}
        if ran != expected.get(name, plain):
            raise Failure("built, but under it %s says: %s" % (name, last_words(ran)))


# ---- one peer from nothing to a library

def compiler_version():
    return run(CC + ["--version"]).splitlines()[0]


def key(peer):
    """Changes when the library would: with its source, what builds it here, or the compilers."""
    parts = [peer.sha256, " ".join(FLAGS), compiler_version(),
             run(CXX + ["--version"]).splitlines()[0]]
    parts += [inspect.getsource(made_by) for made_by in (peer.build, cmake, compile_all)]
    with open(PRELOAD_MAP) as file:
        parts.append(file.read())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def is_built(library, wanted):
    try:
        with open(library + ".version") as file:
            return os.path.exists(library) and file.read().splitlines()[1:2] == [wanted]
    except OSError:
        return False


def obtain(peer, jobs, force):
    """Builds `peer` if it is not there. Returns what was done; raises Failure."""
    library = os.path.join(suite.PEERS, "lib%s.so" % peer.name)
    if peer.env:
        with open(library + ".env", "w") as file:
            file.write(peer.env + "\n")
    wanted = key(peer)
    if is_built(library, wanted) and not force:
        return "is there"
    for path in (library, library + ".version"):
        if os.path.exists(path):
            os.unlink(path)
    source = fetch(peer, os.path.join(suite.PEERS, "src", peer.name))
    work = os.path.join(suite.PEERS, "work", peer.name)
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    made = os.path.join(work, "lib%s.so" % peer.name)
    built = peer.build(source, work, jobs)
    if os.path.abspath(built) != os.path.abspath(made):
        shutil.copy(built, made)
    smoke(made, work)
    with open(library + ".version", "w") as file:
        file.write("%s (crate %s %s; %s)\n%s\n" % (peer.what, peer.crate, peer.version,
                                                   compiler_version(), wanted))
    os.replace(made, library)
    shutil.rmtree(work)
    return "built"


def print_table():
    row = "%-16s %-28s %-21s %-8s %-17s %s"
    print(row % ("name", "what it is", "crate with its source", "version", "licence", "sha256"))
    for peer in PEERS:
        print(row % (peer.name, peer.what, peer.crate, peer.version, peer.licence,
                     peer.sha256[:12]))


def main():
    parser = argparse.ArgumentParser(description="Builds the newest other allocators.")
    parser.add_argument("--only", default="", metavar="NAMES", help="these, with commas between")
    parser.add_argument("--list", action="store_true", help="print the table and end")
    parser.add_argument("--force", action="store_true", help="build again what is there")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    options = parser.parse_args()
    names = [name for name in options.only.split(",") if name]
    unknown = set(names) - {peer.name for peer in PEERS}
    if unknown:
        parser.error("there is no peer '%s'; --list shows them" % sorted(unknown)[0])
    print_table()
    if options.list:
        return 0
    os.makedirs(suite.PEERS, exist_ok=True)
    lock = open(os.path.join(suite.PEERS, "lock"), "w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # a second call waits, and then finds what it wants
    there = 0
    for peer in PEERS:
        if names and peer.name not in names:
            continue
        try:
            print("peers: %s: %s" % (peer.name, obtain(peer, options.jobs, options.force)),
                  flush=True)
            there += 1
        except (Failure, OSError) as failure:
            print("peers: %s is left out: %s" % (peer.name, failure), flush=True)
    if not there:
        print("peers: none could be built; the bench goes on with Debian's allocators. It takes "
              "cargo 1.85 or newer with its registry in reach, a C++ 20 compiler, cmake and make.")
        return 1
    print("peers: %d in %s; bench/run.py finds them there" % (there, suite.PEERS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
