#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py: measures allocators against each other: time and peak RSS, interleaved, medians, ratios.

    bench/run.py --quick                       all programs, three rounds, a few minutes
    bench/run.py --full --json full.json       longer runs, five rounds, programs of the system too
    bench/run.py --only churn,sh6 --allocators ullage,mimalloc --rounds 1
    bench/run.py --peer old=/tmp/libullage-old.so --only churn
    bench/run.py --quick --resume build/bench/quick.json

How it measures. In each round the programs come in random order, and for each program the
allocators come in random order right after another: drift of the machine hits all allocators
alike. A run during which anything else took more than 12 % of the machine is thrown away and
made again, at most three times, and at most a quarter of all runs; if it never gets quiet, the
least disturbed one counts and the report says how many such there are. Processor time (user and
system) is shown beside wall time: on a machine that others use it is the steadier of the two. An
allocator that crashes, or with which a program computes something else than under libc, is
reported and makes the exit code 1. Peak RSS comes from wait4 in a small parent (measure.c says
why).
"""
import argparse
import fnmatch
import json
import os
import platform
import random
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import stats
import suite

NOISE_LIMIT = 0.12
RETRIES = 3          # of one run
RETRIES_SHARE = 0.25 # of all runs: a busy machine must not make a quick measurement long
RUN_TIMEOUT_S = 300


def measure(build, library, command):
    """One run. Returns the dictionary that is kept of it."""
    words = [os.path.join(build, "bench", "bench_measure")]
    if library:
        words += ["-e", "LD_PRELOAD=" + library]
    run = subprocess.run(words + ["--"] + command, capture_output=True, text=True, errors="replace",
                         timeout=RUN_TIMEOUT_S)
    line = re.findall(r"^status=.*$", run.stderr, re.M)
    if run.returncode != 0 or not line:
        raise SystemExit("bench: cannot measure %s: %s" % (command[0], run.stderr.strip()))
    result = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line[-1])}
    cores = os.cpu_count() or 1
    result["cpu_ns"] = result["user_ns"] + result["system_ns"]
    result["noise"] = round(result["other_ns"] / (cores * max(result["wall_ns"], 1)), 4)
    result["said"] = re.sub(r" seconds=[\d.]+", "", run.stdout.strip())[-200:]
    if result["status"]:
        result["complaint"] = run.stderr.replace(line[-1], "").strip()[-300:]
    return result


def measure_quietly(build, library, command, retries):
    """The first run that nothing disturbed, or the least disturbed of at most 1 + `retries`."""
    best = None
    for attempt in range(retries + 1):
        run = measure(build, library, command)
        if best is None or run["noise"] < best["noise"] or run["status"]:
            best = run
        best["attempts"] = attempt + 1
        if run["status"] or run["noise"] <= NOISE_LIMIT or attempt == retries:
            break
        time.sleep(0.2)
    return best


def git_commit():
    def git(*words):
        run = subprocess.run(["git", "-C", suite.ROOT] + list(words), capture_output=True,
                             text=True)
        return run.stdout.strip() if run.returncode == 0 else ""
    commit = git("rev-parse", "HEAD")
    return commit + ("-dirty" if commit and git("status", "--porcelain", "-uno") else "")


def machine():
    model = ""
    try:
        with open("/proc/cpuinfo") as file:
            found = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.M)
            model = found.group(1) if found else ""
        with open("/proc/meminfo") as file:
            memory = int(re.search(r"MemTotal:\s*(\d+)", file.read()).group(1)) * 1024
    except OSError:
        memory = 0
    return {"cpu": model or platform.machine(), "cores": os.cpu_count(), "memory_bytes": memory,
            "kernel": platform.release(), "libc": " ".join(platform.libc_ver())}


def build_flags(build):
    wanted = ("CMAKE_C_COMPILER", "CMAKE_C_FLAGS", "CMAKE_C_FLAGS_RELEASE", "ULLAGE_LTO",
              "CMAKE_BUILD_TYPE")
    flags = {}
    try:
        with open(os.path.join(build, "CMakeCache.txt")) as file:
            for line in file:
                key, _, value = line.strip().partition("=")
                if key.split(":")[0] in wanted:
                    flags[key.split(":")[0]] = value
    except OSError:
        pass
    return flags


def save(path, document):
    if not path:
        return
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path + ".part", "w") as file:
        json.dump(document, file, indent=1)
    os.replace(path + ".part", path)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true",
                      help="three rounds of 0.7 of the work, below 8 minutes")
    size.add_argument("--full", action="store_true",
                      help="five rounds of twice the work, real programs too")
    parser.add_argument("--rounds", type=int, help="how often each pair is measured")
    parser.add_argument("--scale", type=float, help="multiplies the work of our own programs")
    parser.add_argument("--real", action="store_true", help="also programs of the system")
    parser.add_argument("--only", default="", help="programs, comma-separated; churn* works")
    parser.add_argument("--allocators", default="",
                        help="comma-separated; default: all that are there")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PATH",
                        help="one more library")
    parser.add_argument("--build", default=os.path.join(suite.ROOT, "build", "release"),
                        help="build directory (build/release)")
    parser.add_argument("--base", help="ratios are to this allocator (mimalloc, else glibc)")
    parser.add_argument("--json", metavar="FILE", help="write everything there, after each program")
    parser.add_argument("--resume", metavar="FILE", help="go on with the measurement in FILE")
    parser.add_argument("--seed", type=int, help="of the order; printed")
    parser.add_argument("--list", action="store_true",
                        help="show programs and allocators, measure nothing")
    return parser.parse_args()


def choose(options):
    """Programs as [(name, command)], allocators as {name: library}. Exits on an unknown name."""
    programs = suite.own_programs(options.build, options.scale)
    if options.real:
        inputs = os.path.join(os.path.dirname(os.path.abspath(options.build)), "bench", "input")
        programs += suite.real_programs(inputs)
    if options.only:
        wanted = options.only.split(",")
        match = fnmatch.fnmatchcase
        for want in wanted:
            if not any(match(name, want) for name, _ in programs):
                raise SystemExit("bench: no program is called '%s'; there are: %s"
                                 % (want, ", ".join(name for name, _ in programs)))
        programs = [p for p in programs if any(match(p[0], want) for want in wanted)]
    libraries = suite.allocators(options.build)
    for peer in options.peer:
        name, _, path = peer.partition("=")
        if not os.path.exists(path):
            raise SystemExit("bench: --peer %s: there is no file '%s'" % (name, path))
        libraries[name] = os.path.abspath(path)
    if options.allocators:
        wanted = options.allocators.split(",") + [peer.split("=")[0] for peer in options.peer]
        for name in wanted:
            if name not in libraries:
                raise SystemExit("bench: allocator '%s' is not here; there are: %s"
                                 % (name, ", ".join(libraries)))
        libraries = {name: path for name, path in libraries.items() if name in wanted}
    return programs, libraries


def check_answers(runs):
    """Marks runs in which a program said something else than it did under the first allocator."""
    first, wrong = {}, []
    for run in sorted(runs, key=lambda run: run["allocator"] != "glibc"):
        if run["status"]:
            wrong.append("%s under %s ended with %d: %s" % (
                run["program"], run["allocator"], run["status"], run.get("complaint", "")))
        elif first.setdefault(run["program"], run["said"]) != run["said"]:
            run["wrong"] = True
            wrong.append("%s under %s computed something else: %s" % (
                run["program"], run["allocator"], run["said"]))
    return sorted(set(wrong))


def report(document, programs, libraries):
    runs = document["runs"]
    wrong = check_answers(runs)
    names = list(libraries)
    summary = stats.summarize(runs, document["base"], names)
    document["summary"] = summary
    order = [name for name, _ in programs]
    seconds = lambda ns: "%.3f s" % (ns / 1e9)
    mebibytes = lambda count: "%.1f MiB" % (count / 1048576)
    for title, measured, unit in (("Wall time", "wall_ns", seconds),
                                  ("Processor time", "cpu_ns", seconds),
                                  ("Peak RSS", "peak_rss_bytes", mebibytes)):
        print("\n" + stats.show_table(title, summary, measured, order, names, unit))
    noisy = [run for run in runs if run["noise"] > NOISE_LIMIT]
    print("\n%d runs; %d of them were disturbed by other work (above %d %% of the machine) and\n"
          "kept because none was quieter" % (len(runs), len(noisy), NOISE_LIMIT * 100))
    for line in wrong:
        print("WRONG: " + line)
    return 1 if wrong else 0


def main():
    options = arguments()
    if options.full:
        options.real = True
    options.rounds = options.rounds or (5 if options.full else 3)
    options.scale = options.scale or (2 if options.full else 0.7 if options.quick else 1)
    options.json = options.json or options.resume
    if options.quick and not options.json:
        options.json = os.path.join(suite.ROOT, "build", "bench", "quick.json")
    programs, libraries = choose(options)
    if options.list:
        print("programs:   " + ", ".join(name for name, _ in programs))
        for name, path in libraries.items():
            print("%-11s %s" % (name, suite.version(path)))
        return 0
    if not os.path.exists(os.path.join(options.build, "bench", "bench_measure")):
        raise SystemExit("bench: %s holds no benchmark programs; build them with 'make build'"
                         % options.build)
    if "ullage" not in libraries and not options.allocators:
        print("bench: %s/libullage.so is not built; measuring the others" % options.build,
              file=sys.stderr)
    base = options.base or ("mimalloc" if "mimalloc" in libraries else next(iter(libraries)))
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 31)
    document = {"schema": "ullage.bench/1", "machine": machine(), "commit": git_commit(),
                "flags": build_flags(options.build),
                "allocators": {name: suite.version(path) for name, path in libraries.items()},
                "scale": options.scale, "rounds": options.rounds, "seed": seed, "base": base,
                "noise_limit": NOISE_LIMIT, "runs": []}
    if options.resume and os.path.exists(options.resume):
        with open(options.resume) as file:
            former = json.load(file)
        if former["scale"] != options.scale or former["commit"] != document["commit"]:
            raise SystemExit("bench: %s was measured with another scale or commit; start anew "
                             "without --resume" % options.resume)
        seed = document["seed"] = former["seed"]
        document["runs"] = former["runs"]
    done = {(run["round"], run["program"], run["allocator"]) for run in document["runs"]}
    print("seed %d, %d rounds, %d programs\nallocators: %s" % (
        seed, options.rounds, len(programs),
        ", ".join("%s (%s)" % item for item in document["allocators"].items())), flush=True)
    total = options.rounds * len(programs) * len(libraries)
    retries_left = int(total * RETRIES_SHARE)
    for number in range(options.rounds):
        order = random.Random(seed + number)
        for name, command in order.sample(programs, len(programs)):
            for allocator in order.sample(sorted(libraries), len(libraries)):
                if (number, name, allocator) in done:
                    continue
                run = measure_quietly(options.build, libraries[allocator], command,
                                      min(RETRIES, retries_left))
                retries_left -= run["attempts"] - 1
                document["runs"].append(dict(run, round=number, program=name, allocator=allocator))
                if sys.stderr.isatty():
                    print("\r%4d/%d  round %d  %-14s %-10s %7.3f s " % (
                        len(document["runs"]), total, number + 1, name, allocator,
                        run["wall_ns"] / 1e9), end="", file=sys.stderr, flush=True)
            save(options.json, document)
    if sys.stderr.isatty():
        print("\r" + " " * 78 + "\r", end="", file=sys.stderr)
    code = report(document, programs, libraries)
    save(options.json, document)
    if options.json:
        print("written: %s" % os.path.relpath(options.json))
    return code


if __name__ == "__main__":
    sys.exit(main())
