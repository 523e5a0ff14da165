"""Rules: what only holds across documents: names, references, defaults, no cycles. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from p42.manifest.attached import picked
from p42.manifest.circles import circles
from p42.manifest.kindbook import KindBook
from p42.manifest.parse import Path, show
from p42.manifest.sentences import did_you_mean
from p42.model.diagnostic import Diagnostic
from p42.model.look import Broken
from p42.model.refs import Ref
from p42.model.resource import Annotation, Place, Resource
from p42.scripts.notes import NOTES

Need = tuple[Ref, Path]  # what is referred to, and where in the document
Named = Callable[[Place], str]  # how a place is told to a person
SPARE = 100  # names that may be remembered although they are gone
_OURS = (*(v for k, v in vars(Annotation).items() if k.isupper()), *NOTES)


class Flaw(NamedTuple):
    """What is wrong with the document at `place`, at `path` inside it."""

    ref: Ref
    place: Place
    path: Path
    code: str
    message: str
    suggestion: str = ""
    severity: Literal["error", "warning"] = "error"

    def as_diagnostic(self) -> Diagnostic:
        """At the start of the document: these rules do not see its text."""
        return Diagnostic(
            self.place.file, self.place.line, self.place.column, show(self.path),
            self.severity, self.code, self.message, self.suggestion,
        )  # fmt: skip


class Rules:
    """The rules of one kind book. `named` tells a place in a message."""

    def __init__(self, book: KindBook, *, named: Named = str) -> None:
        self._entries = book.entries
        self._named = named
        # By ref, with the resource they were found in: the engine asks at every look.
        self._needs: dict[Ref, tuple[Resource, tuple[Need, ...]]] = {}

    def cross(self, resources: Sequence[Resource]) -> Mapping[Ref, tuple[Diagnostic, ...]]:
        """Findings by the ref they break: cycles of needs, two defaults. Names are unique here."""
        found: dict[Ref, tuple[Diagnostic, ...]] = {}
        for flaw in (*self.defaults(resources), *self.cycles(resources)):
            found[flaw.ref] = (*found.get(flaw.ref, ()), flaw.as_diagnostic())
        if len(self._needs) > 2 * len(resources) + SPARE:  # names that are gone are not kept
            there = {resource.ref for resource in resources}
            self._needs = {ref: kept for ref, kept in self._needs.items() if ref in there}
        return found

    def duplicates(self, documents: Iterable[Resource | Broken]) -> Iterator[Flaw]:
        """Documents of one name: each names the others."""
        places: dict[Ref, list[Place]] = {}
        for document in documents:
            if document.ref is not None:
                places.setdefault(document.ref, []).append(document.place)
        for ref, here in places.items():
            for place in here if len(here) > 1 else ():
                others = " and ".join(self._named(p) for p in here if p is not place)
                message = f"{ref} is also declared at {others}"
                yield Flaw(ref, place, ("metadata", "name"), "duplicate-name", message,
                           "rename or remove one")  # fmt: skip

    def defaults(self, resources: Sequence[Resource]) -> Iterator[Flaw]:
        """Two resources that both say `default: true`."""
        for kind, chosen in self._defaults(resources).items():
            for resource in chosen if len(chosen) > 1 else ():
                others = " and ".join(
                    f"{r.ref} ({self._named(r.place)})" for r in chosen if r is not resource
                )
                yield Flaw(resource.ref, resource.place, ("spec", "default"), "two-defaults",
                           f"only one {kind} can be the default, and {others} is too",
                           "take `default` out of one")  # fmt: skip

    def cycles(self, resources: Sequence[Resource]) -> Iterator[Flaw]:
        """Resources that need each other, or themselves."""
        known = {resource.ref: resource for resource in resources}
        chosen = self._defaults(resources)
        edges = {ref: dict(self._completed(r, chosen)) for ref, r in known.items()}
        graph = {ref: [n for n in needed if n in known] for ref, needed in edges.items()}
        for circle in circles(graph):
            way = " -> ".join(f"{ref} ({self._named(known[ref].place)})" for ref in circle)
            message = f"needs go round in a circle: {way} -> {circle[0]}"
            for ref, after in zip(circle, (*circle[1:], circle[0]), strict=True):
                yield Flaw(ref, known[ref].place, edges[ref][after], "cycle", message,
                           "take one of the references out")  # fmt: skip

    def dangling(self, resources: Sequence[Resource], declared: frozenset[Ref]) -> Iterator[Flaw]:
        """References to what is not among `declared`: a warning, for it may stand elsewhere."""
        for resource in resources:
            for ref, path in self.needs(resource):
                if ref in declared:
                    continue
                hint = did_you_mean(ref.name, [r.name for r in declared if r.kind == ref.kind])
                yield Flaw(resource.ref, resource.place, path, "unresolved-reference",
                           f"{ref} is not declared here", hint, "warning")  # fmt: skip

    def annotations(self, resources: Sequence[Resource]) -> Iterator[Flaw]:
        """Annotations in our name that mean nothing to us: a warning."""
        for resource in resources:
            for name in resource.annotations:
                if name.startswith("p42.dev/") and name not in _OURS:
                    yield Flaw(resource.ref, resource.place, ("metadata", "annotations", name),
                               "unknown-annotation", "has no effect",
                               did_you_mean(name, _OURS), "warning")  # fmt: skip

    def needs(self, resource: Resource) -> tuple[Need, ...]:
        """What `resource` itself refers to, and where."""
        known = self._needs.get(resource.ref)
        if known is None or known[0] is not resource:
            entry = self._entries.get(resource.ref.kind)
            document = {"spec": resource.spec}
            found = tuple(
                (Ref(kind, name), path)
                for marked, kind in (entry.refs if entry is not None else ())
                for path, name in picked(document, marked)
            )
            known = self._needs[resource.ref] = (resource, found)
        return known[1]

    def _completed(self, resource: Resource, chosen: Mapping[str, list[Resource]]) -> list[Need]:
        """The needs of `resource` and the defaults that its missing references fall to."""
        needs = list(self.needs(resource))
        entry = self._entries.get(resource.ref.kind)
        for marked, kind in entry.defaulted if entry is not None else ():
            if kind in chosen and not any(picked({"spec": resource.spec}, marked)):
                needs.append((chosen[kind][0].ref, marked))
        return needs

    def _defaults(self, resources: Sequence[Resource]) -> dict[str, list[Resource]]:
        kinds = {kind for entry in self._entries.values() for _, kind in entry.defaulted}
        found: dict[str, list[Resource]] = {}
        for resource in resources:
            if resource.ref.kind in kinds and resource.spec.get("default") is True:
                found.setdefault(resource.ref.kind, []).append(resource)
        return found
