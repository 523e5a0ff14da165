#!/usr/bin/env python3
"""git-haiku: three lines of 5, 7 and 5 syllables, found in the commit messages of a repository.

Nothing is made up: every line is a run of words as somebody wrote them. Where the messages hold
no clean 5-7-5, the nearest runs are taken and the syllables of each line are said. With --ask a
model writes the poem from the messages instead: `p42 ask`, on the default account.
"""

# ruff: noqa: T201 - a command prints
from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import product

SHAPE = (5, 7, 5)
LATEST = 40  # messages a model gets; a small one reads no more
ASKED = (
    "Write one haiku in English about the work that these commit messages tell of: three lines of "
    "5, 7 and 5 syllables. Answer with the three lines alone."
)

# Words the rules below get wrong and that commit messages are full of.
KNOWN = {
    "api": 3, "apis": 3, "area": 3, "being": 2, "ci": 2, "cli": 3, "cpu": 3, "create": 2,
    "created": 3, "creates": 2, "css": 3, "different": 3, "docs": 1, "every": 2, "everything": 3,
    "file": 1, "files": 1, "html": 4, "http": 4, "idea": 3, "ideas": 3, "idle": 2, "image": 2,
    "into": 2, "json": 2, "lines": 1, "makefile": 2, "maybe": 2, "namespace": 2, "once": 1,
    "one": 1, "people": 2, "pipeline": 2, "poem": 2, "queue": 1, "queues": 1, "quiet": 2,
    "quietly": 3, "readme": 2, "real": 1, "reality": 4, "rename": 2, "runtime": 2, "science": 2,
    "someone": 2, "something": 2, "sometimes": 2, "source": 1, "sources": 2, "sql": 3,
    "timeout": 2, "update": 2, "updates": 2, "url": 3, "urls": 3, "usage": 3, "usr": 3,
    "wherever": 3, "whole": 1, "yaml": 2,
}  # fmt: skip

# A line that ends in one of these hangs in the air.
WEAK_ENDS = frozenset({
    "a", "an", "and", "as", "at", "be", "because", "but", "by", "for", "from", "if", "in", "into",
    "is", "it", "its", "no", "not", "of", "on", "or", "our", "so", "than", "that", "the", "their",
    "then", "to", "was", "when", "where", "which", "while", "with", "without",
})  # fmt: skip

PREFIX = re.compile(r"^(?:[a-z0-9_./-]+(?:\([^)]*\))?!?:\s+)+", re.IGNORECASE)
WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)?,?")
PAUSE = re.compile(r"[^A-Za-z'’,\s-]+|\s-+\s")  # numbers and signs cannot be read aloud either
VOWELS = re.compile(r"[aeiouy]+")


def syllables(word: str) -> int:
    """How many syllables `word` has: the table first, then the usual rules of English spelling."""
    word = word.rstrip(",")
    low = word.lower().replace("’", "'")
    if low in KNOWN:
        return KNOWN[low]
    if low.endswith("'s"):
        low = low[:-2]
    if not VOWELS.search(low) or (len(low) > 1 and word.isupper()):
        return max(1, len(low) + 2 * low.count("w"))  # spelled out: DNS, NATS
    count = len(VOWELS.findall(low))
    count += len(re.findall(r"i(?:a|o(?!us|n))|(?<![tcxg])ious|eo(?!u)|(?<![gq])ua|[yeu]ing", low))
    if re.search(r"[^aeiouy](?:e|es)$", low) and not re.search(
        r"(?:[sxzcg]|[cs]h)es$|[^aeiouyl]le$|[^aeiouyl]les$", low
    ):
        count -= 1
    if re.search(r"[^aeiouytd]ed$", low) and not re.search(r"[^aeiouyl]led$", low):
        count -= 1
    if re.search(r"[^aeiouy]e(?:ly|ment|ness|less|ful)", low):
        count -= 1
    return max(1, count)


def clauses(subject: str) -> list[list[str]]:
    """The words of a commit subject, cut where a reader would pause; no `scope: `, no `(#12)`."""
    text = PREFIX.sub("", subject)
    return [words for part in PAUSE.split(text) if (words := WORD.findall(part))]


def runs(subjects: list[str]) -> dict[int, list[tuple[int, int, str]]]:
    """Runs of words by their syllables: (penalty, age, text), best first. Age 0 is the newest."""
    found: dict[int, list[tuple[int, int, str]]] = {}
    for age, subject in enumerate(subjects):
        for words in clauses(subject):
            for count, penalty, text in runs_of(words):
                found.setdefault(count, []).append((penalty, age, text))
    for candidates in found.values():
        candidates.sort()
    return found


def runs_of(words: list[str]) -> Iterator[tuple[int, int, str]]:
    """(syllables, penalty, text) of each run in a clause. Whole clauses read best."""
    counts = [syllables(word) for word in words]
    for start in range(len(words)):
        for end in range(start + 1, len(words) + 1):
            count = sum(counts[start:end])
            if count > max(SHAPE) + 1:
                break
            penalty = 2 * (start > 0) + (end < len(words))
            penalty += 3 * (words[end - 1].lower() in WEAK_ENDS)
            yield count, penalty, " ".join(words[start:end]).rstrip(",")


def distance(counts: tuple[int, ...]) -> int:
    """How far these syllables of three lines are from 5-7-5."""
    return sum(abs(count - want) for count, want in zip(counts, SHAPE, strict=True))


def haiku(subjects: list[str]) -> list[tuple[int, str]] | None:
    """Three (syllables, line) from three different commits; None if there are too few words."""
    found = runs(subjects)
    for counts in sorted(product(sorted(found), repeat=len(SHAPE)), key=distance):
        lines: list[tuple[int, str]] = []
        used: set[int] = set()
        for count in counts:
            pick = next((run for run in found[count] if run[1] not in used), None)
            if pick is None:
                break
            used.add(pick[1])
            lines.append((count, pick[2]))
        if len(lines) == len(SHAPE):
            return lines
    return None


def log(count: int, path: str) -> list[str]:
    """The newest `count` subjects of the repository at `path`, merges left out."""
    command = ["git", "-C", path, "log", f"-{count}", "--no-merges", "--format=%s"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"git-haiku: {run.stderr.strip() or 'git log failed'}")
    return run.stdout.splitlines()


def written(subjects: list[str]) -> str:
    """A poem by the model of the default account. Ends the program where none answers."""
    if not subjects:
        sys.exit("git-haiku: there are no commit messages to write about")
    text = "\n".join(subjects[:LATEST])
    try:
        run = subprocess.run(
            ["p42", "ask", "--timeout", "60s", ASKED],
            input=text,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        sys.exit("git-haiku: --ask needs p42, which is not on PATH")
    if run.returncode:
        sys.exit(run.returncode)  # p42 has said why
    return "\n".join(line.strip() for line in run.stdout.splitlines() if line.strip())


def main() -> None:
    """Read the arguments, print the poem."""
    parser = argparse.ArgumentParser(
        prog="git-haiku", description="Find a haiku in the commit messages of a repository."
    )
    parser.add_argument("path", nargs="?", default=".", help="a repository, or - for stdin")
    parser.add_argument("-n", type=int, default=200, metavar="N", help="newest N commits (200)")
    parser.add_argument("-c", "--count", action="store_true", help="say each line's syllables")
    parser.add_argument("-a", "--ask", action="store_true", help="let a model write it: p42 ask")
    given = parser.parse_args()
    subjects = sys.stdin.read().splitlines() if given.path == "-" else log(given.n, given.path)
    if given.ask:
        print(written(subjects))
        return
    poem = haiku(subjects)
    if poem is None:
        sys.exit("git-haiku: three commits with a few words each are needed for a poem")
    exact = tuple(count for count, _ in poem) == SHAPE
    for count, line in poem:
        print(f"{line}  ({count})" if given.count or not exact else line)


if __name__ == "__main__":
    main()
