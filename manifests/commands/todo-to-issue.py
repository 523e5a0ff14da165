#!/usr/bin/env python3
"""todo-to-issue: TODO and FIXME comments of a git tree as issues in markdown.

Each issue says file and line, who wrote the line and when (git blame), and shows the lines around
it. Only tracked files are read, and only markers inside a comment count. With --ask a model adds
what should be done, a paragraph each: `p42 ask`, on the default account.
"""

# ruff: noqa: T201 - a command prints
from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

AROUND = 2  # lines shown before and after the marker
ASKED = (
    "Below are a TODO comment and the lines around it. Say in one short paragraph what should be "
    "done there and why, for the text of an issue. Do not repeat the code."
)

# A comment opens at the start of the line or after a blank: `http://TODO` is none.
COMMENT = r"(?:^|\s)(?:#+|//+!?|/\*+|\*|--|;+|%+|<!--|\"\"\"|'''|REM\b)\s*(?:@|\[)?"
TAIL = re.compile(r"\s*(?:\*/|-->|\"\"\"|''')\s*$")


@dataclass(frozen=True)
class Found:
    """One marker. `author`, `date` and `commit` are "" where git does not know."""

    tag: str
    owner: str  # the name in TODO(name)
    title: str
    file: str
    line: int
    context: str
    author: str = ""
    date: str = ""
    commit: str = ""
    body: str = ""  # what a model said of it, with --ask


def pattern(tags: list[str]) -> re.Pattern[str]:
    """Matches a comment that begins with one of `tags`: TODO, TODO: text, TODO(anna): text."""
    names = "|".join(re.escape(tag) for tag in tags)
    return re.compile(rf"{COMMENT}({names})\b\]?(?:\(([^)]*)\))?\s*[:-]?\s*(.*)$")


def scan(text: str, file: str, marker: re.Pattern[str]) -> list[Found]:
    """All markers of one file, in order. Lines count from 1."""
    lines = text.splitlines()
    found = []
    for index, line in enumerate(lines):
        match = marker.search(line)
        if match is None:
            continue
        title = TAIL.sub("", match[3]).strip() or f"{match[1]} without a word"
        first = max(0, index - AROUND)
        context = "\n".join(lines[first : index + AROUND + 1])
        found.append(Found(match[1], match[2] or "", title, file, index + 1, context))
    return found


def git(*words: str, at: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in the directory `at`; its exit code is the caller's business."""
    return subprocess.run(["git", "-C", at, *words], capture_output=True, check=False)


def tracked(root: str, paths: list[str]) -> list[str]:
    """Tracked files below `root`, or the ones of `paths`, as git prints them."""
    listing = git("ls-files", "-z", "--", *paths, at=root)
    if listing.returncode:
        sys.exit(f"todo-to-issue: {listing.stderr.decode(errors='replace').strip()}")
    return [name.decode("utf-8", "surrogateescape") for name in listing.stdout.split(b"\0") if name]


def blamed(found: Found, root: str) -> Found:
    """`found` with author, date (UTC) and commit of its line; as it was where git knows none."""
    place = f"{found.line},{found.line}"
    run = git("blame", "--porcelain", "-L", place, "--", found.file, at=root)
    if run.returncode:
        return found
    text = run.stdout.decode("utf-8", "replace")
    head = dict(line.split(" ", 1) for line in text.splitlines()[1:] if " " in line)
    commit = text[:40]
    if set(commit) == {"0"}:  # a line that is not committed yet
        return Found(**{**asdict(found), "author": "not committed yet"})
    date = datetime.fromtimestamp(int(head["author-time"]), UTC).date().isoformat()
    author = head.get("author", "")
    return Found(**{**asdict(found), "author": author, "date": date, "commit": commit[:10]})


def collect(root: str, paths: list[str], marker: re.Pattern[str]) -> list[Found]:
    """Markers of all tracked text files, with blame."""
    found: list[Found] = []
    for name in tracked(root, paths):
        path = Path(root, name)
        if path.is_symlink() or not path.is_file():
            continue
        data = path.read_bytes()
        if b"\0" in data[:8000]:  # git's own idea of a binary file
            continue
        found += [blamed(one, root) for one in scan(data.decode("utf-8", "replace"), name, marker)]
    return found


def described(found: Found) -> Found:
    """`found` with what the model of the default account says. Ends the program without one."""
    text = f"{found.tag}: {found.title}\n{found.file}:{found.line}\n\n{found.context}"
    try:
        run = subprocess.run(
            ["p42", "ask", "--timeout", "60s", ASKED],
            input=text,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        sys.exit("todo-to-issue: --ask needs p42, which is not on PATH")
    if run.returncode:
        sys.exit(run.returncode)  # p42 has said why
    return replace(found, body=run.stdout.strip())


def markdown(found: Found) -> str:
    """One issue: a title line, the facts, what to do, the lines around."""
    facts = [f"`{found.file}:{found.line}`"]
    if found.commit:
        facts.append(f"written by {found.author} on {found.date} in {found.commit}")
    elif found.author:
        facts.append(found.author)
    if found.owner:
        facts.append(f"for {found.owner}")
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", found.context)), default=0))
    quoted = f"{fence}\n{found.context}\n{fence}"
    parts = [f"## {found.tag}: {found.title}", ", ".join(facts), found.body, quoted]
    return "\n\n".join(filter(None, parts)) + "\n"


def main() -> None:
    """Read the arguments, print the issues. Exit 0 also when there is nothing to do."""
    parser = argparse.ArgumentParser(
        prog="todo-to-issue", description="Turn TODO and FIXME comments into issues in markdown."
    )
    parser.add_argument("paths", nargs="*", help="files or directories, or - for one file on stdin")
    parser.add_argument("-C", dest="root", default=".", metavar="DIR", help="the git tree (.)")
    parser.add_argument("-t", "--tag", action="append", metavar="TAG", help="not TODO, FIXME")
    parser.add_argument("-o", choices=["markdown", "json"], default="markdown", help="the form")
    parser.add_argument("-a", "--ask", action="store_true", help="add what a model says: p42 ask")
    given = parser.parse_args()
    marker = pattern(given.tag or ["TODO", "FIXME"])
    if given.paths == ["-"]:
        found = scan(sys.stdin.read(), "stdin", marker)
    else:
        found = collect(given.root, given.paths, marker)
    if given.ask:
        found = [described(one) for one in found]
    if given.o == "json":
        print(json.dumps([asdict(one) for one in found], indent=2))
    elif found:
        print("\n".join(map(markdown, found)), end="")
    else:
        print("Nothing left to do.", file=sys.stderr)


if __name__ == "__main__":
    main()
