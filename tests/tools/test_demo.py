#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_demo.py: what tools/demo.py says about a run follows from the figures of that run."""
import contextlib
import io
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
import demo


def row(name, live, peak, budget):
    return {"name": name, "peak_rss_bytes": peak, "live_bytes": live, "index_bytes": live // 20,
            "ratio": peak / live, "ops_per_s": 1000, "budget_kept": peak <= budget}


def said(live, budget):
    rows = [row("C, ullage", live, live * 115 // 100, budget), row("Go, ullage run", live, live * 2, budget)]
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        demo.explain(rows, budget)
    return " ".join(output.getvalue().split())


class Sentences(unittest.TestCase):
    def test_what_the_data_takes_in_go_is_of_this_run(self):
        self.assertIn("this much data takes 1469 MB in Go", said(1_230_000_000, 1_500_000_000))
        self.assertIn("this much data takes 119 MB in Go", said(100_000_000, 125_000_000))

    def test_where_it_fits_nothing_else_is_said(self):
        text = said(100_000_000, 500_000_000)
        self.assertIn("leaves room for", text)
        self.assertNotIn("takes", text)

    def test_how_go_was_run_is_said(self):
        self.assertIn("GOMEMLIMIT=off, --no-enclose", said(1_230_000_000, 1_500_000_000))


if __name__ == "__main__":
    unittest.main()
