"""Console: what a page of our docs shows a reader, as commands to run and output to expect.

    ```console
    $ p42 apply -f hello.yaml
    command/hello created
    $ hello                      # a moment later
    Hello, world.
    $ p42 validate broken.yaml   # exit 3
    ...
    ```

A line of dots stands for any lines, dots inside a line for any text, `> ` continues a command.
A command must exit 0 unless `# exit N` follows it; `# a moment later` is asked again until the
answer fits. A ```yaml or ```json block whose first line is `# NAME` (or that follows the words
"Save this as `NAME`") is the file NAME. Other blocks are pictures: give them no language.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<lang>[\w-]*)[ \t]*\n(?P<body>.*?)^(?P=fence)[ \t]*$", re.M | re.S
)
NOTE = re.compile(r"\s+#\s+(?P<later>a moment later)?(?:, )?(?:exit (?P<exit>\d+))?\s*$")
NAMED = re.compile(r"\A#\s+(?P<name>[\w./-]+\.(?:yaml|yml|json|toml))\s*\n")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language ("" = a picture), text, and the line its text begins at."""

    lang: str
    text: str
    line: int

    @property
    def file(self) -> str:
        """The file this block is to be saved as, "" if it says none."""
        match = NAMED.match(self.text)
        return match["name"] if match else ""


@dataclass(frozen=True)
class Ask:
    """One command of a console block, and what the page says comes of it."""

    command: str
    expected: str
    line: int
    exit_code: int = 0
    later: bool = False

    def fits(self, output: str) -> bool:
        """Whether `output` is what the page shows."""
        return (
            re.fullmatch(pattern(self.expected), output.rstrip() + "\n" if output.strip() else "")
            is not None
        )


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(match["lang"], match["body"], text.count("\n", 0, match.start("body")) + 1)
        for match in FENCE.finditer(text)
    ]


def asks(block: Block) -> list[Ask]:
    """The commands of a console block. ValueError where it begins with no command."""
    found: list[tuple[int, list[str], list[str]]] = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith("$ "):
            found.append((number, [line[2:]], []))
        elif not found:
            raise ValueError(f"line {number}: a console block begins with `$ COMMAND`")
        elif line.startswith("> ") and not found[-1][2]:
            found[-1][1].append(line[2:])
        else:
            found[-1][2].append(line)
    return [_ask(number, command, expected) for number, command, expected in found]


def _ask(number: int, command: list[str], expected: list[str]) -> Ask:
    note = NOTE.search(command[0])
    if note and not (note["later"] or note["exit"]):
        note = None
    first = command[0][: note.start()] if note else command[0]
    return Ask(
        command="\n".join([first, *command[1:]]),
        expected="".join(f"{line}\n" for line in expected),
        line=number,
        exit_code=int(note["exit"]) if note and note["exit"] else 0,
        later=bool(note and note["later"]),
    )


def pattern(expected: str) -> str:
    """A regular expression for the output that `expected` shows. Blanks count as runs of blanks."""
    parts = []
    for line in expected.splitlines():
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
            continue
        pieces = re.split(r"\.\.\.", line.rstrip())
        parts.append(
            ".*".join(re.sub(r"(\\ )+", " +", re.escape(piece)) for piece in pieces) + " *\n"
        )
    return "".join(parts)
