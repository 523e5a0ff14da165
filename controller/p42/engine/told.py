"""Told: what the last `apply` said of each name, so that the next one can say what is new.

The watcher is usually quicker than the person: by the time `apply` is typed, the edit is real. It
was "configured" all the same, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from p42.engine.catalog import Catalog
from p42.engine.paths import lies_in
from p42.engine.view import Result
from p42.engine.wish import State
from p42.model.refs import Ref
from p42.model.resource import Resource


class Told:
    """Begins with what the ledger knows: an apply of long ago."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._told = {resource.ref: resource for resource in resources}

    def results(self, catalog: Catalog, paths: Sequence[str]) -> dict[Ref, Result]:
        """What is new at `paths` since they were last told."""
        results: dict[Ref, Result] = {}
        for ref in dict.fromkeys(ref for path in paths for ref in catalog.shelves.below(path)):
            results[ref] = self._tell(ref, catalog)
        for ref, resource in list(self._told.items()):
            wish = catalog.wishes.get(ref)
            if wish is not None and wish.state is not State.GONE:
                continue
            if any(lies_in(resource.place.file, path) for path in paths):
                results[ref] = "pruned"
                del self._told[ref]
        return results

    def forget(self, refs: Iterable[Ref]) -> None:
        """Somebody deleted them and was told so."""
        for ref in refs:
            self._told.pop(ref, None)

    def _tell(self, ref: Ref, catalog: Catalog) -> Result:
        wish, old = catalog.wishes.get(ref), self._told.get(ref)
        if wish is None or wish.state in (State.BROKEN, State.DUPLICATE, State.GONE):
            return "failed"
        new = self._told[ref] = wish.resource
        if old is None:
            return "created"
        same = (old.digest, old.labels, old.annotations) == (
            new.digest,
            new.labels,
            new.annotations,
        )
        return "unchanged" if same else "configured"
