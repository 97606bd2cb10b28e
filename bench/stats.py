# SPDX-License-Identifier: MIT
"""stats.py: from single runs to medians, ratios, means, intervals and lists of the worst.

Plain functions over plain data: no files, no clock, and one fixed seed for the bootstrap, so the
same runs always give the same figures (tests/tools/test_bench.py checks them on runs with known
answers).

    runs ── collect ──> {program: {allocator: [value, …]}} ── ratios ──> {program: {allocator: r}}
                                        │                                     │
                                    bootstrap                              means, worst

What counts. A run that failed, or that computed something else, never does. Of the times, a run
that other work disturbed is discarded as long as the same program under the same allocator has a
quiet one; where none is quiet all of them count and the cell is listed as disturbed. Peak RSS
does not depend on other work, so all runs count there.

How. Everything is relative to one base allocator. A program's ratio is median over median; means
over programs are geometric. The interval beside a mean is the 2.5 to 97.5 percentile of 1,000
bootstrap samples in which the runs of each program and allocator are drawn anew with replacement:
it shows how far the machine's noise reaches, not how another choice of programs would turn out.
The spread of a cell is half of (largest - smallest) over the median.

The best peer takes, for each program, the best of all allocators but ours: an allocator nobody
has, also called the virtual best.
"""
import itertools
import math
import random
import statistics

OURS = "ullage"
BEST = "best peer"
LARGE_BYTES = 20 << 20  # below, libc and the allocator's own text and data are most of the peak
NOISE_LIMIT = 0.12      # share of the machine that other work may take during a run
BEHIND = 1.10           # a program this far above the best peer is listed
MEASURES = ("wall_ns", "cpu_ns", "peak_rss_bytes")
MANY_THREADS = {"threads64"}  # neither one thread nor two
ALL, LARGE = "all", "above 20 MiB"


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def collect(runs, measure):
    """{program: {allocator: [value, …]}} of the runs that count for `measure`."""
    every, quiet = {}, {}
    for run in runs:
        if run["status"] or run.get("wrong"):
            continue
        tables = (every, quiet) if run["noise"] <= NOISE_LIMIT else (every,)
        for table in tables:
            columns = table.setdefault(run["program"], {})
            # 0 happens to a very short program's processor time; a ratio needs more than that
            columns.setdefault(run["allocator"], []).append(max(run[measure], 1))
    if measure == "peak_rss_bytes":
        return every
    return {program: {name: quiet.get(program, {}).get(name, values)
                      for name, values in columns.items()}
            for program, columns in every.items()}


def disturbed(runs):
    """[(program, allocator)] without a single quiet run."""
    cells = {}
    for run in runs:
        cell = run["program"], run["allocator"]
        cells[cell] = min(cells.get(cell, math.inf), run["noise"])
    return sorted(cell for cell, noise in cells.items() if noise > NOISE_LIMIT)


def spread(values):
    """Half of the range over the median: 0.03 is shown as ± 3 %."""
    return (max(values) - min(values)) / 2 / statistics.median(values)


def medians(table):
    return {program: {name: statistics.median(values) for name, values in columns.items()}
            for program, columns in table.items()}


def ratios(middle, base):
    """{program: {allocator: ratio}} from medians, for the programs that the base finished."""
    return {program: {name: value / row[base] for name, value in row.items()}
            for program, row in middle.items() if base in row}


def peers_of(names):
    return [name for name in names if name != OURS]


def best_peer(row, names):
    """(ratio, name) of the best of the others in a row of ratios, or None."""
    return min(((row[name], name) for name in peers_of(names) if name in row), default=None)


def means(rows, names, programs):
    """{allocator: geometric mean over those of `programs` it finished}, and the best peer's."""
    rows = {program: row for program, row in rows.items() if program in programs}
    columns = {name: [row[name] for row in rows.values() if name in row] for name in names}
    best = [best_peer(row, names) for row in rows.values()]
    columns[BEST] = [found[0] for found in best if found]
    return {name: geometric_mean(values) for name, values in columns.items() if values}


def percentiles(values, share=0.95):
    values = sorted(values)
    edge = (1 - share) / 2
    return values[int(edge * len(values))], values[min(int((1 - edge) * len(values)),
                                                       len(values) - 1)]


def bootstrap(table, base, names, groups, samples=1000, seed=1):
    """{group: {allocator: (low, high)}}: one set of samples serves all groups."""
    draw = random.Random(seed)
    collected = {group: {} for group in groups}
    for _ in range(samples):
        again = {program: {name: statistics.median(draw.choices(values, k=len(values)))
                           for name, values in columns.items()}
                 for program, columns in table.items()}
        rows = ratios(again, base)
        for group, programs in groups.items():
            for name, mean in means(rows, names, programs).items():
                collected[group].setdefault(name, []).append(mean)
    return {group: {name: percentiles(values) for name, values in columns.items()}
            for group, columns in collected.items()}


def groups_of(rss, base):
    """{label: set of programs} over which means are taken, the whole first. By name: `-2` at the
    end is two threads, `real-` at the start a program of the system."""
    done = {program for program, columns in rss.items() if base in columns}
    groups = {
        ALL: done,
        LARGE: {p for p in done if statistics.median(rss[p][base]) > LARGE_BYTES},
        "one thread": {p for p in done if not p.endswith("-2") and p not in MANY_THREADS},
        "two threads": {p for p in done if p.endswith("-2")},
        "system's programs": {p for p in done if p.startswith("real-")},
    }
    return {label: programs for label, programs in groups.items()
            if programs and (label == ALL or programs != done)}


def against_best(rows, names):
    """[{program, ratio, peer}] of ours over the best peer, the worst first."""
    found = []
    for program, row in rows.items():
        best = best_peer(row, names)
        if best and OURS in row:
            found.append({"program": program, "ratio": row[OURS] / best[0], "peer": best[1],
                          "to_base": row[OURS]})
    return sorted(found, key=lambda one: -one["ratio"])


def summarize(runs, base, names):
    """All figures of the report as plain data (it goes into the JSON)."""
    groups = groups_of(collect(runs, "peak_rss_bytes"), base)
    result = {"base": base, "groups": {label: sorted(of) for label, of in groups.items()},
              "disturbed": disturbed(runs), "measures": {}}
    for measure in MEASURES:
        table = collect(runs, measure)
        middle = medians(table)
        rows = ratios(middle, base)
        result["measures"][measure] = {
            "medians": middle,
            "spreads": {program: {name: spread(values) for name, values in columns.items()}
                        for program, columns in table.items()},
            "ratios": rows,
            "means": {label: means(rows, names, programs) for label, programs in groups.items()},
            "intervals": bootstrap(table, base, names, groups),
            "against_best": against_best(rows, names),
        }
    return result


def ratio_interval(first, second, samples=2000, seed=1):
    """(low, high) of median(second) / median(first) by bootstrap."""
    draw = random.Random(seed)
    pick = lambda values: statistics.median(draw.choices(values, k=len(values)))
    return percentiles([pick(second) / pick(first) for _ in range(samples)])


def rank_p(first, second):
    """Two-sided p of the rank sum test: how often a random split of all values would lie at least
    as far apart. Exact up to 20,000 splits, by the normal approximation beyond."""
    values = sorted(first + second)
    ranks = {}
    for value, same in itertools.groupby(enumerate(values, 1), key=lambda pair: pair[1]):
        places = [place for place, _ in same]
        ranks[value] = sum(places) / len(places)  # ties share the middle rank
    every = [ranks[value] for value in first + second]
    count, total = len(first), len(every)
    expected = count * sum(every) / total
    away = abs(sum(every[:count]) - expected) - 1e-9
    if math.comb(total, count) <= 20000:
        sums = [abs(sum(some) - expected) for some in itertools.combinations(every, count)]
        return sum(one >= away for one in sums) / len(sums)
    deviation = math.sqrt(count * (total - count) / total * statistics.pvariance(every)
                          * total / (total - 1))
    return math.erfc(away / deviation / math.sqrt(2)) if deviation else 1.0
