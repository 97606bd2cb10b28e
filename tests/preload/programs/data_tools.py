# SPDX-License-Identifier: MIT
"""Programs that hold a data structure: sqlite3's pages, z3's terms, git's objects."""
import random

from harness import Program


def sqlite(box):
    rows = 50_000 if box.small else 1_000_000
    box.write("work.sql", f"""
PRAGMA journal_mode=MEMORY; PRAGMA cache_size=-65536;
CREATE TABLE item(id INTEGER PRIMARY KEY, key TEXT, value BLOB, score REAL);
BEGIN;
INSERT INTO item SELECT value, 'key' || (value * 2654435761 % 4294967296), zeroblob(value % 97), value * 0.37
  FROM generate_series(1, {rows});
COMMIT;
CREATE INDEX item_key ON item(key); CREATE INDEX item_score ON item(score, id);
SELECT count(*), sum(length(value)), round(sum(score), 3) FROM item;
SELECT key FROM item ORDER BY key DESC LIMIT 20;
SELECT id % 13 AS g, count(*), group_concat(key, '') FROM (SELECT * FROM item LIMIT 20000) GROUP BY g ORDER BY g;
SELECT a.id, b.key FROM item a JOIN item b ON b.id = a.id * 7 % {rows} WHERE a.key LIKE 'key99%' ORDER BY a.id LIMIT 500;
DELETE FROM item WHERE id % 3 = 0;
UPDATE item SET key = key || '-changed' WHERE id % 5 = 0;
VACUUM; ANALYZE; PRAGMA integrity_check;
SELECT count(*), max(key), min(key) FROM item;
""")
    box.run(["sqlite3", "-batch", "work.db"], stdin="work.sql", timeout_s=300)
    box.plain(["sqlite3", "work.db", ".sha3sum"])
    box.keep("sha3sum of the tables", box.plain(["sqlite3", "work.db", ".sha3sum"]))


def smt_problem(queens, bits, seed):
    """Bit-vector equations with a known solution, and N queens over integers: terms, clauses, backtracking."""
    pick = random.Random(seed)
    lines = ["(set-option :produce-models true)", "(set-option :smt.random_seed 1)", "(set-option :sat.random_seed 1)",
             "(push)"]
    left, right = (pick.randrange(1 << (bits - 1), 1 << bits) | 1 for _ in range(2))
    zero = f"(_ bv0 {bits})"
    lines += [f"(declare-const a (_ BitVec {2 * bits}))", f"(declare-const b (_ BitVec {2 * bits}))",
              f"(assert (= (bvmul a b) (_ bv{left * right} {2 * bits})))",
              f"(assert (= ((_ extract {2 * bits - 1} {bits}) a) {zero}))",
              f"(assert (= ((_ extract {2 * bits - 1} {bits}) b) {zero}))",
              "(assert (bvule a b))", "(check-sat)", "(pop)", "(push)"]
    for i in range(queens):
        lines += [f"(declare-const q{i} Int)", f"(assert (and (<= 0 q{i}) (< q{i} {queens})))"]
    for i in range(queens):
        for j in range(i):
            lines.append(f"(assert (and (distinct q{i} q{j}) (distinct (- q{i} q{j}) {i - j}) (distinct (- q{j} q{i}) {i - j})))")
    lines += ["(check-sat)", "(get-value (" + " ".join(f"q{i}" for i in range(queens)) + "))", "(pop)"]
    return "\n".join(lines) + "\n"


def z3(box):
    box.write("problem.smt2", smt_problem(6, 10, 3) if box.small else smt_problem(10, 17, 3))
    box.run(["z3", "-smt2", "problem.smt2"], timeout_s=300)


def repository_stream(commits, files):
    """A history for git fast-import: files that grow and change a line at a time, as source does."""
    pick = random.Random(11)
    text = [[f"line {k} of file {f} {pick.getrandbits(64):x}" for k in range(120)] for f in range(files)]
    out = []
    for number in range(commits):
        out.append(f"commit refs/heads/main\ncommitter A <a@example.org> {1600000000 + number * 60} +0000\n"
                   f"data {len(f'change {number}')}\nchange {number}\n")
        for f in sorted(pick.sample(range(files), 4)):
            text[f][pick.randrange(len(text[f]))] = f"changed in {number}: {pick.getrandbits(96):x}"
            text[f].append(f"added in {number}")
            body = "\n".join(text[f]) + "\n"
            out.append(f"M 100644 inline dir{f % 7}/file{f}.c\ndata {len(body)}\n{body}\n")
    return "".join(out)


def git(box):
    commits, files = (120, 30) if box.small else (3000, 150)
    box.write("stream", repository_stream(commits, files))
    config = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}
    work = ["git", "-C", "repo"]
    box.plain(["git", "init", "-q", "-b", "main", "repo"], env=config)
    box.run([*work, "fast-import", "--quiet"], name="git-import", stdin="stream", env=config, timeout_s=300)
    box.run([*work, "gc", "--quiet", "--prune=now"], name="git-gc", env=config, timeout_s=300)
    # Two packing threads choose deltas as they meet; the objects are the same, the pack need not be.
    box.run([*work, "cat-file", "--batch-all-objects", "--batch-check"], name="git-objects", env=config)
    box.run([*work, "fsck", "--full", "--strict"], name="git-fsck", env=config, timeout_s=300)
    box.run([*work, "-c", "pack.threads=1", "repack", "-adfq"], name="git-repack", env=config, timeout_s=300)
    for path in sorted((box.dir / "repo/.git/objects/pack").glob("*.pack")):
        box.keep("the pack of one thread", path.name.encode() + path.read_bytes())
    box.run([*work, "log", "--stat", "-n", "40"], name="git-log", env=config)
    box.run([*work, "blame", "main", "--", "dir3/file3.c"], name="git-blame", env=config)


PROGRAMS = [
    Program("sqlite3", sqlite, "1M rows, two indices, joins, delete, vacuum", ["sqlite3"], ["sqlite3"], ["sqlite3"],
            small=True),
    Program("z3", z3, "bit-vector factoring and N queens", ["z3"], ["z3"], ["z3"], small=True),
    Program("git", git, "fast-import, gc, fsck, repack, log, blame of a generated history", ["git"], ["git"], ["git"],
            small=True),
]
