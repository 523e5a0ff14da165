"""Toml: config.toml as values and places. Syntax is tomli's business, places are ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p42.model.diagnostic import Diagnostic
from p42.model.errors import InvalidInput
from p42.model.faults import fault

MAX_BYTES = 64 * 1024  # a configuration is a page; more is some other file


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed file. `text` is kept to find the place of a key when something is wrong."""

    file: Path
    text: str = ""
    values: dict[str, Any] = field(default_factory=dict)

    def place(self, path: Sequence[str]) -> tuple[int, int]:
        """Line and column of the key at `path`, from 1. (1, 1) when it is not there.

        The shortest prefix of lines that parses and has the key ends with its statement: exact
        for every form TOML allows, and quadratic, so it is asked only when there is an error.
        """
        lines = self.text.splitlines(keepends=True)
        start = 0
        for end in range(1, len(lines) + 1):
            values = _parsed("".join(lines[:end]))
            if values is None:
                continue
            if _has(values, path):
                return _column(lines[start:end], start, path[-1])
            start = end
        return 1, 1

    def finding(self, path: Sequence[str], message: str, suggestion: str = "") -> Diagnostic:
        """An error at the key at `path`. Values are never part of it: they may be secrets."""
        line, column = self.place(path)
        return Diagnostic(
            file=str(self.file), line=line, column=column, path=".".join(path),
            severity="error", code="config", message=message, suggestion=suggestion,
        )  # fmt: skip


def read_toml(file: Path) -> Document:
    """The file's values; none if it is not there. InvalidInput at line and column if it is bad."""
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Document(file)
    except OSError as error:
        raise fault(error, str(file)) from error
    if len(raw) > MAX_BYTES:
        raise _bad(file, 1, 1, f"larger than {MAX_BYTES // 1024} KiB; is this the right file?")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - before.rfind(b"\n")
        raise _bad(file, line, column, "not UTF-8; save it as UTF-8") from None
    return Document(file, text, _values(file, text))


def _values(file: Path, text: str) -> dict[str, Any]:
    import tomli  # only when there is a file

    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise _bad(file, error.lineno, error.colno, f"not TOML: {error.msg}") from None
    except RecursionError:
        raise _bad(file, 1, 1, "nested too deeply") from None


def _bad(file: Path, line: int, column: int, message: str) -> InvalidInput:
    finding = Diagnostic(
        file=str(file), line=line, column=column, path="", severity="error", code="config",
        message=message,
    )  # fmt: skip
    return InvalidInput(finding.as_text(), diagnostics=(finding,))


def _parsed(text: str) -> dict[str, Any] | None:
    import tomli

    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError:
        return None


def _has(values: object, path: Sequence[str]) -> bool:
    for part in path:
        if not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True


def _column(lines: Sequence[str], start: int, key: str) -> tuple[int, int]:
    word = re.compile(rf"(?<![\w-])[\"']?{re.escape(key)}[\"']?(?![\w-])")
    for offset, line in enumerate(lines):
        match = word.search(line)
        if match is not None:
            return start + offset + 1, match.start() + 1
    return start + 1, 1


def leaves(values: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all values that are no tables, and of tables that are empty."""
    for key, value in values.items():
        path = (*above, key)
        if isinstance(value, dict) and value:
            yield from leaves(value, path)
        else:
            yield path
