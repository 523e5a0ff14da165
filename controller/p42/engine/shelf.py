"""Shelf: one file as the catalog believes it, which is not always as it was last read.

A truncated script is valid YAML and can end in `rm -rf "$TMP"/`. So bytes that are a proper prefix
of the old ones, and would change a spec, count only when a second look a second later shows the
same. Until then the old documents stand in for the new ones. (Asking whether the change would be
executed is not enough: `key: env:FO` runs nothing and still locks an account out.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from p42.model.diagnostic import Diagnostic
from p42.model.look import Broken, FileLook
from p42.model.refs import Ref
from p42.model.resource import Resource

SECOND_LOOK = 1.0  # s; longer than any editor takes between two pieces of one save
BUSY_FIRST = 0.05  # s; most writers are done by then
BUSY_LAST = 1.0  # s; a file held open for hours must not cost a look every 50 ms

Document = Resource | Broken


class Shelf:
    """Holds the documents of one file that count now (`shown`).

    `good` remembers the last good document of each name it ever showed, also over moments in which
    the file was empty, broken or missing: they are what a cut is measured against.
    """

    def __init__(self, path: str, source: str, good: Iterable[Resource] = ()) -> None:
        """`good`: from the ledger, at start; the bytes they stood in are not known then."""
        self.path = path
        self.source = source
        self.look: FileLook | None = None
        self.shown: tuple[Document, ...] = ()
        self.good: dict[Ref, Resource] = {resource.ref: resource for resource in good}
        self.waiting: frozenset[Ref] = frozenset()  # names whose new document may be half a save
        self.grew_at: float | None = None  # when it last looked like a save under way
        self._data: bytes | None = None  # the last whole bytes with something good; None = unknown
        self._stood: frozenset[Ref] = frozenset()  # which of `good` stood in them
        self._cut_since: float | None = None
        self._busy_since: float | None = None
        self._due: float | None = None

    @property
    def due(self) -> float | None:
        """When this file has to be looked at again (monotonic), None = when something happens."""
        return self._due

    @property
    def empty(self) -> bool:
        """Whether the file is there and holds no document at all."""
        return self.look is not None and self.look.empty

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What is to be said of the file as a whole, whose documents count all the same."""
        return self.look.warnings if self.look is not None else ()

    @property
    def doubtful(self) -> bool:
        """Whether it may declare names that cannot be told: broken, or not yet read once."""
        if self.look is None:
            return self._busy_since is not None
        return any(isinstance(doc, Broken) and doc.ref is None for doc in self.shown)

    def may_declare(self, ref: Ref) -> bool:
        """Whether a doubtful file may be where `ref` stands, or has moved to.

        A file that never declared anything we know may be the other end of a move, half written.
        One that did is suspected only if the name occurs in its bytes.
        """
        if self.look is None or ref in self.good or not self.good:
            return True
        return ref.name.encode() in self.look.data

    def take(self, look: FileLook, now: float) -> None:
        """Believe `look`, or wait. Afterwards `shown` and `due` are up to date."""
        self._due = None
        if look.state == "busy":
            self._wait_for_the_writer(now)
            return
        self._busy_since = None
        if look is self.look and self._cut_since is None:
            return
        same = _same(look, self.look)
        if self._grows(look):
            self.grew_at = now
        self.look = look
        self.waiting = self._cut(look)
        if not self.waiting:
            self._believe(look)
            return
        if self._cut_since is None or not same:
            self._cut_since = now
        if now - self._cut_since >= SECOND_LOOK:
            self._believe(look)
            return
        self._due = self._cut_since + SECOND_LOOK
        stand_ins = (self.good.get(d.ref) if d.ref in self.waiting else d for d in look.documents)
        self.shown = tuple(doc for doc in stand_ins if doc is not None)

    def leave(self) -> None:
        """The source is out of sight: show nothing, remember what was good."""
        self.look, self.shown, self.waiting, self._due = None, (), frozenset(), None
        self._cut_since = self._busy_since = None

    def _wait_for_the_writer(self, now: float) -> None:
        if self._busy_since is None:
            self._busy_since = now
        self._due = now + min(max(now - self._busy_since, BUSY_FIRST), BUSY_LAST)

    def _believe(self, look: FileLook) -> None:
        self._cut_since, self.waiting = None, frozenset()
        self.shown = look.documents
        good = {doc.ref: doc for doc in look.documents if isinstance(doc, Resource)}
        self.good.update(good)
        # A save that goes on after whole documents is measured against what stood there before it.
        if good and not self._is_cut_off(look):
            self._data, self._stood = look.data, frozenset(good)

    def _grows(self, look: FileLook) -> bool:
        """Whether a writer may be at it: more than before, or the beginning of what was there."""
        before = self.look.data if self.look is not None else None
        if before == look.data:
            return False
        grown = before is not None and _is_proper_prefix(before, look.data)
        return grown or self._is_cut_off(look)

    def _is_cut_off(self, look: FileLook) -> bool:
        return self._data is not None and _is_proper_prefix(look.data, self._data)

    def _cut(self, look: FileLook) -> frozenset[Ref]:
        """Names whose document in `look` may be half a save."""
        shorter = self._is_cut_off(look)
        good = (doc for doc in look.documents if isinstance(doc, Resource))
        return frozenset(
            doc.ref for doc in good if self._suspect(doc, self.good.get(doc.ref), shorter=shorter)
        )

    def _suspect(self, doc: Resource, old: Resource | None, *, shorter: bool) -> bool:
        if shorter:
            return old is None or old.digest != doc.digest
        if old is None or old.digest == doc.digest:
            return False
        if any(_is_proper_prefix(doc.files.get(k, v), v) for k, v in old.files.items()):
            return True
        return old.ref not in self._stood and is_cut(old.spec, doc.spec)


def is_cut(old: Any, new: Any) -> bool:
    """Whether `new` could be `old` with its end missing: for when the old bytes are not known."""
    if isinstance(old, str) and isinstance(new, str):
        return old.startswith(new)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return all(key in old and is_cut(old[key], value) for key, value in new.items())
    if isinstance(old, Sequence) and isinstance(new, Sequence) and not isinstance(old, str):
        return len(new) <= len(old) and all(is_cut(*pair) for pair in zip(old, new, strict=False))
    # A number may have lost digits; nothing at all is what `key:` reads as when its value is cut.
    return new is None or bool(old == new) or str(old).startswith(str(new))


def _is_proper_prefix(new: bytes, old: bytes) -> bool:
    return len(new) < len(old) and old.startswith(new)


def _same(a: FileLook, b: FileLook | None) -> bool:
    if b is None or a.state != b.state or a.data != b.data:
        return False
    return [_key(doc) for doc in a.documents] == [_key(doc) for doc in b.documents]


def _key(doc: Document) -> tuple[Ref | None, str]:
    return (doc.ref, doc.digest if isinstance(doc, Resource) else "")
