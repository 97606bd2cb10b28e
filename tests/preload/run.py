#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py: real programs under a preloaded allocator and under the C library's, compared byte for byte.

Every record in programs/ is run without the library and then with it. A program passes when
nothing it did differs: exit codes, both streams, the files it made, what it answered; when no run crashed, hung or left
processes behind; and when each of its processes was in truth served by the library (marker.c). Time and
peak RSS of both runs are listed; RSS above RSS_LIMIT x the C library's is marked as to be explained, and does
not fail the run. What each figure means: harness.py. How to add a program: README.md.

Exit: 0 all the same, 1 a difference, 2 usage or no library. Last line: `N passed, N failed, N skipped`.
"""
import argparse
import contextlib
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import self_test  # noqa: E402
from harness import Box, Failure, find  # noqa: E402

DEFAULT_LIBRARY = HERE.parent.parent / "build/release/libullage.so"
LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
RSS_LIMIT = 1.15      # the issue that asked for these runs: above it is a bug to explain
MIB = 1024 * 1024


def load_programs():
    """The records of programs/*.py (each file has a list PROGRAMS), in the order of the files' names."""
    programs = []
    for path in sorted((HERE / "programs").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"programs.{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        programs += module.PROGRAMS
    return programs


def reason_to_skip(program):
    missing = [name for name in program.needs if find(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed: apt install {' '.join(program.packages)}"
    return program.available() if program.available else ""


def build_tools(directory):
    """Compiles measure and marker.so. These two are C for reasons given in them."""
    compiler = os.environ.get("CC", "cc")
    for source, flags in (("measure", []), ("marker", ["-shared", "-fPIC"])):
        target = directory / (source + (".so" if flags else ""))
        command = [compiler, "-O1", *flags, "-o", target, HERE / f"{source}.c"]
        try:
            subprocess.run(command, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit(f"run.py: {source}.c did not compile ({error}); a C compiler is needed: apt install gcc")
        target.chmod(0o755)


def copy_of_library(library, directory):
    """A copy no rebuild can change under a running program and every user (postgres) can read.
    Libraries of the system stay where they are: two copies of the C library in a process do not live."""
    if str(library.resolve()).startswith(("/usr/", "/lib")):
        return str(library)
    copy = shutil.copy(library, directory / library.name)
    os.chmod(copy, 0o755)
    return str(copy)


def served_problem(program, box, library):
    """Empty when every process took its memory from `library`, else what was seen instead."""
    rows = box.served_by()
    real = os.path.realpath(library)
    for executable, malloc_object, free_object in rows:
        for symbol, provider in (("malloc", malloc_object), ("free", free_object)):
            if os.path.realpath(provider) != real:
                return f"preload did not take: {symbol} of {executable} came from {provider}, not {library}"
    names = {os.path.basename(row[0]) for row in rows}
    # `ruby` is also ruby3.1, `as` also x86_64-linux-gnu-as, `ld` also x86_64-linux-gnu-ld.bfd.
    missing = [want for want in program.served
               if not any(re.search(rf"(^|-)({want})[\d.]*([.-].*)?$", name) for name in names)]
    if missing:
        return f"preload did not take: no process of {', '.join(missing)} reached it (seen: {sorted(names)})"
    return ""


def first_difference(base, test):
    """Where two lists of kept bytes differ, in words; empty when they are equal."""
    for (name, left), (other, right) in zip(base, test):
        if name != other:
            return f"the runs took different ways: {name} / {other}"
        if left == right:
            continue
        at = next((i for i, (a, b) in enumerate(zip(left, right)) if a != b), min(len(left), len(right)))
        line = left.count(b"\n", 0, at) + 1

        def around(data):
            return repr(data[max(0, at - 20):at + 60])
        return (f"{name} differs at byte {at} (line {line}; {len(left)} / {len(right)} bytes)\n"
                f"      glibc   {around(left)}\n      library {around(right)}")
    if len(base) != len(test):
        return f"the runs kept {len(base)} and {len(test)} outputs"
    return ""


def run_once(program, args, root, tools, preload, passed_env):
    """One run in a fresh Box. Returns (box, Failure or None); nothing it started is left."""
    box = Box(program, root, tools, preload, args, passed_env)
    try:
        program.body(box)
        return box, None
    except Failure as failure:
        return box, failure
    except Exception as error:      # a missing file, a connection that broke: what a sick server does to its client
        return box, Failure(f"{type(error).__name__}: {error}{''.join(process.tail() for process in box.started[-1:])}")
    finally:
        box.done()


def figures_of(box):
    return {"wall_s": round(box.timed_s if box.timed_s is not None else box.wall_s, 4), "cpu_s": round(box.cpu_s, 4),
            "peak_rss_bytes": box.rss_bytes, "extra": dict(box.figures)}


def run_program(program, args, root, tools, library):
    """Both runs of one program. Returns its row: status, problem, figures of both."""
    row = {"name": program.name, "status": "failed", "problem": "", "measure": "tree_pss" if program.tree else
           "largest_process_rss", "note": program.note() if callable(program.note) else program.note}
    base_preload = [LIBC] if program.baseline == "libc" else []
    base, failure = run_once(program, args, root, tools, base_preload, {})
    row["glibc"] = figures_of(base)
    if failure:
        row["problem"] = f"without the library already (not its fault): {failure}"
        return row
    passed_env = {key: value for key, value in os.environ.items() if key.startswith("ULLAGE_")}
    test, failure = run_once(program, args, root, tools, [library], passed_env)
    row["library"] = figures_of(test)
    row["processes"] = len(test.served_by())
    row["problem"] = (str(failure) if failure else "") or first_difference(base.kept, test.kept) or \
        served_problem(program, test, library)
    if not row["problem"]:
        row["status"] = "passed"
        row["compared"] = len(test.kept)
        row["compared_bytes"] = sum(len(data) for _, data in test.kept)
    elif args.keep:
        keep = pathlib.Path(args.keep) / program.name
        shutil.copytree(root, keep, dirs_exist_ok=True, symlinks=True, ignore_dangling_symlinks=True,
                        ignore=lambda where, names: [n for n in names if pathlib.Path(where, n).is_socket()])
        row["problem"] += f"\n    kept: {keep}"
    return row


def ratio(row, key):
    base = row["glibc"][key]
    return row["library"][key] / base if base else float("nan")


HEADER = (f"{'program':<16}{'time s':>8}{'lib':>8}{'ratio':>7}{'cpu':>7}{'RSS MiB':>10}{'lib':>9}{'ratio':>7}"
          "  remark")


def print_row(row):
    if row["status"] == "skipped":
        print(f"{row['name']:<16}skipped: {row['problem']}", flush=True)
        return
    if "library" in row and row["library"]["peak_rss_bytes"]:
        base, test = row["glibc"], row["library"]
        remark = "" if row["status"] == "passed" else "FAILED "
        if ratio(row, "peak_rss_bytes") > RSS_LIMIT:
            remark += f"to explain: RSS > {RSS_LIMIT} x "
        if row["measure"] == "tree_pss":
            remark += "(PSS of tree) "
        for name, value in test["extra"].items():
            remark += f"{name}: {base['extra'].get(name, 0) / MIB:.1f} / {value / MIB:.1f} MiB "
        print(f"{row['name']:<16}{base['wall_s']:>8.2f}{test['wall_s']:>8.2f}{ratio(row, 'wall_s'):>7.2f}"
              f"{ratio(row, 'cpu_s'):>7.2f}{base['peak_rss_bytes'] / MIB:>10.1f}"
              f"{test['peak_rss_bytes'] / MIB:>9.1f}{ratio(row, 'peak_rss_bytes'):>7.2f}  {remark}{row['note']}")
    else:
        print(f"{row['name']:<16}FAILED")
    if row["problem"]:
        print(f"    {row['problem']}")
    sys.stdout.flush()


def geometric_means(rows):
    both = [row for row in rows if row["status"] == "passed"]
    if not both:
        return {}
    means = {}
    for key in ("wall_s", "cpu_s", "peak_rss_bytes"):
        product = 1.0
        for row in both:
            product *= ratio(row, key) ** (1 / len(both))
        means[key] = round(product, 4)
    return means


def parse(argv):
    parser = argparse.ArgumentParser(prog="run.py", description="Runs real programs under a preloaded allocator and "
                                     "under the C library's, and compares all they print and make.")
    parser.add_argument("--library", type=pathlib.Path, default=DEFAULT_LIBRARY, metavar="PATH",
                        help="what to preload (default build/release/libullage.so)")
    parser.add_argument("--small", action="store_true", help="the quick ones, scaled down; under a minute")
    parser.add_argument("--only", default="", metavar="NAME,...", help="these programs")
    parser.add_argument("--json", metavar="FILE", help="all figures as one JSON document")
    parser.add_argument("--keep", metavar="DIR", help="keep the directories of programs that differ")
    parser.add_argument("--timeout", type=float, default=float("inf"), metavar="SECONDS",
                        help="an upper limit for every step; each has one of its own, of some minutes")
    parser.add_argument("--self-test", action="store_true", help="run under allocators broken on purpose")
    parser.add_argument("--list", action="store_true", help="name the programs and stop")
    return parser.parse_args(argv)


def choose(args, programs):
    if args.only:
        wanted = args.only.split(",")
        unknown = set(wanted) - {program.name for program in programs}
        if unknown:
            print(f"run.py: no program called {', '.join(sorted(unknown))}; --list shows them", file=sys.stderr)
            sys.exit(2)
        return [program for program in programs if program.name in wanted]
    return [program for program in programs if program.small or not args.small]


def main(argv):
    args = parse(argv)
    if args.self_test:
        return self_test.main()
    programs = choose(args, load_programs())
    if args.list:
        for program in programs:
            print(f"{program.name:<16}{'small ' if program.small else '      '} {program.what}"
                  f"  [{' '.join(program.packages)}]")
        return 0
    if not args.library.is_file():
        print(f"run.py: {args.library} is not there; nothing was tested. Build it first: make build",
              file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start = time.monotonic()
    rows = []
    with tempfile.TemporaryDirectory(prefix="ullage-preload-", ignore_cleanup_errors=True) as name:
        root = pathlib.Path(name)
        if " " in name or ":" in name:
            sys.exit(f"run.py: LD_PRELOAD cannot hold the path {name}: set TMPDIR to one without space and colon")
        root.chmod(0o755)
        tools = root / "tools"
        tools.mkdir(mode=0o755)
        build_tools(tools)
        library = copy_of_library(args.library.absolute(), tools)
        print(f"library: {args.library}\n{HEADER}", flush=True)
        for program in programs:
            reason = reason_to_skip(program)
            if reason:
                row = {"name": program.name, "status": "skipped", "problem": reason}
            else:
                row = run_program(program, args, root, tools, library)
            rows.append(row)
            print_row(row)
    return summary(args, rows, time.monotonic() - start)


def summary(args, rows, seconds):
    means = geometric_means(rows)
    if means:
        print(f"geometric mean of the passed: time {means['wall_s']:.3f}, cpu {means['cpu_s']:.3f}, "
              f"RSS {means['peak_rss_bytes']:.3f} (library / glibc); {seconds:.0f} s in all")
    if args.json:
        document = {"schema": "ullage.check-programs/1", "library": str(args.library), "small": args.small,
                    "rss_limit": RSS_LIMIT, "geometric_mean": means, "programs": rows}
        with contextlib.ExitStack() as stack:
            out = sys.stdout if args.json == "-" else stack.enter_context(open(args.json, "w", encoding="utf-8"))
            json.dump(document, out, indent=2)
            out.write("\n")
    count = {status: sum(row["status"] == status for row in rows) for status in ("passed", "failed", "skipped")}
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
