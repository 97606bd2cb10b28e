# SPDX-License-Identifier: MIT
"""stats.py: from single runs to ratios, means and tables.

Everything is relative to one base allocator (mimalloc where it is there). Per program and
allocator the median over the rounds is taken; a program's ratio is median over median; the means
over programs are geometric. The interval beside a mean is the 2.5 to 97.5 percentile of 1,000
bootstrap samples in which the rounds of each program and allocator are drawn anew with
replacement: it shows how far the machine's noise reaches, not how another choice of programs
would turn out.

The virtual best takes, for each program, the best of the peers (all but ours): an allocator
nobody has.
"""
import math
import random
import statistics

OURS = "ullage"
LARGE_BYTES = 20 << 20  # below, libc and the allocator's own text and data are most of the peak
MEASURES = ("wall_ns", "cpu_ns", "peak_rss_bytes")


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def collect(runs, measure):
    """{program: {allocator: [value, …]}} of the runs that ended well."""
    table = {}
    for run in runs:
        if run["status"] == 0 and not run.get("wrong"):
            columns = table.setdefault(run["program"], {})
            columns.setdefault(run["allocator"], []).append(run[measure])
    return table


def ratios(table, base):
    """{program: {allocator: ratio of medians}} for the programs that the base finished."""
    result = {}
    for program, columns in table.items():
        if base in columns:
            bottom = statistics.median(columns[base])
            result[program] = {name: statistics.median(values) / bottom
                               for name, values in columns.items()}
    return result


def means(table, base, names, programs):
    """{allocator: geometric mean over those of `programs` it finished}, and the best peer's."""
    rows = {program: row for program, row in ratios(table, base).items() if program in programs}
    result = {}
    for name in names:
        values = [row[name] for row in rows.values() if name in row]
        if values:
            result[name] = geometric_mean(values)
    peers = [name for name in names if name != OURS]
    best = [min(row[name] for name in peers if name in row) for row in rows.values()
            if any(name in row for name in peers)]
    if best:
        result["best peer"] = geometric_mean(best)
    return result


def bootstrap(table, base, names, programs, samples=1000, seed=1):
    draw = random.Random(seed)
    collected = {}
    for _ in range(samples):
        again = {program: {name: draw.choices(values, k=len(values))
                           for name, values in columns.items()}
                 for program, columns in table.items() if program in programs}
        for name, mean in means(again, base, names, programs).items():
            collected.setdefault(name, []).append(mean)
    result = {}
    for name, values in collected.items():
        values.sort()
        result[name] = (values[int(0.025 * len(values))], values[int(0.975 * len(values))])
    return result


def summarize(runs, base, names):
    """All figures of the report as plain data (it goes into the JSON)."""
    rss = collect(runs, "peak_rss_bytes")
    large = [p for p, columns in rss.items()
             if base in columns and statistics.median(columns[base]) > LARGE_BYTES]
    result = {"base": base, "large_programs": sorted(large), "measures": {}}
    for measure in MEASURES:
        table = collect(runs, measure)
        result["measures"][measure] = {
            "medians": {program: {name: statistics.median(values)
                                  for name, values in columns.items()}
                        for program, columns in table.items()},
            "ratios": ratios(table, base),
            "means": means(table, base, names, set(table)),
            "intervals": bootstrap(table, base, names, set(table)),
            "means_large": means(table, base, names, set(large)),
        }
    return result


def show_table(title, summary, measure, order, names, unit):
    part = summary["measures"][measure]
    columns = [name for name in names if name in part["means"]]
    base = summary["base"]
    width = max([9] + [len(name) for name in columns]) + 1
    lines = ["%s, ratio to %s (median of rounds; smaller is better)" % (title, base),
             "%-14s %9s" % ("program", base) + "".join("%*s" % (width, name) for name in columns)]
    for program in order:
        row = part["ratios"].get(program)
        if not row:
            continue
        text = "%-14s %9s" % (program, unit(part["medians"][program][base]))
        for name in columns:
            text += "%*s" % (width, "%.3f" % row[name] if name in row else "failed")
        lines.append(text)
    lines.append("%-24s" % "geometric mean"
                 + "".join("%*.3f" % (width, part["means"][n]) for n in columns)
                 + "   best peer %.3f" % part["means"].get("best peer", float("nan")))
    for label, index in (("  95 % interval, low", 0), ("  95 % interval, high", 1)):
        lines.append("%-24s" % label
                     + "".join("%*.3f" % (width, part["intervals"][n][index]) for n in columns))
    if summary["large_programs"]:
        lines.append("%-24s" % ("mean, %d above 20 MiB" % len(summary["large_programs"]))
                     + "".join("%*.3f" % (width, part["means_large"][n]) for n in columns)
                     + "   best peer %.3f" % part["means_large"]["best peer"])
    return "\n".join(lines)
