"""Marks: the names that have to be asked about, in `state.marks` beside the database.

Without it a lost database would mean that whatever a model ever wrote may run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from p42.model.refs import Ref
from p42.stores.ledger import replace_file

NAME = "state.marks"


class Marks:
    """The file. Blocking; written in the database's writer thread, before the commit: a name too
    many in it is only asked about once more."""

    def __init__(self, home: Path, *, on_disk: bool = True) -> None:
        """`on_disk` False: only read, as a copy of the database is."""
        self._path, self._on_disk = home / NAME, on_disk
        self._written: list[str] | None = None

    def read(self) -> list[Ref]:
        """The names; [] where it was never written, or is damaged too."""
        try:
            found = json.loads(self._path.read_bytes())
            return [Ref.parse(text) for text in found]
        except (OSError, ValueError, TypeError, AttributeError):
            return []

    def write(self, refs: Sequence[Ref]) -> None:
        """Make it hold exactly these, sorted. Raises Retry or Blocked for what the disk refuses."""
        names = [str(ref) for ref in refs]
        if not self._on_disk:
            return
        if names == self._written or (self._written is None and names == self._names()):
            return
        replace_file(self._path, json.dumps(names, indent=1).encode() + b"\n")
        self._written = names

    def _names(self) -> list[str]:
        return [str(ref) for ref in self.read()]
