#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_price.py: does the price curve foretell what another budget costs?

The cache service in Go runs under `ullage run` with four budgets. From the shares of collection that
were recorded of two of them the others are foretold, by the formula of src/launch/price.h, and
compared with what was measured. Each pair that is not adjacent is tried.

    tools/check_price.py [--build DIR] [--live SIZE] [--seconds N] [--rounds N]

It needs a Go toolchain, and a machine that is otherwise idle: what Go counts by the clock is wrong
where it waits for a processor. A run that was disturbed is recorded without a point, and is said.

Exit code: 0 when every third is met within 2 points; 1 when not; 77 when it could not be measured.
"""
import argparse
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MOST_POINTS = 2.0
FORETOLD_MOST = 0.40  # UL_PRICE_SHARE_MOST
TIMES_LIVE = (1.85, 2.10, 2.50, 3.00)  # budgets: shares of some 35 % to 7 %; GOMEMLIMIT is 0.88 of them
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--live", default="300M", help="live bytes of the cache")
    parser.add_argument("--seconds", type=int, default=12, help="of each run, after it is filled")
    parser.add_argument("--rounds", type=int, default=3, help="the median of each limit counts")
    return parser.parse_args()


def give_up(text):
    print(f"check_price: {text}")
    sys.exit(77)


def size(text):
    found = re.fullmatch(r"([0-9]+)([kMG]?i?)", text)
    if not found or found[2] not in UNITS:
        give_up(f"--live {text} is no size")
    return int(found[1]) * UNITS[found[2]]


def run(options, service, folder, budget):
    """One run; its (limit, share), or None where it was no measurement."""
    db = os.path.join(folder, f"{len(os.listdir(folder))}.db")  # of its own: it shall know of no other
    command = [os.path.join(options.build, "ullage"), "run", "-q", "--record", db, "--budget", str(budget),
               "--", service, "-live", str(size(options.live)), "-seconds", str(options.seconds)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, env={**os.environ, "GOGC": "off"})
    if done.returncode != 0:
        give_up(f"the service ended with {done.returncode} in a budget of {budget}")
    with sqlite3.connect(db) as history:
        return history.execute("SELECT limit_bytes, share FROM points").fetchone()


def curve(first, second):
    """K and L0 of two (limit, share); see src/launch/price.h."""
    (a, s), (b, t) = first, second
    k = (b - a) / ((1 - t) / t - (1 - s) / s)
    return k, a - k * (1 - s) / s


def measure(options, service, folder):
    seen = {}
    for _ in range(options.rounds):
        for times in TIMES_LIVE:
            point = run(options, service, folder, int(size(options.live) * times))
            if point is None:
                give_up("a run was disturbed: the machine has too few processors for all that runs")
            seen.setdefault(point[0], []).append(point[1])
            print(f"limit {point[0] / 2**20:7.1f} MiB   share {100 * point[1]:5.1f} %", flush=True)
    return sorted((limit, sorted(shares)[len(shares) // 2]) for limit, shares in seen.items())


def compare(points):
    worst = 0.0
    for i in range(len(points)):
        for j in range(i + 2, len(points)):
            if points[j][1] >= points[i][1]:
                print("a larger limit was no cheaper: no curve")
                return MOST_POINTS + 1
            k, l0 = curve(points[i], points[j])
            for limit, share in points:
                foretold = min(k / (k + limit - l0) if limit > l0 else 1, FORETOLD_MOST)
                miss = 100 * abs(foretold - min(share, FORETOLD_MOST))
                worst = max(worst, miss)
                print(f"from {points[i][0] / 2**20:.0f} and {points[j][0] / 2**20:.0f}: at "
                      f"{limit / 2**20:.0f} MiB {100 * foretold:.1f} %, measured {100 * share:.1f} %")
    return worst


def main():
    options = arguments()
    if not shutil.which("go"):
        give_up("no Go toolchain")
    with tempfile.TemporaryDirectory() as folder:
        service = os.path.join(folder, "cache_service")
        built = subprocess.run(["go", "build", "-o", service, "."],
                               cwd=os.path.join(ROOT, "examples", "cache_service_go"))
        if built.returncode != 0:
            give_up("the service does not build")
        worst = compare(measure(options, service, folder))
    print(f"worst miss: {worst:.1f} points; at most {MOST_POINTS} are allowed")
    return 0 if worst <= MOST_POINTS else 1


if __name__ == "__main__":
    sys.exit(main())
