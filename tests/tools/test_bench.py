#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_bench.py: tests of the scripts in bench/ that run in seconds: which runs count, what figures
come of them, that a measurement cut off goes on, what is refused, what the pictures hold.

    tests/tools/test_bench.py [--seed N]

What runs programs does so with the real bench_measure, compiled here. Nothing is asserted on time.
The seed is printed, and a failure is reproduced by it.
"""
import argparse
import importlib.machinery
import importlib.util
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(ROOT, "bench")
sys.path.insert(0, BENCH)
sys.dont_write_bytecode = True
import charts
import fragment
import run as bench_run
import runs
import stats
import tables
import wave

SEED = 1


def load_script(name):
    loader = importlib.machinery.SourceFileLoader(name, os.path.join(BENCH, name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


compare = load_script("compare")


def a_run(program="p", allocator="base", wall_s=1.0, rss_mib=30, noise=0.0, status=0, number=0,
          said="1"):
    return {"program": program, "allocator": allocator, "round": number, "status": status,
            "wall_ns": int(wall_s * 1e9), "cpu_ns": int(wall_s * 1e9), "said": said,
            "peak_rss_bytes": int(rss_mib * (1 << 20)), "noise": noise}


def a_document(runs_made, base="base", **more):
    names = sorted({run["allocator"] for run in runs_made})
    return {"schema": runs.SCHEMA, "runs": runs_made, "base": base, "rounds": 5,
            "complete_rounds": 5, "machine": {"cpu": "c", "cores": 2, "kernel": "6.1.0"},
            "allocators": {name: name + " 1.2.3" for name in names},
            "library_hashes": {name: "h" for name in names}, "scale": 1, "noise_limit": 0.12,
            "programs": {run["program"]: {"command": [], "hash": ""} for run in runs_made},
            "commit": "0123456789", **more}


class WhichRunsCount(unittest.TestCase):
    def test_disturbed_times_are_discarded_where_a_quiet_run_is(self):
        made = [a_run(wall_s=1), a_run(wall_s=9, noise=0.13), a_run(wall_s=3, noise=0.12)]
        self.assertEqual(stats.collect(made, "wall_ns")["p"]["base"], [10**9, 3 * 10**9])
        self.assertEqual(stats.disturbed(made), [])

    def test_without_a_quiet_run_all_count_and_it_is_said(self):
        made = [a_run(wall_s=1, noise=0.5), a_run(wall_s=2, noise=0.2)]
        self.assertEqual(len(stats.collect(made, "wall_ns")["p"]["base"]), 2)
        self.assertEqual(stats.disturbed(made), [("p", "base")])

    def test_peak_rss_counts_whatever_the_noise(self):
        made = [a_run(rss_mib=1), a_run(rss_mib=3, noise=0.9)]
        self.assertEqual(len(stats.collect(made, "peak_rss_bytes")["p"]["base"]), 2)

    def test_failed_and_wrong_never_count(self):
        made = [a_run(status=1), dict(a_run(), wrong=True)]
        self.assertEqual(stats.collect(made, "wall_ns"), {})

    def test_a_different_answer_is_wrong_and_libc_is_right(self):
        made = [a_run(allocator="odd", said="2"), a_run(allocator="glibc", said="1"),
                a_run(allocator="good", said="1")]
        self.assertEqual(len(runs.check_answers(made)), 1)
        self.assertEqual([run.get("wrong", False) for run in made], [True, False, False])


class Figures(unittest.TestCase):
    def made(self):
        """Two programs; ours 0.5 and 2 times the base, a peer 0.8 and 1.25 times."""
        made = []
        for number in range(5):
            for program, factors in (("a", (1, 0.5, 0.8)), ("b-2", (1, 2, 1.25))):
                for name, factor in zip(("base", "ullage", "peer"), factors):
                    made.append(a_run(program, name, factor, 30 * factor, number=number))
        return made

    def test_means_are_geometric_and_the_best_peer_is_not_ours(self):
        part = stats.summarize(self.made(), "base", ["base", "ullage", "peer"])
        part = part["measures"]["wall_ns"]
        self.assertAlmostEqual(part["means"]["all"]["ullage"], 1)
        self.assertAlmostEqual(part["means"]["all"]["peer"], 1)
        self.assertAlmostEqual(part["means"]["all"][stats.BEST], math.sqrt(0.8 * 1))
        self.assertAlmostEqual(part["means"]["two threads"]["ullage"], 2)
        for edge in part["intervals"]["all"]["ullage"]:  # all rounds alike: no width
            self.assertAlmostEqual(edge, 1)

    def test_the_worst_comes_first_and_names_the_peer(self):
        part = stats.summarize(self.made(), "base", ["base", "ullage", "peer"])
        worst = part["measures"]["wall_ns"]["against_best"]
        self.assertEqual([(one["program"], one["peer"]) for one in worst],
                         [("b-2", "base"), ("a", "peer")])
        self.assertAlmostEqual(worst[0]["ratio"], 2)
        text = "\n".join(tables.worst_lines(part))
        self.assertIn("above 1.10 x the best peer: 1 of 2 programs: b-2", text)

    def test_small_programs_have_no_part_in_the_mean_of_large_ones(self):
        made = self.made() + [a_run("tiny", name, 1, 2) for name in ("base", "ullage", "peer")]
        part = stats.summarize(made, "base", ["base", "ullage", "peer"])
        self.assertEqual(part["groups"][stats.LARGE], ["a", "b-2"])

    def test_a_program_the_base_did_not_finish_has_no_ratio(self):
        made = self.made() + [a_run("c", "ullage"), a_run("c", "base", status=139)]
        part = stats.summarize(made, "base", ["base", "ullage", "peer"])
        self.assertNotIn("c", part["measures"]["wall_ns"]["ratios"])

    def test_a_program_an_allocator_failed_is_named_in_the_report(self):
        made = [run for run in self.made() if (run["program"], run["allocator"]) != ("a", "peer")]
        made.append(a_run("a", "peer", status=134))
        part = stats.summarize(made, "base", ["base", "ullage", "peer"])
        text = tables.report(a_document(made), part, ["a", "b-2"], ["base", "ullage", "peer"], [])
        self.assertIn("failed", text)
        self.assertIn("peer: its means are without a", text)

    def test_spread_is_half_the_range_over_the_median(self):
        self.assertAlmostEqual(stats.spread([9, 10, 13]), 0.2)

    def test_the_interval_holds_what_the_data_hold(self):
        first = [random.gauss(100, 2) for _ in range(15)]
        second = [value * 1.2 for value in first]
        low, high = stats.ratio_interval(first, second)
        self.assertLess(low, 1.2)
        self.assertGreater(high, 1.2)
        self.assertGreater(low, 1.05)

    def test_markdown_has_a_cell_for_each_allocator(self):
        part = stats.summarize(self.made(), "base", ["base", "ullage", "peer"])
        rows = tables.markdown(part, ["a", "b-2"], {"base": "Base 1", "ullage": "ullage"})
        self.assertIn("| a | 1.000 / 1.000 | 0.500 / 0.500 |", rows)

    def test_labels(self):
        for name, version, wanted in (
                ("glibc", "libc 2.36", "glibc 2.36"), ("ullage", "libullage.so.0.1.0", "ullage"),
                ("mimalloc", "libmimalloc2.0 2.0.9+ds-2", "mimalloc 2.0.9"),
                ("mimalloc2", "mimalloc 2.5.2 (crate x 1.5.2)", "mimalloc 2.5.2"),
                ("odd", "libodd.so", "odd")):
            self.assertEqual(tables.label(name, version), wanted)


class RankTest(unittest.TestCase):
    def test_known_values(self):
        self.assertAlmostEqual(stats.rank_p([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]), 2 / 252)
        self.assertAlmostEqual(stats.rank_p([6, 7, 8], [1, 2, 3]), 2 / 20)
        self.assertEqual(stats.rank_p([1, 4], [2, 3]), 1)

    def test_equal_values_show_nothing(self):
        self.assertEqual(stats.rank_p([5] * 6, [5] * 6), 1)
        self.assertEqual(stats.rank_p([5] * 20, [5] * 20), 1)

    def test_the_approximation_continues_the_exact_one(self):
        first, second = list(range(0, 16, 2)), list(range(5, 21, 2))
        exact = stats.rank_p(first, second)
        original = math.comb
        try:
            math.comb = lambda n, k: 10**9
            near = stats.rank_p(first, second)
        finally:
            math.comb = original
        self.assertLess(abs(exact - near), 0.01)

    def test_chance_is_marked_as_rarely_as_promised(self):
        marked = sum(bool(compare.verdict([random.random() for _ in range(7)],
                                          [random.random() for _ in range(7)]))
                     for _ in range(400))
        self.assertLess(marked, 18)  # 4 expected; 18 has a chance of 1 in 10 million


class Measuring(unittest.TestCase):
    """With the real bench_measure and programs that every system has."""

    @classmethod
    def setUpClass(cls):
        cls.build = tempfile.mkdtemp(prefix="ullage-bench-")
        os.mkdir(os.path.join(cls.build, "bench"))
        subprocess.run(["cc", "-O1", "-D_GNU_SOURCE", os.path.join(BENCH, "measure.c"), "-o",
                        os.path.join(cls.build, "bench", "bench_measure")], check=True)
        cls.programs = [("say", ["echo", "1"]), ("true", ["true"])]
        cls.libraries = {"one": "", "two": ""}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.build)

    def document(self, seed=7, rounds=2):
        return runs.describe(self.build, self.programs, self.libraries, 1, rounds, "one", seed)

    def keys(self, document):
        return [(run["round"], run["program"], run["allocator"]) for run in document["runs"]]

    def test_each_pair_once_in_each_round_and_allocators_side_by_side(self):
        document = self.document()
        self.assertTrue(runs.interleave(document, self.build, self.programs, self.libraries))
        keys = self.keys(document)
        self.assertEqual(len(keys), 8)
        self.assertEqual(len(set(keys)), 8)
        for first, second in zip(keys[::2], keys[1::2]):
            self.assertEqual(first[:2], second[:2])
        self.assertEqual(document["complete_rounds"], 2)
        for run in document["runs"]:
            self.assertEqual(run["status"], 0)
            self.assertGreater(run["peak_rss_bytes"], 0)

    def test_the_seed_alone_makes_the_order(self):
        both = [self.document(), self.document()]
        for document in both:
            runs.interleave(document, self.build, self.programs, self.libraries)
        self.assertEqual(self.keys(both[0]), self.keys(both[1]))
        orders = set()
        for seed in range(6):
            document = self.document(seed, 1)
            runs.interleave(document, self.build, self.programs, self.libraries)
            orders.add(tuple(self.keys(document)))
        self.assertGreater(len(orders), 1)

    def test_what_was_cut_off_goes_on(self):
        path = os.path.join(self.build, "m.json")
        whole = self.document()
        runs.interleave(whole, self.build, self.programs, self.libraries, path)
        for cut in range(9):
            part = runs.load(path)
            part["runs"] = part["runs"][:cut]
            runs.interleave(part, self.build, self.programs, self.libraries)
            self.assertEqual(sorted(self.keys(part)), sorted(self.keys(whole)))
            self.assertEqual(self.keys(part)[:cut], self.keys(whole)[:cut])

    def test_a_limit_in_minutes_ends_after_a_complete_round(self):
        document = self.document(rounds=50)
        self.assertFalse(runs.interleave(document, self.build, self.programs, self.libraries,
                                         minutes=1e-9))
        self.assertEqual(document["complete_rounds"], 1)
        self.assertEqual(len(document["runs"]), 4)

    def test_a_program_that_fails_is_kept_as_failed(self):
        run = runs.measure(self.build, "", ["sh", "-c", "echo no >&2; exit 3"])
        self.assertEqual((run["status"], run["complaint"]), (3, "no"))

    def test_a_program_that_hangs_is_ended_with_all_it_began(self):
        mark = "86399.%d" % os.getpid()
        code, _, _ = runs.output_of(["sh", "-c", "sleep %s & wait" % mark], 0.3)
        self.assertEqual(code, runs.TIMED_OUT)
        shown = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True).stdout
        self.assertFalse([line for line in shown.splitlines()
                          if line.endswith("sleep " + mark) and not line.startswith("Z")])

    def test_the_script_ends_with_a_sentence(self):
        for words, said in (
                (["--report", os.path.join(BENCH, "run.py")], "is not JSON"),
                (["--report", "/nonexistent"], "cannot read /nonexistent"),
                (["--build", self.build, "--only", "nosuch"], "no program is called 'nosuch'"),
                (["--build", self.build, "--allocators", "nosuch"], "no allocator is called"),
                (["--build", self.build, "--peer", "x=/nonexistent"], "there is no file"),
                (["--build", "/nonexistent"], "make build")):
            run = subprocess.run([sys.executable, os.path.join(BENCH, "run.py"), *words],
                                 capture_output=True, text=True)
            self.assertEqual(run.returncode, 1, words)
            self.assertIn(said, run.stderr)
            self.assertNotIn("Traceback", run.stderr)


class GoingOn(unittest.TestCase):
    def test_the_limit_by_an_invented_clock(self):
        for complete, longest_s, started_s, minutes, now_s, wanted in (
                (1, 60, 0, 10, 539, False), (1, 60, 0, 10, 541, True), (0, 60, 0, 10, 599, False),
                (3, 60, 1000, 10, 1500, False), (3, 60, 0, 0, 10**6, False)):
            document = {"complete_rounds": complete, "longest_round_s": longest_s}
            self.assertEqual(runs.time_is_up(document, started_s, minutes, now_s), wanted)

    def test_each_difference_has_its_sentence(self):
        made = [a_run(), a_run("q", "ullage")]
        now = a_document(made)
        self.assertEqual(runs.mismatch(a_document(made), now), [])
        for change, word in (
                ({"schema": "ullage.bench/1"}, "another version"), ({"scale": 2}, "scale is 2"),
                ({"machine": {"cpu": "other", "cores": 2, "kernel": "6.1.0"}}, "another machine"),
                ({"library_hashes": {"base": "h", "ullage": "x"}}, "ullage has changed"),
                ({"programs": {"p": {"command": [], "hash": ""}}}, "program q is not in the file"),
                ({"programs": {**now["programs"], "r": {}}}, "program r is only in the file")):
            found = runs.mismatch(a_document(made, **change), now)
            self.assertEqual(len(found), 1, change)
            self.assertIn(word, found[0])

    def take_up(self, folder, former, **more):
        path = os.path.join(folder, "full.json")
        runs.save(path, former)
        document = a_document([])
        document.update({key: former[key] for key in ("programs", "library_hashes")}, rounds=5)
        options = argparse.Namespace(**{"resume": None, "json": path, "full": True,
                                        "fresh": False, **more})
        bench_run.take_up(options, document)
        return document, sorted(os.listdir(folder))

    def test_the_full_measurement_goes_on_or_begins_anew(self):
        former = a_document([a_run(), a_run("q")], seed=99, longest_round_s=5, date="d")
        with tempfile.TemporaryDirectory() as folder:
            document, _ = self.take_up(folder, former)
            self.assertEqual((document["seed"], len(document["runs"])), (99, 2))
            document, files = self.take_up(folder, dict(former, scale=3))
            self.assertEqual((document["runs"], files), ([], ["full.json.0123456"]))
            _, files = self.take_up(folder, dict(former, scale=3))
            self.assertEqual(files, ["full.json.0123456", "full.json.0123456.2"])
            document, files = self.take_up(folder, former, fresh=True)
            self.assertEqual(document["runs"], [])

    def test_a_part_never_takes_the_place_of_the_whole(self):
        self.assertTrue(bench_run.arguments(["--full"]).json.endswith("full.json"))
        for words in (["--full", "--only", "x"], ["--quick", "--allocators", "x"], []):
            self.assertIsNone(bench_run.arguments(words).json)

    def test_an_explicit_resume_refuses_what_does_not_fit(self):
        former = a_document([a_run()], scale=3)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "full.json")
            with self.assertRaises(SystemExit) as caught:
                self.take_up(folder, former, resume=path)
            self.assertIn("its scale is 3, not 1", str(caught.exception))
            self.assertTrue(os.path.exists(path))


class Comparing(unittest.TestCase):
    def test_two_files(self):
        made = [a_run(program, name, factor * (1 + number / 100), number=number)
                for number in range(7) for program in ("a", "b")
                for name, factor in (("base", 1), ("ullage", 0.9))]
        slower = [dict(run, wall_ns=run["wall_ns"] * (2 if run["allocator"] == "ullage"
                                                      and run["program"] == "b" else 1))
                  for run in made]
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("a.json", "b.json", "c.json")]
            for path, document in zip(paths, (a_document(made), a_document(slower),
                                              a_document(made, base="ullage"))):
                runs.save(path, document)
            said = self.call(paths[0], paths[1], 0)
            self.assertRegex(said, r"b +2\.000 .*WORSE")
            self.assertRegex(said, r"a +1\.000  1?\S+ – \S+ *\n")
            self.assertIn("0 better, 1 worse, 1 within noise", said)
            self.assertIn("--base", self.call(paths[0], paths[2], 2))

    def call(self, first, second, code):
        run = subprocess.run([sys.executable, os.path.join(BENCH, "compare"), first, second],
                             capture_output=True, text=True)
        self.assertEqual(run.returncode, code, run.stderr)
        return run.stdout + run.stderr

    def test_what_cannot_be_compared(self):
        self.assertIn("two .json files", self.call("a.json", "HEAD", 2))

    def test_verdict_names_the_direction(self):
        low, high = [1, 2, 3, 4, 5], [11, 12, 13, 14, 15]
        self.assertEqual(compare.verdict(low, high), "WORSE")
        self.assertEqual(compare.verdict(high, low), "better")
        self.assertEqual(compare.verdict(low[:3], high[:3]), "")  # too few to tell


class Pictures(unittest.TestCase):
    SVG = "{http://www.w3.org/2000/svg}"

    def figures(self):
        names = ["base", "ullage", "glibc", "m<1", "other", "jemalloc", "tcmalloc", "rpmalloc"]
        made = [a_run(program, name, random.uniform(0.8, 1.4), random.uniform(20, 40),
                      number=number)
                for number in range(3) for program in "abcd" for name in names]
        document = a_document(made)
        return charts.Figures(document, stats.summarize(made, "base", names))

    def test_they_stand_alone_and_say_what_they_show(self):
        for draw in (charts.bars, charts.scatter):
            text = draw(self.figures())
            root = xml.fromstring(text)
            self.assertEqual(root.get("role"), "img")
            self.assertTrue(root.find(self.SVG + "title").text)
            self.assertIn("ullage: time", root.find(self.SVG + "desc").text)
            self.assertIn("prefers-color-scheme:dark", text)
            self.assertNotRegex(text.replace("http://www.w3.org/2000/svg", ""),
                                r"<script|href|url\(|https?:|@import| on\w+=")

    def test_bars_begin_at_0_and_are_as_long_as_the_figures(self):
        figures = self.figures()
        root = xml.fromstring(charts.bars(figures))
        widths = [float(one.get("width")) for one in root.iter(self.SVG + "rect")
                  if one.get("class") in ("bar", "ours")]
        half = len(figures.names)
        for wide, means in ((widths[:half], figures.time), (widths[half:], figures.rss)):
            for name, width in zip(figures.names, wide):
                self.assertAlmostEqual(width / wide[0], means[name] / means[figures.names[0]],
                                       delta=0.01)

    def test_labels_lie_within_the_plot_and_over_nothing(self):
        box = (80, 50, 730, 390)
        for _ in range(60):
            dots = [(random.uniform(100, 700), random.uniform(70, 370), "mimalloc 2.0.9")
                    for _ in range(10)]
            places = [place for place in charts.place_labels(dots, box) if place]
            self.assertGreaterEqual(len(places), 8)
            boxes = [place[3] for place in places] + [(x - 5, y - 5, x + 5, y + 5)
                                                      for x, y, _ in dots]
            for at, one in enumerate(boxes[:len(places)]):
                self.assertTrue(box[0] <= one[0] and one[2] <= box[2])
                for other in boxes[:at] + boxes[at + 1:]:
                    self.assertFalse(charts.overlap(one, other))

    def test_ticks_are_round_and_within(self):
        self.assertEqual(charts.ticks(0, 1.4, 8), [0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4])
        for _ in range(200):
            low = random.uniform(-2, 2)
            high = low + random.uniform(0.01, 10)
            found = charts.ticks(low, high)
            self.assertTrue(1 <= len(found) <= 9)
            self.assertTrue(all(low - 1e-6 <= tick <= high + 1e-6 for tick in found))


class OtherTables(unittest.TestCase):
    def test_fragment_shows_medians_and_failures(self):
        row = {"fill": 1, "churn_mean": 2, "churn_mops": 3, "freed90": 4}
        made = [{"allocator": "x", "threads": 1, "status": 0, "figures": dict(row, idle=idle)}
                for idle in (5, 7, 90)]
        made.append({"allocator": "y", "threads": 1, "status": 134, "figures": {}})
        text = fragment.table({"runs": made}, ["x", "y"], 1).splitlines()
        self.assertEqual(text[1].split(), ["x", "1.000", "2.000", "3.00", "4.00", "7.00"])
        self.assertEqual(text[2].split(), ["y"] + ["failed"] * 5)

    def test_wave_measures_ours_twice(self):
        settings = wave.settings_of({"glibc": "", "ullage": "u.so"})
        self.assertEqual(settings, {"glibc": ("", ()),
                                    "ullage, on": ("u.so", ("ULLAGE_RELEASE=1",)),
                                    "ullage, off": ("u.so", ("ULLAGE_RELEASE=0",))})


if __name__ == "__main__":
    if "--seed" in sys.argv:
        at = sys.argv.index("--seed")
        SEED = int(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    random.seed(SEED)
    print("seed %d" % SEED)
    unittest.main()
