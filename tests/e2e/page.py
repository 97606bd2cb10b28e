#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""page.py BROWSER PAGE...: opens each page as a reader does, and looks at what is there.

The browser is driven over a pipe by its own protocol (--remote-debugging-pipe), so nothing but it and
Python is needed. Light and dark, wide and narrow, by keyboard, with pointer, without scripts, printed.
Prints what failed and "N passed, N failed"; exit code 1 when something did.
"""
import json, os, pathlib, subprocess, sys, tempfile, time

LIMIT_S = 60


class Browser:
    def __init__(self, path, profile):
        to_read, self.to = os.pipe()
        self.source, from_write = os.pipe()
        os.set_inheritable(to_read, True), os.set_inheritable(from_write, True)
        # The pipe has to be descriptors 3 and 4 of the browser.
        shell = f'exec "$@" 3<&{to_read} 4>&{from_write}'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "browser", path, "--headless=new", "--no-sandbox", "--disable-gpu",
             "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage",
             "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(to_read, from_write))
        os.close(to_read), os.close(from_write)
        self.count, self.rest, self.events, self.session = 0, b"", [], None
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self.session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self(domain + ".enable")

    def read(self):
        while b"\0" not in self.rest:
            piece = os.read(self.source, 1 << 16)
            if not piece:
                raise EOFError("the browser ended")
            self.rest += piece
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def __call__(self, method, **params):
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait(self, method):
        while not any(e.get("method") == method for e in self.events):
            self.events.append(self.read())

    def value(self, script):
        result = self("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("text", "") + " in " + script[:80])
        return result["result"].get("value")

    def open(self, url, width=1200, dark=False, media="screen", scripts=True):
        self.events = []
        self("Emulation.setScriptExecutionDisabled", value=not scripts)
        self("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1,
             mobile=False)
        self("Emulation.setEmulatedMedia", media=media, features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self("Page.navigate", url=url)
        self.wait("Page.loadEventFired")

    def key(self, key, code):
        for kind in ("rawKeyDown", "keyUp"):
            self("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def complaints(self):
        said = []
        for event in self.events:
            params = event.get("params", {})
            if event.get("method") == "Log.entryAdded":
                said.append(params["entry"]["text"])
            elif event.get("method") == "Runtime.exceptionThrown":
                said.append(params["exceptionDetails"]["text"])
            elif event.get("method") == "Runtime.consoleAPICalled":
                said.append("console." + params["type"])
        return said

    def requests(self):
        return [e["params"]["request"]["url"] for e in self.events
                if e.get("method") == "Network.requestWillBeSent"]


# Each text with its contrast on the ground that is really behind it; the worst.
CONTRAST = """(() => {
  const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
  const light = c => { const f = c.slice(0, 3).map(v => (v /= 255) <= .03928 ? v / 12.92
    : ((v + .055) / 1.055) ** 2.4); return .2126 * f[0] + .7152 * f[1] + .0722 * f[2]; };
  let worst = [99, ''];
  for (const e of document.body.querySelectorAll('*')) {
    if (e.closest('.unseen,svg,script,style,[hidden]')) continue;
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    let at = e, ground = null;
    for (; at && !ground; at = at.parentElement) {
      const c = parse(getComputedStyle(at).backgroundColor); if (c[3] === 1) ground = c;
    }
    const a = light(parse(getComputedStyle(e).color)), b = light(ground || [255, 255, 255]);
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < worst[0]) worst = [ratio, e.textContent.slice(0, 40)];
  }
  return worst; })()"""
GROUND = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
STRUCTURE = """(() => { const all = s => [...document.querySelectorAll(s)];
  const labelled = s => { const e = document.getElementById(s.getAttribute('aria-labelledby'));
    return !!e && e.textContent.trim() !== ''; };
  return {
    title: document.title, language: document.documentElement.lang,
    h1: all('h1').length, main: all('main').length, header: all('header').length,
    footer: all('footer').length, sections: all('section').length,
    unlabelled: all('section').filter(s => !labelled(s)).length,
    silent: all('svg:not([aria-hidden=true])').filter(s => s.getAttribute('role') !== 'img' ||
      (s.getAttribute('aria-label') || '').length < 20).length,
    tables: all('table').length,
    untold: all('table').filter(t => !t.caption || !t.caption.textContent.trim()).length,
    headless: all('th:not([scope])').length,
    alien: typeof window.alien, images: all('img,iframe,object,embed,link[rel=stylesheet]').length,
    scripts: all('script').length, styles: all('style').length,
    handlers: all('*').filter(e => [...e.attributes].some(a => a.name.startsWith('on'))).length,
    ids: (ids => ids.length - new Set(ids).size)(all('[id]').map(e => e.id)),
  }; })()"""

passed, failed = 0, 0


def check(page, what, holds, seen=""):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {page}: {what}: {seen}", file=sys.stderr)


def check_structure(browser, name):
    s = browser.value(STRUCTURE)
    check(name, "title and language", s["title"].endswith(": memory report") and s["language"] == "en", s)
    check(name, "one h1, main, header, footer",
          [s[k] for k in ("h1", "main", "header", "footer")] == [1, 1, 1, 1], s)
    check(name, "sections have names", s["sections"] >= 5 and s["unlabelled"] == 0, s)
    check(name, "pictures are described", s["silent"] == 0, s)
    check(name, "tables have captions and heads", s["untold"] == 0 and s["headless"] == 0, s)
    check(name, "no id twice", s["ids"] == 0, s)
    check(name, "nothing from outside came alive", s["alien"] == "undefined" and s["images"] == 0 and
          s["scripts"] <= 1 and s["styles"] == 1 and s["handlers"] == 0, s)
    tree = browser("Accessibility.getFullAXTree")["nodes"]
    roles = [n.get("role", {}).get("value") for n in tree if not n.get("ignored")]
    for role in ("main", "banner", "contentinfo", "heading"):
        check(name, f"a screen reader finds {role}", role in roles, set(roles))


def check_looks(browser, name, url):
    for dark in (False, True):
        for width in (1200, 400):
            browser.open(url, width, dark)
            where = f"{name} ({'dark' if dark else 'light'}, {width})"
            ground = browser.value(GROUND)
            worst = browser.value(CONTRAST)
            wide = browser.value("document.documentElement.scrollWidth")
            check(where, "ground", max(ground[:3]) < 60 if dark else min(ground[:3]) > 240, ground)
            check(where, "contrast of at least 4.5", worst[0] >= 4.5, worst)
            check(where, "no scrolling sideways", wide <= width, wide)
            check(where, "nothing on the console", not browser.complaints(), browser.complaints())
            check(where, "asks for nothing but itself", browser.requests() == [url],
                  browser.requests())
    browser.open(url, media="print", dark=True)
    check(name, "printed on white", browser.value(GROUND)[:3] == [255, 255, 255])


def check_use(browser, name, url):
    browser.open(url)
    if not browser.value("!!document.getElementById('plot')"):
        return
    said = "document.getElementById('said').textContent"
    reached = []
    for _ in range(12):
        browser.key("Tab", 9)
        reached.append(browser.value("document.activeElement.id || document.activeElement.tagName"))
        if reached[-1] == "moment":
            break
    check(name, "the slider is reached by Tab", "moment" in reached, reached)
    browser.key("Home", 36)
    browser.key("End", 35)
    browser.key("ArrowLeft", 37)
    check(name, "keys read a moment out", "resident" in browser.value(said) or
          browser.value("document.getElementById('moment').max") == "0", browser.value(said))
    browser.key("Tab", 9)
    check(name, "the table is reached by Tab",
          browser.value("document.activeElement.tagName") == "SUMMARY")
    box = browser.value("(r => [r.x + r.width / 2, r.y + r.height / 2])"
                        "(document.getElementById('plot').getBoundingClientRect())")
    browser("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])
    check(name, "the pointer reads a moment out", "MiB resident" in browser.value(said),
          browser.value(said))
    check(name, "no script failed", not browser.complaints(), browser.complaints())


def check_without_scripts(browser, name, url):
    browser.open(url, scripts=False)
    document = browser("DOM.getDocument")["root"]["nodeId"]
    has = lambda what: browser("DOM.querySelector", nodeId=document, selector=what)["nodeId"] != 0
    if has("#plot"):
        check(name, "without scripts: no dead slider, but the table",
              has("#readout[hidden]") and has("section details table tbody tr"))


def main():
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(sys.argv[1], profile)
        try:
            for name in sys.argv[2:]:
                path = pathlib.Path(name).resolve()
                if not path.exists():
                    check(name, "was written", False)
                    continue
                url = path.as_uri()
                browser.open(url)
                check_structure(browser, name)
                check_looks(browser, name, url)
                check_use(browser, name, url)
                check_without_scripts(browser, name, url)
        finally:
            browser.process.terminate()
            browser.process.wait(LIMIT_S)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
