"""Sources for tests: real files of one line a document, `Kind name key=value ... @annotation=v`.

Every prefix of such a file may be valid, as with YAML; a line that begins with `?` does not parse.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from p42.model.diagnostic import Diagnostic
from p42.model.look import Broken, FileLook, SourceLook, Traced
from p42.model.refs import Ref
from p42.model.resource import Place, Resource, digest_of

KEYS = {"text", "pot", "slow", "auto", "default", "key", "inside", "vow", "made"}
VALUES = {"true": True, "false": False}


def resource(line: str, path: str = "/m/a.yaml", number: int = 0) -> Resource:
    """One document. ValueError if the line is none."""
    kind, name, *words = line.split(" ")
    pairs = [word.partition("=")[::2] for word in words if word]
    spec: dict[str, Any] = {k: VALUES.get(v, v) for k, v in pairs if not k.startswith("@")}
    annotations = {k[1:]: v for k, v in pairs if k.startswith("@")}
    place = Place(path, number, number + 1)
    return Resource(
        Ref(kind, name), place, spec, annotations=annotations, digest=digest_of(spec, {})
    )


def broken(path: str, number: int = 0, ref: Ref | None = None, why: str = "no sense") -> Broken:
    """A document that does not hold."""
    found = Diagnostic(path, number + 1, 1, "", "error", "syntax", why)
    return Broken(Place(path, number, number + 1), ref, (found,))


@lru_cache(maxsize=4096)
def file_look(path: str, text: str, *, state: str = "read") -> FileLook:
    """What reading `text` at `path` shows; equal bytes, the same documents (so does the reader)."""
    documents: list[Resource | Broken] = []
    lines = [line for line in text.split("\n") if line.strip()]
    for number, line in enumerate(lines):
        if line.startswith("?"):
            return FileLook(path, "read", (broken(path, number),), text.encode())
        kind, _, rest = line.partition(" ")
        name = rest.split(" ")[0]
        if not name or kind not in ("Note", "Pot"):
            documents.append(broken(path, number, Ref(kind, name) if name else None))
        elif "!" in rest or not KEYS.issuperset(word.partition("=")[0] for word in words(rest)):
            documents.append(broken(path, number, Ref(kind, name), "bad value"))
        else:
            documents.append(resource(line, path, number))
    return FileLook(path, "read", tuple(documents), text.encode(), empty=not lines)


def words(rest: str) -> list[str]:
    """The settings behind a name, without annotations."""
    return [word for word in rest.split(" ")[1:] if word and not word.startswith("@")]


def source_look(source: str, files: Mapping[str, str]) -> SourceLook:
    """A source with these files."""
    return SourceLook(source, tuple(file_look(path, text) for path, text in files.items()))


class LineSources:
    """Reads real directories. `busy` and `unseen` paths are as a test wants them."""

    def __init__(self) -> None:
        self.busy: set[str] = set()
        self.in_git: set[str] = set()  # files whose absence git explains
        self.git: Callable[[Resource], Traced] = lambda resource: Traced()
        self.stale: dict[str, FileLook] = {}  # what looks at these paths show instead
        self.expected: list[tuple[str, str]] = []
        self.wake: Callable[[frozenset[str] | None], None] = lambda paths: None
        self.looks = 0
        self._cache: dict[str, FileLook] = {}

    def real(self, path: str) -> str:
        return os.path.realpath(path)

    def look(self, source: str) -> SourceLook:
        self.looks += 1
        path = Path(source)
        if not path.exists():
            return SourceLook(source, (), gone="it is not there")
        files = sorted(path.rglob("*.yaml")) if path.is_dir() else [path]
        return SourceLook(source, tuple(self.look_file(str(file), source) for file in files))

    def look_file(self, path: str, source: str) -> FileLook:
        if path in self.busy:
            return FileLook(path, "busy")
        if path in self.stale:
            return self.stale[path]
        try:
            text = Path(path).read_text()
        except FileNotFoundError:
            return FileLook(path, "missing")
        known = self._cache.get(path)
        if known is None or known.data != text.encode():
            self._cache[path] = file_look(path, text)
        return self._cache[path]

    def expect(self, files: Iterable[tuple[str, str]]) -> None:
        self.expected = list(files)

    def explained(self, source: str, files: Sequence[str]) -> frozenset[str]:
        return frozenset(files) & self.in_git

    def traced(self, resource: Resource) -> Traced:
        return self.git(resource)

    async def watch(
        self,
        sources: Callable[[], Sequence[str]],
        wake: Callable[[frozenset[str] | None], None],
    ) -> None:
        self.wake = wake
        await asyncio.Event().wait()


class LineRules:
    """Two defaults of one kind, and cycles of pots."""

    def cross(self, resources: Sequence[Resource]) -> Mapping[Ref, tuple[Diagnostic, ...]]:
        found: dict[Ref, list[Diagnostic]] = {}
        defaults = [r for r in resources if r.spec.get("default") is True]
        for each in defaults if len(defaults) > 1 else []:
            found.setdefault(each.ref, []).append(_finding(each, "two defaults"))
        inside = {r.ref.name: r.spec.get("inside") for r in resources if r.ref.kind == "Pot"}
        for each in resources:
            name, seen = inside.get(each.ref.name), set[str]()
            while each.ref.kind == "Pot" and name and name not in seen:
                if name == each.ref.name:
                    found.setdefault(each.ref, []).append(_finding(each, "a cycle of needs"))
                    break
                seen.add(name)
                name = inside.get(name)
        return {ref: tuple(findings) for ref, findings in found.items()}


def _finding(resource: Resource, message: str) -> Diagnostic:
    place = resource.place
    return Diagnostic(place.file, place.line, place.column, "", "error", "rule", message)
