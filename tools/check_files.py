#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_files.py [ROOT]: habits of a file that a machine can see.

  licence   SPDX line first (second below a #!)
  length    at most 600 lines, unless the head says why ("over 600 lines because …")
  #if       OS only in src/os/, CPU only in src/os/arch/, compiler only in src/base/base.h
  guards    of src/room/file.h: UL_ROOM_FILE_H; of include/ullage/file.h: ULLAGE_FILE_H
  spaces    no tab, no space at the end of a line, a newline at the end of the file
"""
import re, sys
from pathlib import Path

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
FOLDERS = ("src", "include", "tests", "bench", "examples", "fuzz", "tools", "cmake", "deploy", ".ci")
SOURCES = {".c", ".h", ".cc", ".def", ".py", ".sh", ".bash", ".bats", ".cmake", ".go", ".in"}

CONDITION = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b(.*)")
OS = re.compile(r"\b(__linux__|__linux|__gnu_linux__|_WIN32|_WIN64|__APPLE__|__FreeBSD__|__NetBSD__|"
                r"__OpenBSD__|__unix__|__ANDROID__|__GLIBC__|__GLIBC_PREREQ|__MUSL__)\b")
CPU = re.compile(r"\b(__x86_64__|__amd64__|__i386__|__aarch64__|__arm__|__riscv|__powerpc64__|"
                 r"__s390x__|__SSE\w*__|__AVX\w*__|__ARM_\w+|_M_X64|_M_ARM64)\b")
COMPILER = re.compile(r"\b(__GNUC__|__clang__|__GNUC_MINOR__|_MSC_VER|__INTEL_COMPILER|"
                      r"__has_(attribute|builtin|feature|include)|__SANITIZE_\w+|__OPTIMIZE__)\b")
errors = []


def check_conditions(name, lines):
    """name: from ROOT. Only product code is bound; tests may ask what they run on."""
    if not name.startswith(("src/", "include/")):
        return
    for number, line in enumerate(lines, 1):
        found = CONDITION.match(line)
        if not found:
            continue
        if CPU.search(found[2]) and not name.startswith("src/os/arch/"):
            errors.append(f"{name}:{number}: #if on the CPU belongs in src/os/arch/")
        if OS.search(found[2]) and not name.startswith("src/os/"):
            errors.append(f"{name}:{number}: #if on the system belongs in src/os/")
        if COMPILER.search(found[2]) and name != "src/base/base.h":
            errors.append(f"{name}:{number}: #if on the compiler belongs in src/base/base.h")


def check_guard(name, lines):
    if name.startswith("src/"):
        want = "UL_" + re.sub(r"[^A-Z0-9]", "_", name[len("src/"):].upper())
    elif name.startswith("include/ullage/"):
        want = "ULLAGE_" + re.sub(r"[^A-Z0-9]", "_", name[len("include/ullage/"):].upper())
    else:
        return
    directives = [line.split() for line in lines if line.startswith("#")]
    if directives[:2] != [["#ifndef", want], ["#define", want]]:
        errors.append(f"{name}: its include guard should be {want}, as the first directive")


def check_file(path):
    name = path.relative_to(ROOT).as_posix()
    text = path.read_text(errors="replace")
    lines = text.splitlines()
    if not lines:
        return
    at = 1 if lines[0].startswith("#!") else 0
    if "SPDX-License-Identifier: MIT" not in "".join(lines[at:at + 1]):
        errors.append(f"{name}:{at + 1}: the SPDX line is missing: SPDX-License-Identifier: MIT")
    if len(lines) > 600 and "over 600 lines" not in " ".join(lines[:40]):
        errors.append(f"{name}: {len(lines)} lines; split it, or say in its head why it is over 600 lines")
    if path.suffix in (".c", ".h", ".cc", ".def"):
        check_conditions(name, lines)
    if path.suffix == ".h":
        check_guard(name, lines)
    if not text.endswith("\n") or text.endswith("\n\n"):
        errors.append(f"{name}: ends without one newline")
    for number, line in enumerate(lines, 1):
        if "\t" in line and path.name != "Makefile" and path.suffix != ".go":
            errors.append(f"{name}:{number}: a tab")
        if line != line.rstrip():
            errors.append(f"{name}:{number}: space at the end of the line")


files = [ROOT / "Makefile", ROOT / "CMakeLists.txt"]
for folder in FOLDERS:
    files += [path for path in (ROOT / folder).rglob("*")
              if path.suffix in SOURCES or path.name == "CMakeLists.txt" or folder == ".ci"]
files = sorted(path for path in files if path.is_file() and "__pycache__" not in path.parts)
for source in files:
    check_file(source)
print("\n".join(errors) or f"files: {len(files)} looked at")
sys.exit(1 if errors else 0)
