#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_soak.py: tests of tools/soak.py that run in a second: the slope, and what is left on the disk
by runs that ended well, were cut off, or leaked.

    tests/tools/test_soak.py [--seed N]

The series are drawn; the seed is printed, and a failure is reproduced by it.
"""
import contextlib
import importlib.util
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "tools", "soak.py")
SPEC = importlib.util.spec_from_file_location("soak", SCRIPT)
soak = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(soak)
GB, HOUR, SEED = 10**9, 3600, 1


def draw(seconds, leak_per_h=0, saw=0, noise=2 * 10**6):
    """Resident bytes by the second: a level, a collector's saw of 37 s, noise, a leak."""
    return [(float(at), int(GB + leak_per_h * at / HOUR + saw * (at % 37) / 37
                            + random.gauss(0, noise))) for at in range(seconds)]


def flat(slope):
    return abs(slope[0]) <= slope[1]


class Slope(unittest.TestCase):
    def setUp(self):
        random.seed(SEED)

    def test_flat_is_flat(self):
        """A 95 % interval: of 100 flat series some 5 fall outside; 15 would be another interval."""
        for saw in (0, 5 * 10**7):
            inside = sum(flat(soak.slope_of(draw(1800, saw=saw))) for _ in range(100))
            self.assertGreaterEqual(inside, 85)

    def test_wandering_is_no_trend(self):
        """Each second much like the one before: taken one by one they would make a trend of it."""
        inside = 0
        for _ in range(100):
            level, series = 0.0, []
            for at in range(1800):
                level = 0.98 * level + random.gauss(0, 10**6)
                series.append((float(at), GB + level))
            inside += flat(soak.slope_of(series))
        self.assertGreaterEqual(inside, 85)

    def test_a_leak_is_found(self):
        for sign in (1, -1):
            slope = soak.slope_of(draw(1800, leak_per_h=sign * 10**7, saw=10**6))
            self.assertFalse(flat(slope))
            self.assertAlmostEqual(slope[0], sign * 10**7, delta=2 * slope[1])

    def test_what_comes_first_is_left_out(self):
        filling = [(float(at), at * 10**7) for at in range(soak.SETTLE_S)]
        self.assertTrue(flat(soak.slope_of(filling + [(float(at), GB) for at in range(120, 1200)])))

    def test_too_short_has_none(self):
        self.assertIsNone(soak.slope_of(draw(soak.SETTLE_S + soak.BLOCK_S * (soak.BLOCKS_MIN - 1))))


class OnDisk(unittest.TestCase):
    def setUp(self):
        random.seed(SEED)
        self.outer = tempfile.TemporaryDirectory()
        self.state = soak.State(os.path.join(self.outer.name, "run"))
        self.state.plan({"start": "then", "start_unix_s": 1000.0, "minutes": 20,
                         "budget_bytes": soak.BUDGET, "programs": {"c": ["c"]}})

    def tearDown(self):
        self.outer.cleanup()

    def keep(self, series):
        self.state.samples = ["%.1f,c,%d\n" % (1000 + at, rss) for at, rss in series]
        self.state.flush()

    def finish(self, code=0):
        self.state.event(event="end", program="c", exit_code=code, peak_rss_bytes=GB)

    def reported(self):
        """(exit code, what was printed, what report.json says of the program)"""
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            code = soak.report(soak.State(self.state.folder))
        with open(self.state.path("report.json")) as file:
            return code, printed.getvalue(), json.load(file)["programs"][0]

    def test_a_good_run(self):
        self.keep(draw(1200, noise=0) + [(1200.0, GB)])
        self.finish()
        code, printed, found = self.reported()
        self.assertEqual((code, found["wrong"], found["samples"]), (0, [], 1201))
        self.assertIn("flat", printed)

    def test_cut_off_by_a_kill(self):
        """No end, no notice of it, and a last line that is half there."""
        self.keep(draw(700, noise=0))
        self.state.append("samples.csv", "1700.0,c,99999999999")
        self.state.append("events.jsonl", '{"event": "e')
        code, _, found = self.reported()
        self.assertEqual((code, found["samples"], found["peak_rss_bytes"]), (1, 700, GB))
        self.assertEqual(found["wrong"], ["was seen for 11.7 of 20.0 minutes"])

    def test_cut_off_at_once(self):
        os.remove(self.state.path("samples.csv"))
        code, _, found = self.reported()
        self.assertEqual((code, found["samples"]), (1, 0))

    def test_killed(self):
        self.keep(draw(1201, noise=0))
        self.finish(code=137)
        code, printed, found = self.reported()
        self.assertEqual((code, found["kills"], found["wrong"]), (1, 1, ["was killed"]))
        self.assertIn("KILLED", printed)

    def test_above_the_budget_and_leaking(self):
        self.keep([(at, rss + soak.BUDGET - GB) for at, rss in draw(1201, leak_per_h=10**8)])
        self.finish()
        code, _, found = self.reported()
        self.assertEqual((code, found["wrong"]), (1, ["went above its budget", "is not flat"]))

    def test_a_folder_that_holds_no_run(self):
        done = subprocess.run([sys.executable, SCRIPT, "--report", self.outer.name],
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("holds no run of soak.py", done.stderr)


if __name__ == "__main__":
    if "--seed" in sys.argv:
        at = sys.argv.index("--seed")
        SEED = int(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    print("seed %d" % SEED)
    unittest.main()
