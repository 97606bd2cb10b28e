# SPDX-License-Identifier: MIT
"""programs.py: the programs of the system that are measured, and what they work on.

Each is one command for bench_measure, takes one to two seconds with libc's malloc, and says the
same on every run: no times, no process numbers. Short inputs stand beside this file; long ones are
generated into build/bench/input, the same bytes every time. A program that is not installed is
left out, and `missing` says so with the package to install.

Two things would make a figure worthless, so they are looked at here. A redis-server that carries
its allocator inside would run on that whatever is preloaded: `redis_uses_libc_names` leaves it
out. And what a program prints must not depend on the clock: db_bench prints rates, so its output
goes to /dev/null and only its exit code counts.
"""
import os
import random
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


# ---- generated inputs ----------------------------------------------------------------------------

def write_functions(path):
    """real-gcc: 400 C functions of a loop each."""
    with open(path, "w") as file:
        for i in range(400):
            file.write("int f%d(int a, int b) { int s = 0; for (int i = 0; i < a; i++) "
                       "s += (b ^ i) %% (%d + 1) ? i * b : s >> 3; return s; }\n" % (i, i))


def write_text(path):
    """real-awk: lines of twelve words, a few of them frequent, most of them rare."""
    draw = random.Random(1)
    with open(path, "w") as file:
        for _ in range(30000):
            file.write(" ".join("w%x" % int(60000 * draw.random() ** 4) for _ in range(12)) + "\n")


def write_formula(path):
    """real-z3: 24 equations over numbers of 24 bits, products and remainders, which have a solution."""
    draw, count, bits = random.Random(1), 24, 24
    with open(path, "w") as file:
        file.write("(set-logic QF_BV)\n")
        for i in range(count):
            file.write("(declare-const v%d (_ BitVec %d))\n" % (i, bits))
        for _ in range(count):
            a, b, c = draw.sample(range(count), 3)
            file.write("(assert (= (bvurem (bvadd (bvmul v%d v%d) v%d) (_ bv%d %d)) (_ bv%d %d)))\n"
                       % (a, b, c, draw.randrange(3, 11), bits, draw.randrange(0, 3), bits))
        file.write("(check-sat)\n")


def write_repository(path):
    """real-git: 400 commits that change five of 200 files each. Made once: repacking changes nothing
    that the next run would see."""
    if os.path.exists(os.path.join(path, "complete")):
        return
    shutil.rmtree(path, ignore_errors=True)
    draw, files, stream = random.Random(3), {}, []
    words = [word + str(i) for word in ("open", "read", "close", "map", "node", "list")
             for i in range(150)]
    line = lambda: " ".join(draw.choices(words, k=8))
    for commit in range(400):
        stream.append("commit refs/heads/main\ncommitter bench <bench@localhost> %d +0000\n"
                      "data 7\ncommit\n" % (1600000000 + commit * 60))
        for _ in range(5):
            name = "src/%d/file%d.c" % (draw.randrange(8), draw.randrange(25))
            lines = files.setdefault(name, [line() for _ in range(120)])
            for _ in range(6):
                lines[draw.randrange(len(lines))] = line()
            lines.append(line())
            text = "\n".join(lines) + "\n"
            stream.append("M 100644 inline %s\ndata %d\n%s" % (name, len(text), text))
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", path], check=True)
    subprocess.run(["git", "-C", path, "fast-import", "--quiet"], check=True,
                   input="\n".join(stream).encode())
    open(os.path.join(path, "complete"), "w").close()


# ---- commands ------------------------------------------------------------------------------------

def redis_uses_libc_names(server):
    """Whether malloc is a name that the loader binds for this redis-server: libc's, or, as in
    Debian's, a shared libjemalloc's, which a preloaded library comes before."""
    said = subprocess.run([server, "--version"], capture_output=True, text=True).stdout
    if "malloc=libc" in said:
        return True
    linked = subprocess.run(["ldd", server], capture_output=True, text=True).stdout
    return "malloc=jemalloc" in said and "libjemalloc.so" in linked


def git_repack(repository, threads, window):
    """All objects anew, no delta used again."""
    return ["git", "-C", repository, "-c", "pack.threads=%d" % threads, "repack", "-adfq",
            "--window=%d" % window]


def db_bench(directory, threads, keys):
    words = ["db_bench", "--benchmarks=fillrandom,readrandom", "--db=" + directory, "--seed=1",
             "--num=%d" % keys, "--reads=%d" % keys, "--threads=%d" % threads, "--value_size=200",
             "--compression_type=none", "--disable_wal=1", "--write_buffer_size=4194304"]
    return ["sh", "-c", 'exec "$@" >/dev/null 2>&1', "sh"] + words


def table(build, directory):
    """(name, program it needs, Debian package, command or a function that makes inputs and it)."""
    mine = lambda name: os.path.join(HERE, name)
    made = lambda name: os.path.join(directory, name)

    def with_input(write, name, command):
        def make():
            write(made(name))
            return command
        return make

    def redis():
        server = shutil.which("redis-server")
        return [os.path.join(build, "bench", "bench_redis"), server] \
            if redis_uses_libc_names(server) else None

    awk = "mawk" if shutil.which("mawk") else "gawk"
    return [
        ("real-python", sys.executable, "python3",
         ["env", "PYTHONMALLOC=malloc", sys.executable, mine("rows.py")]),
        ("real-sqlite", "sqlite3", "sqlite3",
         ["sqlite3", ":memory:", ".read " + mine("tables.sql")]),
        ("real-perl", "perl", "perl", ["perl", mine("hash.pl")]),
        ("real-gcc", "gcc", "gcc",
         with_input(write_functions, "large.c", ["gcc", "-O2", "-S", "-o", "-", made("large.c")])),
        ("real-g++", "g++", "g++", ["g++", "-std=c++17", "-S", "-o", "-", mine("templates.cc")]),
        ("real-redis", "redis-server", "redis-server", redis),
        ("real-ruby", "ruby", "ruby", ["ruby", mine("objects.rb")]),
        ("real-gs", "gs", "ghostscript",
         ["gs", "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE=ppmraw", "-r72",
          "-sOutputFile=/dev/null", mine("pages.ps")]),
        ("real-z3", "z3", "z3",
         with_input(write_formula, "formula.smt2", ["z3", "-smt2", made("formula.smt2")])),
        ("real-awk", awk, "mawk",
         with_input(write_text, "words.txt", [awk, "-f", mine("words.awk"), made("words.txt")])),
        ("real-node", "node", "nodejs", ["node", mine("buffers.js")]),
        ("real-git", "git", "git",
         with_input(write_repository, "repository.git", git_repack(made("repository.git"), 1, 20))),
        ("real-git-2", "git", "git",
         with_input(write_repository, "repository.git", git_repack(made("repository.git"), 2, 30))),
        ("real-rocksdb", "db_bench", "rocksdb-tools", db_bench(made("rocksdb"), 1, 100000)),
        ("real-rocksdb-2", "db_bench", "rocksdb-tools", db_bench(made("rocksdb"), 2, 40000)),
    ]


def programs(build, directory):
    """[(name, command)] of those that are installed; writes their inputs into `directory`."""
    os.makedirs(directory, exist_ok=True)
    found = []
    for name, needed, _, command in table(build, directory):
        if shutil.which(needed):
            command = command() if callable(command) else command
            if command:
                found.append((name, command))
    return found


def missing(build, directory):
    """["real-z3: z3 is not installed (package z3)", ...]"""
    lines = []
    for name, needed, package, _ in table(build, directory):
        if not shutil.which(needed):
            lines.append("%s: %s is not installed (package %s)" % (name, needed, package))
        elif name == "real-redis" and not redis_uses_libc_names(shutil.which(needed)):
            lines.append("%s: this redis-server carries its own allocator inside" % name)
    return lines
