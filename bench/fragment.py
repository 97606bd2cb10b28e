#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fragment.py: how closely each allocator packs when sizes drift, and what it gives back when idle.

    bench/fragment.py                                  all allocators, one and two threads: long
    bench/fragment.py --allocators ullage,glibc,snmalloc --rounds 3 --json build/bench/fragment.json
    bench/fragment.py --mib 200 --ops 1000000 --idle 3            a look in minutes

Runs bench_fragment (its head says what it does), the allocators in random order within each round,
and prints medians over the rounds:

    after fill, churn mean, 90 % freed, idle     resident ÷ live requested bytes
    Mops/s                                       replacements per microsecond of the churn
    idle s                                       seconds of sleep after the freeing

One run takes about half a minute and 1.6 GiB with the defaults.
"""
import argparse
import random
import os
import re
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import runs
import stats

COLUMNS = (("fill", "after fill", "%.3f"), ("churn_mean", "churn, mean", "%.3f"),
           ("churn_mops", "churn, Mops/s", "%.2f"), ("freed90", "90 % freed", "%.2f"),
           ("idle", "then idle", "%.2f"))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    runs.add_library_options(parser)
    parser.add_argument("--threads", default="1,2", help="thread counts, comma-separated (1,2)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--mib", type=int, default=1260, help="live MiB (1260)")
    parser.add_argument("--ops", type=int, default=8000000, help="replacements (8000000)")
    parser.add_argument("--idle", type=float, default=12, help="seconds of sleep (12)")
    parser.add_argument("--minutes", type=float, default=0,
                        help="begin no round that would end later than this")
    parser.add_argument("--json", metavar="FILE", help="write every run there")
    parser.add_argument("--seed", type=int, help="of the order; printed")
    return runs.parsed(parser)


def table(document, names, threads):
    """Text: medians over the runs with that many threads; a name without a good run says failed."""
    lines = ["%-14s" % ("%d thread%s" % (threads, "s" if threads > 1 else ""))
             + "".join("%16s" % head for _, head, _ in COLUMNS)]
    for name in names:
        rows = [run for run in document["runs"]
                if run["allocator"] == name and run["threads"] == threads]
        good = [run["figures"] for run in rows if not run["status"]]
        if good:
            cells = [form % statistics.median(figures[key] for figures in good)
                     for key, _, form in COLUMNS]
        else:
            cells = ["failed"] * len(COLUMNS) if rows else ["–"] * len(COLUMNS)
        lines.append("%-14s" % name + "".join("%16s" % cell for cell in cells))
    return "\n".join(lines)


def one(options, library, threads):
    command = [os.path.join(options.build, "bench", "bench_fragment"), "--threads", str(threads),
               "--mib", str(options.mib), "--ops", str(options.ops), "--idle", str(options.idle)]
    run = runs.measure(options.build, library, command)
    run["figures"] = {key: float(value)
                      for key, value in re.findall(r"(\w+)=([\d.]+)", run["said"])}
    return run


def measure(options, libraries, document):
    order = random.Random(document["seed"])
    counts = [int(count) for count in options.threads.split(",")]
    started_s, longest_s = time.monotonic(), 0
    for number in range(options.rounds):
        began_s = time.monotonic()
        if options.minutes and number \
                and began_s - started_s + longest_s > options.minutes * 60:
            print("stopped after %d rounds: another one would end beyond %g minutes"
                  % (number, options.minutes))
            break
        for threads in counts:
            for name in order.sample(sorted(libraries), len(libraries)):
                run = one(options, libraries[name], threads)
                document["runs"].append(dict(run, round=number, allocator=name, threads=threads))
                runs.save(options.json, document)
                if sys.stderr.isatty():
                    print("\rround %d  %d threads  %-14s" % (number + 1, threads, name), end="",
                          file=sys.stderr, flush=True)
        longest_s = max(longest_s, time.monotonic() - began_s)
        document["complete_rounds"] = number + 1
    if sys.stderr.isatty():
        print("\r" + " " * 60 + "\r", end="", file=sys.stderr)


def main():
    options = arguments()
    runs.need_built(options.build, "measure", "fragment")
    libraries = runs.choose_libraries(options)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 31)
    document = {"schema": "ullage.bench-fragment/1", "date": time.strftime("%Y-%m-%d"),
                "machine": runs.machine(), "commit": runs.git_commit(), "seed": seed,
                "mib": options.mib, "ops": options.ops, "idle_s": options.idle,
                "complete_rounds": 0, "runs": [],
                "allocators": {n: runs.suite.version(path) for n, path in libraries.items()}}
    print("seed %d, %d MiB, %d replacements, idle %g s; resident / live requested bytes" % (
        seed, options.mib, options.ops, options.idle), flush=True)
    try:
        measure(options, libraries, document)
    except KeyboardInterrupt:
        print("\nbench: interrupted; what follows is of the runs made so far", file=sys.stderr)
    runs.save(options.json, document)
    for threads in sorted({run["threads"] for run in document["runs"]}):
        print("\n" + table(document, list(libraries), threads))
    noisy = sum(run["noise"] > stats.NOISE_LIMIT for run in document["runs"])
    failed = ["%s: %s" % (run["allocator"], run.get("complaint", "")) for run in document["runs"]
              if run["status"]]
    print("\n%d rounds, %d runs, %d of them disturbed by other work (their Mops/s count too)"
          % (document["complete_rounds"], len(document["runs"]), noisy))
    for line in failed:
        print("FAILED: " + line)
    return 1 if failed else 0


if __name__ == "__main__":
    runs.script(main)
