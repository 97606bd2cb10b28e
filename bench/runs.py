# SPDX-License-Identifier: MIT
"""runs.py: makes the runs of programs under allocators, interleaved, and keeps them in a document.

The document is what lands in the JSON file: the machine, versions and hashes of all libraries,
the programs with their arguments, flags, commit, seed, and every single run. It is saved after
each program, so a measurement that is cut off goes on where it stopped; `mismatch` says why one
may not: a round is worth something only if all of it was measured with the same things.

In a round the programs come in random order, and for each program the allocators come in random
order right after one another: drift of the machine hits all allocators alike. The order follows
from the seed alone. A run during which anything else took more than 12 % of the machine is thrown
away and made again, at most three times, and at most a quarter of all runs: a busy machine must
not make a quick measurement endless. If it never gets quiet, the least disturbed one is kept,
marked by its noise; stats.py says when it counts. Between rounds the clock is looked at: a limit
in minutes ends the measurement after a complete round.

Peak RSS comes from wait4 in a small parent (measure.c says why).
"""
import contextlib
import fnmatch
import hashlib
import json
import os
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import suite
from stats import NOISE_LIMIT

SCHEMA = "ullage.bench/2"
RETRIES = 3           # of one run
RETRIES_SHARE = 0.25  # of all runs
RUN_TIMEOUT_S = 300
TIMED_OUT = 124


def output_of(words, timeout_s=RUN_TIMEOUT_S):
    """(exit code, stdout, stderr); the whole process group ends when time is up or at Ctrl-C."""
    child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, errors="replace",
                             start_new_session=True)
    try:
        said, complained = child.communicate(timeout=timeout_s)
        return child.returncode, said, complained
    except subprocess.TimeoutExpired:
        return TIMED_OUT, "", "took longer than %d s" % timeout_s
    finally:
        if child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            child.stdout.close()  # not read to its end: what left the group may hold it open
            child.stderr.close()


def measure(build, library, command, environment=()):
    """One run. Returns the dictionary that is kept of it."""
    words = [os.path.join(build, "bench", "bench_measure")]
    if library:
        environment = (*environment, *suite.environment(library), "LD_PRELOAD=" + library)
    for setting in environment:
        words += ["-e", setting]
    code, said, complained = output_of(words + ["--"] + command)
    if code == TIMED_OUT:
        return {"status": TIMED_OUT, "wall_ns": 0, "cpu_ns": 0, "peak_rss_bytes": 0, "noise": 0,
                "said": "", "complaint": complained}
    line = re.findall(r"^status=.*$", complained, re.M)
    if code != 0 or not line:
        raise SystemExit("bench: cannot measure %s: %s" % (command[0], complained.strip()))
    result = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line[-1])}
    cores = os.cpu_count() or 1
    result["cpu_ns"] = result["user_ns"] + result["system_ns"]
    result["noise"] = round(result["other_ns"] / (cores * max(result["wall_ns"], 1)), 4)
    result["said"] = re.sub(r" seconds=[\d.]+", "", said.strip())[-200:]
    if result["status"]:
        result["complaint"] = complained.replace(line[-1], "").strip()[-300:]
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


def script(main):
    """Runs a script's main and exits: a reader that went away and Ctrl-C are no errors of ours."""
    try:
        code = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains while it ends
        code = 141
    sys.exit(code)


# ---- what is measured ----------------------------------------------------------------------------

def chosen(words, have, what):
    """The names in `have` that the comma-separated patterns ask for; ends when one fits none."""
    for want in words.split(","):
        if not any(fnmatch.fnmatchcase(name, want) for name in have):
            raise SystemExit("bench: no %s is called '%s'; there are: %s"
                             % (what, want, ", ".join(have)))
    return [name for name in have
            if any(fnmatch.fnmatchcase(name, want) for want in words.split(","))]


def add_library_options(parser):
    parser.add_argument("--allocators", default="",
                        help="comma-separated, mi* works; default: all that are there")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PATH",
                        help="one more library")
    parser.add_argument("--build", default=os.path.join(suite.ROOT, "build", "release"),
                        help="build directory (build/release)")


def parsed(parser, words=None):
    """The options, with an absolute build directory."""
    options = parser.parse_args(words)
    options.build = os.path.abspath(options.build)
    return options


def need_built(build, *programs):
    for program in programs:
        if not os.path.exists(os.path.join(build, "bench", "bench_" + program)):
            raise SystemExit("bench: %s holds no bench_%s; build the benchmark programs with "
                             "'make build'" % (os.path.relpath(build), program))


def choose_libraries(options):
    """{name: library} as --allocators and --peer ask; ends on an unknown name or file."""
    libraries = suite.allocators(options.build)
    wanted = chosen(options.allocators, libraries, "allocator") if options.allocators \
        else list(libraries)
    for peer in options.peer:
        name, _, path = peer.partition("=")
        if not os.path.exists(path):
            raise SystemExit("bench: --peer %s: there is no file '%s'" % (name, path))
        libraries[name] = os.path.abspath(path)
        wanted.append(name)
    return {name: path for name, path in libraries.items() if name in wanted}


# ---- the document --------------------------------------------------------------------------------

def git(*words, root=suite.ROOT):
    run = subprocess.run(["git", "-C", root] + list(words), capture_output=True, text=True)
    return run.stdout.strip() if run.returncode == 0 else ""


def git_commit():
    commit = git("rev-parse", "HEAD")
    return commit + ("-dirty" if commit and git("status", "--porcelain", "-uno") else "")


def machine():
    model, memory = "", 0
    with contextlib.suppress(OSError):
        with open("/proc/cpuinfo") as file:
            found = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.M)
            model = found.group(1) if found else ""
        with open("/proc/meminfo") as file:
            memory = int(re.search(r"MemTotal:\s*(\d+)", file.read()).group(1)) * 1024
    huge = ""
    with contextlib.suppress(OSError):
        with open("/sys/kernel/mm/transparent_hugepage/enabled") as file:
            found = re.search(r"\[(\w+)\]", file.read())
            huge = found.group(1) if found else ""
    return {"cpu": model or platform.machine(), "cores": os.cpu_count(), "memory_bytes": memory,
            "kernel": platform.release(), "libc": " ".join(platform.libc_ver()),
            "huge_pages": huge}


def build_flags(build):
    wanted = ("CMAKE_C_COMPILER", "CMAKE_C_FLAGS", "CMAKE_C_FLAGS_RELEASE", "ULLAGE_LTO",
              "CMAKE_BUILD_TYPE")
    flags = {}
    with contextlib.suppress(OSError):
        with open(os.path.join(build, "CMakeCache.txt")) as file:
            for line in file:
                key, _, value = line.strip().partition("=")
                if key.split(":")[0] in wanted:
                    flags[key.split(":")[0]] = value
    return flags


def file_hash(path):
    """The first 16 hex digits of its SHA-256; '' when there is no such file."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()[:16]
    except OSError:
        return ""


def command_hash(command):
    """Of the program and of each file among its arguments: other bytes are another program."""
    first = shutil.which(command[0])
    return "-".join(filter(None, map(file_hash, [first or "", *command[1:]])))


def describe(build, programs, libraries, scale, rounds, base, seed):
    """A document without runs. Paths of this machine's directories stay out of it."""
    short = lambda word: word.replace(build + os.sep, "").replace(suite.ROOT + os.sep, "")
    return {"schema": SCHEMA, "date": time.strftime("%Y-%m-%d"), "machine": machine(),
            "commit": git_commit(), "flags": build_flags(build),
            "allocators": {name: suite.version(path) for name, path in libraries.items()},
            "library_hashes": {name: file_hash(path) for name, path in libraries.items()},
            "programs": {name: {"command": [short(word) for word in command],
                                "hash": command_hash(command)} for name, command in programs},
            "scale": scale, "rounds": rounds, "seed": seed, "base": base,
            "noise_limit": NOISE_LIMIT, "complete_rounds": 0, "longest_round_s": 0, "runs": []}


def save(path, document):
    if not path:
        return
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path + ".part", "w") as file:
        json.dump(document, file, indent=1)
    os.replace(path + ".part", path)


def load(path):
    """A document from a file; ends with a sentence when the file is none."""
    try:
        with open(path) as file:
            document = json.load(file)
    except OSError as error:
        raise SystemExit("bench: cannot read %s: %s" % (path, error.strerror))
    except ValueError:
        raise SystemExit("bench: %s is not JSON; a measurement writes such a file with --json"
                         % path)
    if not isinstance(document, dict) or "runs" not in document:
        raise SystemExit("bench: %s is not a measurement of bench/run.py: it holds no runs" % path)
    return document


def mismatch(former, now):
    """Why the runs of `former` cannot be one measurement with those of `now`: sentences."""
    if former.get("schema") != now["schema"]:
        return ["it was written by another version of this program (%s)" % former.get("schema")]
    found = []
    for key, what in (("scale", "scale"), ("noise_limit", "limit of noise")):
        if former[key] != now[key]:
            found.append("its %s is %s, not %s" % (what, former[key], now[key]))
    for key in ("cpu", "cores", "kernel"):
        if former["machine"].get(key) != now["machine"][key]:
            found.append("it comes from another machine (%s: %s, here %s)"
                         % (key, former["machine"].get(key), now["machine"][key]))
    for what, key in (("program", "programs"), ("allocator", "library_hashes")):
        before, after = former[key], now[key]
        for verdict, names in (
                ("is only in the file", set(before) - set(after)),
                ("is not in the file", set(after) - set(before)),
                ("has changed since", {n for n in set(before) & set(after)
                                       if before[n] != after[n]})):
            if names:
                found.append("%s %s %s" % (what, ", ".join(sorted(names)), verdict))
    return found


# ---- the rounds ----------------------------------------------------------------------------------

def time_is_up(document, started_s, minutes, now_s):
    """Whether another round would end beyond the limit. The first round is always made."""
    if not minutes or not document["complete_rounds"]:
        return False
    return now_s - started_s + document["longest_round_s"] > minutes * 60


def progress(document, total, number, name, allocator, run):
    if sys.stderr.isatty():
        print("\r%4d/%d  round %d  %-14s %-10s %7.3f s " % (
            len(document["runs"]), total, number + 1, name[:14], allocator[:10],
            run["wall_ns"] / 1e9), end="", file=sys.stderr, flush=True)


def interleave(document, build, programs, libraries, path=None, minutes=0):
    """Makes the runs that `document` lacks and puts them there. True when all rounds are made."""
    done = {(run["round"], run["program"], run["allocator"]) for run in document["runs"]}
    total = document["rounds"] * len(programs) * len(libraries)
    retries_left = int(total * RETRIES_SHARE)
    started_s = time.monotonic()
    for number in range(document["rounds"]):
        order = random.Random(document["seed"] + number)
        began_s, made = time.monotonic(), 0
        plan = [(name, command, order.sample(sorted(libraries), len(libraries)))
                for name, command in order.sample(programs, len(programs))]
        missing = sum((number, name, allocator) not in done
                      for name, _, allocators in plan for allocator in allocators)
        if missing and time_is_up(document, started_s, minutes, began_s):
            return False
        for name, command, allocators in plan:
            for allocator in allocators:
                if (number, name, allocator) in done:
                    continue
                run = measure_quietly(build, libraries[allocator], command,
                                      min(RETRIES, retries_left))
                retries_left -= run["attempts"] - 1
                made += 1
                document["runs"].append(dict(run, round=number, program=name, allocator=allocator))
                progress(document, total, number, name, allocator, run)
            save(path, document)
        document["complete_rounds"] = number + 1
        if made:
            whole_s = (time.monotonic() - began_s) * len(programs) * len(libraries) / made
            document["longest_round_s"] = round(max(document["longest_round_s"], whole_s), 1)
            save(path, document)
    if sys.stderr.isatty():
        print("\r" + " " * 78 + "\r", end="", file=sys.stderr)
    return True


def check_answers(runs):
    """Marks runs in which a program said something else than it did under libc's allocator, or
    under the first one there is; returns sentences, also for the runs that failed."""
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
