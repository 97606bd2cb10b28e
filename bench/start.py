#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""start.py: what an allocator costs a program that allocates almost nothing, and an idle one.

    bench/start.py
    bench/start.py --only start,rss --allocators glibc,ullage,mimalloc --turns 500
    bench/start.py --json build/bench/start.json

    start     µs from before the process exists to after it is gone, and how far above glibc; a
              program of one malloc and one free
    thread    µs of the first malloc of a thread, median and 99th percentile over --threads threads,
              and of a thread's whole life
    rss       peak KiB of that program and of ls, bash, sqlite3 and python3 above glibc's
    threads   64 threads after mixed work: MiB resident with the threads asleep, and 2 s later
    redis     MiB of a full redis-server, after FLUSHALL, and when it has idled

All but redis are interleaved in random order; figures are medians. redis-server is Debian's, which
asks its own jemalloc unless something is preloaded; so for "glibc" libc itself is preloaded. It
listens on 127.0.0.1 only, on a port that the system chose, and saves nothing.
"""
import argparse
import contextlib
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import runs

GLIBC = "glibc"
PARTS = ("start", "thread", "rss", "threads", "redis")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    runs.add_library_options(parser)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, comma-separated")
    parser.add_argument("--turns", type=int, default=300, help="runs of a small program (300)")
    parser.add_argument("--threads", type=int, default=3000, help="threads of `thread` (3000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of `thread`, `threads` (3)")
    parser.add_argument("--keys", type=int, default=1000000, help="keys of `redis` (1000000)")
    parser.add_argument("--idle", type=float, default=12, help="seconds `redis` idles (12)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    options = runs.parsed(parser)
    options.parts = runs.chosen(options.only, PARTS, "part")
    return options


def run_one(library, command, environment=()):
    """stdout and stderr of a command under a library; ends the measurement when it fails."""
    setting = {"LD_PRELOAD": library} if library else {}
    with_it = {**{k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}, **setting,
               **dict(environment)}
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", env=with_it,
                         stdin=subprocess.DEVNULL, timeout=runs.RUN_TIMEOUT_S)
    if run.returncode:
        raise SystemExit("bench: %s under %s ended with %d: %s" % (
            os.path.basename(command[0]), library or GLIBC, run.returncode, run.stderr.strip()))
    return run.stdout + run.stderr


def figures(text):
    return {key: float(value) for key, value in re.findall(r"(\w+)=([\d.]+)", text)}


def medians(rows):
    """[{key: value}] → {key: median}"""
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


def interleaved(libraries, rounds, command):
    """{name: {key: median}} of what the command printed."""
    seen = {name: [] for name in libraries}
    for _ in range(rounds):
        for name in random.sample(list(libraries), len(libraries)):
            seen[name].append(figures(run_one(libraries[name], command)))
    return {name: medians(rows) for name, rows in seen.items()}


def spawn(build, libraries, turns, command):
    """{name: {wall_us, tenth_us, rss_kib}} of a small program."""
    words = [os.path.join(build, "bench", "bench_start"), "spawn", str(turns)]
    words += ["%s=%s" % pair for pair in libraries.items()]
    text = run_one("", words + ["--"] + command)
    return {line.split(" ", 1)[0]: figures(line) for line in text.splitlines() if "=" in line}


def show(title, names, columns):
    """columns: [(heading, {name: text})]"""
    widths = [max(len(head), *(len(cells.get(name, "")) for name in names)) + 2
              for head, cells in columns]
    print("\n" + title)
    print("%-12s" % "" + "".join("%*s" % (w, head) for w, (head, _) in zip(widths, columns)))
    for name in names:
        print("%-12s" % name + "".join("%*s" % (w, cells.get(name, "–"))
                                       for w, (_, cells) in zip(widths, columns)))
    sys.stdout.flush()


def above(rows, key, form="%+.0f"):
    bottom = rows[GLIBC][key]
    return {name: form % (row[key] - bottom) for name, row in rows.items()}


def start_part(options, libraries):
    tiny = [os.path.join(options.build, "bench", "bench_start"), "tiny"]
    rows = spawn(options.build, libraries, options.turns, tiny)
    cells = lambda key: {name: "%.0f" % row[key] for name, row in rows.items()}
    show("Process start, µs (%d runs)" % options.turns, libraries,
         [("median", cells("wall_us")), ("above glibc", above(rows, "wall_us")),
          ("fastest tenth", cells("tenth_us")), ("above glibc", above(rows, "tenth_us"))])
    return rows


def thread_part(options, libraries):
    command = [os.path.join(options.build, "bench", "bench_start"), "thread", str(options.threads)]
    rows = interleaved(libraries, options.rounds, command)
    cells = lambda key: {name: "%.2f" % row[key] for name, row in rows.items()}
    show("First malloc of a thread, µs (%d rounds of %d threads)" % (options.rounds,
                                                                   options.threads),
         libraries, [("median", cells("first_us")), ("99 %", cells("p99_us")),
                     ("whole life", cells("life_us"))])
    return rows


def rss_part(options, libraries):
    """Peak RSS above glibc. The tiny program says its own: it may lie below its parent's."""
    system_python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
    programs = [("ls", ["ls", "/"]), ("bash", ["bash", "-c", ":"]),
                ("sqlite3", ["sqlite3", ":memory:", "select 1"]),
                ("python3", [system_python, "-c", "pass"])]
    tiny = [os.path.join(options.build, "bench", "bench_start"), "tiny", "say"]
    result = {"tiny": interleaved(libraries, 9, tiny)}
    for title, command in programs:
        if shutil.which(command[0]):
            result[title] = spawn(options.build, libraries, 15, command)
    columns = [(title, above(rows, "rss_kib")) for title, rows in result.items()]
    show("Peak RSS above glibc, KiB (glibc: %s)" % ", ".join(
        "%s %.0f" % (title, rows[GLIBC]["rss_kib"]) for title, rows in result.items()),
        libraries, columns)
    return result


def threads_part(options, libraries):
    command = [os.path.join(options.build, "bench", "bench_threads64"), "--idle", "2000"]
    rows = interleaved(libraries, options.rounds, command)
    mib = lambda key: {name: "%.1f" % (row[key] / 1048576) for name, row in rows.items()}
    show("64 threads after mixed work, MiB (live: %.1f)" % (
        rows[GLIBC]["live_bytes"] / 1048576), libraries,
        [("at the end", mib("after_work_rss_bytes")), ("2 s later", mib("idle_rss_bytes"))])
    return rows


# ---- redis ---------------------------------------------------------------------------------------

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Redis:
    """A server under a library, spoken to in its own protocol."""

    def __init__(self, library, scratch):
        port = free_port()
        environment = {**os.environ, "LD_PRELOAD": library}
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--dir", scratch, "--enable-debug-command", "local"],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        for _ in range(200):
            with contextlib.suppress(OSError):
                self.line = socket.create_connection(("127.0.0.1", port), timeout=120)
                return
            time.sleep(0.05)
        self.close()
        raise SystemExit("bench: redis-server does not answer under %s" % library)

    def ask(self, *words):
        self.line.sendall((" ".join(words) + "\r\n").encode())
        answer = self.line.recv(65536).decode(errors="replace")
        if not answer.startswith("+"):
            raise SystemExit("bench: redis-server answered '%s' to %s" % (answer.strip(), words[0]))

    def resident_bytes(self):
        with open("/proc/%d/status" % self.process.pid) as file:
            return int(re.search(r"VmRSS:\s*(\d+)", file.read()).group(1)) * 1024

    def close(self):
        self.process.terminate()
        self.process.wait(30)


def libc_path():
    """libc's file, from this process's own maps."""
    with open("/proc/self/maps") as file:
        found = re.search(r"(/\S*/libc\.so\.6)$", file.read(), re.M)
    return found.group(1) if found else ""


def redis_part(options, libraries):
    if not shutil.which("redis-server"):
        print("\nredis: skipped, there is no redis-server")
        return {}
    result = {}
    for name, library in libraries.items():
        with tempfile.TemporaryDirectory() as scratch:
            server = Redis(library or libc_path(), scratch)
            try:
                server.ask("DEBUG", "POPULATE", str(options.keys), "key", "300")
                row = {"full": server.resident_bytes()}
                server.ask("FLUSHALL")
                row["flushed"] = server.resident_bytes()
                time.sleep(options.idle)
                row["idle"] = server.resident_bytes()
            finally:
                server.close()
        result[name] = row
    mib = lambda key: {name: "%.1f" % (row[key] / 1048576) for name, row in result.items()}
    show("redis-server with %d keys, MiB" % options.keys, libraries,
         [("full", mib("full")), ("after FLUSHALL", mib("flushed")),
          ("%g s later" % options.idle, mib("idle"))])
    return result


def main():
    options = arguments()
    runs.need_built(options.build, "start")
    if "threads" in options.parts:
        runs.need_built(options.build, "threads64")
    libraries = runs.choose_libraries(options)
    if GLIBC not in libraries:
        libraries = {GLIBC: "", **libraries}
    document = {"schema": "ullage.bench-start/1", "date": time.strftime("%Y-%m-%d"),
                "machine": runs.machine(), "commit": runs.git_commit(),
                "allocators": {n: runs.suite.version(path) for n, path in libraries.items()}}
    parts = {"start": start_part, "thread": thread_part, "rss": rss_part,
             "threads": threads_part, "redis": redis_part}
    for part in options.parts:
        document[part] = parts[part](options, libraries)
        runs.save(options.json, document)
    return 0


if __name__ == "__main__":
    runs.script(main)
