#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_demo_budget.py: how tools/demo_budget.py judges runs: small programs really run, also against
a real wall where groups can be made.

    tests/tools/test_demo_budget.py
"""
import argparse
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "tools", "demo_budget.py")
SPEC = importlib.util.spec_from_file_location("demo_budget", SCRIPT)
demo = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(demo)

MIB = 2**20
SAYS = 'print(\'{"schema": "ullage.example.test/1", "ops": 1, "peak_rss_bytes": 1000}\')'


class NoGroups:
    parent = None

    @staticmethod
    def make(_):
        return None


class Runs(unittest.TestCase):
    def setUp(self):
        self.outer = tempfile.TemporaryDirectory()
        self.options = argparse.Namespace(out=self.outer.name, build="", seconds=1)

    def tearDown(self):
        self.outer.cleanup()

    def run_python(self, code, groups=NoGroups):
        return demo.one_run(self.options, groups, [sys.executable, "-c", code], "512Mi", False,
                            os.path.join(self.outer.name, "run"), self.outer.name)

    def test_outcomes(self):
        for code, outcome, words in (
                (SAYS, "survived", ""),
                ("pass", "gave up", ""),  # it ended well but never came to its last line
                ("import os; os.kill(os.getpid(), 9)", "killed", ""),
                ("import os; os.kill(os.getpid(), 11)", "gave up", "ended by SIGSEGV"),
                ("raise SystemExit('first\\nMemoryError: all gone\\nlast')", "gave up",
                 "MemoryError: all gone"),
                (SAYS + "; raise SystemExit(3)", "gave up", "")):
            record = self.run_python(code)
            self.assertEqual((record["outcome"], record["last_words"]), (outcome, words), code)

    def test_a_wall_kills(self):
        groups = demo.Groups()
        if not groups.parent:
            self.skipTest(groups.why_not)
        try:
            small = self.run_python("a = b'x' * (256 << 20); " + SAYS, groups)
            large = self.run_python("a = b'x' * (1024 << 20); " + SAYS, groups)
        finally:
            groups.done()
        self.assertEqual(small["outcome"], "survived")
        self.assertGreater(small["group_peak_bytes"], 256 * MIB)
        self.assertEqual(large["outcome"], "killed")
        self.assertFalse(os.path.exists(groups.parent))

    def test_runtimes_are_told_nothing(self):
        names = ("GOMEMLIMIT", "LD_PRELOAD", "ULLAGE_BUDGET", "JAVA_TOOL_OPTIONS")
        before = {name: os.environ.get(name) for name in names}
        try:
            os.environ.update({name: "x" for name in names})
            self.assertFalse(set(names) & set(demo.environment(self.outer.name)))
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


def row(name, judged, outcomes, peak):
    records = [{"outcome": one, "peak_rss_bytes": peak, "summary": {"ops_per_s": 5}}
               for one in outcomes]
    return {"name": name, "judged": judged, "budget": "512Mi", "budget_bytes": 512 * MIB,
            "plain": demo.half_of([]), "ullage": demo.half_of(records)}


class Judgement(unittest.TestCase):
    def test_rows(self):
        most = int(0.98 * 512 * MIB)
        for one, found in (
                (row("a", True, ["survived"] * 2, most), 0),
                (row("b", True, ["survived"] * 2, most + 1), 1),
                (row("c", True, ["survived", "killed"], most), 1),
                (row("d", True, ["did not end"], most + 1), 2),
                (row("e", False, ["killed"], most + 1), 0)):
            self.assertEqual(len(demo.shortcomings([one])), found, one["name"])

    def test_fate(self):
        half = row("a", True, ["survived", "killed", "gave up", "did not end"], 1)["ullage"]
        self.assertEqual(demo.fate(half), "survived 1 of 4, killed 1 of 4, gave up 2 of 4")
        self.assertEqual(demo.fate(demo.half_of([])), "not run")


class CommandLine(unittest.TestCase):
    def run_script(self, *words):
        done = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    def test_list(self):
        code, out, err = self.run_script("--list", "--only", "jvm")
        self.assertEqual((code, out, err), (0, "JVM: 250 MiB live\nJVM: 150 + 150 direct\n", ""))

    def test_bad_words(self):
        for words in (["--only", "cobol"], ["--runs", "0"], ["--seconds", "0"],
                      ["--build", "/nowhere"]):
            code, _, err = self.run_script(*words)
            self.assertEqual(code, 2, words)
            self.assertTrue(err.strip(), words)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    unittest.main()
