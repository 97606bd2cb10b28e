# SPDX-License-Identifier: MIT
"""chromium.py: a Chromium of our own, spoken to over a pipe.

The browser is Debian's, headless, with a fresh profile that is removed afterwards. What is said goes
through two pipes (--remote-debugging-pipe: descriptors 3 and 4, JSON ended by a zero byte): no port that
somebody else could reach, no library to install. The protocol is Chromium's own, the domains used are
Page, Runtime, Network, Log, Emulation, Input and Accessibility.

Everything that a page does meanwhile is kept: what it asked of the network, what it wrote to the
console, what failed in it. A step that takes longer than `limit_s` raises; the browser is ended by its
process group in any case.
"""
import base64, json, os, select, shutil, signal, subprocess, tempfile, time

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find():
    """The browser's path, or None."""
    chosen = os.environ.get("ULLAGE_CHROMIUM")
    return chosen or next((path for path in map(shutil.which, NAMES) if path), None)


class Failed(Exception):
    """The browser did not do what was asked."""


class Browser:
    def __init__(self, path, limit_s=30):
        self.limit_s, self.number, self.unread, self.events = limit_s, 0, b"", []
        self.profile = tempfile.mkdtemp(prefix="ullage-chromium-")
        theirs_in, self.to = os.pipe()
        self.back, theirs_out = os.pipe()
        command = [path, "--headless=new", "--remote-debugging-pipe", "--no-first-run",
                   f"--user-data-dir={self.profile}", "--disable-gpu", "--disable-dev-shm-usage",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   "--no-default-browser-check", "--force-color-profile=srgb", "--hide-scrollbars"]
        if os.geteuid() == 0:  # its sandbox refuses to be started by root
            command.append("--no-sandbox")

        def wire():  # in the child: the pipe's ends become 3 and 4, whatever they are now
            a, b = os.dup(theirs_in), os.dup(theirs_out)
            os.dup2(a, 3), os.dup2(b, 4)

        self.process = subprocess.Popen(
            [*command, "about:blank"], preexec_fn=wire, close_fds=False, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in), os.close(theirs_out)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.to), os.close(self.back)
        shutil.rmtree(self.profile, ignore_errors=True)

    def receive(self, until):
        """The next message, or None when `until` (monotonic) has come."""
        while b"\0" not in self.unread:
            ready, _, _ = select.select([self.back], [], [], max(0, until - time.monotonic()))
            if not ready:
                return None
            piece = os.read(self.back, 1 << 20)
            if not piece:
                raise Failed("the browser has ended")
            self.unread += piece
        message, self.unread = self.unread.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, session=None, **arguments):
        self.number += 1
        message = {"id": self.number, "method": method, "params": arguments}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        until = time.monotonic() + self.limit_s
        while True:
            answer = self.receive(until)
            if answer is None:
                raise Failed(f"{method}: no answer in {self.limit_s} s")
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise Failed(f"{method}: {answer['error'].get('message')}")
                return answer["result"]
            self.events.append(answer)

    def wait(self, method, session):
        """Until an event of that name has come; those that came before are looked at, too."""
        until = time.monotonic() + self.limit_s
        seen = 0
        while True:
            for event in self.events[seen:]:
                if event.get("method") == method and event.get("sessionId") == session:
                    return event["params"]
            seen = len(self.events)
            event = self.receive(until)
            if event is None:
                raise Failed(f"{method} did not come in {self.limit_s} s")
            self.events.append(event)

    def open(self, url, **how):
        return Page(self, url, **how)


class Page:
    """A tab. `dark`, `width`, `script` as the reader's system would have them; `media`: "print"."""

    def __init__(self, browser, url, width=1200, height=900, dark=False, script=True, media=""):
        self.browser, self.url = browser, url
        target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
        self.target = target
        self.session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility", "DOM"):
            self.ask(domain + ".enable")
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=False)
        self.look(dark, media)
        self.ask("Emulation.setScriptExecutionDisabled", value=not script)
        self.ask("Page.navigate", url=url)
        browser.wait("Page.loadEventFired", self.session)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.browser.ask("Target.closeTarget", targetId=self.target)
        self.browser.events.clear()

    def ask(self, method, **arguments):
        return self.browser.ask(method, self.session, **arguments)

    def look(self, dark, media=""):
        scheme = "dark" if dark else "light"
        self.ask("Emulation.setEmulatedMedia", media=media,
                 features=[{"name": "prefers-color-scheme", "value": scheme}])

    def run(self, expression):
        """The value of a JavaScript expression (works also where the page itself may run none)."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True,
                          awaitPromise=True)
        if "exceptionDetails" in answer:
            raise Failed(f"{expression[:60]}…: {answer['exceptionDetails'].get('text')}: "
                         f"{answer['result'].get('description', '')}")
        return answer["result"].get("value")

    def key(self, name, code):
        for kind in ("rawKeyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=name, code=name,
                     windowsVirtualKeyCode=code)

    def heard(self, method):
        return [event["params"] for event in self.browser.events
                if event.get("sessionId") == self.session and event.get("method") == method]

    def requests(self):
        """What it asked the network or the disk for, besides itself."""
        urls = [sent["request"]["url"] for sent in self.heard("Network.requestWillBeSent")]
        return [url for url in urls if url != self.url and not url.startswith("data:")]

    def complaints(self):
        """What is red in the console: failed scripts, refused policies, missing files."""
        self.run("1")  # what is under way comes before the answer
        thrown = [event["exceptionDetails"].get("exception", {}).get("description")
                  or event["exceptionDetails"]["text"] for event in self.heard("Runtime.exceptionThrown")]
        logged = [event["entry"]["text"] for event in self.heard("Log.entryAdded")
                  if event["entry"]["level"] in ("error", "warning")]
        called = [json.dumps(event["args"]) for event in self.heard("Runtime.consoleAPICalled")
                  if event["type"] in ("error", "warning", "assert")]
        return thrown + logged + called

    def accessible(self):
        """What a screen reader is told: [(role, name)] without what is hidden from it."""
        nodes = self.ask("Accessibility.getFullAXTree")["nodes"]
        return [(node.get("role", {}).get("value"), node.get("name", {}).get("value") or "")
                for node in nodes if not node.get("ignored")]

    def picture(self, path):
        height = self.run("Math.ceil(document.documentElement.scrollHeight)")
        width = self.run("window.innerWidth")
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip={
            "x": 0, "y": 0, "width": width, "height": height, "scale": 1})
        with open(path, "wb") as out:
            out.write(base64.b64decode(shot["data"]))

    def paper(self, path=None):
        """Prints it; returns the PDF's bytes."""
        pdf = base64.b64decode(self.ask("Page.printToPDF", printBackground=True)["data"])
        if path:
            with open(path, "wb") as out:
                out.write(pdf)
        return pdf
