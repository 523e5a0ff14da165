"""Diagnostic: one finding about a manifest, at its line and column."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What is wrong, where, and what would be right. Lines and columns count from 1.

    `path` is the JSON path inside the document (`spec.temperature`), "" for the whole.
    `excerpt` is the offending line and `width` the length of its caret; a line that may hold a
    secret comes masked. Neither is part of the JSON form (CONTRACT, "JSON").
    """

    file: str
    line: int
    column: int
    path: str
    severity: Literal["error", "warning"]
    code: str
    message: str
    suggestion: str = ""
    excerpt: str = ""
    width: int = 1

    def as_json(self) -> dict[str, str | int]:
        """The DIAGNOSTIC object of CONTRACT.md."""
        return {
            "file": self.file, "line": self.line, "column": self.column, "path": self.path,
            "severity": self.severity, "code": self.code, "message": self.message,
            "suggestion": self.suggestion,
        }  # fmt: skip

    def as_text(self) -> str:
        """As a compiler would print it: place, message, the line with a caret below."""
        head = f"{self.file}:{self.line}:{self.column}: {self.severity}: "
        head += f"{self.path}: {self.message}" if self.path else self.message
        if self.suggestion:
            head += f" ({self.suggestion})"
        if not self.excerpt:
            return head
        gutter = f"{self.line:>5} | "
        caret = " " * (len(gutter) - 2) + "| " + " " * (self.column - 1)
        caret += "^" + "~" * (self.width - 1)
        return f"{head}\n{gutter}{self.excerpt}\n{caret}"


def has_errors(findings: Iterable[Diagnostic]) -> bool:
    """Whether one of `findings` is an error."""
    return any(finding.severity == "error" for finding in findings)
