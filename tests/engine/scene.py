"""A catalog that follows /m and the files in it, as values: for tests of its rules."""

from __future__ import annotations

from collections.abc import Mapping

from p42.engine.catalog import Catalog
from p42.engine.wish import State
from p42.model.ledger import Entry
from p42.model.plan import Instant
from p42.model.refs import Ref
from tests.engine.lines import LineRules, file_look, source_look

A, B, C = (Ref("Note", name) for name in "abc")


class Scene:
    """A catalog that follows /m, and its files."""

    def __init__(self, **files: str) -> None:
        self.catalog = self.fresh()
        self.catalog.follow("/m")
        self.files = {f"/m/{name}.yaml": text for name, text in files.items()}
        self.now = 100.0
        self.survey()

    def fresh(self, *, keep_all: bool = False) -> Catalog:
        return Catalog(cross=LineRules().cross, keep_all=keep_all)

    def survey(self, after: float = 0.0) -> frozenset[Ref]:
        self.now += after
        return self.catalog.survey([source_look("/m", self.files)], self.now)

    def save(self, name: str, text: str) -> frozenset[Ref]:
        path = f"/m/{name}.yaml"
        self.files[path] = text
        return self.catalog.peek(file_look(path, text), "/m", self.now)

    def remove(self, name: str) -> None:
        del self.files[f"/m/{name}.yaml"]

    def state(self, ref: Ref = A) -> State | None:
        wish = self.catalog.wishes.get(ref)
        return wish.state if wish else None

    def restart(self, *, keep_all: bool = False) -> None:
        entries = [
            Entry(ref, w.source, w.resource, (), "delete", 1, Instant(0), held=w.state == "held")
            for ref, w in self.catalog.wishes.items()
        ]
        self.catalog = self.fresh(keep_all=keep_all)
        self.catalog.restore(entries, ["/m"])
        self.survey()


def many(count: int) -> Mapping[str, str]:
    return {f"n{i}": f"Note n{i} text=x" for i in range(count)}
