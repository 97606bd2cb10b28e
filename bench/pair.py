#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pair.py: instructions per malloc+free pair, counted by callgrind, by pattern, size and allocator.

    bench/pair.py
    bench/pair.py --only lifo:16:100,now:64:1 --allocators ullage,mimalloc

Each case runs twice, with N and with 3 N pairs; the difference over 2 N is free of start-up and
nearly free of warming. It includes the calling loop (6 to 10 instructions) and the jump through
the PLT.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import suite

# pattern, size, batch
CASES = [("now", 16, 1), ("now", 64, 1), ("now", 512, 1), ("now", 4096, 1), ("now", 20000, 1),
         ("now", 100000, 1), ("lifo", 16, 100), ("fifo", 16, 100), ("lifo", 48, 1000),
         ("fifo", 48, 1000), ("fifo", 256, 1000), ("fifo", 48, 20000), ("random", 16, 1000),
         ("random", 64, 20000), ("random", 1024, 20000), ("random", 8192, 2000)]


def count(build, library, pattern, size, pairs, batch):
    with tempfile.TemporaryDirectory() as scratch:
        command = ["valgrind", "--tool=callgrind",
                   "--callgrind-out-file=" + os.path.join(scratch, "out"),
                   os.path.join(build, "bench", "bench_pair"),
                   pattern, str(size), str(pairs), str(batch)]
        environment = dict(os.environ)
        if library:
            environment["LD_PRELOAD"] = library
        run = subprocess.run(command, capture_output=True, text=True, env=environment)
        found = re.search(r"Collected : (\d+)", run.stderr)
        if run.returncode or not found:
            return None
        return int(found.group(1))


def per_pair(build, library, pattern, size, batch, pairs):
    pairs = max(pairs // batch, 2) * batch
    few = count(build, library, pattern, size, pairs, batch)
    many = count(build, library, pattern, size, 3 * pairs, batch)
    return None if few is None or many is None else (many - few) / (2 * pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(suite.ROOT, "build", "release"))
    parser.add_argument("--only", default="", help="pattern:size:batch, comma-separated")
    parser.add_argument("--allocators", default="")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--pairs", type=int, default=60000)
    options = parser.parse_args()
    libraries = suite.allocators(options.build)
    if options.allocators:
        libraries = {name: libraries[name] for name in options.allocators.split(",")}
    libraries.update(peer.split("=", 1) for peer in options.peer)
    cases = CASES
    if options.only:
        parts = [case.split(":") for case in options.only.split(",")]
        cases = [(pattern, int(size), int(batch)) for pattern, size, batch in parts]
    print("instructions per malloc+free pair, loop included")
    print("%-20s" % "pattern size batch" + "".join("%10s" % name for name in libraries), flush=True)
    for pattern, size, batch in cases:
        row = "%-6s %6d %6d" % (pattern, size, batch)
        for library in libraries.values():
            figure = per_pair(options.build, library, pattern, size, batch, options.pairs)
            row += "%10s" % ("failed" if figure is None else "%.1f" % figure)
        print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
