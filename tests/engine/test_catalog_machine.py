"""The catalog against every order of saves, breaks, looks, restarts and prunes hypothesis finds."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from p42.engine.absence import GRACE
from p42.engine.catalog import Catalog
from p42.engine.wish import State
from p42.model.ledger import Entry
from p42.model.look import FileLook, SourceLook
from p42.model.plan import Instant
from p42.model.refs import Ref
from p42.model.resource import Resource
from tests.engine.lines import LineRules, file_look

PATHS = st.sampled_from([f"/m/{name}.yaml" for name in "abcd"])
DOCUMENTS = st.sampled_from(
    [f"Note {name} text={text}" for name in "efghi" for text in ("x", "xy", "z", "!")]
    + ["Pot p default=true", "Pot q default=true", "Pot p inside=q", "Pot q inside=p", "?"]
)
TEXTS = st.lists(DOCUMENTS, max_size=4).map("\n".join)


class CatalogLaws(RuleBasedStateMachine):
    """The model knows the files, and when each name was last looked at and found."""

    @initialize()
    def start(self) -> None:
        self.now = 1000.0
        self.files: dict[str, str] = {}
        self.busy: set[str] = set()
        self.gone = ""
        self.good: dict[Ref, set[str]] = {}  # digests that were good in a file, ever
        self.missed: dict[Ref, float] = {}  # since when looks where it stood do not find it
        self.allowed: set[Ref] = set()  # may be gone: it was pruned, released or proven
        self.catalog = Catalog(cross=LineRules().cross)
        self.catalog.follow("/m")

    # What people and editors do.

    @rule(path=PATHS, text=TEXTS)
    def save(self, path: str, text: str) -> None:
        self.files[path] = text
        for doc in file_look(path, text).documents:
            if isinstance(doc, Resource):
                self.good.setdefault(doc.ref, set()).add(doc.digest)

    @rule(path=PATHS)
    def remove(self, path: str) -> None:
        self.files.pop(path, None)

    @rule(path=PATHS, onto=PATHS)
    def move(self, path: str, onto: str) -> None:
        if path in self.files:
            self.save(onto, self.files.pop(path))

    @rule(path=PATHS, cut=st.integers(0, 60))
    def cut(self, path: str, cut: int) -> None:
        if path in self.files:
            self.save(path, self.files[path][:cut])

    @rule(path=PATHS)
    def open_or_close(self, path: str) -> None:
        self.busy ^= {path}

    @rule(why=st.sampled_from(["", "unmounted"]))
    def source_comes_and_goes(self, why: str) -> None:
        self.gone = why

    @rule(seconds=st.sampled_from([0.01, 0.5, 1.0, 1.9, 2.0, 5.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    # What the engine does.

    @rule(path=PATHS)
    def peek(self, path: str) -> None:
        look = self.look_at(path)
        found = {doc.ref for doc in look.documents}
        for ref, wish in self.catalog.wishes.items():
            if wish.resource.place.file == path and ref not in found and look.state != "busy":
                self.missed.setdefault(ref, self.now)
        self.check(lambda: self.catalog.peek(look, "/m", self.now), proof=False)

    @rule()
    def survey(self) -> None:
        looks = () if self.gone else tuple(map(self.look_at, sorted(self.files.keys() | self.busy)))
        look = SourceLook("/m", looks, self.gone)
        found = {doc.ref for each in looks for doc in each.documents}
        for ref in self.catalog.wishes:
            if ref in found:
                self.missed.pop(ref, None)
            else:
                self.missed.setdefault(ref, self.now)
        self.check(lambda: self.catalog.survey([look], self.now), proof=True)

    @rule()
    def prune(self) -> None:
        held = {ref for ref, w in self.catalog.wishes.items() if w.state is State.HELD}
        assert self.catalog.prune(["/m"]) == held
        self.allowed |= held

    @rule()
    def tear_down(self) -> None:
        for ref in self.in_state(State.GONE):
            self.catalog.erase(ref)
            self.allowed.discard(ref)
            self.missed.pop(ref, None)

    @rule()
    def restart(self) -> None:
        entries = [
            Entry(ref, w.source, w.resource, (), "delete", 1, Instant(0), held=w.state == "held")
            for ref, w in self.catalog.wishes.items()
            if w.state is not State.GONE
        ]
        self.missed.clear()
        self.catalog = Catalog(cross=LineRules().cross)
        self.catalog.restore(entries, ["/m"])

    # What must hold.

    @invariant()
    def no_spec_was_made_up(self) -> None:
        for ref, wish in self.catalog.wishes.items():
            assert wish.resource.digest in self.good[ref]

    @invariant()
    def only_what_was_proven_or_asked_for_is_gone(self) -> None:
        assert self.in_state(State.GONE) <= self.allowed

    @invariant()
    def what_is_not_good_says_why(self) -> None:
        for ref in self.in_state(State.DUPLICATE):
            assert self.catalog.wishes[ref].findings

    def teardown(self) -> None:
        """Whatever happened: leave the files alone, look twice, and they alone decide."""
        if not hasattr(self, "catalog"):
            return
        self.busy, self.gone = set(), ""
        for seconds in (0.0, 10.0, 10.0):
            self.now += seconds
            self.survey()
        looks = [file_look(path, text) for path, text in self.files.items()]
        documents = [doc for look in looks for doc in look.documents]
        alone = {doc.ref for doc in documents if [d.ref for d in documents].count(doc.ref) == 1}
        crossed = LineRules().cross([d for d in documents if isinstance(d, Resource)])
        for doc in documents:
            if isinstance(doc, Resource) and doc.ref in alone - crossed.keys():
                wish = self.catalog.wishes[doc.ref]
                assert (wish.state, wish.resource) == (State.GOOD, doc)
        assert not self.in_state(State.ABSENT)

    def check(self, look: object, *, proof: bool) -> None:
        """Make a look; what it takes for gone must be missing for long enough, and not too much."""
        before = self.in_state(State.GONE)
        alive = len(self.catalog.wishes) - len(before)
        look()  # type: ignore[operator]
        newly = self.in_state(State.GONE) - before
        assert proof or not newly
        assert len(newly) <= 3 or len(newly) * 2 <= alive
        for ref in newly:
            assert self.now - self.missed[ref] >= GRACE
            assert not any(ref.name.encode() in text.encode() for text in self.unclear())
        self.allowed |= newly

    def unclear(self) -> list[str]:
        """Files that nobody can understand."""
        return [text for text in self.files.values() if "?" in text]

    def look_at(self, path: str) -> FileLook:
        if path in self.busy:
            return FileLook(path, "busy")
        if path not in self.files:
            return FileLook(path, "missing")
        return file_look(path, self.files[path])

    def in_state(self, state: State) -> set[Ref]:
        return {ref for ref, wish in self.catalog.wishes.items() if wish.state is state}


CatalogLaws.TestCase.settings = settings(max_examples=150, stateful_step_count=30)
TestCatalogLaws = CatalogLaws.TestCase
