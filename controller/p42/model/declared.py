"""Declared: the ports between the engine and the manifests: read them, judge them, write status.

Filled by the manifest room; the engine knows neither files nor YAML.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from p42.model.diagnostic import Diagnostic
from p42.model.look import FileLook, SourceLook, Traced
from p42.model.refs import Ref
from p42.model.resource import Resource


class Sources(Protocol):
    """The followed sources as the engine reads them. All but `watch` block: called in a thread,
    one call at a time."""

    def real(self, path: str) -> str:
        """`path` (absolute) as sources and their files are named: where it leads, without links.

        It need not be there (any more).
        """

    def look(self, source: str) -> SourceLook:
        """Walk the whole source: the truth. `source` is as `real` says, a file or directory.

        Where a link stands in its way now, that is told, and it is not followed there.
        """

    def look_file(self, path: str, source: str) -> FileLook:
        """Read one file of `source` again. Foreign if `source` would not have entered it."""

    def expect(self, files: Iterable[tuple[str, str]]) -> None:
        """At start: (path, source) of files that held manifests when the ledger was written.

        One of them that does not parse now is broken, not foreign, whatever its bytes say.
        """

    def explained(self, source: str, files: Sequence[str]) -> frozenset[str]:
        """Those of the missing `files` whose absence git explains: HEAD lacks them, and an
        earlier HEAD (the reflog) had them. Nothing outside a work tree or with git locks."""

    def traced(self, resource: Resource) -> Traced:
        """What git knows of a document. May be called beside any other."""

    async def watch(
        self,
        sources: Callable[[], Sequence[str]],
        wake: Callable[[frozenset[str] | None], None],
    ) -> None:
        """Hint at changed paths until cancelled; `wake(None)` = anything. Asks `sources` again
        when the set may have changed. May lose, double and reorder."""


class Rules(Protocol):
    """The rules that only hold across documents, pure."""

    def cross(self, resources: Sequence[Resource]) -> Mapping[Ref, tuple[Diagnostic, ...]]:
        """Findings by the ref they break: cycles of needs, two defaults. Names are unique here."""


class Statuses(Protocol):
    """Where settled status goes: into the file, a sidecar, or nowhere."""

    def put(
        self,
        resource: Resource,
        body: Mapping[str, Any] | None,
        *,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Write `body` soon; the newest wins per document. None = take ours out. Never blocks.

        `then` is called in the loop when `body` stands there, or never will, and nothing of the
        write is left beside the file; not if a newer one of that name has taken its place.
        """
