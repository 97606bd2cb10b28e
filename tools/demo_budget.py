#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""demo_budget.py: the programs of examples/budget at their budget, killed versus kept.

Each program runs --runs times on its own and --runs times under `ullage run --budget B`, each time
in a memory control group of its own of the size of the budget, made below the group this script
runs in and removed afterwards. What comes out is one table: how many runs survived (ended with exit
code 0 and their own last line), how high the resident memory of the process tree went, how fast it
was.

    tools/demo_budget.py                             all programs, about ten minutes
    tools/demo_budget.py --only node --runs 20       those with 'node' in their name
    tools/demo_budget.py --list                      their names

Groups need Linux with the memory controller of control groups v1, and root. Elsewhere only the half
under Ullage runs, and that is said. Written: build/demo-budget/table.json (after every run), and
each run's report beside it.

Exit code: 0 when every run under Ullage survived with a peak of at most 98 % of its budget; 1 when
one did not; 2 when something that is needed could not run. Rows marked * are shown and not judged.
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUDGETS = {"1500M": 1500 * 10**6, "1500Mi": 1500 * 2**20, "512Mi": 512 * 2**20}
PEAK_SHARE_MAX = 0.98
# Of keys and values; Go's heap adds its size classes and maps, and has 1.23 GB live then (gctrace).
GO_LIVE = "1030000000"
# What would tell a runtime of a limit, or load something into it: both halves start without.
SETTINGS = ("LD_PRELOAD", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "NODE_OPTIONS",
            "GOMEMLIMIT", "GOGC", "GOMAXPROCS", "GODEBUG", "PYTHONPATH", "PYTHONMALLOC",
            "MALLOC_ARENA_MAX", "GLIBC_TUNABLES")


def fail(message):
    print("demo-budget: " + message, file=sys.stderr)
    raise SystemExit(2)


# ---- Programs ------------------------------------------------------------------------------------

def build_go(out):
    if not shutil.which("go"):
        return None
    program = os.path.join(out, "cache_service_go")
    environment = dict(os.environ, GOTOOLCHAIN="local", GOFLAGS="-buildvcs=false")
    if subprocess.run(["go", "build", "-o", program, "."], env=environment,
                      cwd=os.path.join(ROOT, "examples", "cache_service_go")).returncode:
        fail("the Go service does not build (see above); --only leaves it out")
    return program


def build_java(out):
    if not shutil.which("javac") or not shutil.which("java"):
        return None
    source = os.path.join(ROOT, "examples", "budget", "BudgetJvm.java")
    if subprocess.run(["javac", "-d", out, source]).returncode:
        fail("BudgetJvm.java does not compile (see above); --only leaves it out")
    return shutil.which("java")


def programs(options):
    """(name, budget, what it needs to be built with, words, judged). Words are made when the row is
    run.

    Not judged: objects replaced at random while their sizes change. Hardly a page becomes free as a
    whole then, and what lives needs more than 1500M in every malloc that was tried (1.59 GB with
    glibc's, 1.93 with jemalloc, 1.94 with mimalloc): it is here to be looked at."""
    c = os.path.join(options.build, "examples", "budget")
    sources = os.path.join(ROOT, "examples", "budget")
    time_c = ["--seconds", "%g" % options.seconds]
    # Twice as long: on a busy machine it takes its time to make the garbage that would end it.
    time_go = ["-seconds", "%g" % (options.seconds * 2)]
    whole = ["--seconds", "%d" % max(1, options.seconds)]

    def native(name, *more):
        path = os.path.join(c, name)
        if not os.path.exists(path):
            fail("%s is not built; 'make demo-budget' builds it" % os.path.relpath(path))
        return [path, *more] + time_c

    def go():
        program = build_go(options.out)
        return program and [program, "-live", GO_LIVE] + time_go

    def java(mode):
        program = build_java(options.out)
        return program and [program, "-cp", options.out, "BudgetJvm", "--mode", mode] + whole

    def node():
        program = shutil.which("node")
        return program and [program, os.path.join(sources, "budget_node.js")] + time_c

    return [
        ("C: cache that wants 2G", "1500M", "cmake", lambda: native("pressure_cache"), True),
        ("C: sizes change, random", "1500M", "cmake", lambda: native("phase_cache"), False),
        ("C: sizes change, oldest", "1500M", "cmake",
         lambda: native("phase_cache", "--evict", "oldest"), True),
        ("Go: 1.23 GB live", "1500Mi", "a Go toolchain (go)", go, True),
        ("JVM: 250 MiB live", "512Mi", "a JDK (java, javac)", lambda: java("heap"), True),
        ("JVM: 150 + 150 direct", "512Mi", "a JDK (java, javac)", lambda: java("direct"), True),
        ("Node: 200 MiB live", "512Mi", "Node (node)", node, True),
        ("Python: cycles, 200 live", "512Mi", "python3", lambda: [
            sys.executable, os.path.join(sources, "budget_python.py")] + time_c, True),
    ]


# ---- Groups --------------------------------------------------------------------------------------

class Groups:
    """Memory control groups (v1) below our own; `parent` is None where none can be made."""

    def __init__(self):
        self.parent, self.why_not = None, "this system has no memory control groups v1"
        try:
            with open("/proc/self/cgroup") as file:
                own = [line.rstrip("\n").split(":", 2)[2] for line in file
                       if "memory" in line.split(":")[1].split(",")]
        except OSError:
            return
        if not own:
            return
        own_group = "/sys/fs/cgroup/memory" + own[0].rstrip("/")
        self.remove_left_behind(own_group)
        parent = os.path.join(own_group, "ullage-demo-%d" % os.getpid())
        try:
            os.mkdir(parent)
        except OSError as problem:
            self.why_not = "no group can be made (%s); as root it can" % problem.strerror
            return
        self.parent, self.why_not = parent, None

    @staticmethod
    def remove_left_behind(own_group):
        """Groups of runs of this script that were killed; only empty ones can be removed."""
        for name in os.listdir(own_group) if os.path.isdir(own_group) else ():
            pid = name[len("ullage-demo-"):] if name.startswith("ullage-demo-") else ""
            if not pid.isdigit() or os.path.exists("/proc/" + pid):
                continue
            for folder, _, _ in os.walk(os.path.join(own_group, name), topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass

    def make(self, limit):
        if not self.parent:
            return None
        path = os.path.join(self.parent, "run")
        os.mkdir(path)
        for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
            try:  # the second counts swap too; it is not there on every kernel
                with open(os.path.join(path, name), "w") as file:
                    file.write(str(limit))
            except OSError:
                if name == "memory.limit_in_bytes":
                    raise
        return path

    @staticmethod
    def number(path, name):
        try:
            with open(os.path.join(path, name)) as file:
                return int(file.read())
        except OSError:
            return None

    @staticmethod
    def remove(path):
        """Ends what is left in a group of ours (all of it was started by us), then removes it."""
        for _ in range(100):
            folders = [folder for folder, _, _ in os.walk(path, topdown=False)]
            for folder in folders:
                try:
                    with open(os.path.join(folder, "cgroup.procs")) as file:
                        for pid in file.read().split():
                            os.kill(int(pid), signal.SIGKILL)
                except OSError:
                    pass
                try:
                    os.rmdir(folder)
                except OSError:
                    pass
            if not os.path.exists(path):
                return
            time.sleep(0.05)
        print("demo-budget: the group %s could not be removed; remove it with rmdir" % path,
              file=sys.stderr)

    def done(self):
        if self.parent:
            self.remove(self.parent)


# ---- One run -------------------------------------------------------------------------------------

def environment(history):
    """Without what would steer a runtime; with a history of its own, so that the user's is neither
    used nor changed."""
    kept = {name: value for name, value in os.environ.items()
            if name not in SETTINGS and not name.startswith(("ULLAGE_", "DOTNET_"))}
    kept["XDG_DATA_HOME"] = history
    return kept


def summary_of(output):
    """The JSON line that each program prints when it ends; None when there is none."""
    for line in reversed(output.splitlines()):
        if line.startswith("{") and '"ullage.example.' in line:
            try:
                return json.loads(line)
            except ValueError:
                return None
    return None


def end(child):
    child.send_signal(signal.SIGTERM)  # ullage passes it on and ends its tree
    try:
        return child.communicate(timeout=10)[0]
    except subprocess.TimeoutExpired:
        child.kill()
        return child.communicate()[0]


def execute(options, words, group, limit_s, log, history):
    """Returns (exit code or minus the signal or None where it was ended here, its stdout)."""
    def enter():
        if group:
            with open(os.path.join(group, "cgroup.procs"), "w") as file:
                file.write(str(os.getpid()))

    with open(log, "w") as errors:
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=errors, text=True, cwd=ROOT, env=environment(history),
                                 preexec_fn=enter)
        try:
            output, _ = child.communicate(timeout=limit_s)
            return child.returncode, output
        except subprocess.TimeoutExpired:
            return None, end(child)
        except BaseException:  # we are being ended: so is what we started
            end(child)
            raise


def tail_of(log):
    """The first line of its last words that says something, for the reader of the table."""
    with open(log, errors="replace") as file:
        lines = [line.strip() for line in file.read().splitlines() if line.strip()]
    for line in lines:
        if line.startswith("Picked up JAVA_TOOL_OPTIONS"):
            continue
        if any(word in line for word in ("OutOfMemory", "heap out of memory", "MemoryError",
                                         "gave up", "returned NULL")):
            return line[:160]
    return lines[-1][:160] if lines else ""


def signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return "signal %d" % number


def one_run(options, groups, words, budget_text, under_ullage, files, history):
    """One run in a group of its own. Returns its record."""
    budget = BUDGETS[budget_text]
    report_path = files + ".report.json"
    if os.path.exists(report_path):
        os.remove(report_path)  # never mistake an old report for this run's
    if under_ullage:
        words = [os.path.join(options.build, "ullage"), "run", "--budget", budget_text, "-q",
                 "--report", report_path, "--"] + words
    group = groups.make(budget)
    start = time.monotonic()
    try:
        code, output = execute(options, words, group, options.seconds * 4 + 60, files + ".err",
                               history)
        took = time.monotonic() - start
        group_peak = group and Groups.number(group, "memory.max_usage_in_bytes")
    finally:
        if group:
            Groups.remove(group)
    summary = summary_of(output)
    record = {"seconds": round(took, 2), "exit_code": code, "summary": summary,
              "group_peak_bytes": group_peak, "last_words": "", "peak_rss_bytes": None}
    peaks = [summary["peak_rss_bytes"]] if summary else []
    try:
        with open(report_path) as file:
            report = json.load(file)
        record["exit_reason"] = report.get("exit_reason")
        peaks.append(report["peak_rss_bytes"])  # of the tree, and of runs that said nothing
    except (OSError, ValueError, KeyError):
        pass
    record["peak_rss_bytes"] = max(peaks, default=None)
    if code == 0 and summary:
        record["outcome"] = "survived"
    elif code in (-signal.SIGKILL, 128 + signal.SIGKILL):
        record["outcome"] = "killed"
    else:
        record["outcome"] = "gave up" if code is not None else "did not end"
        record["last_words"] = tail_of(files + ".err") or (
            "ended by " + signal_name(-code) if code and code < 0 else "")
    return record


# ---- The table -----------------------------------------------------------------------------------

def half_of(records):
    """What a row says of its runs, on their own or under Ullage."""
    survived = [one for one in records if one["outcome"] == "survived"]
    peaks = [one["peak_rss_bytes"] for one in records if one["peak_rss_bytes"]]

    def middle(key):
        values = [one["summary"][key] for one in survived if key in one["summary"]]
        return statistics.median(values) if values else None

    return {"runs": len(records), "survived": len(survived),
            "killed": sum(one["outcome"] == "killed" for one in records),
            "gave_up": sum(one["outcome"] in ("gave up", "did not end") for one in records),
            "peak_rss_bytes": max(peaks, default=None), "ops_per_s": middle("ops_per_s"),
            "hit_rate": middle("hit_rate"), "live_bytes": middle("live_bytes"),
            "live_mean_bytes": middle("live_mean_bytes"), "index_bytes": middle("index_bytes"),
            "records": records}


def fate(half):
    words = []
    for key, text in (("survived", "survived"), ("killed", "killed"), ("gave_up", "gave up")):
        if half[key]:
            words.append("%s %d of %d" % (text, half[key], half["runs"]))
    return ", ".join(words) or "not run"


def show(rows):
    print("\n%-25s %-7s %-31s %-31s %6s %11s %6s %6s" % (
        "", "budget", "on its own", "under Ullage", "peak", "ops/s", "hits", "live"))
    for row in rows:
        plain, kept = row["plain"], row["ullage"]
        share = lambda bytes_: "%.1f%%" % (100 * bytes_ / row["budget_bytes"]) if bytes_ else "-"
        live = kept["live_mean_bytes"] or kept["live_bytes"]
        print("%-25s %-7s %-31s %-31s %6s %11s %6s %6s" % (
            row["name"] + ("" if row["judged"] else " *"), row["budget"], fate(plain), fate(kept),
            share(kept["peak_rss_bytes"]),
            "{:,.0f}".format(kept["ops_per_s"]) if kept["ops_per_s"] else "-",
            "%.3f" % kept["hit_rate"] if kept["hit_rate"] is not None else "-",
            share(live and live + (kept["index_bytes"] or 0))))
    print("""
peak: highest resident bytes of the process tree in any run, of the budget. live: what the program
itself counts as its data, with its index, of the budget. ops/s, hits, live: the median of the runs
that survived.""")
    if not all(row["judged"] for row in rows):
        print("*: shown and not judged; no malloc that was tried keeps it.")


def shortcomings(rows):
    found = []
    for row in rows:
        half = row["ullage"]
        if not row["judged"]:
            continue
        if half["survived"] < half["runs"]:
            found.append("%s: %s" % (row["name"], fate(half)))
        if (half["peak_rss_bytes"] or 0) > PEAK_SHARE_MAX * row["budget_bytes"]:
            found.append("%s: its peak of %d bytes is above 98 %% of %s"
                         % (row["name"], half["peak_rss_bytes"], row["budget"]))
    return found


def run_row(options, groups, program, words, save):
    name, budget, _, _, judged = program
    slug = "".join(c if c.isalnum() else "-" for c in name.lower())
    # Each row begins with a first run, of which nothing is known, and learns from it.
    history = os.path.join(options.out, slug + ".history")
    shutil.rmtree(history, ignore_errors=True)
    halves = {"plain": [], "ullage": []}
    for half in ("plain", "ullage"):
        if half == "plain" and (options.no_plain or not groups.parent):
            continue
        for number in range(1, options.runs + 1):
            files = os.path.join(options.out, "%s.%s.%d" % (slug, half, number))
            record = one_run(options, groups, words, budget, half == "ullage", files, history)
            halves[half].append(record)
            peak = record["peak_rss_bytes"]
            print("%-25s %-12s %2d of %d: %s after %.1f s%s%s" % (
                name, "on its own" if half == "plain" else "under Ullage", number, options.runs,
                record["outcome"], record["seconds"],
                ", peak %.1f %%" % (100 * peak / BUDGETS[budget]) if peak else "",
                ": " + record["last_words"] if record["last_words"] else ""), flush=True)
            row = {"name": name, "judged": judged, "budget": budget,
                   "budget_bytes": BUDGETS[budget], "plain": half_of(halves["plain"]),
                   "ullage": half_of(halves["ullage"])}
            save(row)
    return row


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="of each program, each way (3)")
    parser.add_argument("--seconds", type=float, default=10, help="how long a run works (10)")
    parser.add_argument("--only", action="append", metavar="NAME",
                        help="only programs with NAME in their name; may be repeated")
    parser.add_argument("--no-plain", action="store_true", help="leave the runs without Ullage out")
    parser.add_argument("--list", action="store_true", help="print the programs' names")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"),
                        help="build directory (build/release)")
    parser.add_argument("--out", default=os.path.join(ROOT, "build", "demo-budget"),
                        help="where the files go (build/demo-budget)")
    options = parser.parse_args()
    if options.runs < 1 or not 0.5 <= options.seconds <= 86400:
        parser.error("--runs wants 1 or more, --seconds 0.5 to 86400")
    options.build, options.out = os.path.abspath(options.build), os.path.abspath(options.out)
    return options


def main():
    options = arguments()
    chosen = [one for one in programs(options) if not options.only
              or any(word.lower() in one[0].lower() for word in options.only)]
    if options.list or not chosen:
        print("\n".join(one[0] for one in (chosen or programs(options))))
        return 0 if options.list else fail("no program has that in its name; the names are above")
    if not os.path.exists(os.path.join(options.build, "ullage")):
        fail("%s is not built; 'make demo-budget' builds it"
             % os.path.relpath(os.path.join(options.build, "ullage")))
    shutil.rmtree(os.path.join(options.out, "history"), ignore_errors=True)  # of an earlier table
    os.makedirs(options.out, exist_ok=True)
    groups, rows, left_out = Groups(), [], []
    if not groups.parent:
        print("No walls here: %s. Only the half under Ullage is run.\n" % groups.why_not)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` removes the group
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))

    def save(row):
        done = [one for one in rows if one["name"] != row["name"]] + [row]
        path = os.path.join(options.out, "table.json")
        with open(path + ".new", "w") as file:
            json.dump({"schema": "ullage.demo-budget/1", "seconds": options.seconds,
                       "walls": groups.parent is not None, "left_out": left_out, "rows": done},
                      file, indent=1)
        os.replace(path + ".new", path)

    try:
        for program in chosen:
            name, _, needs, words, _ = program
            made = words()
            if not made:
                left_out.append(name)
                print("%-25s left out: there is no %s here" % (name, needs))
                continue
            rows.append(run_row(options, groups, program, made, save))
    finally:
        groups.done()
    show(rows)
    print("Written: %s" % os.path.relpath(os.path.join(options.out, "table.json")))
    found = shortcomings(rows)
    for line in found:
        print("demo-budget: " + line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
