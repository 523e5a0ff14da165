"""Splice: the status of one document put into, or taken out of, the bytes of its file. Pure.

Guarantees: outside the block every byte stays as it is. What comes back has been parsed again: the
status is the one wanted, and all else says what it said, document by document, event by event.
Where that cannot be had the answer is `Refused`, never a guess.

The block is the last key of its document. It goes behind the last value and the indented comments
that follow it (`  # more: options` belongs to the value above); comments at the margin after it
are the user's. A block that stands elsewhere is replaced where it stands. A status that already
says what is wanted stays as it is, however a formatter has laid it out.

In a document in flow style, JSON among them, the status is written as JSON.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Any, NamedTuple

from p42.manifest import prescan
from p42.manifest.finding import Malformed
from p42.manifest.write.edits import KEY, Edit, edits
from p42.manifest.write.outline import Outlined, Pair, Refused, outline
from p42.manifest.write.render import canonical

__all__ = ["Page", "Refused", "splice"]


class Page(NamedTuple):
    """The text of a file with its outline. `mark` is its byte order mark, which `text` lacks."""

    text: str
    mark: bytes
    documents: list[Outlined]

    @classmethod
    def of(cls, data: bytes) -> Page:
        """Refused if it is no UTF-8 text or does not parse."""
        try:
            text = prescan.decode(data)
        except Malformed:
            raise Refused("the file is not UTF-8 text") from None
        mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
        return cls(text, mark, outline(text))

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return self.mark + self.text.encode()

    def put(self, document: int, status: Mapping[str, Any] | None) -> Page:
        """The page with that status; itself if it says so already. Refused as `splice` does."""
        if document >= len(self.documents) or not self.documents[document].mapping:
            raise Refused("there is no such document in the file")
        target = self.documents[document]
        pair = target.find(KEY)
        wanted = _canonical(status)
        if pair is None and wanted is None:
            return self
        if pair is not None and wanted is not None and _says(target, pair, wanted):
            return self
        if pair is not None and target.anchored(pair):
            raise Refused("its status carries an anchor, which the rest of the file may use")
        for edit in edits(self.text, target, pair, wanted):
            after = self._edited(edit)
            if after is not None and self._agrees(after, document, wanted):
                return after
        raise Refused("the status cannot be put there without changing another value")

    def _edited(self, edit: Edit) -> Page | None:
        text = self.text[: edit.start] + edit.new + self.text[edit.end :]
        try:
            return Page(text, self.mark, outline(text))
        except Refused:
            return None

    def _agrees(self, after: Page, number: int, wanted: dict[str, Any] | None) -> bool:
        """Whether `after` says what this page says, but for the status wanted there."""
        if len(after.documents) != len(self.documents):
            return False
        old, new = self.documents[number], after.documents[number]
        try:
            pair = new.find(KEY)
        except Refused:
            return False
        if pair is None or wanted is None:
            right = pair is None and wanted is None
        else:
            right = _says(new, pair, wanted)
        return (
            right
            and new.without(pair) == old.without(old.find(KEY))
            and all(
                a.said == b.said
                for i, (a, b) in enumerate(zip(after.documents, self.documents, strict=True))
                if i != number
            )
        )


def splice(data: bytes, document: int, status: Mapping[str, Any] | None) -> bytes:
    """`data` with the status of the document of that number (from 0, empty ones counted).

    None takes the block out. Refused when it cannot be done without touching anything else.
    """
    return Page.of(data).put(document, status).data


def _canonical(status: Mapping[str, Any] | None) -> dict[str, Any] | None:
    try:
        return None if status is None else canonical(status)
    except ValueError as error:
        raise Refused(f"the status cannot be written: {error}") from None


def _says(document: Outlined, pair: Pair, wanted: Mapping[str, Any]) -> bool:
    try:
        found = document.value(pair)
    except ValueError:
        return False
    return same(found, wanted)


def same(one: Any, other: Any) -> bool:
    """Equality of JSON, where True is not 1."""
    return bool(one == other) and _alike(one, other)  # the first is quick, and takes 1 for True


def _alike(one: Any, other: Any) -> bool:
    """Whether two values that are equal are so by their types as well."""
    kind = type(one)
    if kind is not type(other):
        return False
    if kind is dict:
        # Only a string equals a string: most values need no call.
        return all(type(one[key]) is str or _alike(one[key], other[key]) for key in one)
    if kind is list:
        return all(map(_alike, one, other))
    return True
