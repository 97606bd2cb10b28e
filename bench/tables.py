# SPDX-License-Identifier: MIT
"""tables.py: the report of a measurement as text for a terminal and as Markdown for the docs.

Only words and layout: every figure comes from the summary that stats.py made.
"""
import re

import stats

SHOWN = (("wall_ns", "Wall time"), ("cpu_ns", "Processor time"), ("peak_rss_bytes", "Peak RSS"))


def label(name, version):
    """A heading: "mimalloc2", "mimalloc 2.5.2 (crate …)" → "mimalloc 2.5.2"; ours has no number."""
    if name == stats.OURS:
        return name
    found = re.search(r"\s(\d+(?:\.\d+)+)", version)
    return re.sub(r"(-new|\d+)$", "", name) + " " + found.group(1) if found else name


def unit_of(measure, value):
    if measure == "peak_rss_bytes":
        return "%.1f MiB" % (value / 1048576)
    return "%.3f s" % (value / 1e9)


def percent(share):
    return "%.1f" % (100 * share) if share < 0.0995 else "%.0f" % (100 * share)


def table(title, summary, measure, order, names):
    """One measure: a row for each program, then means and intervals. The two last columns are the
    spreads, in percent, of the base and of ours."""
    part, base = summary["measures"][measure], summary["base"]
    columns = [name for name in names if name in part["means"][stats.ALL]]
    spreads = [name for name in (base, stats.OURS) if name in columns]
    width = max([8] + [len(name) for name in columns]) + 1
    first = max([15] + [len(program) for program in order])
    lines = ["%s, ratio to %s (median of rounds; smaller is better); ± %%: half the range of the "
             "runs" % (title, base),
             "%-*s %10s" % (first, "program", base[:10])
             + "".join("%*s" % (width, name) for name in columns)
             + "".join("%*s" % (len(name) + 3, "±" + name) for name in spreads)]
    for program in order:
        row = part["ratios"].get(program)
        if not row:
            continue
        text = "%-*s %10s" % (first, program, unit_of(measure, part["medians"][program][base]))
        for name in columns:
            text += "%*s" % (width, "%.3f" % row[name] if name in row else "failed")
        for name in spreads:
            value = part["spreads"][program].get(name)
            text += "%*s" % (len(name) + 3, "" if value is None else percent(value))
        lines.append(text)
    return "\n".join(lines + mean_lines(summary, measure, columns, first + 11, width))


def mean_lines(summary, measure, columns, first, width):
    part, lines = summary["measures"][measure], []
    for label, means in part["means"].items():
        count = len(summary["groups"][label])
        title = "geometric mean, %d programs" % count if label == stats.ALL \
            else "  %d %s" % (count, label)
        lines.append("%-*s" % (first, title)
                     + "".join("%*.3f" % (width, means[n]) if n in means else " " * width
                               for n in columns)
                     + "   best peer %.3f" % means.get(stats.BEST, float("nan")))
        if label in (stats.ALL, stats.LARGE):
            for edge, index in (("low", 0), ("high", 1)):
                interval = part["intervals"][label]
                lines.append("%-*s" % (first, "    95 % interval, " + edge)
                             + "".join("%*.3f" % (width, interval[n][index]) if n in interval
                                       else " " * width for n in columns))
    return lines


def worst_lines(summary, count=5):
    """The programs in which ours is furthest behind the best peer, for time and for RSS."""
    lines = []
    for measure, title in (("wall_ns", "time"), ("peak_rss_bytes", "peak RSS")):
        against = summary["measures"][measure]["against_best"]
        if not against:
            continue
        lines.append("worst %d for %s, ours / best peer: " % (min(count, len(against)), title)
                     + ", ".join("%s %.3f (%s)" % (one["program"], one["ratio"], one["peer"])
                                 for one in against[:count]))
        behind = [one for one in against if one["ratio"] > stats.BEHIND]
        lines.append("  above %.2f x the best peer: %d of %d programs%s" % (
            stats.BEHIND, len(behind), len(against),
            ": " + ", ".join(one["program"] for one in behind) if behind else ""))
    return lines


def markdown(summary, order, titles):
    """Wall time / peak RSS per program and allocator. titles: {allocator: heading}."""
    time, rss = summary["measures"]["wall_ns"], summary["measures"]["peak_rss_bytes"]
    names = list(titles)
    head = [("**%s**" % titles[n] if n == stats.OURS else titles[n]) for n in names]
    lines = ["| program | " + " | ".join(head) + " |", "|---|" + "--:|" * len(names)]

    def row(title, first, second):
        cells = ["%.3f / %.3f" % (first[n], second[n]) if n in first else "failed" for n in names]
        lines.append("| %s | %s |" % (title, " | ".join(cells)))
    for program in order:
        if program in time["ratios"]:
            row(program, time["ratios"][program], rss["ratios"][program])
    for label in time["means"]:
        count = len(summary["groups"][label])
        title = "**geometric mean**" if label == stats.ALL else "**mean, %d %s**" % (count, label)
        row(title, time["means"][label], rss["means"][label])
        if label == stats.ALL:
            for edge, index in (("low", 0), ("high", 1)):
                pick = lambda part: {n: pair[index] for n, pair in part["intervals"][label].items()}
                row("95 %% interval, %s" % edge, pick(time), pick(rss))
    lines.append("")
    lines.append("Best peer (virtual): %.3f / %.3f." % (time["means"][stats.ALL][stats.BEST],
                                                        rss["means"][stats.ALL][stats.BEST]))
    return "\n".join(lines)


def cells_text(cells, most=6):
    text = ", ".join("%s under %s" % tuple(cell) for cell in cells[:most])
    return "nowhere" if not cells else text + (
        " and %d more" % (len(cells) - most) if len(cells) > most else "")


def report(document, summary, order, names, wrong):
    """The whole report as text."""
    runs = document["runs"]
    blocks = [table(title, summary, measure, order, names) for measure, title in SHOWN]
    noisy = sum(run["noise"] > stats.NOISE_LIMIT for run in runs)
    lines = ["%d runs in %d complete rounds; %d of them were disturbed by other work (above %d %% "
             "of the\nmachine) and kept because no repetition was quieter; times use them only "
             "where a program has\nno quiet run: %s" % (
                 len(runs), document["complete_rounds"], noisy, stats.NOISE_LIMIT * 100,
                 cells_text(summary["disturbed"]))]
    lines += worst_lines(summary)
    for name in names:
        lacks = [p for p in summary["groups"][stats.ALL]
                 if name not in summary["measures"]["wall_ns"]["ratios"][p]]
        if lacks:
            lines.append("%s: its means are without %s" % (name, ", ".join(lacks)))
    lines += ["WRONG: " + line for line in wrong]
    return "\n\n".join(blocks + ["\n".join(lines)])
