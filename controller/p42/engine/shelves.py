"""Shelves: all files of all followed sources, and under which names their documents stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from p42.engine.paths import lies_in
from p42.engine.shelf import Document, Shelf
from p42.model.diagnostic import Diagnostic
from p42.model.look import Broken, FileLook, SourceLook
from p42.model.refs import Ref
from p42.model.resource import Resource

Spot = tuple[str, int]  # path, position in its file


class Shelves:
    """Takes looks, answers with the names whose documents may be others now."""

    def __init__(self) -> None:
        self._shelves: dict[str, Shelf] = {}
        # Few of many: asked for at each look, so never searched for among all.
        self._unsure: dict[str, Shelf] = {}  # doubtful, or due for another look by themselves
        self._spots: dict[Ref, dict[Spot, Document]] = {}
        self._naming: dict[
            str, dict[str, None]
        ] = {}  # base name of a file -> manifests that name it

    def __iter__(self) -> Iterator[Shelf]:
        return iter(self._shelves.values())

    def __len__(self) -> int:
        return len(self._shelves)

    def at(self, path: str) -> Shelf | None:
        """The shelf of one file."""
        return self._shelves.get(path)

    def of(self, source: str) -> list[Shelf]:
        """The shelves of one source."""
        return [shelf for shelf in self if shelf.source == source]

    @property
    def doubtful(self) -> list[Shelf]:
        """Files that may declare names that cannot be told."""
        return [shelf for _, shelf in sorted(self._unsure.items()) if shelf.doubtful]

    @property
    def due(self) -> dict[str, float]:
        """Files that want another look by themselves, and when."""
        found = ((path, shelf.due) for path, shelf in self._unsure.items())
        return {path: due for path, due in found if due is not None}

    def documents(self, ref: Ref) -> tuple[Document, ...]:
        """The documents that now stand under `ref`."""
        return tuple(self._spots.get(ref, {}).values())

    def source_of(self, ref: Ref) -> str:
        """The source of the first document of `ref`."""
        path, _ = next(iter(self._spots[ref]))
        return self._shelves[path].source

    def below(self, path: str) -> tuple[Ref, ...]:
        """Names with a document, good or broken, in `path` or below it."""
        found = (doc.ref for s in self if lies_in(s.path, path) for doc in s.shown)
        return tuple(dict.fromkeys(ref for ref in found if ref is not None))

    def naming(self, path: str) -> tuple[str, ...]:
        """Manifests with a document that names a file called like `path` (a sourceFile)."""
        return tuple(self._naming.get(path.rpartition("/")[2], ()))

    @property
    def broken(self) -> set[Diagnostic]:
        """What every broken document says of itself, and what there is to say of whole files."""
        documents = chain.from_iterable(shelf.shown for shelf in self)
        broken = (doc for doc in documents if isinstance(doc, Broken))
        warnings = {warning for shelf in self for warning in shelf.warnings}
        return warnings | {finding for doc in broken for finding in doc.diagnostics}

    def remember(self, resource: Resource, source: str) -> None:
        """From the ledger: `resource` was good in its file when we were last here."""
        path = resource.place.file
        shelf = self._shelves.setdefault(path, Shelf(path, source))
        shelf.good[resource.ref] = resource

    def unlearn(self, resource: Resource) -> None:
        """It has been taken down: what it looked like matters no more."""
        if shelf := self._shelves.get(resource.place.file):
            shelf.good.pop(resource.ref, None)

    def take_source(self, look: SourceLook, now: float) -> set[Ref]:
        """Believe a look at a whole source: a file it does not hold is missing."""
        touched: set[Ref] = set()
        present = {file.path for file in look.files}
        for shelf in self.of(look.source):
            if look.gone:
                touched |= self._leave(shelf)
            elif shelf.path not in present:
                touched |= self.take(FileLook(shelf.path, "missing"), look.source, now)
        for file in () if look.gone else look.files:
            touched |= self.take(file, look.source, now)
        return touched

    def take(self, look: FileLook, source: str, now: float) -> set[Ref]:
        """Believe a look at one file."""
        shelf = self._shelves.get(look.path)
        if shelf is None:
            shelf = self._shelves[look.path] = Shelf(look.path, source)
        before = shelf.shown
        shelf.take(look, now)
        self._sort_in(shelf)
        if look.state == "missing" and not shelf.good:
            del self._shelves[look.path]
            self._unsure.pop(look.path, None)
        return set() if shelf.shown is before else self._index(shelf, before)

    def drop(self, source: str) -> set[Ref]:
        """Forget the files of `source`."""
        touched: set[Ref] = set()
        for shelf in self.of(source):
            touched |= self._leave(shelf)
            del self._shelves[shelf.path]
        return touched

    def _leave(self, shelf: Shelf) -> set[Ref]:
        before = shelf.shown
        shelf.leave()
        self._sort_in(shelf)
        return self._index(shelf, before)

    def _sort_in(self, shelf: Shelf) -> None:
        if shelf.doubtful or shelf.due is not None:
            self._unsure[shelf.path] = shelf
        else:
            self._unsure.pop(shelf.path, None)

    def _index(self, shelf: Shelf, before: tuple[Document, ...]) -> set[Ref]:
        """Move the index from what the shelf showed before to what it shows now."""
        touched: set[Ref] = set()
        for name in _named_by(before):
            self._naming[name].pop(shelf.path, None)
            if not self._naming[name]:
                del self._naming[name]
        for name in _named_by(shelf.shown):
            self._naming.setdefault(name, {})[shelf.path] = None
        for at, doc in enumerate(before):
            if doc.ref is not None:
                self._spots[doc.ref].pop((shelf.path, at))
                touched.add(doc.ref)
        for at, doc in enumerate(shelf.shown):
            if doc.ref is not None:
                self._spots.setdefault(doc.ref, {})[(shelf.path, at)] = doc
                touched.add(doc.ref)
        for ref in touched:
            if not self._spots[ref]:
                del self._spots[ref]
        return touched


def _named_by(documents: Iterable[Document]) -> set[str]:
    """Base names of the files that `documents` name."""
    good = (doc for doc in documents if isinstance(doc, Resource))
    return {name.rpartition("/")[2] for doc in good for name in doc.files}
