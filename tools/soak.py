#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""soak.py: the cache service in Go and in C at once, for long, each under a budget of 1500Mi.

Both run under `ullage run`; the resident memory of each program is looked at every second. Is it
flat? A line is fitted through it, and its slope is given with a 95 % interval: flat means that the
interval includes 0. Nothing is extrapolated: the report speaks of the minutes that were observed.

    tools/soak.py                          30 minutes
    tools/soak.py --minutes 4320           three days
    tools/soak.py --report build/soak/DIR  the report of an earlier run, also of an interrupted one

Once a minute what was seen is appended to build/soak/DIR/samples.csv and synced to the disk, so a
run that is cut off, by whatever, has lost a minute at most. SIGINT and SIGTERM end the run in good
order, with its report. Needs 3.3 GB of memory that is available, and a Go toolchain (--only c
leaves Go out).

Exit code: 0 when everything planned was seen, no program was killed or ended early, each stayed
inside its budget and each is flat; 1 when not; 2 when something that is needed could not run.
"""
import argparse
import ctypes
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUDGET_TEXT, BUDGET = "1500Mi", 1500 * 2**20
# Go has 1.23 GB live with 1.03 GB of keys and values (demo_budget.py), but the two services share the
# processors here, and what is allocated while a collector waits for one counts as live: with as much
# it stood at 1476 MiB of 1500.
C_LIVE, GO_LIVE = "1230M", "930000000"
AVAILABLE_MIN = 3300 * 10**6
FLUSH_S, SETTLE_S, BLOCK_S = 60, 120, 60
BLOCKS_MIN = 6
PAGE = os.sysconf("SC_PAGE_SIZE")
PR_SET_PDEATHSIG = 1


def fail(message):
    print("soak: " + message, file=sys.stderr)
    raise SystemExit(2)


# ---- The state on disk ---------------------------------------------------------------------------

class State:
    """A folder with plan.json, samples.csv and events.jsonl. The latter two only ever grow, and are
    synced at each flush; a last line that was cut off is left out when they are read."""

    def __init__(self, folder):
        self.folder, self.samples = folder, []

    def path(self, name):
        return os.path.join(self.folder, name)

    def append(self, name, text):
        with open(self.path(name), "a") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    def plan(self, plan):
        os.makedirs(self.folder)
        self.append("plan.json", json.dumps(plan, indent=1) + "\n")
        self.append("samples.csv", "unix_s,program,rss_bytes\n")

    def sample(self, name, rss):
        self.samples.append("%.1f,%s,%d\n" % (time.time(), name, rss))

    def event(self, **what):
        self.append("events.jsonl", json.dumps(dict(unix_s=round(time.time(), 1), **what)) + "\n")

    def flush(self):
        if self.samples:
            self.append("samples.csv", "".join(self.samples))
            self.samples = []

    def read(self):
        """Returns (plan, {program: [(seconds since the start, bytes)]}, [event])."""
        try:
            with open(self.path("plan.json")) as file:
                plan = json.load(file)
        except (OSError, ValueError) as problem:
            fail("%s holds no run of soak.py (%s)" % (self.folder, problem))
        series = {name: [] for name in plan["programs"]}
        for line in self.lines("samples.csv")[1:]:
            fields = line.split(",")
            if len(fields) == 3 and fields[1] in series:
                series[fields[1]].append((float(fields[0]) - plan["start_unix_s"], int(fields[2])))
        events = [json.loads(line) for line in self.lines("events.jsonl")]
        return plan, series, events

    def lines(self, name):
        """Whole lines of a file; none where it was not begun."""
        if not os.path.exists(self.path(name)):
            return []
        with open(self.path(name)) as file:
            return [line for line in file if line.endswith("\n")]


# ---- The slope -----------------------------------------------------------------------------------

def student_975(freedom):
    """The 97.5 % quantile of Student's t; Cornish and Fisher's series, within 0.5 % from 4 on."""
    z, n = 1.959964, float(freedom)
    return (z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
            + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3))


def slope_of(samples):
    """Least squares through the means of blocks of a minute, in bytes an hour: (slope, half of its
    95 % interval, blocks), or None with too few blocks. Neighbouring seconds say nearly the same,
    which would make the interval far too narrow: hence blocks, and where neighbouring blocks still
    agree, fewer of them count."""
    blocks = {}
    for at, rss in samples:
        if at >= SETTLE_S:
            blocks.setdefault(int(at // BLOCK_S), []).append(rss)
    points = [((index + 0.5) * BLOCK_S / 3600, sum(block) / len(block))
              for index, block in sorted(blocks.items()) if len(block) >= BLOCK_S // 2]
    n = len(points)
    if n < BLOCKS_MIN:
        return None
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x)**2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = [y - mean_y - slope * (x - mean_x) for x, y in points]
    squares = sum(r * r for r in rest)
    if squares == 0:
        return slope, 0.0, n
    likeness = max(0.0, sum(a * b for a, b in zip(rest, rest[1:])) / squares)
    counting = max(3.0, n * (1 - likeness) / (1 + likeness))
    error = math.sqrt(squares / max(1.0, counting - 2) / spread * n / counting)
    return slope, student_975(max(2.0, counting - 2)) * error, n


# ---- The report ----------------------------------------------------------------------------------

def finding(name, samples, events, planned_s):
    """One program: figures, and what is wrong with it (a list of sentences)."""
    ends = [one for one in events if one["event"] == "end" and one["program"] == name]
    peaks = [rss for _, rss in samples] + [one.get("peak_rss_bytes") or 0 for one in ends]
    slope = slope_of(samples)
    last_s = samples[-1][0] if samples else 0
    killed = [one for one in ends if one["exit_code"] in (-9, 137)]
    wrong = []
    if killed:
        wrong.append("was killed")
    elif ends and ends[-1]["exit_code"] != 0:
        wrong.append("ended with %d" % ends[-1]["exit_code"])
    if last_s < planned_s - 5:
        wrong.append("was seen for %.1f of %.1f minutes" % (last_s / 60, planned_s / 60))
    if max(peaks, default=0) > BUDGET:
        wrong.append("went above its budget")
    if slope is None:
        wrong.append("ran too short for a slope (%d minutes are needed)"
                     % (BLOCKS_MIN + SETTLE_S / 60 + 1))
    elif abs(slope[0]) > slope[1]:
        wrong.append("is not flat")
    return {"program": name, "samples": len(samples), "observed_s": round(last_s, 1),
            "peak_rss_bytes": max(peaks, default=None), "kills": len(killed),
            "slope_bytes_per_h": slope and slope[0], "slope_half_interval": slope and slope[1],
            "blocks": slope and slope[2], "ops_per_s": ends[-1].get("ops_per_s") if ends else None,
            "wrong": wrong}


def report(state):
    plan, series, events = state.read()
    found = [finding(name, samples, events, plan["minutes"] * 60)
             for name, samples in series.items()]
    print("Soak of %s: planned %g minutes, each program under %s"
          % (plan["start"], plan["minutes"], BUDGET_TEXT))
    if any(one["event"] == "interrupted" for one in events):
        print("It was interrupted; this is what was seen until then.")
    for one in found:
        print("\n%s: %d samples in %.1f minutes, %s" % (
            one["program"], one["samples"], one["observed_s"] / 60,
            "no kill" if not one["kills"] else "KILLED"))
        if one["peak_rss_bytes"]:
            print("  peak   %.1f MiB, %.1f %% of the budget"
                  % (one["peak_rss_bytes"] / 2**20, 100 * one["peak_rss_bytes"] / BUDGET))
        if one["slope_bytes_per_h"] is not None:
            slope, half = one["slope_bytes_per_h"] / 2**20, one["slope_half_interval"] / 2**20
            print("  slope  %+.2f MiB an hour, 95 %% interval %+.2f to %+.2f, from %d means of a "
                  "minute after the first %d s: %s" % (slope, slope - half, slope + half,
                  one["blocks"], SETTLE_S, "flat" if abs(slope) <= half else "NOT FLAT"))
        if one["ops_per_s"]:
            print("  speed  %s replacements a second" % "{:,.0f}".format(one["ops_per_s"]))
        for sentence in one["wrong"]:
            print("  %s %s" % (one["program"], sentence))
    with open(state.path("report.json"), "w") as file:
        json.dump({"schema": "ullage.soak/1", "plan": plan, "programs": found}, file, indent=1)
    print("\nWritten: %s" % os.path.relpath(state.path("report.json")))
    return 1 if any(one["wrong"] for one in found) else 0


# ---- The run -------------------------------------------------------------------------------------

def rss_of_tree(pid, ullage):
    """Resident bytes of what descends from `pid`, our own processes left out. 0: nothing yet."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            for thread in os.listdir("/proc/%d/task" % one):
                with open("/proc/%d/task/%s/children" % (one, thread)) as file:
                    waiting += [int(child) for child in file.read().split()]
            if os.readlink("/proc/%d/exe" % one).split(" (deleted)")[0] != ullage:
                with open("/proc/%d/statm" % one) as file:
                    total += int(file.read().split()[1]) * PAGE
        except (OSError, IndexError, ValueError):
            pass  # it has just ended
    return total


def available_bytes():
    with open("/proc/meminfo") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0


def commands(options):
    seconds = "%g" % (options.minutes * 60)
    service = os.path.join(options.build, "examples", "cache_service")
    for path in (service, options.ullage):
        if not os.path.exists(path):
            fail("%s is not built; 'make soak' builds it" % os.path.relpath(path))
    words = {"c": [service, "--live", C_LIVE, "--seconds", seconds]}
    if not shutil.which("go"):
        if options.only != "c":
            fail("there is no Go toolchain here (no 'go' on the PATH); --only c leaves Go out")
    elif options.only != "c":
        program = os.path.join(os.path.dirname(options.folder), "cache_service_go")
        os.makedirs(os.path.dirname(program), exist_ok=True)
        environment = dict(os.environ, GOTOOLCHAIN="local", GOFLAGS="-buildvcs=false")
        if subprocess.run(["go", "build", "-o", program, "."], env=environment,
                          cwd=os.path.join(ROOT, "examples", "cache_service_go")).returncode:
            fail("the Go service does not build (see above); --only c leaves it out")
        words["go"] = [program, "-live", GO_LIVE, "-seconds", seconds]
    return {name: one for name, one in words.items() if options.only in (None, name)}


def start(options, state, name, words):
    libc = ctypes.CDLL(None)  # before the fork: afterwards nothing may be loaded
    files = state.path(name)

    def die_with_us():  # also when this script is killed: nothing is left running
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    with open(files + ".out", "w") as out, open(files + ".err", "w") as err:
        child = subprocess.Popen([options.ullage, "run", "--budget", BUDGET_TEXT, "-q", "--report",
                                  files + ".json", "--"] + words, stdin=subprocess.DEVNULL,
                                 stdout=out, stderr=err, cwd=ROOT, start_new_session=True,
                                 preexec_fn=die_with_us)
    state.event(event="start", program=name, pid=child.pid)
    return child


def note_end(state, name, code):
    what = {"event": "end", "program": name, "exit_code": code}
    try:
        with open(state.path(name + ".json")) as file:
            report_ = json.load(file)
        what.update(peak_rss_bytes=report_["peak_rss_bytes"], exit_reason=report_["exit_reason"])
        with open(state.path(name + ".out")) as file:
            what["ops_per_s"] = json.loads(file.read().splitlines()[-1])["ops_per_s"]
    except (OSError, ValueError, KeyError, IndexError):
        pass
    state.event(**what)


def watch(options, state, running):
    """Samples each second until all have ended, or time is up by far."""
    begun = time.monotonic()
    give_up, flushed, turn = begun + options.minutes * 60 * 1.1 + 600, begun, 0
    while running:
        turn += 1
        time.sleep(max(0.0, begun + turn - time.monotonic()))
        for name, child in list(running.items()):
            code = child.poll()
            if code is None:
                rss = rss_of_tree(child.pid, options.ullage)
                if rss:
                    state.sample(name, rss)
                continue
            del running[name]
            state.flush()
            note_end(state, name, code)
        if time.monotonic() - flushed >= FLUSH_S:
            state.flush()
            flushed = time.monotonic()
        if time.monotonic() > give_up:
            state.event(event="interrupted", why="not ended long after its time")
            return


def end_all(state, running):
    for child in running.values():
        child.send_signal(signal.SIGTERM)
    for name, child in running.items():
        try:
            note_end(state, name, child.wait(timeout=20))
        except subprocess.TimeoutExpired:
            child.kill()
            note_end(state, name, child.wait())


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="how long (30)")
    parser.add_argument("--report", metavar="DIR", help="report on an earlier run; run nothing")
    parser.add_argument("--only", choices=("c", "go"), help="one of the two")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"),
                        help="build directory (build/release)")
    parser.add_argument("--out", default=os.path.join(ROOT, "build", "soak"),
                        help="where the folder of the run is made (build/soak)")
    options = parser.parse_args()
    if not 0 < options.minutes <= 60 * 24 * 366:
        parser.error("--minutes wants a number above 0")
    options.build = os.path.abspath(options.build)
    options.ullage = os.path.realpath(os.path.join(options.build, "ullage"))
    options.folder = os.path.join(os.path.abspath(options.out), time.strftime("%Y%m%d-%H%M%S"))
    return options


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    options = arguments()
    if options.report:
        return report(State(options.report))
    words = commands(options)
    if available_bytes() < AVAILABLE_MIN:
        fail("%.1f GB of memory are available; 3.3 GB are needed" % (available_bytes() / 1e9))
    state, running = State(options.folder), {}
    state.plan({"start": time.strftime("%Y-%m-%d %H:%M:%S"), "start_unix_s": time.time(),
                "minutes": options.minutes, "budget_bytes": BUDGET, "programs": words})
    print("soak: %g minutes; state in %s" % (options.minutes, os.path.relpath(options.folder)),
          flush=True)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        for name, one in words.items():
            running[name] = start(options, state, name, one)
        watch(options, state, running)
    except KeyboardInterrupt:
        state.event(event="interrupted", why="by a signal")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        state.flush()
        end_all(state, running)
    return report(state)


if __name__ == "__main__":
    sys.exit(main())
