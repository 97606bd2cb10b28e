# SPDX-License-Identifier: MIT
"""Interpreters and virtual machines, each with a program of payload/ that works its allocator.

python3 runs with PYTHONMALLOC=malloc, so that every object is the library's; the system's and, where another comes
first in the user's PATH, that one too (a pyenv or conda build differs in how it was linked)."""
import os
import pathlib
import shutil
import subprocess

from harness import Program, find


def real_python(start):
    """The executable behind a python3 that may be a launcher script."""
    try:
        return subprocess.run([start, "-c", "import sys; print(sys.executable)"], timeout=20, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode().strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def run_python(box, executable):
    box.payload("churn.py")
    # A fixed hash seed: the order of a set of strings is part of the output.
    box.run([executable, "churn.py", "1" if box.small else "8"], name="python3",
            env={"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}, timeout_s=300)


def python_system(box):
    run_python(box, "/usr/bin/python3")


def other_python():
    first = shutil.which("python3", path=os.environ.get("PATH", ""))
    real = real_python(first) if first else ""
    return "" if not real or os.path.realpath(real) == os.path.realpath("/usr/bin/python3") else real


def python_path(box):
    run_python(box, other_python())


def perl(box):
    box.payload("churn.pl")
    box.run(["perl", "churn.pl", "1" if box.small else "8"], env={"PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0"})


def ruby(box):
    box.payload("churn.rb")
    box.run(["ruby", "churn.rb", "1" if box.small else "8"])


def node(box):
    box.payload("churn.mjs")
    box.run(["node", "churn.mjs", "1" if box.small else "8"])


def jvm(box):
    box.payload("Churn.java")
    # Fixed sizes: the JVM would otherwise take its heap from the machine's free memory.
    box.run(["javac", "-J-Xmx256m", "Churn.java"], timeout_s=180)
    for path in sorted(box.dir.glob("*.class")):
        box.keep_file(pathlib.Path(path.name))
    box.run(["java", "-Xms128m", "-Xmx256m", "-XX:MaxDirectMemorySize=96m", "Churn", "2" if box.small else "8"],
            timeout_s=180)
    box.run(["java", "-XX:+UseSerialGC", "-Xmx128m", "Churn", "1"], name="java-serial", timeout_s=180)


PROGRAMS = [
    Program("python3", python_system, "PYTHONMALLOC=malloc: json, dicts, threads, subprocess, fork",
            ["/usr/bin/python3"], ["python3"], ["python3"], small=True),
    Program("python3-path", python_path, "the same under the python3 that comes first in PATH", [], ["python3"],
            ["python3"], available=lambda: "" if other_python() else "PATH's python3 is the system's: nothing to add"),
    Program("perl", perl, "hashes, strings, regexes, sort, fork", ["perl"], ["perl"], ["perl"], small=True),
    Program("ruby", ruby, "hashes, strings, threads, GC, fork", ["ruby"], ["ruby"], ["ruby"], small=True),
    Program("node", node, "Buffers, worker threads, JSON, zlib", ["node"], ["nodejs"], ["node"], small=True),
    Program("jvm", jvm, "javac, then threads, direct buffers and GC under G1 and serial", ["javac", "java"],
            ["openjdk-17-jdk-headless"], ["javac", "java"]),
]
