#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""budget_python.py: garbage that only the cycle collector finds, beside 200 MiB that stay live.

    budget_python.py [--live BYTES] [--seconds N]

Each turn makes two objects that refer to each other and hold 1 MB together, and drops them. Their
reference counts never reach zero; the collector would free them, but it counts objects, not bytes,
and two new objects a turn are far below its first threshold of 700: 350 MB of garbage stand before
it runs for the first time, and older generations wait longer. Each turn also reads one of the live
blocks and checks it.

Prints one JSON line at its end.
"""
import json
import sys
import time

CYCLE_BYTES = 10**6
BLOCK_BYTES = 64 * 1024


class Node:
    """One half of a cycle."""

    def __init__(self, payload):
        self.payload = payload
        self.other = None


def option(name, otherwise):
    return float(sys.argv[sys.argv.index(name) + 1]) if name in sys.argv else otherwise


def make_cycle(number):
    """Half of the bytes at each end, every page of them written."""
    a, b = (Node(bytearray(bytes([number & 255])) * (CYCLE_BYTES // 2)) for _ in range(2))
    a.other, b.other = b, a


def peak_rss_bytes():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def main():
    live = [bytes([i & 255]) * BLOCK_BYTES
            for i in range(int(option("--live", 200 * 2**20)) // BLOCK_BYTES)]
    seconds = option("--seconds", 20)
    start = time.monotonic()
    ops = 0
    while time.monotonic() - start < seconds:
        make_cycle(ops)
        at = ops % len(live)
        if live[at][0] != at & 255 or live[at][-1] != at & 255:
            sys.exit("budget_python: a block was changed while it was live")
        ops += 1
    took = time.monotonic() - start
    print(json.dumps({"schema": "ullage.example.budget_python/1",
                      "live_bytes": sum(len(block) for block in live), "cycles": ops, "ops": ops,
                      "ops_per_s": round(ops / took), "peak_rss_bytes": peak_rss_bytes()}))


if __name__ == "__main__":
    main()
