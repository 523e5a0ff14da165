"""Finding: what is wrong inside one text, by character offsets; becomes a Diagnostic at its file.

Nothing that looks like a key leaves this module unmasked, and nothing that a terminal would obey.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from p42.manifest.keylike import mask
from p42.model.diagnostic import Diagnostic

LINE_WIDTH = 200  # characters of a line that are shown; longer ones tell a person nothing
MOST = 20  # findings of one document; each costs a walk, and nobody mends more at once
MESSAGE_WIDTH = 500  # characters; a message may quote a value of any length


class Finding(NamedTuple):
    """One finding. `at` and `end` count characters of the text, from 0; `end` is behind the last.

    `path` is the JSON path inside the document, "" for the whole. `secret`: what stands there may
    be a key, whatever it looks like, and is shown as stars.
    """

    at: int
    end: int
    code: str
    message: str
    path: str = ""
    suggestion: str = ""
    severity: Literal["error", "warning"] = "error"
    secret: bool = False


class Malformed(ValueError):
    """The text cannot be taken as manifests. Never leaves this room."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__(findings[0].message if findings else "malformed")
        self.findings = findings


def place(text: str, at: int) -> tuple[int, int]:
    """Line and column, both from 1, of the character at offset `at`."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def diagnose(finding: Finding, file: str, text: str) -> Diagnostic:
    """`finding` as a Diagnostic of `file`, whose content is `text` (without its mark, if any)."""
    line, column = place(text, finding.at)
    start = finding.at - (column - 1)
    end = text.find("\n", start)
    whole = text[start : len(text) if end < 0 else end].rstrip("\r")
    excerpt = printable(mask(whole)) if column <= LINE_WIDTH else ""
    width = max(1, min(finding.end - finding.at, len(whole) - (column - 1)))
    return Diagnostic(
        file=printable(file),
        line=line,
        column=column,
        path=printable(mask(finding.path)),
        severity=finding.severity,
        code=finding.code,
        message=printable(mask(finding.message))[:MESSAGE_WIDTH],
        suggestion=printable(mask(finding.suggestion))[:MESSAGE_WIDTH],
        excerpt=excerpt[:LINE_WIDTH],
        width=min(width, LINE_WIDTH - min(column, LINE_WIDTH) + 1),
    )


def diagnose_all(findings: Iterable[Finding], file: str, text: str) -> tuple[Diagnostic, ...]:
    """All `findings` in the order of the text."""
    found = sorted(findings)
    for each in found:
        if each.secret:  # as long as before: columns stay. Other findings may show the same line
            covered = "".join("\n" if c == "\n" else "*" for c in text[each.at : each.end])
            text = text[: each.at] + covered + text[each.end :]
    return tuple(diagnose(finding, file, text) for finding in found)


def printable(text: str) -> str:
    """`text` on one line, one column a character, with nothing a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c == "\t" else "\N{REPLACEMENT CHARACTER}"
                   for c in text)  # fmt: skip
