# SPDX-License-Identifier: MIT
"""The small tools every script uses: awk, sort, bash, tar, find, ls, and make -j2 over them and cc.

They live for milliseconds, so this is where the cost of starting a process under the library shows, and
where a program that relies on the exact meaning of an odd allocator call (reallocarray in sort) meets it."""
from harness import Program

# About 20 bytes a line, scattered by a linear congruential generator so that sort has work to do.
TABLE = ("BEGIN { x = 7; for (i = 0; i < N; i++) { x = (x * 1103515245 + 12345) % 2147483648;"
         " printf \"%d key%d %s\\n\", x, x % 5003, substr(\"abcdefghijklmnopqrstuvwxyz\", x % 20, 6) } }")
TOTALS = "{ sum[$2] += $1; text[$2] = text[$2] substr($3, 1, 1) } END { for (k in sum) print k, sum[k], text[k] }"
SCRIPT = r"""set -e
declare -A seen
for i in $(seq 1 ROUNDS); do
  word="w$((i % 97))"; seen[$word]="${seen[$word]}$i,"; long="$long$word"
done
for word in "${!seen[@]}"; do echo "$word ${#seen[$word]}"; done | sort
echo ${#long}
mapfile -t lines < table; echo ${#lines[@]} "${lines[42]}"
(echo "in a subshell $((6 * 7))"); cat <(head -3 table) | tr a-z A-Z
"""


def shell_tools(box):
    rows, rounds = (40_000, 3_000) if box.small else (600_000, 30_000)
    box.run(["awk", "-v", f"N={rows}", TABLE], name="awk-make")
    box.write("table", box.started[-1].stdout.read_bytes())
    box.run(["awk", TOTALS, "table"], name="awk-totals")
    # Two threads, merged from small buffers: sort's realloc of its line table, both ways.
    box.run(["sort", "--parallel=2", "-S", "8M", "-k2,2", "-k1,1n", "table"], name="sort")
    box.run(["sort", "-u", "-R", "--random-source=table", "table"], name="sort-random")
    box.write("script", SCRIPT.replace("ROUNDS", str(rounds)))
    box.run(["bash", "script"], name="bash")
    for i in range(20 if box.small else 400):
        box.write(f"tree/d{i % 17}/f{i}", f"file {i}\n" * (i + 1))
    box.run(["find", "tree", "-type", "f", "-name", "*1*", "-printf", "%s %p\\n"], name="find-unsorted",
            normalise=sorted_lines)     # the order of a directory's entries is the file system's business
    box.run(["ls", "-R", "tree"], name="ls")
    box.run(["tar", "--sort=name", "--owner=0", "--group=0", "--mtime=@0", "-czf", "tree.tgz", "tree"], name="tar")
    box.keep_file("tree.tgz")
    box.run(["tar", "-tzf", "tree.tgz"], name="tar-list")


def sorted_lines(text):
    return b"\n".join(sorted(text.splitlines()))


def make(box):
    """A build with many short processes, two at a time: make, sh, cc1, as, collect2, ld."""
    count = 6 if box.small else 60
    for i in range(count):
        box.write(f"m{i}.c", f"#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
                             f"int f{i}(int x) {{ char b[64]; snprintf(b, sizeof b, \"%d\", x + {i});"
                             f" return (int)strtol(b, NULL, 10) % 1009; }}\n")
    calls = "".join(f"x = f{i}(x);" for i in range(count))
    protos = "".join(f"int f{i}(int);" for i in range(count))
    box.write("main.c", f"#include <stdio.h>\n{protos}int main(void) {{ int x = 1; {calls} printf(\"%d\\n\", x); }}\n")
    objects = " ".join(f"m{i}.o" for i in range(count)) + " main.o"
    box.write("Makefile", f"prog: {objects}\n\tgcc -o $@ $^\n%.o: %.c\n\tgcc -O1 -c $<\n")
    # Which of two jobs prints first is chance; the set of lines is not.
    box.run(["make", "-j2"], normalise=sorted_lines, timeout_s=300)
    box.keep_file("prog")
    box.run([box.dir / "prog"], name="prog")


PROGRAMS = [
    Program("shell-tools", shell_tools, "awk, sort, bash, find, ls, tar: many short lives",
            ["awk", "sort", "bash", "find", "tar", "gzip"], ["mawk", "coreutils", "bash", "findutils", "tar"],
            ["[mg]?awk", "sort", "bash", "find", "ls", "tar", "gzip", "head", "tr"], small=True),
    Program("make-j2", make, "make -j2 over a C program of many files", ["make", "gcc"], ["make", "gcc"],
            ["make", "cc1", "as", "ld", "prog"], small=True),
]
