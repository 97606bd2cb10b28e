#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_docs.py [ROOT]: what the pages and the comments point at is there.

  links   relative links of every *.md lead to a file, and #anchors to a heading
  tags    a comment cites a design page as [heap.spans]; a page of docs/design/ sets the tag by
          writing it in a heading or at the start of a line. A dangling citation or a tag set twice
          is an error.
"""
import re, sys
from pathlib import Path

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
SKIP = {".git", "build", "node_modules"}
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
TAG = re.compile(r"\[([a-z][a-z0-9_]*\.[a-z][a-z0-9_-]*)\]")  # one dot; more is the C++ standard's
COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|(/\*.*?\*/|//[^\n]*)', re.S)
errors = []


def files(*suffixes):
    return sorted(path for path in ROOT.rglob("*") if path.suffix in suffixes and path.is_file()
                  and not SKIP.intersection(path.relative_to(ROOT).parts))


def without_code(text):
    """A page without its code: fenced blocks become empty lines, so that line numbers stay."""
    text = re.sub(r"^( *)(```|~~~).*?^ *\2[ \t]*$", lambda m: "\n" * m[0].count("\n"), text, flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(path):
    """The anchors of a page's headings, as a Markdown host makes them."""
    found = set(re.findall(r'<a (?:id|name)="([^"]+)"', path.read_text(errors="replace")))
    text = re.sub(r"^( *)(```|~~~).*?^ *\2[ \t]*$", "", path.read_text(errors="replace"), flags=re.S | re.M)
    for heading in re.findall(r"^#+ +(.+?)\s*$", text, re.M):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")
        while slug in found:
            slug += "-1"
        found.add(slug)
    return found


def check_links(page):
    for number, line in enumerate(without_code(page.read_text(errors="replace")).splitlines(), 1):
        for target in LINK.findall(line):
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            where = f"{page.relative_to(ROOT)}:{number}"
            name, _, anchor = target.partition("#")
            goal = (page.parent / name).resolve() if name else page
            if not goal.exists():
                errors.append(f"{where}: {target} leads nowhere")
            elif not goal.is_relative_to(ROOT.resolve()):
                errors.append(f"{where}: {target} leads out of the repository")
            elif anchor and goal.suffix == ".md" and anchor not in anchors(goal):
                errors.append(f"{where}: {name or 'this page'} has no heading #{anchor}")


def design_tags():
    tags = {}
    for page in files(".md"):
        if not page.relative_to(ROOT).as_posix().startswith("docs/design/"):
            continue
        for number, line in enumerate(page.read_text(errors="replace").splitlines(), 1):
            heading = line.startswith("#")
            for found in TAG.finditer(line):
                if heading or re.fullmatch(r"[\s*_`>-]*", line[:found.start()]):
                    where = f"{page.relative_to(ROOT)}:{number}"
                    if found[1] in tags:
                        errors.append(f"{where}: [{found[1]}] is also set at {tags[found[1]]}")
                    tags[found[1]] = where
    return tags


def check_citations(tags):
    count = 0
    for source in files(".c", ".h", ".cc", ".def"):
        text = source.read_text(errors="replace")
        for comment in COMMENT.finditer(text):
            for found in TAG.finditer(comment[1] or ""):
                count += 1
                if found[1] not in tags:
                    number = text.count("\n", 0, comment.start() + found.start()) + 1
                    errors.append(f"{source.relative_to(ROOT)}:{number}: [{found[1]}] is set by no page of docs/design/")
    return count


pages = files(".md")
for page in pages:
    check_links(page)
cited = check_citations(design_tags())
print("\n".join(errors) or f"docs: {len(pages)} pages, {cited} citations")
sys.exit(1 if errors else 0)
