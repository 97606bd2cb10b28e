#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check.py: runs what `make check` and `make check-all` promise, and counts.

    tools/check.py [--all] [--list] [--only WORD]…

One line for each step, with its time and what it counted; the whole output of a step is in
build/check/<step>.log, and its end is shown when the step failed. The last line is

    N passed, N failed[, N skipped]

which sums the tests of all steps; a step that counts nothing (a gate, a build) is one test. A step
that cannot be read, that dies, or that finds no tests at all counts as failed: silence is not success.
Exit status 1 when anything failed.

To add a step: a line in steps() below.
"""
import argparse, os, re, signal, subprocess, sys, time
import xml.etree.ElementTree as xml
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "check"
CPUS = len(os.sched_getaffinity(0))
RELEASE = ROOT / "build" / "release"


class Step:
    """A command, how to count what it did, and how long it may take. `when`: check or all."""

    def __init__(self, name, command, count="one", limit_s=300, when="check", env=None, needs=()):
        self.name, self.command, self.count = name, command, count
        self.limit_s, self.when, self.env, self.needs = limit_s, when, env or {}, needs


def build(preset, when="check", options=""):
    """Configures and builds a preset; a warning fails it."""
    return Step(f"build-{preset}", f"cmake --preset {preset} -DCMAKE_COMPILE_WARNING_AS_ERROR=ON {options}"
                f" && cmake --build --preset {preset} -j {CPUS}", limit_s=900, when=when)


def ctest(preset, when="check", label="", limit_s=1200, env=None, jobs=CPUS):
    """The tests of a preset. Sanitizers end a test at the first finding, so none is overlooked.

    gcc 12's sanitizers cannot lay out their shadow where the kernel randomises addresses by more than
    28 bits, as newer ones do; setarch -R asks for none, where the system allows asking."""
    report = LOGS / f"ctest-{preset}.xml"
    still = "$(setarch -R true 2>/dev/null && echo setarch -R) " if preset in ("dev", "tsan") else ""
    return Step(f"ctest-{preset}", f"{still}ctest --test-dir build/{preset} -j {jobs} --no-tests=error "
                f"--output-on-failure --output-junit {report} {label}",
                count=report, limit_s=limit_s, when=when, needs=(f"build-{preset}",),
                env={"ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=1",
                     "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
                     "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1", **(env or {})})


def steps():
    cli = {"ULLAGE_BUILD_DIR": str(RELEASE)}
    release = ("build-release",)
    yield Step("layers", "tools/check_layers.py")
    yield Step("files", "tools/check_files.py")
    yield Step("docs", "tools/check_docs.py")
    yield Step("format", "tools/check_format.sh")
    yield Step("gates-fail", "tests/gates/run.sh", count="text")
    yield build("release")
    yield Step("symbols", "tools/check_symbols.py build/release", needs=release)
    yield ctest("release")
    yield build("dev")
    yield ctest("dev")
    yield Step("cli", "tests/cli/run.sh", count="text", limit_s=600, env=cli, needs=release)
    yield Step("e2e", "tests/e2e/run.sh build/release/ullage", count="text", limit_s=300, needs=release)
    yield Step("e2e-fails", "tests/e2e/self_test.py --build build/release", count="text", limit_s=300,
               needs=release)
    yield Step("preload-small", "tests/preload/run.py --small", count="text", limit_s=900,
               needs=release)
    yield Step("install", "tests/install/run.sh", count="text", limit_s=300, needs=release)

    yield build("clang", when="all", options="-DCMAKE_CXX_FLAGS=-Werror")
    yield ctest("clang", when="all")
    yield build("tsan", when="all")
    yield ctest("tsan", when="all", limit_s=2400)
    for preset in ("invariants", "pages16k", "pages64k"):
        yield build(preset, when="all")
        yield ctest(preset, when="all", limit_s=3600)
    yield build("fuzz", when="all")
    yield ctest("fuzz", when="all", label="-L fuzz")
    yield Step("aarch64", "tools/check_aarch64.sh", count="text", limit_s=3600, when="all")
    yield Step("vm", "tools/check_vm.sh", count="text", limit_s=900, when="all", needs=release)
    yield Step("programs", "tests/preload/run.py", count="text", limit_s=5400, when="all",
               needs=release)


def count_text(text):
    """Counts from a step's own closing line, or from TAP, or from bats' summary; None: unreadable."""
    closing = re.findall(r"^\s*(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$", text, re.M)
    if closing:
        passed, failed, skipped = closing[-1]
        return int(passed), int(failed), int(skipped or 0)
    if re.search(r"^1\.\.\d+\s*$", text, re.M):
        skipped = len(re.findall(r"^ok \d+ .*# skip", text, re.M))
        return (len(re.findall(r"^ok \d+", text, re.M)) - skipped,
                len(re.findall(r"^not ok \d+", text, re.M)), skipped)
    bats = re.findall(r"^(\d+) tests?, (\d+) failures?(?:, (\d+) skipped)?", text, re.M)
    if bats:
        total, failed, skipped = (int(number or 0) for number in bats[-1])
        return total - failed - skipped, failed, skipped
    return None


def count_junit(path):
    """Counts from ctest's report, each test by its own status."""
    try:
        cases = xml.parse(path).getroot().findall("testcase")
    except (OSError, xml.ParseError):
        return None
    status = [case.get("status") for case in cases]
    passed = status.count("run")
    skipped = sum(status.count(word) for word in ("notrun", "disabled", "skipped"))
    return passed, len(status) - passed - skipped, skipped


def run(step, log):
    """Runs a step in a process group of its own, which is killed as a whole when time is up."""
    if isinstance(step.count, Path):
        step.count.unlink(missing_ok=True)
    with open(log, "wb") as out:
        child = subprocess.Popen(["bash", "-c", step.command], cwd=ROOT, stdin=subprocess.DEVNULL,
                                 stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
                                 env={**os.environ, **step.env})
        try:
            code = child.wait(timeout=step.limit_s)
        except subprocess.TimeoutExpired:
            out.write(f"\ncheck: stopped: took longer than {step.limit_s} s\n".encode())
            code = -1
        except KeyboardInterrupt:
            code = None
        if code in (-1, None):
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if code is None:
            sys.exit("check: interrupted")
    text = log.read_text(errors="replace")
    if step.count == "text":
        counts = count_text(text)
    elif isinstance(step.count, Path):
        counts = count_junit(step.count)
    elif code == 77:
        counts = (0, 0, 1)
    else:
        counts = (1, 0, 0) if code == 0 else (0, 1, 0)
    if counts is None or (sum(counts) == 0):
        return (0, 1, 0), "counted nothing"
    if code not in (0, 77) and counts[1] == 0:
        return (counts[0], 1, counts[2]), f"exit status {code}"
    return counts, ""


def line_of(counts):
    passed, failed, skipped = counts
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


def show_tail(log, lines=40):
    text = log.read_text(errors="replace").rstrip().splitlines()
    print(f"      --- the end of {log.relative_to(ROOT)}")
    for line in text[-lines:]:
        print("      " + line)


def show_skips(log):
    """A skipped test says why; so does this."""
    for line in log.read_text(errors="replace").splitlines():
        if re.search(r"# skip|\(Skipped\)|^\s*skip", line):
            print("      " + line.strip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--all", action="store_true", help="everything `make check-all` runs")
    parser.add_argument("--only", action="append", metavar="WORD", help="steps whose name contains WORD")
    parser.add_argument("--list", action="store_true", help="name the steps and their commands")
    options = parser.parse_args()

    chosen = [step for step in steps() if options.all or step.when == "check"]
    if options.only:
        chosen = [step for step in steps() if any(word in step.name for word in options.only)]
    if options.list:
        for step in chosen:
            print(f"{step.name:18} {step.command}")
        return 0
    if not chosen:
        sys.exit("check: no step has such a name; `tools/check.py --all --list` shows them")

    LOGS.mkdir(parents=True, exist_ok=True)
    (LOGS / "result").unlink(missing_ok=True)
    total, broken, begin = [0, 0, 0], set(), time.monotonic()
    for step in chosen:
        log = LOGS / f"{step.name}.log"
        start = time.monotonic()
        if broken.intersection(step.needs):
            counts, why = (0, 1, 0), f"not run: {', '.join(sorted(broken.intersection(step.needs)))} failed"
            log.write_text(why + "\n")
        else:
            counts, why = run(step, log)
        word = "FAIL" if counts[1] else "ok  " if counts[0] else "skip"
        print(f"{word}  {step.name:16} {time.monotonic() - start:7.1f} s   {line_of(counts)}"
              + (f"   ({why})" if why else ""), flush=True)
        if counts[1]:
            broken.add(step.name)
            if not why.startswith("not run"):
                show_tail(log)
        if counts[2]:
            show_skips(log)
        total = [a + b for a, b in zip(total, counts)]
    minutes, seconds = divmod(int(time.monotonic() - begin), 60)
    print(f"{len(chosen)} steps in {minutes} min {seconds} s; logs in build/check/")
    (LOGS / "result").write_text(line_of(total) + "\n")
    print(line_of(total))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
