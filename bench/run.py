#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py: measures allocators against each other: time and peak RSS, interleaved, medians, ratios.

    bench/run.py --quick                       all programs, few allocators, below 8 minutes
    bench/run.py --full                        five rounds, the system's programs too, below 2 h
    bench/run.py --only 'churn*,sh6' --allocators ullage,mimalloc --rounds 1
    bench/run.py --peer old=/tmp/libullage-old.so --only churn
    bench/run.py --report build/bench/full.json --base mimalloc2      measures nothing

--full keeps its runs in build/bench/full.json (when all programs and allocators are measured) and
goes on where it stopped: after Ctrl-C, after a reboot, or because --minutes ended it; the same
command again makes what is missing. When the file was measured with something else (library,
programs, scale, machine), it is put aside and a new one is begun; --resume FILE instead refuses,
and --fresh begins anew in any case.

runs.py says how it measures, stats.py which runs count and how figures come from them. An
allocator that crashes, or with which a program computes something else than under libc, is
reported and makes the exit code 1.
"""
import argparse
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import runs
import stats
import suite
import tables


QUICK = ("glibc", "mimalloc", "mimalloc2", "snmalloc", stats.OURS)  # who they are, in minutes


def arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true",
                      help="three rounds of 0.7 of the work, at most 8 minutes; by default only %s"
                      % ", ".join(QUICK))
    size.add_argument("--full", action="store_true",
                      help="five rounds of 1.5 times the work, the system's programs too, at most "
                           "120 minutes")
    parser.add_argument("--rounds", type=int, help="how often each pair is measured")
    parser.add_argument("--scale", type=float, help="multiplies the work of our own programs")
    parser.add_argument("--minutes", type=float,
                        help="begin no round that would end later than this")
    parser.add_argument("--real", action="store_true", help="also programs of the system")
    parser.add_argument("--only", default="", help="programs, comma-separated; churn* works")
    runs.add_library_options(parser)
    parser.add_argument("--base", help="ratios are to this allocator (mimalloc, else glibc)")
    parser.add_argument("--json", metavar="FILE", help="write everything there, after each program")
    parser.add_argument("--resume", metavar="FILE", help="go on with the measurement in FILE")
    parser.add_argument("--fresh", action="store_true",
                        help="with --full: do not go on, begin anew")
    parser.add_argument("--report", metavar="FILE", help="print the report of a measurement again")
    parser.add_argument("--markdown", action="store_true",
                        help="print a table for the docs instead")
    parser.add_argument("--seed", type=int, help="of the order; printed")
    parser.add_argument("--list", action="store_true",
                        help="show programs and allocators, measure nothing")
    options = runs.parsed(parser, words)
    options.real = options.real or options.full
    options.rounds = options.rounds or (5 if options.full else 3)
    options.scale = options.scale or (1.5 if options.full else 0.7 if options.quick else 1)
    if options.minutes is None:
        options.minutes = 120 if options.full else 8 if options.quick else 0
    options.json = options.json or options.resume
    whole = not (options.only or options.allocators)  # a part never takes the whole one's place
    if not options.json and whole and (options.quick or options.full):
        options.json = os.path.join(suite.ROOT, "build", "bench",
                                    "quick.json" if options.quick else "full.json")
    return options


def choose(options):
    """Programs as [(name, command)], allocators as {name: library}. Exits on an unknown name."""
    programs = suite.own_programs(options.build, options.scale,
                                  quick=getattr(options, "quick", False))
    if options.real:
        inputs = os.path.join(os.path.dirname(options.build), "bench", "input")
        programs += suite.real_programs(inputs, options.build)
        for line in suite.missing_programs(inputs, options.build):
            print("bench: left out: " + line, file=sys.stderr)
    if options.only:
        names = runs.chosen(options.only, [name for name, _ in programs], "program")
        programs = [program for program in programs if program[0] in names]
    libraries = runs.choose_libraries(options)
    if getattr(options, "quick", False) and not options.allocators:
        extra = [peer.partition("=")[0] for peer in options.peer]
        libraries = {name: path for name, path in libraries.items() if name in (*QUICK, *extra)}
    return programs, libraries


def choose_base(wanted, names):
    if wanted and wanted not in names:
        raise SystemExit("bench: --base %s: it is not measured; there are: %s"
                         % (wanted, ", ".join(names)))
    return wanted or ("mimalloc" if "mimalloc" in names else next(iter(names)))


def free_name(path):
    """`path`, or with a number behind it the first that is no file yet."""
    return next(name for name in (path, *("%s.%d" % (path, n) for n in range(2, 10000)))
                if not os.path.exists(name))


def take_up(options, document):
    """Puts the runs of a former measurement into `document`, or begins anew; says which."""
    path = options.resume or (options.json if options.full and not options.fresh else None)
    if not path or not os.path.exists(path):
        return
    former = runs.load(path)
    reasons = runs.mismatch(former, document)
    if reasons and options.resume:
        raise SystemExit("bench: cannot go on with %s:\n  %s\nStart anew without --resume, or give "
                         "the options it was measured with." % (path, "\n  ".join(reasons)))
    if reasons:
        aside = free_name("%s.%s" % (path, former.get("commit", "")[:7] or "old"))
        os.replace(path, aside)
        print("bench: the runs in %s are not of this measurement:\n  %s\nThey are now in %s; "
              "beginning anew." % (path, "\n  ".join(reasons), aside), flush=True)
        return
    for key in ("seed", "runs", "complete_rounds", "longest_round_s", "commit", "date"):
        document[key] = former[key]
    document["rounds"] = max(document["rounds"], former["complete_rounds"])
    print("going on with %s: %d runs, %d complete rounds are there"
          % (os.path.relpath(path), len(former["runs"]), former["complete_rounds"]))


def conclude(document, base, path=None, markdown=False):
    """Puts the summary into the document, saves it, prints the report. Returns the exit code."""
    order = list(document.get("programs") or {run["program"]: 0 for run in document["runs"]})
    names = list(document["allocators"])
    wrong = runs.check_answers(document["runs"])
    if not any(run["allocator"] == base and not run["status"] for run in document["runs"]):
        raise SystemExit("bench: no program ended well under %s, so there is no ratio to show%s"
                         % (base, "".join("\n" + line for line in wrong)))
    document["base"] = base
    document["summary"] = summary = stats.summarize(document["runs"], base, names)
    runs.save(path, document)
    if markdown:
        print(tables.markdown(summary, order, {
            name: tables.label(name, version)
            for name, version in document["allocators"].items()}))
    else:
        print("\n" + tables.report(document, summary, order, names, wrong))
    return 1 if wrong else 0


def main():
    options = arguments()
    if options.report:
        document = runs.load(options.report)
        document.setdefault("complete_rounds", document.get("rounds", 0))
        base = choose_base(options.base or document.get("base"), document["allocators"])
        return conclude(document, base, None, options.markdown)
    programs, libraries = choose(options)
    if options.list:
        print("programs:   " + ", ".join(name for name, _ in programs))
        for name, path in libraries.items():
            print("%-11s %s" % (name, suite.version(path)))
        return 0
    runs.need_built(options.build, "measure")
    if stats.OURS not in libraries and not options.allocators:
        print("bench: %s/libullage.so is not built; measuring the others" % options.build,
              file=sys.stderr)
    base = choose_base(options.base, libraries)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 31)
    document = runs.describe(options.build, programs, libraries, options.scale, options.rounds,
                             base, seed)
    take_up(options, document)
    print("seed %d, %d rounds, %d programs\nallocators: %s" % (
        document["seed"], document["rounds"], len(programs),
        ", ".join(tables.label(*item) for item in document["allocators"].items())), flush=True)
    try:
        whole = runs.interleave(document, options.build, programs, libraries, options.json,
                                options.minutes)
    except KeyboardInterrupt:
        runs.save(options.json, document)
        print("\nbench: interrupted after %d runs%s" % (
            len(document["runs"]), "; go on with --resume %s" % os.path.relpath(options.json)
            if options.json else ""), file=sys.stderr)
        return 130
    code = conclude(document, base, options.json, options.markdown)
    if not whole:
        print("stopped after %d of %d rounds: another one would end beyond %g minutes; %s" % (
            document["complete_rounds"], document["rounds"], options.minutes,
            "--resume %s makes the rest" % os.path.relpath(options.json) if options.json
            else "--json FILE would keep them"))
    if options.json:
        print("written: %s" % os.path.relpath(options.json))
    return code


if __name__ == "__main__":
    runs.script(main)
