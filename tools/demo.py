#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""demo.py: the main job on real input: 1.23 GB of live data inside a budget of 1500M.

The same cache service runs five times: in C and in Go under `ullage run --budget 1500M`, and in
C on its own with the mallocs of libc, mimalloc and jemalloc (those that are installed). Both
reports, one table and a few sentences about what one sees go to stdout; c.json, go.json and
table.json to build/demo/.

    tools/demo.py                          two to three minutes
    tools/demo.py --live 100M --budget 125M --seconds 2

Exit code: 0 when the C service kept the budget under Ullage, 1 when it did not, 2 when something
that is needed could not run.
"""
import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import textwrap

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
         "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}

# Entries and index in Go's heap for each byte of entries, measured: 1.03 GB are 1.23 GB there. What
# is to stay below a limit needs room to collect in: at four fifths a collector has a third of the time.
GO_PER_LIVE, GO_FITS = 1.194, 0.8


def size(text):
    """SIZE as Ullage reads it everywhere: k M G T are powers of 1000, Ki Mi Gi Ti of 1024."""
    number = text.rstrip("kKmMgGtTi")
    unit = text[len(number):].lower()
    try:
        return int(float(number) * UNITS[unit])
    except (ValueError, KeyError):
        raise argparse.ArgumentTypeError("'%s' is no size; write for example 1500M or 512Mi" % text)


def fail(message):
    print("demo: " + message, file=sys.stderr)
    raise SystemExit(2)


def summary_of(output):
    """The JSON line that the service prints when it ends; None when there is none."""
    for line in reversed(output.splitlines()):
        if line.startswith("{") and "ullage.example.cache_service/1" in line:
            return json.loads(line)
    return None


def run_under_ullage(options, command, report, flags=(), environment=None):
    """Runs `command` under `ullage run`, whose screen goes to ours. Returns (report, summary)."""
    if os.path.exists(report):
        os.remove(report)  # never mistake an old report for this run's
    words = [os.path.join(options.build, "ullage"), "run", "--budget", options.budget_text,
             "--report", report, *flags, "--"] + command
    shown = [os.path.relpath(word, ROOT) if word.startswith(ROOT) else word for word in words]
    settings = ["%s=%s" % row for row in (environment or {}).items()]
    print("$ " + " ".join(settings + shown), flush=True)
    run = subprocess.run(words, stdout=subprocess.PIPE, text=True, cwd=ROOT,
                         env=dict(os.environ, **(environment or {})))
    for line in run.stdout.splitlines():
        if "ullage.example.cache_service/1" not in line:
            print(line)
    sys.stdout.flush()
    try:
        with open(report) as file:
            return json.load(file), summary_of(run.stdout), run.returncode
    except (OSError, ValueError) as problem:
        fail("'ullage run' ended with %d and left no report in %s (%s)"
             % (run.returncode, report, problem))


def run_plain(command, library):
    """Runs `command` with `library` preloaded. Returns (peak RSS in bytes, summary, exit code).
    wait4's peak is good enough here: the service is far larger than this interpreter."""
    environment = dict(os.environ)
    environment.pop("LD_PRELOAD", None)
    if library:
        environment["LD_PRELOAD"] = library
    reading, writing = os.pipe()
    child = os.posix_spawn(command[0], command, environment,
                           file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1),
                                         (os.POSIX_SPAWN_CLOSE, reading)])
    os.close(writing)
    with os.fdopen(reading, errors="replace") as pipe:
        output = pipe.read()
    _, status, used = os.wait4(child, 0)
    return used.ru_maxrss * 1024, summary_of(output), os.waitstatus_to_exitcode(status)


def row(name, peak, summary, budget, exit_code):
    if summary is None:
        return {"name": name, "exit_code": exit_code, "peak_rss_bytes": peak, "budget_kept": False}
    peak = max(peak, summary["peak_rss_bytes"])  # a sampled peak may miss what the kernel saw
    return {"name": name, "exit_code": exit_code, "peak_rss_bytes": peak,
            "live_bytes": summary["live_bytes"], "ratio": round(peak / summary["live_bytes"], 4),
            "ops_per_s": summary["ops_per_s"], "replace_p50_ns": summary["replace_p50_ns"],
            "replace_p99_ns": summary["replace_p99_ns"],
            "fill_ns": summary["fill_ns"], "budget_kept": peak <= budget}


def show(rows, budget):
    print("%-22s %10s %10s %6s %9s %8s %8s  %s"
          % ("", "peak RSS", "live", "ratio", "ops/s", "p50", "p99", "%.0f MB" % (budget / 1e6)))
    for one in rows:
        if "ratio" not in one:
            print("%-22s ended with %d and said nothing" % (one["name"], one["exit_code"]))
            continue
        print("%-22s %7.1f MB %7.1f MB %6.3f %9.0f %5.2f us %5.2f us  %s"
              % (one["name"], one["peak_rss_bytes"] / 1e6, one["live_bytes"] / 1e6, one["ratio"],
                 one["ops_per_s"], one["replace_p50_ns"] / 1e3, one["replace_p99_ns"] / 1e3,
                 "kept" if one["budget_kept"] else "NOT KEPT"))


def say(text):
    print(textwrap.fill(" ".join(text.split()), 100))
    print()


def go_fits(live, budget):
    """The end of the sentence about what a budget would do to the Go service."""
    needed = live * GO_PER_LIVE
    if needed < budget * GO_FITS:
        return ", which this much data leaves room for."
    return (""", but this much data takes %.0f MB in Go before it collects anything. `make demo-budget` has
            a Go service whose data fits.""" % (needed / 1e6))


def explain(rows, budget):
    """What one sees, from the figures of this run."""
    by_name = {one["name"]: one for one in rows if "ratio" in one}
    ours, go = by_name.get("C, ullage"), by_name.get("Go, ullage run")
    if not ours:
        return
    over = lambda one: (one["peak_rss_bytes"] - one["live_bytes"]) / 1e6
    say("""The service holds %.1f MB of keys and values at any moment. Everything above that is
        overhead: the index (about %.0f MB here, the same for all), what malloc adds to each object,
        and the holes that objects of other sizes left behind. Under Ullage that was %.0f MB, so the
        process needed %.1f MB and %s the budget of %.0f MB%s.""" % (
        ours["live_bytes"] / 1e6, ours["index_bytes"] / 1e6, over(ours),
        ours["peak_rss_bytes"] / 1e6,
        "kept" if ours["budget_kept"] else "did NOT keep", budget / 1e6,
        " with %.0f MB to spare" % ((budget - ours["peak_rss_bytes"]) / 1e6)
        if ours["budget_kept"] else ""))
    peers = [one for name, one in by_name.items() if name.startswith("C, ") and one is not ours]
    if peers:
        say("The same program with the other mallocs: %s. The program did not change; only the "
            "heap did." % ", ".join("%s %.0f MB over the live data at %.2f times our speed" % (
                one["name"][3:], over(one), one["ops_per_s"] / ours["ops_per_s"]) for one in peers))
    if go:
        say("""The Go service has the same live data but another heap: freed entries stay until the
            collector runs, and by default it lets the heap double first. It needed %.0f MB, %.2f
            times its live data, and %s the budget. Its heap is Go's own, so a better malloc cannot
            help it. Here it ran as Go does by itself, only watched (GOMEMLIMIT=off, --no-enclose):
            `ullage run` would tell it the budget (GOMEMLIMIT) and enclose it%s""" % (
            go["peak_rss_bytes"] / 1e6, go["ratio"],
            "kept" if go["budget_kept"] else "did not keep",
            go_fits(go["live_bytes"], budget)))


def build_go(options):
    """Builds the Go service. Returns its path, or None when there is no toolchain."""
    if options.no_go or not shutil.which("go"):
        print("No Go toolchain here (no 'go' on the PATH): the Go service is left out.\n")
        return None
    program = os.path.join(options.out, "cache_service_go")
    environment = dict(os.environ, GOTOOLCHAIN="local", GOFLAGS="-buildvcs=false")
    run = subprocess.run(["go", "build", "-o", program, "."], env=environment,
                         cwd=os.path.join(ROOT, "examples", "cache_service_go"))
    if run.returncode:
        fail("the Go service does not build (see above); --no-go leaves it out")
    return program


def peers():
    found = [("glibc", "")]
    for name, pattern in (("mimalloc", "libmimalloc.so.2*"), ("jemalloc", "libjemalloc.so.2")):
        paths = sorted(glob.glob("/usr/lib/*/" + pattern))
        if paths:
            found.append((name, paths[0]))
        else:
            print("%s is not installed: left out (apt install lib%s).\n"
                  % (name, "mimalloc2.0" if name == "mimalloc" else "jemalloc2"))
    return found


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", default="1500M", help="of the whole process (1500M)")
    parser.add_argument("--live", type=size, default=size("1230M"), help="bytes of entries (1230M)")
    parser.add_argument("--seconds", type=float, default=20,
                        help="how long entries are replaced (20)")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"),
                        help="build directory (build/release)")
    parser.add_argument("--out", default=os.path.join(ROOT, "build", "demo"),
                        help="where the files go (build/demo)")
    parser.add_argument("--no-go", action="store_true", help="leave the Go service out")
    parser.add_argument("--no-peers", action="store_true", help="leave the other mallocs out")
    options = parser.parse_args()
    options.budget_text = options.budget
    options.budget = size(options.budget_text)
    options.build, options.out = os.path.abspath(options.build), os.path.abspath(options.out)
    return options


def main():
    options = arguments()
    service = os.path.join(options.build, "examples", "cache_service")
    built = [os.path.join(options.build, name) for name in ("ullage", "libullage.so")]
    for needed in [service] + built:
        if not os.path.exists(needed):
            fail("%s is not built; 'make demo' builds it" % os.path.relpath(needed))
    os.makedirs(options.out, exist_ok=True)
    load = ["--live", str(options.live), "--seconds", "%g" % options.seconds]
    rows = []

    files = {name: os.path.join(options.out, name + ".json") for name in ("c", "go", "table")}
    report, summary, code = run_under_ullage(options, [service] + load, files["c"])
    if summary is None:
        fail("the C service ended with %d before its summary; see the report above" % code)
    rows.append(row("C, ullage", report["peak_rss_bytes"], summary, options.budget, code))
    rows[0]["index_bytes"] = summary["index_bytes"]
    print()
    go = build_go(options)
    if go:
        load_go = ["-live", str(options.live), "-seconds", "%g" % options.seconds]
        # Left to itself and watched only: 1.23 GB of entries do not fit into 1500M in Go, and told to
        # keep it, it would collect without end (make demo-budget has a Go service that fits).
        report, summary, code = run_under_ullage(options, [go] + load_go, files["go"],
                                                 ["--no-enclose"], {"GOMEMLIMIT": "off"})
        rows.append(row("Go, ullage run", report["peak_rss_bytes"], summary, options.budget, code))
        print()
    for name, library in [] if options.no_peers else peers():
        peak, summary, code = run_plain([service] + load, library)
        rows.append(row("C, " + name, peak, summary, options.budget, code))

    show(rows, options.budget)
    print()
    explain(rows, options.budget)
    with open(files["table"], "w") as file:
        json.dump({"schema": "ullage.demo/1", "budget_bytes": options.budget,
                   "live_max_bytes": options.live, "seconds": options.seconds, "rows": rows},
                  file, indent=1)
    written = [files["c"]] + ([files["go"]] if go else []) + [files["table"]]
    print("Written: " + ", ".join(os.path.relpath(path) for path in written))
    if not rows[0]["budget_kept"]:
        print("demo: the C service went above its budget: %d bytes of %d"
              % (rows[0]["peak_rss_bytes"], options.budget), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
