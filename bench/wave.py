#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""wave.py: what giving memory back costs a program that soon needs it again.

    bench/wave.py                                  ours with giving back on and off, a few minutes
    bench/wave.py --only day --seconds 600         the daily wave, ten minutes a run
    bench/wave.py --allocators ullage,glibc,mimalloc

Runs bench_wave (its head says what it does) and bench_burst where it is built, each setting in
random order within each round, and prints medians and the ratio on / off:

    burst     waves of 200 MB with 300 ms between: time of filling again, and of the whole program
    refill    256 MiB of small objects, freed, --idle seconds, filled again: nanoseconds per object
    day       load up, down, up within --seconds: requests per second; in the valley resident ÷ live

"on" is the default, "off" is ULLAGE_RELEASE=0. Other allocators run as they are.
"""
import argparse
import os
import random
import re
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import runs
import stats

PARTS = ("burst", "refill", "day")
SHOWN = {"burst": (("first_fill_ms", "first fill, ms", "%.1f"), ("refill_ms", "refill, ms", "%.1f"),
                   ("cpu_ms", "processor, ms", "%.0f")),
         "refill": (("first_ns", "first, ns/object", "%.1f"),
                    ("refill_ns", "refill, ns/object", "%.1f"),
                    ("idle_ratio", "idle: RSS / filled", "%.3f")),
         "day": (("krps", "1000 requests/s", "%.1f"),
                 ("valley_ratio", "valley: RSS / live", "%.3f"),
                 ("valley_least", "least", "%.3f"), ("valley_mib", "valley, MiB", "%.1f"),
                 ("peak_mib", "peak, MiB", "%.1f"))}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    runs.add_library_options(parser)
    parser.set_defaults(allocators="ullage")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, comma-separated")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--seconds", type=float, default=60, help="length of the day (60)")
    parser.add_argument("--idle", type=float, default=0.4, help="seconds between refills (0.4)")
    parser.add_argument("--mib", type=int, help="live MiB of refill (256) and day (512)")
    parser.add_argument("--threads", type=int, default=2, help="threads of day (2)")
    parser.add_argument("--json", metavar="FILE", help="write every run there")
    options = runs.parsed(parser)
    options.parts = runs.chosen(options.only, PARTS, "part")
    return options


def command_of(options, part):
    program = lambda name: os.path.join(options.build, "bench", "bench_" + name)
    size = ["--live", str(options.mib)] if options.mib else []
    if part == "burst":
        return [program("burst")]
    if part == "refill":
        return [program("wave"), "refill", "--idle", str(options.idle)] + size
    return [program("wave"), "day", "--seconds", str(options.seconds), "--threads",
            str(options.threads)] + size


def settings_of(libraries):
    """{title: (library, environment)}: ours twice, others as they are."""
    settings = {}
    for name, library in libraries.items():
        if name == stats.OURS:
            settings["%s, on" % name] = (library, ("ULLAGE_RELEASE=1",))
            settings["%s, off" % name] = (library, ("ULLAGE_RELEASE=0",))
        else:
            settings[name] = (library, ())
    return settings


def one(options, part, library, environment):
    """{figure: value} of one run. bench_burst says its figures on stderr, which bench_measure
    passes on; they are read from there."""
    words = [os.path.join(options.build, "bench", "bench_measure")]
    for setting in (*environment, *(["LD_PRELOAD=" + library] if library else [])):
        words += ["-e", setting]
    code, said, complained = runs.output_of(words + ["--"] + command_of(options, part),
                                            runs.RUN_TIMEOUT_S + 3 * options.seconds)
    figures = {key: float(value) for key, value in re.findall(r"(\w+)=([\d.]+)", said + complained)}
    if code or figures.get("status"):
        raise SystemExit("bench: %s failed: %s" % (part, (said + complained).strip()[-300:]))
    figures["cpu_ms"] = (figures["user_ns"] + figures["system_ns"]) / 1e6
    return figures


def show(part, document, settings):
    columns = SHOWN[part]
    print("\n%-16s" % part + "".join("%20s" % head for _, head, _ in columns))
    middle = {}
    for title in settings:
        rows = [run["figures"] for run in document["runs"]
                if run["part"] == part and run["setting"] == title]
        middle[title] = {key: statistics.median(row[key] for row in rows) for key, _, _ in columns}
        print("%-16s" % title + "".join("%20s" % (form % middle[title][key])
                                        for key, _, form in columns))
    on, off = (middle.get("%s, %s" % (stats.OURS, word)) for word in ("on", "off"))
    if on and off:
        print("%-16s" % "on / off" + "".join("%20.3f" % (on[key] / off[key]) if off[key] else
                                             "%20s" % "–" for key, _, _ in columns))
    sys.stdout.flush()


def main():
    options = arguments()
    runs.need_built(options.build, "measure", "wave")
    if "burst" in options.parts and not os.path.exists(command_of(options, "burst")[0]):
        print("burst: skipped, bench_burst is not built")
        options.parts.remove("burst")
    settings = settings_of(runs.choose_libraries(options))
    document = {"schema": "ullage.bench-wave/1", "date": time.strftime("%Y-%m-%d"),
                "machine": runs.machine(), "commit": runs.git_commit(),
                "seconds": options.seconds, "idle_s": options.idle, "runs": []}
    for part in options.parts:
        for number in range(options.rounds):
            for title in random.sample(list(settings), len(settings)):
                figures = one(options, part, *settings[title])
                document["runs"].append({"part": part, "round": number, "setting": title,
                                         "figures": figures})
                runs.save(options.json, document)
        show(part, document, settings)
    return 0


if __name__ == "__main__":
    runs.script(main)
