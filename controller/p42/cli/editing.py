"""Editing: a manifest of the home changed by a command, as a diff the person sees."""

from __future__ import annotations

import difflib
import hashlib
import sys
from dataclasses import dataclass
from typing import Any

from p42.cli import spawning, terminal
from p42.cli.home import home
from p42.client import link
from p42.manifest.fields import Refused, with_field
from p42.model.errors import Exit, InvalidInput

MEANWHILE = "was changed meanwhile"  # as the daemon says it
TRIES = 5  # a status is written at most once in five seconds
SETTLED = 10.0  # s; an account's key is checked over the network


@dataclass(frozen=True, slots=True)
class Sheet:
    """One declared resource and the whole file it stands in."""

    ref: str  # account/work
    declared: bool
    ours: bool
    file: str
    document: int
    text: str

    def set(self, fields: dict[tuple[str, ...], Any]) -> str:
        """The file with other values in this document. InvalidInput says what to write by hand."""
        text = self.text
        for path, value in fields.items():
            try:
                text = with_field(text, self.document, path, value)
            except Refused as refused:
                wish = "take it out" if value is None else f"set it to {value!r}"
                raise InvalidInput(
                    f"{self.file}: {'.'.join(path)} cannot be edited by a program: {refused}; "
                    f"{wish} there by hand"
                ) from None
        return text


def sheet(ref: str) -> Sheet:
    """Where `ref` (kind/name) stands, from the daemon; it is started where none runs."""
    spawning.ensure(home())
    return look(ref)


def look(ref: str) -> Sheet:
    """The same, of a daemon that runs."""
    found = link.ask(home(), "manifest", {"ref": ref})
    return Sheet(ref, *(found[key] for key in ("declared", "ours", "file", "document", "text")))


def change(sheet: Sheet, fields: dict[tuple[str, ...], Any], *, dry_run: bool = False) -> bool:
    """Set fields where it stands; again if its status was written into the file meanwhile."""
    for _ in range(TRIES):
        try:
            return write(sheet, sheet.set(fields), dry_run=dry_run)
        except InvalidInput as error:
            if MEANWHILE not in str(error):
                raise
            sheet = look(sheet.ref)
    return write(sheet, sheet.set(fields), dry_run=dry_run)


def write(sheet: Sheet, new: str | None, *, dry_run: bool = False) -> bool:
    """Make the change and show it as a diff; whether anything changed.

    InvalidInput with the file and the edit where the file is not p42's to write.
    """
    if new == sheet.text:
        terminal.notice(f"{sheet.ref}: nothing to change")
        return False
    diff = difference(sheet.text, new or "", sheet.file)
    if not sheet.ours:
        raise InvalidInput(f"{sheet.ref} is declared in {sheet.file}: make this edit there\n{diff}")
    if not dry_run:
        was = hashlib.sha256(sheet.text.encode()).hexdigest() if sheet.text else ""
        link.ask(home(), "edit", {"file": sheet.file, "text": new, "was": was})
    sys.stdout.write(coloured(diff))
    sys.stdout.flush()
    return True


def settled(ref: str) -> int:
    """Wait a moment for the loop to take it up, say how it stands; `wait`'s exit code."""
    payload = {"refs": [ref], "for": "Ready", "timeout": SETTLED}
    answer: dict[str, Any] = {}
    for part in link.stream(home(), "wait", payload):
        answer = part.get("data", answer)
    for item in answer.get("items", ()):
        message = f": {terminal.plain(item['message'])}" if item["message"] else ""
        terminal.notice(f"{ref} {'ready' if item['met'] else item['reason']}{message}")
    return int(answer.get("code", Exit.OK))


def difference(old: str, new: str, file: str) -> str:
    """A unified diff of two texts of `file`."""
    pair = old.splitlines(keepends=True), new.splitlines(keepends=True)
    names = file if old else "/dev/null", file if new else "/dev/null"
    lines = difflib.unified_diff(*pair, *names)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def coloured(diff: str) -> str:
    """`diff` as a terminal shows it; control characters of the files do not reach it."""
    if not terminal.has_colours(sys.stdout):
        return "".join(f"{terminal.lines(line)}\n" for line in diff.splitlines())
    colours = {"+": "green", "-": "red", "@": "cyan"}
    return "".join(
        terminal.paint(terminal.lines(line), colours.get(line[:1], "")) + "\n"
        for line in diff.splitlines()
    )
