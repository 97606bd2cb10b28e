#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py: a real browser opens the reports that `ullage run --report FILE.html` writes.

    tests/e2e/run.py [--build DIR] [--pages DIR]… [--keep DIR] [--only WORD]

Opened are the pages of invented runs (report_pages, see there), or what lies in the directories of --pages:
run.sh makes those of real runs, and calls this for both. Of each is asked what a reader would miss first: is it
whole, readable in light and dark, on a telephone and on paper, with a keyboard, a screen reader, and without
scripts; does it leave the network alone; and does text from outside stay text. --keep leaves screenshots
there, to be looked at. self_test.py shows that each question can be answered with no.

Where there is no Chromium all is skipped, and said. Ends with `N passed, N failed[, N skipped]`.
"""
import argparse, os, re, subprocess, sys, tempfile
from html.parser import HTMLParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import chromium

ROOT = Path(__file__).resolve().parent.parent.parent
VOID = set("area base br col embed hr img input link meta source track wbr".split())
FOREIGN = {"svg", "path", "rect", "line", "circle", "g", "text", "title", "desc", "use", "defs",
           "clippath", "pattern", "polyline", "polygon", "tspan", "symbol"}
BY_NAME = ("image", "img", "graphics-document", "graphics-symbol", "slider", "button", "link", "table",
           "DisclosureTriangle", "region", "textbox")

# Text, its colour and what lies behind it: the least contrast of each kind, as WCAG 2.1 counts it.
CONTRAST = r"""(() => {
  const parts = c => { const m = c.match(/[\d.]+/g).map(Number); return [m[0], m[1], m[2], m[3] ?? 1]; };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 :
    ((v + .055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const behind = e => { const stack = [];
    for (; e; e = e.parentElement) stack.push(parts(getComputedStyle(e).backgroundColor));
    return stack.reverse().reduce((below, c) => over(c, below), [255, 255, 255, 1]); };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    const e = n.parentElement, style = getComputedStyle(e);
    if (!n.data.trim() || !e.checkVisibility({visibilityProperty: true}) ||
        ["SCRIPT", "STYLE", "TITLE", "title"].includes(e.tagName)) continue;
    const ground = behind(e), ink = over(parts(e instanceof SVGElement ? style.fill : style.color), ground);
    const a = light(ink), b = light(ground), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    const size = parseFloat(style.fontSize), big = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
    if (ratio < (big ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} "${n.data.trim().slice(0, 30)}"`);
    if (size < 10.5) found.push(`${size}px "${n.data.trim().slice(0, 30)}"`);
  }
  return [...new Set(found)];
})()"""

# What sticks out of the window, except inside what scrolls by itself.
TOO_WIDE = r"""(() => {
  const wide = [];
  if (document.documentElement.scrollWidth > innerWidth) {
    for (const e of document.body.querySelectorAll("*")) {
      const box = e.getBoundingClientRect();
      if (box.right > innerWidth + 1 && !wide.some(w => w.e.contains(e))) wide.push({e, at: box.right});
    }
    return [`page ${document.documentElement.scrollWidth} px`].concat(
      wide.slice(0, 4).map(w => `${w.e.tagName} .${w.e.getAttribute("class")} to ${Math.round(w.at)} px`));
  }
  return [];
})()"""

# Text of the picture's labels that lies on other text of it.
COVERED = r"""(() => {
  const labels = [...document.querySelectorAll(".plot span, figure span, figure text")].filter(e =>
    e.textContent.trim() && !e.querySelector("span") && e.checkVisibility());
  const boxes = labels.map(e => { const r = document.createRange(); r.selectNodeContents(e);
    return [e.textContent.trim(), r.getBoundingClientRect()]; });
  const found = [];
  boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
    const w = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const h = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (w > 2 && h > 3) found.push(`"${a}" and "${b}"`);
  }));
  return found;
})()"""

FOCUSABLE = ("a[href],button,input,select,textarea,summary,[tabindex]:not([tabindex='-1'])")
PICTURES = []  # where --keep wants them


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def say(self, good, words, why=""):
        if good:
            self.passed += 1
            print(f"ok    {words}")
        else:
            self.failed += 1
            print(f"FAIL  {words}{': ' + str(why)[:600] if why else ''}")
        sys.stdout.flush()

    def none(self, found, words):
        self.say(not found, words, found)


class Nesting(HTMLParser):
    """Is each element closed where it was opened? Browsers mend what is not, each in its way."""

    def __init__(self):
        super().__init__()
        self.open, self.errors, self.ids = [], [], []

    def handle_starttag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID | FOREIGN:
            self.errors.append(f"<{tag}/>")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.errors.append(f"</{tag}> at {self.getpos()}")


def check_source(checks, name, path):
    data = path.read_bytes()
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        checks.say(False, f"{name}: is UTF-8", error)
        return
    reader = Nesting()
    reader.feed(text)
    reader.close()
    twice = {i for i in reader.ids if reader.ids.count(i) > 1}
    checks.none(reader.errors + reader.open, f"{name}: is well nested")
    checks.none(twice, f"{name}: names each element once")
    outside = re.findall(r"""(?:src|href|action|data|poster)\s*=\s*["'](?!data:|#)([^"']*)""",
                         re.sub(r"<(pre|code)\b.*?</\1>", "", text, flags=re.S))
    outside += re.findall(r"@import|url\((?!data:|#)[^)]*\)", text)
    checks.none(outside, f"{name}: refers to nothing outside itself")
    checks.none(re.findall(rb"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]", data), f"{name}: holds no control bytes")
    checks.say(len(data) < 600_000, f"{name}: is small ({len(data) // 1000} kB)")


def check_reading(checks, name, page):
    """What a screen reader is told."""
    told = page.accessible()
    unnamed = [role for role, words in told if role in BY_NAME and not words.strip()]
    headings = page.run("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    jumps = [f"h{a} then h{b}" for a, b in zip(headings, headings[1:]) if b > a + 1]
    checks.none(unnamed, f"{name}: all that is not text has a name")
    checks.say(headings[:1] == [1] and headings.count(1) == 1 and not jumps,
               f"{name}: its headings are in order", headings)
    checks.say(page.run("document.documentElement.lang") == "en" and
               page.run("document.querySelectorAll('main').length") == 1,
               f"{name}: says its language and where its content is")
    roles = [role for role, _ in told]
    drawn = page.run("[...document.querySelectorAll('svg[role=img]')].filter(e => e.checkVisibility()).length")
    checks.say(sum(map(roles.count, ("image", "img"))) == drawn and
               (drawn > 0 or "before it could be looked at" in page.run("document.body.textContent")),
               f"{name}: its {drawn} pictures are pictures", roles)
    checks.none(page.run("[...document.querySelectorAll('table')].filter(t => !t.caption?.textContent.trim())"
                         ".length + document.querySelectorAll('th:not([scope])').length") or [],
                f"{name}: its tables have captions and heads")
    checks.none(page.run("[...document.querySelectorAll('section')].filter(e => !document.getElementById("
                         "e.getAttribute('aria-labelledby'))?.textContent.trim()).length") or [],
                f"{name}: its sections have names")


def check_keyboard(checks, name, page):
    """Each control is reached by Tab, in order, and is seen to be reached."""
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.run("document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')")
    wanted = page.run(f"[...document.querySelectorAll(\"{FOCUSABLE}\")]"
                      ".filter(e => e.checkVisibility() && !e.disabled).length")
    reached, unseen = set(), []
    for _ in range(2 * wanted + 4):  # once round, wherever it begins
        page.key("Tab", 9)
        at = page.run("""(() => { const e = document.activeElement; if (!e || e === document.body) return null;
          const s = getComputedStyle(e), o = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0;
          const all = [...document.querySelectorAll('*')];
          return [all.indexOf(e), e.tagName, o || s.boxShadow !== 'none']; })()""")
        if at is None:
            continue
        reached.add(at[0])
        if not at[2]:
            unseen.append(at[1])
    checks.say(len(reached) == wanted, f"{name}: Tab reaches all {wanted} controls", f"only {len(reached)}")
    checks.none(unseen, f"{name}: what has the focus shows it")


def check_readout(checks, name, page):
    """The readout of a moment: arrow keys move it, and it says resident bytes in words, from the start."""
    if not page.run("!!document.querySelector('input[type=range]')"):
        checks.say(False, f"{name}: a moment can be read out", "there is no slider")
        return
    page.run("document.querySelector('input[type=range]').focus()")
    says = ("(() => { const r = document.querySelector('input[type=range]');"
            " return r.getAttribute('aria-valuetext') || ''; })()")
    said = [page.run(says)]
    for key, code in (("Home", 36), ("ArrowRight", 39), ("End", 35), ("ArrowLeft", 37)):
        page.key(key, code)
        said.append(page.run(says))
    checks.say("iB" in said[0], f"{name}: says a moment before it is moved", said[0])
    points = page.run("Number(document.querySelector('input[type=range]').max) + 1")
    if points < 4:  # a short run: there is nothing to move to
        return
    checks.say(all("iB" in words for words in said[1:]) and len(set(said[1:])) == 4,
               f"{name}: arrow keys read out each moment", said)


    box = page.run("(r => [r.x + r.width / 3, r.y + r.height / 2])"
                   "(document.querySelector('.plot').getBoundingClientRect())")
    page.ask("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])
    checks.say(page.run(says) not in ("", said[-1]) and
               page.run("!!document.getElementById('cursor')?.checkVisibility()"),
               f"{name}: the pointer reads a moment out", page.run(says))


def check_colours(checks, name, page):
    grounds = {}
    for dark in (False, True):
        page.look(dark)
        word = "dark" if dark else "light"
        grounds[word] = page.run("getComputedStyle(document.body).backgroundColor + "
                                 "getComputedStyle(document.documentElement).backgroundColor")
        checks.none(page.run(CONTRAST), f"{name}: is readable in {word}")
    page.look(False)
    checks.say(grounds["light"] != grounds["dark"], f"{name}: is dark where the system is", grounds)


def check_page(checks, browser, name, path):
    url = path.resolve().as_uri()
    with browser.open(url) as page:
        checks.none(page.requests(), f"{name}: asks the network for nothing")
        checks.none(page.complaints(), f"{name}: the console is silent")
        check_reading(checks, name, page)
        checks.none(page.run(TOO_WIDE), f"{name}: fits 1200 pixels")
        checks.none(page.run(COVERED), f"{name}: no label lies on another at 1200 pixels")
        check_colours(checks, name, page)
        if page.run("!!document.querySelector('.plot')"):
            if page.run("!!document.querySelector('input[type=range]')") or name in ("go", "cache"):
                check_readout(checks, name, page)
        check_keyboard(checks, name, page)
        text = page.run("document.body.innerText")
        checks.none(re.findall(r"\b(?:nan|inf|NaN|null|undefined|18446744073709551615|1759218\d+\.\d MiB)\b", text),
                    f"{name}: shows no number that is none")
        checks.say(page.run("document.title.endsWith(': memory report') && typeof window.alien === 'undefined'"),
                   f"{name}: keeps its title, and nothing in it came alive")
        checks.none(page.run("document.querySelectorAll('img,iframe,object,embed,form,link[rel=stylesheet]').length +"
                             "[...document.querySelectorAll('*')].filter(e => [...e.attributes].some("
                             "a => a.name.startsWith('on'))).length") or [], f"{name}: no element came from outside")
    with browser.open(url, width=400, height=800) as page:
        checks.none(page.run(TOO_WIDE), f"{name}: fits 400 pixels")
        checks.none(page.run(COVERED), f"{name}: no label lies on another at 400 pixels")
    with browser.open(url, script=False) as page:
        checks.say(len(page.run("document.body.innerText")) > 200 and not page.complaints(),
                   f"{name}: is whole without scripts")
        checks.none(page.run("[...document.querySelectorAll('input')].filter(e => e.checkVisibility()).length")
                    or [], f"{name}: shows no control that would do nothing without scripts")
    with browser.open(url, dark=True, media="print") as page:
        ground = page.run("getComputedStyle(document.body).backgroundColor")
        white = ground in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
        checks.say(white and page.paper()[:5] == b"%PDF-", f"{name}: prints dark on white", ground)
        checks.none(page.run(CONTRAST), f"{name}: is readable on paper")
    keep(browser, name, url)


def keep(browser, name, url):
    for directory in PICTURES:
        for width in (1200, 400):
            for dark in (False, True):
                with browser.open(url, width=width, dark=dark) as page:
                    page.picture(f"{directory}/{name}-{width}-{'dark' if dark else 'light'}.png")


def check_policy(checks, browser, path):
    """If something did get in, it would not run: the page's own policy is asked."""
    with browser.open(path.resolve().as_uri()) as page:
        page.run("""(() => { const s = document.createElement('script');
          s.textContent = "document.title = 'pwned'"; document.head.append(s);
          document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="document.title=1">'); })()""")
        page.run("new Promise(done => setTimeout(done, 50))")
        checks.say(page.run("document.title") not in ("pwned", "1"), "policy: a script that got in does not run")
        got = page.run("fetch('http://127.0.0.1:9/').then(() => 'sent', e => String(e))")
        refused = [text for text in page.complaints() if "Content Security Policy" in text]
        checks.say(got != "sent" and bool(refused), "policy: nothing can be sent", got)


def check_hostile(checks, browser, path):
    """Text from outside is shown as it is, and as nothing else."""
    with browser.open(path.resolve().as_uri()) as page:
        text = page.run("document.body.textContent")
        checks.say("<script>document.title='pwned'</script>" in text, "hostile: markup is shown as text")
        checks.say("onerror=document.title='pwned'" in text, "hostile: so are attributes")
        checks.say("&amp;&#60;script&#62;" in text, "hostile: entities are not read twice")
        checks.say("\u202e" not in text and "\x1b" not in text and "\x07" not in text,
                   "hostile: nothing turns or steers the text")
        checks.say(page.run("document.querySelectorAll('script').length") <= 2, "hostile: nor a script")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.environ.get("ULLAGE_BUILD_DIR", ROOT / "build" / "release"))
    parser.add_argument("--pages", action="append", help="open the pages there instead of making them")
    parser.add_argument("--keep", help="leave screenshots there")
    parser.add_argument("--only", default="", help="pages whose name contains this")
    options = parser.parse_args()
    browser_path = chromium.find()
    if not browser_path:
        print("skip  there is no Chromium; tools/setup.sh test installs it\n0 passed, 0 failed, 1 skipped")
        return 77
    checks = Checks()
    if options.keep:
        os.makedirs(options.keep, exist_ok=True)
        PICTURES.append(options.keep)
    with tempfile.TemporaryDirectory(prefix="ullage-e2e-") as scratch, chromium.Browser(browser_path) as browser:
        pages = list(map(Path, options.pages or [scratch]))
        if not options.pages:
            subprocess.run([Path(options.build) / "tests" / "report_pages", scratch], check=True)
        found = [path for place in pages for path in sorted(place.glob("*.htm*")) if options.only in path.stem]
        checks.say(len(found) > 0, "there are pages")
        for path in found:
            check_source(checks, path.stem, path)
            check_page(checks, browser, path.stem, path)
            if path.stem == "hostile":
                check_hostile(checks, browser, path)
                check_policy(checks, browser, path)
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
