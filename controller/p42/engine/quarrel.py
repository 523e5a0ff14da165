"""Quarrels: what keeps a good document from counting: its name is taken, or a rule is broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from p42.engine.shelf import Document
from p42.model.diagnostic import Diagnostic
from p42.model.refs import Ref
from p42.model.resource import Resource

Cross = Callable[[Sequence[Resource]], Mapping[Ref, tuple[Diagnostic, ...]]]


class Quarrels:
    """The one document of each name, as the rules across documents judge them.

    The rules run again only when a document changed: they look at everything.
    """

    def __init__(self, cross: Cross) -> None:
        self._cross = cross
        self._candidates: dict[Ref, Resource] = {}
        self._doubled: dict[Ref, tuple[Diagnostic, ...]] = {}
        self._crossed: dict[Ref, tuple[Diagnostic, ...]] = {}

    @property
    def findings(self) -> set[Diagnostic]:
        """All of them, of doubled names and of rules."""
        both = (*self._doubled.values(), *self._crossed.values())
        return {finding for findings in both for finding in findings}

    def against(self, ref: Ref) -> tuple[Diagnostic, ...]:
        """What speaks against the documents of `ref`."""
        return self._doubled.get(ref, ()) + self._crossed.get(ref, ())

    def update(self, documents: Mapping[Ref, tuple[Document, ...]]) -> set[Ref]:
        """Take new documents of some names; answers with others that are judged anew by it."""
        stale = False
        for ref, docs in documents.items():
            self._doubled.pop(ref, None)
            if len(docs) > 1:
                self._doubled[ref] = tuple(_taken(doc, docs) for doc in docs)
            old = self._candidates.pop(ref, None)
            new = docs[0] if len(docs) == 1 else None
            if isinstance(new, Resource):
                self._candidates[ref] = new
            stale = stale or _differs(old, new)
        if not stale:
            return set()
        before = self._crossed
        found = self._cross(list(self._candidates.values()))
        self._crossed = {ref: errors for ref, all_ in found.items() if (errors := _errors(all_))}
        touched = before.keys() | self._crossed.keys()
        return {ref for ref in touched if before.get(ref) != self._crossed.get(ref)}


def _differs(old: Resource | None, new: Document | None) -> bool:
    """Whether the rules could judge otherwise. They see specs, and places in their findings."""
    if old is None or not isinstance(new, Resource):
        return old is not None or isinstance(new, Resource)
    return old.digest != new.digest


def _errors(findings: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    return tuple(finding for finding in findings if finding.severity == "error")


def _taken(doc: Document, docs: tuple[Document, ...]) -> Diagnostic:
    others = ", ".join(sorted(str(other.place) for other in docs if other is not doc))
    place, ref = doc.place, doc.ref
    return Diagnostic(
        file=place.file, line=place.line, column=place.column, path="metadata.name",
        severity="error", code="duplicate-name",
        message=f"{ref} is declared more than once, also at {others}",
        suggestion="keep one of them; the last good one runs until then",
    )  # fmt: skip
