#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""charts.py: two pictures of a measurement: bars of the means, and time against memory.

    bench/charts.py build/bench/full.json                       into docs/images
    bench/charts.py build/bench/full.json --out /tmp --base mimalloc2

bench-bars.svg      for each allocator the geometric mean of time and of peak RSS, with intervals
bench-scatter.svg   one dot for each allocator; nearer to the lower left corner is better

An SVG file stands alone: no script, no font, no image to load; it follows the reader's light or
dark setting, and has a title and a description for those who do not see it. Colours are those of
the report of `ullage run` (src/launch/report_html_style.c). Ours is told apart by weight and by a
filled shape too, not by colour alone. Bars begin at 0. All figures come from the summary that
stats.py makes of the runs in the file.
"""
import argparse
import math
import os
import sys
from xml.sax.saxutils import escape

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import runs
import stats
import suite
import tables

WIDTH = 760
FONT = "system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif"
STYLE = """
:root{color-scheme:light dark}
.ground{fill:#fdfcfa}.ink{fill:#1c2126}.soft{fill:#59626b}.rule{stroke:#dfdcd5}
.base{stroke:#59626b}.bar{fill:#9aa3ab}.ours{fill:#1d7f6c}.whisker{stroke:#1c2126}
.best{fill:none;stroke:#59626b}.near,text{stroke:#fdfcfa}.good{fill:#1a6b45}.arrow{stroke:#1a6b45}
text{paint-order:stroke;stroke-width:3px;stroke-linejoin:round}
@media(prefers-color-scheme:dark){
.ground{fill:#15181b}.ink{fill:#e6e8ea}.soft{fill:#a2abb4}.rule{stroke:#31373d}
.base{stroke:#a2abb4}.bar{fill:#6d767f}.ours{fill:#57c7b0}.whisker{stroke:#e6e8ea}
.best{stroke:#a2abb4}.near,text{stroke:#15181b}.good{fill:#7fd1a6}.arrow{stroke:#7fd1a6}}
"""


def text_width(text, size):
    """A generous guess, as no font is at hand: a label that fits by it fits in any usual one."""
    return 0.58 * size * len(text)


def words(x, y, text, kind="ink", size=13, anchor="start", weight=None):
    return '<text class="%s" x="%.1f" y="%.1f" font-size="%g" text-anchor="%s"%s>%s</text>' % (
        kind, x, y, size, anchor, ' font-weight="%s"' % weight if weight else "", escape(text))


def line(x1, y1, x2, y2, kind, width=1, dash=""):
    return '<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke-width="%g"%s/>' % (
        kind, x1, y1, x2, y2, width, ' stroke-dasharray="%s"' % dash if dash else "")


def document_of(width, height, title, description, parts):
    return "\n".join([
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" '
        'role="img" aria-labelledby="title desc" font-family="%s">' % (
            width, height, width, height, escape(FONT, {'"': "&quot;"})),
        '<title id="title">%s</title>' % escape(title),
        '<desc id="desc">%s</desc>' % escape(description),
        "<style>%s</style>" % STYLE,
        '<rect class="ground" width="%d" height="%d" rx="8"/>' % (width, height),
        *parts, "</svg>", ""])


class Figures:
    """What both pictures show, taken from a summary: names in order, labels, means, intervals."""

    def __init__(self, document, summary):
        time, rss = (summary["measures"][m] for m in ("wall_ns", "peak_rss_bytes"))
        self.time, self.rss = time["means"][stats.ALL], rss["means"][stats.ALL]
        self.time_range, self.rss_range = (part["intervals"][stats.ALL] for part in (time, rss))
        self.labels = {name: tables.label(name, version)
                       for name, version in document["allocators"].items()}
        self.labels[stats.BEST] = "best peer for each program"
        names = [name for name in self.labels if name in self.time and name in self.rss]
        # nearest to the corner first, so that the order means something
        self.names = sorted((name for name in names if name != stats.BEST),
                            key=lambda name: self.time[name] * self.rss[name])
        self.base = self.labels[summary["base"]]
        self.programs = len(summary["groups"][stats.ALL])
        machine = document["machine"]
        self.source = "%d programs, %d rounds, %d cores, kernel %s; 95 %% intervals" % (
            self.programs, document["complete_rounds"], machine["cores"],
            ".".join(machine["kernel"].split(".")[:2]))

    def sentence(self):
        return "; ".join("%s: time %.3f, peak RSS %.3f" % (
            self.labels[n], self.time[n], self.rss[n])
                         for n in [*self.names, stats.BEST] if n in self.time)


def ticks(low, high, most=8):
    """Round numbers within [low, high], at most `most` of them."""
    step = 10 ** math.floor(math.log10((high - low) / most))
    step = next(step * by for by in (1, 2, 2.5, 5, 10) if (high - low) / (step * by) <= most)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 10) for k in range(first, math.floor(high / step + 1e-9) + 1)]


# ---- bars ----------------------------------------------------------------------------------------

ROW, TOP = 30, 92


def bar_panel(title, means, ranges, names, left, wide):
    """One of the two columns of bars."""
    room = wide - 46  # the figures stand right of the bars
    most = max(max(means[name], ranges[name][1]) for name in names)
    at = lambda value: left + room * value / most
    bottom = TOP + ROW * len(names)
    parts, figures = [words(left, TOP - 30, title, weight=600, size=14)], []
    for tick in ticks(0, most, 5):
        parts.append(line(at(tick), TOP - 6, at(tick), bottom, "rule"))
        parts.append(words(at(tick), TOP - 11, "%g" % tick, "soft", 11, "middle"))
    for row, name in enumerate(names):
        y, low, high = TOP + ROW * row + 5, *ranges[name]
        kind = "ours" if name == stats.OURS else "best" if name == stats.BEST else "bar"
        inset = 0.75 if kind == "best" else 0
        parts.append('<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2"%s/>' % (
            kind, left + inset, y + inset, at(means[name]) - left - 2 * inset, ROW - 10 - 2 * inset,
            ' stroke-width="1.5" stroke-dasharray="3 2"' if kind == "best" else ""))
        if high - low > 0.002:
            parts += [line(at(low), y + 10, at(high), y + 10, "whisker", 1.25),
                      *(line(at(end), y + 6, at(end), y + 14, "whisker", 1.25)
                        for end in (low, high))]
        figures.append(words(max(at(means[name]), at(high)) + 6, y + 15, "%.3f" % means[name],
                             size=13, weight=700 if kind == "ours" else None))
    return parts + [line(at(1), TOP - 6, at(1), bottom, "base", 1, "4 3")] + figures


def bars(figures):
    names = [*figures.names, *([stats.BEST] if stats.BEST in figures.time else [])]
    gutter = 24 + max(text_width(figures.labels[name], 13) for name in names)
    gutter = min(gutter, 200)
    wide = (WIDTH - gutter - 20 - 24) / 2
    height = TOP + ROW * len(names) + 52
    parts = [words(20, 30, "Time and memory, mean of %d programs" % figures.programs, size=17,
                   weight=600)]
    for row, name in enumerate(names):
        parts.append(words(gutter - 10, TOP + ROW * row + 20, figures.labels[name], size=13,
                           anchor="end", weight=700 if name == stats.OURS else None,
                           kind="soft" if name == stats.BEST else "ink"))
    parts += bar_panel("Time", figures.time, figures.time_range, names, gutter, wide)
    parts += bar_panel("Peak memory (RSS)", figures.rss, figures.rss_range, names,
                       gutter + wide + 24, wide)
    parts.append(words(20, height - 30, "Shorter is better; %s is 1 (dashed). Lines across the "
                       "ends of bars: 95 %% intervals." % figures.base, "soft", 12))
    parts.append(words(20, height - 13, figures.source.split("; 95")[0], "soft", 12))
    return document_of(WIDTH, height, "Time and peak memory of allocators",
                       "Geometric means over %d programs relative to %s, smaller is better. %s."
                       % (figures.programs, figures.base, figures.sentence()), parts)


# ---- scatter -------------------------------------------------------------------------------------

LEFT, RIGHT, UPPER, LOWER = 76, 24, 52, 92
HEIGHT = 480


def padded(values, share=0.09):
    low, high = min(values), max(values)
    pad = share * max(high - low, 0.05)
    return low - pad, high + pad


def place_labels(dots, box, crosses=(), size=13):
    """[(x, y, text)] → [(x, y, anchor, box)]: each beside its dot, over no dot, label or cross.

    A label that fits nowhere is None. Greedy, the most crowded first; places are tried in rings
    around the dot, the nearest first."""
    crowd = lambda dot: sum(math.hypot(dot[0] - x, dot[1] - y) < 90 for x, y, _ in dots)
    taken = [(x - 7, y - 7, x + 7, y + 7) for x, y, _ in dots]
    for left, top, right, bottom in crosses:
        x, y = (left + right) / 2, (top + bottom) / 2
        taken += [(left, y - 1, right, y + 1), (x - 1, top, x + 1, bottom)]
    result = {}
    for dot in sorted(dots, key=crowd, reverse=True):
        x, y, text = dot
        wide, best = text_width(text, size), None
        for away in (13, 19, 28, 40, 54):
            for angle in (0, 180, 90, 270, 45, 315, 135, 225, 20, 340, 160, 200):
                dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
                anchor = "start" if dx > 0.2 else "end" if dx < -0.2 else "middle"
                tx, ty = x + away * dx, y + away * dy + size * (0.35 if abs(dy) < 0.8 else
                                                                0.75 if dy > 0 else 0)
                left = tx - {"start": 0, "end": wide, "middle": wide / 2}[anchor]
                here = (left, ty - size, left + wide, ty + 3)
                inside = box[0] <= here[0] and here[2] <= box[2] and box[1] <= here[1] \
                    and here[3] <= box[3]
                if inside and not any(overlap(here, other) for other in taken):
                    best = (tx, ty, anchor, here)
                    break
            if best:
                break
        if best:
            taken.append(best[3])
            result[dot] = best
    return [result.get(dot) for dot in dots]


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def axes(figures, at_x, at_y, x_range, y_range):
    right, bottom = WIDTH - RIGHT, HEIGHT - LOWER
    parts = []
    for tick in ticks(*x_range):
        parts.append(line(at_x(tick), UPPER, at_x(tick), bottom, "rule"))
        parts.append(words(at_x(tick), bottom + 18, "%g" % tick, "soft", 12, "middle"))
    for tick in ticks(*y_range):
        parts.append(line(LEFT, at_y(tick), right, at_y(tick), "rule"))
        parts.append(words(LEFT - 8, at_y(tick) + 4, "%g" % tick, "soft", 12, "end"))
    if x_range[0] < 1 < x_range[1]:
        parts.append(line(at_x(1), UPPER, at_x(1), bottom, "base", 1, "4 3"))
    if y_range[0] < 1 < y_range[1]:
        parts.append(line(LEFT, at_y(1), right, at_y(1), "base", 1, "4 3"))
    parts.append(words((LEFT + right) / 2, bottom + 40, "time, relative to %s" % figures.base,
                       "soft", 13, "middle"))
    parts.append('<text class="soft" font-size="13" text-anchor="middle" transform="translate(20 '
                 '%.1f) rotate(-90)">peak RSS, relative to %s</text>'
                 % ((UPPER + bottom) / 2, escape(figures.base)))
    return parts


def scatter(figures):
    names = figures.names
    best = [stats.BEST] if stats.BEST in figures.time else []
    x_range = padded([v for n in names + best for v in (*figures.time_range[n], 1)])
    y_range = padded([v for n in names + best for v in (*figures.rss_range[n], 1)])
    right, bottom = WIDTH - RIGHT, HEIGHT - LOWER
    at_x = lambda v: LEFT + (right - LEFT) * (v - x_range[0]) / (x_range[1] - x_range[0])
    at_y = lambda v: bottom - (bottom - UPPER) * (v - y_range[0]) / (y_range[1] - y_range[0])
    parts = [words(20, 30, "Time against memory, mean of %d programs" % figures.programs, size=17,
                   weight=600), *axes(figures, at_x, at_y, x_range, y_range)]
    x, y = LEFT - 24, bottom + 24  # beyond the axes' corner, where no dot can lie
    parts += [line(LEFT - 4, bottom + 4, x, y, "arrow", 2),
              '<path class="arrow" fill="none" stroke-width="2" d="M%.1f %.1fv9h9"/>' % (x, y - 9),
              words(x + 6, y + 17, "better", "good", 13, "middle", 600)]
    labels = {**figures.labels, stats.BEST: "virtual best"}
    dots = [(at_x(figures.time[n]), at_y(figures.rss[n]), labels[n]) for n in names + best]
    crosses = [(at_x(figures.time_range[n][0]), at_y(figures.rss_range[n][1]),
                at_x(figures.time_range[n][1]), at_y(figures.rss_range[n][0])) for n in names]
    places = place_labels(dots, (LEFT + 4, UPPER, right - 2, bottom - 2), crosses)
    for name, (x, y, text), place in zip(names + best, dots, places):
        kind = "ours" if name == stats.OURS else "best" if name == stats.BEST else "bar"
        low_x, high_x = figures.time_range[name]
        low_y, high_y = figures.rss_range[name]
        if kind != "best":
            parts.append(line(at_x(low_x), y, at_x(high_x), y, "base", 1))
            parts.append(line(x, at_y(low_y), x, at_y(high_y), "base", 1))
        parts.append('<circle class="%s%s" cx="%.1f" cy="%.1f" r="%g" stroke-width="%s"/>' % (
            kind, "" if kind == "best" else " near", x, y, 8 if kind == "ours" else 5.5,
            "1.5" if kind == "best" else "1"))
        if place:
            parts.append(words(place[0], place[1], text, "soft" if kind == "best" else "ink", 13,
                               place[2], 700 if kind == "ours" else None))
    parts.append(words(20, HEIGHT - 14, figures.source, "soft", 12))
    return document_of(WIDTH, HEIGHT, "Time against peak memory of allocators",
                       "Geometric means over %d programs relative to %s; nearer to the lower left "
                       "is better. Virtual best: the best other allocator for each program. %s."
                       % (figures.programs, figures.base, figures.sentence()), parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("json", metavar="JSON", help="a measurement of bench/run.py")
    parser.add_argument("--out", metavar="DIR", default=os.path.join(suite.ROOT, "docs", "images"),
                        help="where the pictures go (docs/images)")
    parser.add_argument("--base", help="ratios are to this allocator (the file's)")
    options = parser.parse_args()
    document = runs.load(options.json)
    document.setdefault("complete_rounds", document.get("rounds", 0))
    runs.check_answers(document["runs"])
    base = options.base or document["base"]
    if base not in document["allocators"]:
        raise SystemExit("bench: --base %s: it is not in %s; there are: %s"
                         % (base, options.json, ", ".join(document["allocators"])))
    figures = Figures(document, stats.summarize(document["runs"], base,
                                                list(document["allocators"])))
    os.makedirs(options.out, exist_ok=True)
    for name, draw in (("bench-bars.svg", bars), ("bench-scatter.svg", scatter)):
        path = os.path.join(options.out, name)
        with open(path, "w") as file:
            file.write(draw(figures))
        print("written: %s" % os.path.relpath(path))
    return 0


if __name__ == "__main__":
    runs.script(main)
