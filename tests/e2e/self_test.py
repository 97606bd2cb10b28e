#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""self_test.py: can each check of run.py fail? A good page is broken in one way at a time, and the check that
is meant for it must say so.

    tests/e2e/self_test.py [--build DIR] [--pages DIR]

Ends with `N passed, N failed[, N skipped]`.
"""
import argparse, contextlib, io, os, re, subprocess, sys, tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import chromium, run

# what is done to the page | words of the check that must fail
BREAKS = [
    ("a picture from the network", lambda t: t.replace("</main>", '<img alt="x" src="http://127.0.0.1:9/x.png"></main>'),
     "refers to nothing outside itself"),
    ("a script that throws", lambda t: re.sub(r"script-src [^;]*", "script-src 'unsafe-inline'", t).replace(
        "<script>", "<script>throw new Error('x');", 1),
     "the console is silent"),
    ("a picture without a name", lambda t: re.sub(r'(<svg[^>]*role="img" )aria-label="[^"]*"', r"\1", t),
     "all that is not text has a name"),
    ("a heading left out", lambda t: t.replace("<h2", "<h4", 1).replace("</h2>", "</h4>", 1), "its headings are in order"),
    ("an element not closed", lambda t: t.replace("</section>", "", 1), "is well nested"),
    ("an id twice", lambda t: t.replace("</main>", '<p id="z"></p><p id="z"></p></main>'), "names each element once"),
    ("grey on grey", lambda t: t.replace("</style>", "p{color:#999!important}</style>"), "is readable in light"),
    ("grey on grey in the dark", lambda t: t.replace(
        "</style>", "@media (prefers-color-scheme:dark){p{color:#555!important}}</style>"), "is readable in dark"),
    ("no dark", lambda t: t.replace("prefers-color-scheme:dark", "prefers-color-scheme:none"),
     "is dark where the system is"),
    ("something wide", lambda t: t.replace("</main>", '<div style="width:1000px">x</div></main>'), "fits 400 pixels"),
    ("a label on a label", lambda t: re.sub(r'(<span style="top:[^"]*">)([^<]*)(</span>)',
                                             r"\1\2\3\1\2\3", t, count=1), "no label lies on another"),
    ("no sign of the focus", lambda t: t.replace("</style>", "*{outline:none!important}</style>"),
     "what has the focus shows it"),
    ("a control that Tab passes by", lambda t: t.replace("<input ", "<input inert ", 1), "Tab reaches all"),
    ("a number that is none", lambda t: t.replace("</h1>", " nan MiB</h1>"), "shows no number that is none"),
    ("a control byte", lambda t: t.replace("</h1>", "\x07</h1>"), "holds no control bytes"),
    ("light on white paper", lambda t: t.replace("</style>", "@media print{p{color:#ccc!important}}</style>"),
     "is readable on paper"),
    ("a table without a caption", lambda t: re.sub(r"<caption.*?</caption>", "", t, count=1, flags=re.S),
     "its tables have captions and heads"),
    ("a byte of the script changed", lambda t: t.replace("'use strict'", "'use  strict'"), "the console is silent"),
    ("all of it by script", lambda t: t.replace("<main>", '<main hidden>').replace("<header>", "<header hidden>"),
     "is whole without scripts"),
]


def failures(browser, path):
    """The words of the checks that fail."""
    checks, said = run.Checks(), io.StringIO()
    with contextlib.redirect_stdout(said):
        run.check_source(checks, path.stem, path)
        run.check_page(checks, browser, path.stem, path)
    return [line for line in said.getvalue().splitlines() if line.startswith("FAIL")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.environ.get("ULLAGE_BUILD_DIR", run.ROOT / "build" / "release"))
    parser.add_argument("--pages", help="take go.html there instead of making it")
    options = parser.parse_args()
    browser_path = chromium.find()
    if not browser_path:
        print("skip  there is no Chromium; tools/setup.sh test installs it\n0 passed, 0 failed, 1 skipped")
        return 77
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="ullage-e2e-") as scratch, chromium.Browser(browser_path) as browser:
        if not options.pages:
            subprocess.run([Path(options.build) / "tests" / "report_pages", scratch], check=True)
        good = (Path(options.pages or scratch) / "go.html").read_text()
        before = failures(browser, Path(options.pages or scratch) / "go.html")
        for what, change, words in BREAKS:
            path, broken = Path(scratch) / "broken.html", change(good)
            path.write_text(broken)
            said = [] if broken == good else failures(browser, path)
            found = any(words in line for line in said) and not any(words in line for line in before)
            passed, failed = passed + found, failed + (not found)
            print(f"{'ok   ' if found else 'FAIL '} {what}" + ("" if found else f": not said that it does not: {words}"
                  + (" (nothing was changed)" if broken == good else f"; said: {said}")), flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
