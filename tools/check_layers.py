#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_layers.py [ROOT]: who may include whom. The table below is the house.

Includes between rooms are written "room/file.h", from src/. Arrows point down only; a call that must
go up goes through a struct of function pointers that the lower room declares and runtime fills in.
A room without a row, a room without a README.md, a header cycle, or a .c that includes a .c: an error.
"""
import re, sys
from pathlib import Path

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
SRC = ROOT / "src"

MAY_INCLUDE = {
    "base":    "",
    "os":      "base",
    "wire":    "base",
    # inside the observed program
    "heap":    "base os",
    "budget":  "base os wire heap",
    "prof":    "base os heap",
    "gc":      "base os heap",
    "pool":    "base os heap budget",
    "runtime": "base os wire heap budget prof gc pool public",
    "api":     "base heap runtime public",
    # outside: the command
    "sparse":  "base",
    "lens":    "base os wire public",
    "launch":  "base os wire public",
    "fit":     "base os wire public",
    "toolbox": "base os wire public",
    "cli":     "base os wire lens launch fit toolbox public",
}
# Single files or folders that may include one room more.
EXCEPTIONS = {"toolbox/matrix/": "sparse", "api/gc_": "gc", "api/interpose_new.c": "os"}

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
errors, graph = [], {}


def check_file(path):
    name = path.relative_to(SRC).as_posix()
    room = name.split("/")[0]
    allowed = set(MAY_INCLUDE.get(room, "").split()) | {room}
    allowed |= {extra for prefix, extra in EXCEPTIONS.items() if name.startswith(prefix)}
    graph[name] = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        quote, target = found.groups()
        where, first = f"src/{name}:{number}", target.split("/")[0]
        if first == "ullage":
            if "public" not in allowed:
                errors.append(f"{where}: the public header is for api, runtime and the outside rooms; "
                              f"{room} may not include it")
        elif quote == "<":
            continue
        elif "/" not in target or ".." in target:
            errors.append(f'{where}: write "{room}/…", from src/, not "{target}"')
        elif not (SRC / target).exists():
            errors.append(f'{where}: there is no src/{target}')
        elif first not in allowed:
            may = " ".join(sorted(allowed - {room, "public"})) or "nothing"
            errors.append(f'{where}: {room} may not include {first} (it may include: {may})')
        elif target.endswith(".c"):
            errors.append(f"{where}: includes a .c file")
        else:
            graph[name].append(target)


def check_cycles():
    state = {}

    def visit(name, path):
        if state.get(name) == "done":
            return
        if name in path:
            errors.append("header cycle: " + " -> ".join(path[path.index(name):] + [name]))
            return
        for target in graph.get(name, []):
            visit(target, path + [name])
        state[name] = "done"

    for name in sorted(graph):
        visit(name, [])


for entry in sorted(SRC.iterdir()):
    if not entry.is_dir():
        errors.append(f"src/{entry.name}: a file outside every room")
    elif entry.name not in MAY_INCLUDE:
        errors.append(f"src/{entry.name}: a room without a row in tools/check_layers.py; "
                      "a new room starts with half a page in docs/design/")
    elif not (entry / "README.md").exists():
        errors.append(f"src/{entry.name}: a room without a README.md")
for source in sorted(path for path in SRC.rglob("*") if path.suffix in (".c", ".h", ".cc", ".def")):
    check_file(source)
# What stands beside src/ uses what is installed, as a user would.
for folder in ("examples",):
    for source in sorted((ROOT / folder).rglob("*.[ch]")):
        for number, line in enumerate(source.read_text(errors="replace").splitlines(), 1):
            found = INCLUDE.match(line)
            if found and found[1] == '"' and (SRC / found[2]).exists():
                errors.append(f"{source.relative_to(ROOT)}:{number}: an example includes only what is installed")
check_cycles()
print("\n".join(errors) or f"layers: {len(graph)} files keep to the table")
sys.exit(1 if errors else 0)
