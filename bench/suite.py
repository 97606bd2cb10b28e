# SPDX-License-Identifier: MIT
"""suite.py: which programs are measured, with which arguments, under which allocators.

A program is a name, a command and whether `--scale` lengthens it. `-2` in a name means two
threads; the total work stays the same. The arguments are chosen so that one run takes about a
second under mimalloc on a small server core and that most heaps lie above 20 MiB: below that,
the text and data of libc and of the allocator itself are most of what a peak RSS shows.
"""
import glob
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# name, program, arguments
OWN = [
    ("churn", "churn", []),
    ("churn-hot", "churn", ["--live", "2000", "--ops", "20000000"]),
    ("churn-2", "churn", ["--threads", "2", "--ops", "12000000"]),
    ("larson-2", "larson", []),
    ("xmalloc-2", "xmalloc", []),
    ("sh6", "sh6", []),
    ("sh6-2", "sh6", ["--threads", "2", "--ops", "90000000"]),
    ("sh8-2", "sh8", []),
    ("sizes", "sizes", []),
    ("sizes-2", "sizes", ["--threads", "2", "--ops", "5000000"]),
    ("large", "large", []),
    ("large-2", "large", ["--threads", "2"]),
    ("realloc", "realloc", []),
    ("threads-2", "threads", []),
    ("cache", "cache", []),
    ("cache-2", "cache", ["--threads", "2", "--ops", "3600000"]),
    ("scratch-2", "scratch", []),
    ("mstress-2", "mstress", []),
    ("cfrac", "cfrac", []),
    ("alloctest", "alloctest", []),
    ("alloctest-2", "alloctest", ["--threads", "2", "--ops", "18000000"]),
]

PYTHON = """
import json, random
random.seed(1)
rows = [{"id": i, "name": "row %d" % i, "values": [random.random() for _ in range(8)],
         "tags": ["t%d" % (i % k) for k in range(1, 6)]} for i in range(30000)]
text = json.dumps(rows)
for _ in range(3):
    again = json.loads(text)
print(len(text), sum(len(row["tags"]) for row in again))
"""

SQL = """
create table t(id integer primary key, name text, value real);
with recursive c(x) as (select 1 union all select x + 1 from c where x < 400000)
  insert into t select x, 'name ' || (x * 7919 % 400009), x * 0.5 from c;
create index i on t(name);
select count(*), sum(value) from t where name like 'name 1%';
select a.name from t a join t b on a.name > b.name and b.id = a.id + 1 order by a.name desc limit 3;
"""

PERL = r"""
my %h; my @l;
for my $i (1 .. 250000) { my $k = "key" . ($i * 7919 % 1000003); $h{$k} = "v" x ($i % 60);
  push @l, [$i, $k] if $i % 3 == 0; }
my $n = 0; for my $k (sort keys %h) { $n += length $h{$k} } print "$n\n";
"""


def real_programs(directory):
    """Programs of the system with inputs written into `directory`: those that are there."""
    os.makedirs(directory, exist_ok=True)
    found = []
    for name, text in (("work.py", PYTHON), ("work.sql", SQL), ("work.pl", PERL)):
        with open(os.path.join(directory, name), "w") as file:
            file.write(text)
    with open(os.path.join(directory, "large.c"), "w") as file:
        for i in range(400):
            file.write("int f%d(int a, int b) { int s = 0; for (int i = 0; i < a; i++) "
                       "s += (b ^ i) %% (%d + 1) ? i * b : s >> 3; return s; }\n" % (i, i))
    path = lambda name: os.path.join(directory, name)
    python = ["env", "PYTHONMALLOC=malloc", sys.executable]
    found.append(("real-python", python + [path("work.py")]))
    if shutil.which("sqlite3"):
        found.append(("real-sqlite", ["sqlite3", ":memory:", ".read " + path("work.sql")]))
    if shutil.which("perl"):
        found.append(("real-perl", ["perl", path("work.pl")]))
    if shutil.which("gcc"):
        found.append(("real-gcc", ["gcc", "-O2", "-S", "-o", "-", path("large.c")]))
    return found


def own_programs(build, scale):
    extra = [] if scale == 1 else ["--scale", str(scale)]
    return [(name, [os.path.join(build, "bench", "bench_" + program)] + arguments + extra)
            for name, program, arguments in OWN]


def allocators(build):
    """Name → library to preload ('' for libc's own), for those that are installed."""
    found = {"glibc": ""}
    for name, pattern in (("mimalloc", "libmimalloc.so.2*"), ("jemalloc", "libjemalloc.so.2"),
                          ("tcmalloc", "libtcmalloc_minimal.so.4")):
        paths = sorted(glob.glob("/usr/lib/*/" + pattern))
        if paths:
            found[name] = paths[0]
    ours = os.path.join(build, "libullage.so")
    if os.path.exists(ours):
        found["ullage"] = ours
    return found


def version(path):
    """What a person needs to know to get the same library again: file name and Debian package."""
    if not path:
        return "libc " + " ".join(os.confstr("CS_GNU_LIBC_VERSION").split()[1:])
    real = os.path.realpath(path)
    try:
        owner = subprocess.run(["dpkg-query", "-S", real], capture_output=True, text=True)
        package = owner.stdout.split(": ")[0] if owner.returncode == 0 else ""
        if package:
            shown = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}", package],
                                   capture_output=True, text=True)
            return shown.stdout.strip()
    except OSError:
        pass
    return os.path.basename(real)
