# SPDX-License-Identifier: MIT
"""run.py --self-test: allocators broken on purpose (broken.c), each of which run.py must find out.

Each is built, perl's small run is done under it by run.py itself, and it must exit 1 and name the reason."""
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LIMIT_S = "10"      # the one that hangs costs this much
FAULTS = [          # (BROKEN, what it does, words of which run.py must say one)
    (1, "defines no malloc", ["preload did not take: malloc of"]),
    (2, "calloc does not zero", ["differs", "killed by", "exit "]),
    (3, "hangs", ["no end within"]),
    (4, "aborts", ["killed by SIGABRT"]),
    (5, "prints a line", ["stderr differs"]),
    (6, "leaves a process behind", ["process(es) behind"]),
]


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="ullage-self-test-") as name:
        for number, what, words in FAULTS:
            library = pathlib.Path(name, f"libbroken{number}.so")
            subprocess.run([os.environ.get("CC", "cc"), "-O1", "-fno-builtin", "-shared", "-fPIC", f"-DBROKEN={number}",
                            "-o", library, HERE / "broken.c"], check=True)
            done = subprocess.run([sys.executable, HERE / "run.py", "--small", "--only", "perl", "--timeout", LIMIT_S,
                                   "--library", library], stdout=subprocess.PIPE, check=False)
            text = done.stdout.decode()
            found = done.returncode == 1 and any(word in text for word in words)
            passed, failed = passed + found, failed + (not found)
            print(f"{'found' if found else 'NOT FOUND'}: an allocator that {what}")
            if not found:
                print(f"  expected exit 1 and one of {words}; got exit {done.returncode}:\n{text}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0
