# SPDX-License-Identifier: MIT
"""What a program's file in programs/ works with: Program, the record, and Box, the place it runs in.

A program is run twice, by the same function, in an equal Box: once with the C library's allocator and
once with the library under test. A Box gives it an empty directory (the same path both times, since paths
get into outputs), a clean environment, and takes down everything by which the runs may differ:

    Box.run, Box.start   measured and preloaded; exit code, stdout, stderr are kept   (the program)
    Box.plain            neither                                          (its clients and generators)
    Box.keep             any other bytes: a file it made, what a server answered

Figures, of the measured ones only:

    wall   seconds from start to end; where the program uses `with box.timed()`, that part alone
    cpu    user + system seconds of the program and the children it waited for
    rss    peak resident bytes of the largest single process (ru_maxrss; see measure.c);
           for Program(tree=True) the peak of the PSS of all processes together, sampled at 25 Hz: shared
           pages counted once, as a machine would feel them; peaks shorter than 40 ms can be missed
    extra  what a program adds with Box.figure, as RSS after a flush
"""
import contextlib
import dataclasses
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
PAYLOAD = HERE / "payload"
SAMPLE_S = 0.04
# The distribution's directories first: a wrapper in /usr/local/bin is not the program we mean to test.
SEARCH_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"


class Failure(Exception):
    """A run that did not go as it must: crash, hang, refusal. The text is for the user."""


@dataclasses.dataclass
class Program:
    """One real program. `body(box)` runs it; everything else is for the list and the checks."""
    name: str
    body: object
    what: str                       # one line for --list
    needs: list                     # executables that must be there
    packages: list                  # Debian packages that bring them
    served: list                    # basenames of processes that must have been served by the library
    small: bool = False             # part of --small: a few seconds, scaled down by box.small
    tree: bool = False              # several processes make up the service: PSS of all
    baseline: str = ""              # "libc": preload the C library too (the program brings an allocator)
    note: object = ""               # shown in the table's remarks; text, or () -> text
    available: object = None        # () -> reason to skip or ""; for what `needs` cannot say


def find(executable):
    """Path of an executable in SEARCH_PATH, or None."""
    return shutil.which(executable, path=SEARCH_PATH)


def processes_below(pid):
    """The living descendants of a process, itself included, from /proc."""
    found, todo = [], [pid]
    while todo:
        at = todo.pop()
        found.append(at)
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{at}/task"):
                with contextlib.suppress(OSError):
                    text = pathlib.Path(f"/proc/{at}/task/{task}/children").read_text()
                    todo += [int(child) for child in text.split()]
    return found


def memory_of(pid, field):
    """A field of smaps_rollup (Pss, Rss) in bytes; 0 when the process is gone."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return 0


class Sampler(threading.Thread):
    """Keeps the peak of the summed PSS of a process tree."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak_bytes, self.ended = pid, 0, threading.Event()

    def run(self):
        while not self.ended.wait(SAMPLE_S):
            total = sum(memory_of(pid, "Pss") for pid in processes_below(self.pid))
            self.peak_bytes = max(self.peak_bytes, total)

    def stop(self):
        self.ended.set()
        self.join()
        return self.peak_bytes


class Process:
    """A measured program that runs. wait() ends it in good order, kill() in any case."""

    def __init__(self, box, argv, name, timeout_s, stdin, env):
        self.box, self.argv, self.name, self.timeout_s = box, argv, name, min(timeout_s, box.limit_s)
        base = box.scratch / f"{len(box.started):03}-{name}"
        self.report = base.with_suffix(".report")
        self.stdout, self.stderr = base.with_suffix(".stdout"), base.with_suffix(".stderr")
        with open(self.stdout, "wb") as out, open(self.stderr, "wb") as err:
            self.wrapper = subprocess.Popen(
                [box.tools / "measure", self.report, ":".join(box.preload), *argv], cwd=box.dir,
                env=box.environment(env), stdin=stdin or subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True)
        box.started.append(self)
        # The wrapper (1 MiB) and nothing else is ahead of the program in its tree.
        self.sampler = Sampler(self.wrapper.pid) if box.tree else None
        if self.sampler:
            self.sampler.start()

    @property
    def pid(self):
        """The program's own pid; waits until the wrapper has started it."""
        for _ in range(500):
            with contextlib.suppress(OSError, IndexError, ValueError):
                return int(self.report.read_text().split()[1])
            time.sleep(0.01)
        raise Failure(f"{self.name}: did not start within 5 s")

    def again(self):
        """The command that repeats this run by hand."""
        env = self.box.environment({})
        preload = ":".join(self.box.preload)
        words = [f"{key}={shlex.quote(value)}" for key, value in env.items() if key != "PATH"]
        command = " ".join(shlex.quote(str(word)) for word in self.argv)
        return f"cd {self.box.dir} && env {' '.join(words)} LD_PRELOAD={preload} {command}"

    def tail(self):
        text = self.stderr.read_bytes()[-2000:].decode(errors="replace").strip()
        return ("\n    " + "\n    ".join(text.splitlines()[-8:])) if text else ""

    def kill(self):
        """Ends the program and all it started; the wrapper then sees to its orphans and leaves."""
        if self.wrapper.poll() is None:
            for pid in processes_below(self.wrapper.pid)[1:]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            try:
                self.wrapper.wait(10)
            except subprocess.TimeoutExpired:
                self.wrapper.kill()
                self.wrapper.wait()
        if self.sampler:
            self.sampler.stop()

    def wait(self, expect=0):
        """Waits for the end. Returns the exit code; raises Failure on a hang, a crash or another code."""
        try:
            self.wrapper.wait(self.timeout_s)
        except subprocess.TimeoutExpired:
            states = ", ".join(process_state(pid) for pid in processes_below(self.wrapper.pid)[1:])
            self.kill()
            raise Failure(f"{self.name}: no end within {self.timeout_s} s (hang?): {states}"
                          f"{self.tail()}\n    again: {self.again()}") from None
        peak_bytes = self.sampler.stop() if self.sampler else 0
        words = self.report.read_text().splitlines()[-1].split()
        if words[0] != "end":
            raise Failure(f"{self.name}: measure itself failed{self.tail()}")
        code, signal_number, wall_ns, cpu_ns, rss_kib, left = map(int, words[1:])
        self.box.add_cost(wall_ns / 1e9, cpu_ns / 1e9, peak_bytes or rss_kib * 1024)
        if signal_number and expect != 128 + signal_number:
            raise Failure(f"{self.name}: killed by {signal.Signals(signal_number).name}{self.tail()}"
                          f"\n    again: {self.again()}")
        if expect is not None and code != expect:
            raise Failure(f"{self.name}: exit {code}, expected {expect}{self.tail()}"
                          f"\n    again: {self.again()}")
        if left:
            raise Failure(f"{self.name}: left {left} process(es) behind, which had to be killed")
        return code

    def stop(self, number=signal.SIGTERM, expect=0):
        """Ends a server as its own manual says, and waits for it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
        return self.wait(expect)


def process_state(pid):
    with contextlib.suppress(OSError, IndexError):
        name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        state = next(line for line in status.splitlines() if line.startswith("State")).split()[1]
        wait = pathlib.Path(f"/proc/{pid}/wchan").read_text() or "-"
        return f"{name}[{pid}] {state} in {wait}"
    return f"[{pid}] gone"


class Box:
    """Where one program runs once, under one allocator."""

    def __init__(self, program, root, tools, preload, args, passed_env):
        self.dir, self.scratch, self.tools = root / "box", root / "scratch", tools
        self.small, self.limit_s = args.small, args.timeout
        self.tree, self.passed_env = program.tree, passed_env
        for directory in (self.dir, self.scratch):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(mode=0o755)
        self.marker = self.scratch / "marker"
        self.marker.touch()
        self.marker.chmod(0o666)        # a server that drops its privileges writes it too
        self.scratch.chmod(0o755)
        self.preload = [str(tools / "marker.so"), *preload]
        self.started, self.kept, self.figures = [], [], {}
        self.wall_s = self.cpu_s = 0.0
        self.timed_s, self.rss_bytes = None, 0

    def environment(self, extra):
        return {"PATH": SEARCH_PATH, "HOME": str(self.dir), "TMPDIR": str(self.dir), "LC_ALL": "C.UTF-8",
                "TZ": "UTC", "PRELOAD_MARKER": str(self.marker), **self.passed_env, **(extra or {})}

    def start(self, argv, name=None, timeout_s=120, stdin=None, env=None):
        """Starts a measured program; the caller waits for it or stops it."""
        argv = [str(word) for word in argv]
        return Process(self, argv, name or pathlib.Path(argv[0]).name, timeout_s, stdin, env)

    def run(self, argv, name=None, timeout_s=120, stdin=None, env=None, expect=0, normalise=None):
        """Runs a measured program to its end and keeps exit code, stdout and stderr for the comparison.
        `stdin` is a path in the box or None. `normalise(bytes) -> bytes` is applied to both streams; give it
        only where a program prints what no two runs share, and say there what. Returns stdout."""
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(open(self.dir / stdin, "rb")) if stdin else None
            process = self.start(argv, name, timeout_s, source, env)
        code = process.wait(expect)
        out, err = process.stdout.read_bytes(), process.stderr.read_bytes()
        same = normalise or (lambda text: text)
        self.keep(f"{process.name}: exit code", str(code).encode())
        self.keep(f"{process.name}: stdout", same(out))
        self.keep(f"{process.name}: stderr", same(err))
        return out

    def plain(self, argv, timeout_s=120, stdin=None, env=None, input=None):
        """Runs a helper without the preload and unmeasured. Returns stdout; a Failure if it fails."""
        argv, timeout_s = [str(word) for word in argv], min(timeout_s, self.limit_s)
        try:
            done = subprocess.run(argv, cwd=self.dir, env=self.environment(env), timeout=timeout_s, input=input,
                                  stdin=None if input is not None else stdin or subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        except subprocess.TimeoutExpired:
            raise Failure(f"{argv[0]} (the client): no end within {timeout_s} s; "
                          "the server may hang") from None
        if done.returncode != 0:
            text = done.stderr.decode(errors="replace").strip()[-500:]
            raise Failure(f"{argv[0]} (the client): exit {done.returncode}: {text}")
        return done.stdout

    def keep(self, name, data):
        """Bytes that must be the same in both runs."""
        self.kept.append((name, data))

    def keep_file(self, path):
        self.keep(str(path), (self.dir / path).read_bytes())

    def figure(self, name, value):
        """Something measured that is shown, not compared. Bytes."""
        self.figures[name] = value

    def write(self, path, data):
        """Writes an input file into the box; `data` is text or bytes. Returns its path."""
        target = self.dir / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.encode() if isinstance(data, str) else data)
        return target

    def payload(self, name):
        """Copies a file of payload/ into the box. Returns its path."""
        return pathlib.Path(shutil.copy(PAYLOAD / name, self.dir / name))

    @contextlib.contextmanager
    def timed(self):
        """The part of a server's life that counts as its time: the load, not start and stop."""
        start = time.monotonic()
        yield
        self.timed_s = (self.timed_s or 0.0) + time.monotonic() - start

    def add_cost(self, wall_s, cpu_s, rss_bytes):
        self.wall_s += wall_s
        self.cpu_s += cpu_s
        self.rss_bytes = max(self.rss_bytes, rss_bytes)

    def rss_now(self, process):
        return memory_of(process.pid, "Rss")

    def wait_for(self, ready, process, timeout_s=20):
        """Polls until a server answers. A Failure when it ends first or never does."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if process.wrapper.poll() is not None:
                raise Failure(f"{process.name}: ended before it was ready{process.tail()}"
                              f"\n    again: {process.again()}")
            with contextlib.suppress(OSError):
                if ready():
                    return
            time.sleep(0.02)
        raise Failure(f"{process.name}: not ready after {timeout_s} s{process.tail()}")

    def served_by(self):
        """[(executable, object of malloc, object of free)] of every process the preload reached."""
        rows = [line.split("\t") for line in self.marker.read_text().splitlines()]
        return [tuple(row[1:]) for row in rows if len(row) == 4]

    def done(self):
        for process in self.started:
            process.kill()


def free_port():
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
