"""Catalog: from what was seen in the files to what is wanted under each name.

Guarantees:
    A name is GONE only after two looks, two seconds apart, the second of them over all sources,
    or because somebody said so (`forget`, `release`, `prune`). What is broken, doubled, half
    written, held open or out of sight keeps its last good document.
    The outcome depends on the files, not on which events told of them or how often.
    Started again from the ledger, it comes to the same end.

Assumptions: `now` never goes back (monotonic seconds); one caller at a time. Pure: no I/O, no
clock; `cross` is pure too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from p42.engine.absence import believed_at, too_many
from p42.engine.paths import lies_in
from p42.engine.quarrel import Cross, Quarrels
from p42.engine.shelf import Shelf
from p42.engine.shelves import Shelves
from p42.engine.wish import State, Wish
from p42.model.diagnostic import Diagnostic
from p42.model.ledger import Entry
from p42.model.look import Broken, FileLook, SourceLook
from p42.model.refs import Ref
from p42.model.resource import Resource


class Catalog:
    """The wishes of all followed sources. Every change answers with the names it touched."""

    def __init__(self, *, cross: Cross, keep_all: bool = False) -> None:
        """`keep_all`: the ledger was lost, so an absence proves nothing in this run."""
        self.keep_all = keep_all
        self._sources: dict[str, str] = {}  # path -> why it is out of sight, "" = it is there
        self._shelves = Shelves()
        self._quarrels = Quarrels(cross)
        self._wishes: dict[Ref, Wish] = {}
        self._missing: set[Ref] = set()  # no document of that name; judged again at every look
        self._doubtful: list[Shelf] = []  # as of the judgement under way

    @property
    def wishes(self) -> Mapping[Ref, Wish]:
        """All names with a good document, now or once. Live: not to be kept over an await."""
        return self._wishes

    @property
    def shelves(self) -> Shelves:
        """The files. For asking, not for changing."""
        return self._shelves

    @property
    def sources(self) -> tuple[str, ...]:
        """Followed paths, in the order they were followed."""
        return tuple(self._sources)

    @property
    def broken(self) -> tuple[Diagnostic, ...]:
        """Every finding, by place: broken documents, doubled names, broken rules."""
        found = self._shelves.broken | self._quarrels.findings
        return tuple(sorted(found, key=lambda f: (f.file, f.line, f.column, f.message)))

    @property
    def due_files(self) -> dict[str, float]:
        """Files that want another look by themselves, and when."""
        return self._shelves.due

    @property
    def due_survey(self) -> float | None:
        """When a survey could prove an absence."""
        return min((self._proof(wish) for _, wish in self._absent()), default=None)

    def undecided(self, ref: Ref) -> bool:
        """Whether the next look, due within seconds, may say something else of `ref`."""
        wish = self._wishes.get(ref)
        if wish is None or wish.state is State.ABSENT:
            return wish is not None
        home = self._shelves.at(wish.resource.place.file)
        return home is not None and ref in home.waiting

    def restore(self, entries: Iterable[Entry], sources: Sequence[str]) -> None:
        """Begin from the ledger. What stood in no followed source was being deleted."""
        self._sources = dict.fromkeys(sources, "")
        for entry in entries:
            home = self.source_of(entry.source) or self.source_of(entry.resource.place.file)
            state = State.GONE if not home else State.HELD if entry.held else State.ABSENT
            self._wishes[entry.ref] = Wish(entry.resource, home or entry.source, state)
            self._missing.add(entry.ref)
            if home:
                self._shelves.remember(entry.resource, home)

    def source_of(self, path: str) -> str | None:
        """The followed source in which `path` lies; None if there is none."""
        return next((source for source in self._sources if lies_in(path, source)), None)

    def follow(self, source: str) -> None:
        """Add a source that lies in no other. It takes over the sources inside it."""
        inner = {s for s in self._sources if lies_in(s, source)}
        for shelf in self._shelves:
            shelf.source = source if shelf.source in inner else shelf.source
        for ref, wish in self._wishes.items():
            if wish.source in inner:
                self._wishes[ref] = replace(wish, source=source)
        kept = {s: gone for s, gone in self._sources.items() if s not in inner}
        self._sources = {**kept, source: ""}

    def survey(self, looks: Sequence[SourceLook], now: float) -> frozenset[Ref]:
        """Believe a look over all sources: the only thing that can prove an absence."""
        touched: set[Ref] = set()
        for look in looks:
            if look.source in self._sources:
                self._sources[look.source] = look.gone
                touched |= self._shelves.take_source(look, now)
        changed = self._judge_all(touched, now)
        if self._sources.keys() <= {look.source for look in looks}:
            changed |= self._bury(now)
        return frozenset(changed)

    def peek(self, look: FileLook, source: str, now: float) -> frozenset[Ref]:
        """Believe a look at one file: enough to apply a change, not to prove an absence."""
        if source not in self._sources:
            return frozenset()
        return frozenset(self._judge_all(self._shelves.take(look, source, now), now))

    def held_files(self) -> dict[str, tuple[str, ...]]:
        """Source -> the files of its held names, to ask git about."""
        files: dict[str, set[str]] = {}
        for wish in self._wishes.values():
            if wish.state is State.HELD:
                files.setdefault(wish.source, set()).add(wish.resource.place.file)
        return {source: tuple(sorted(paths)) for source, paths in files.items()}

    def explain(self, files: Collection[str]) -> frozenset[Ref]:
        """Git explains the absence of `files`: what was held for them is gone."""
        held = ((ref, w) for ref, w in self._wishes.items() if w.state is State.HELD)
        return self._let_go(ref for ref, wish in held if wish.resource.place.file in files)

    def prune(self, sources: Collection[str]) -> frozenset[Ref]:
        """`--prune`: what is held in `sources` was meant to go."""
        held = ((ref, w) for ref, w in self._wishes.items() if w.state is State.HELD)
        return self._let_go(ref for ref, wish in held if wish.source in sources)

    def forget(self, source: str) -> frozenset[Ref]:
        """`delete -f`: stop following `source`; what only it declared is gone."""
        self._sources.pop(source, None)
        changed = self._judge_all(self._shelves.drop(source), 0.0)
        gone = self._let_go(r for r in self._missing if self._wishes[r].source == source)
        return frozenset(changed) | gone

    def release(self, ref: Ref) -> frozenset[Ref]:
        """`delete KIND/NAME`: gone now, unless a document of that name still stands."""
        return self._let_go([ref] if ref in self._missing else [])

    def erase(self, ref: Ref) -> None:
        """It has been taken down: nothing is known of it any more."""
        if ref in self._missing:
            self._missing.discard(ref)
            self._shelves.unlearn(self._wishes.pop(ref).resource)

    def _judge_all(self, touched: set[Ref], now: float) -> set[Ref]:
        """Judge `touched`, what they quarrel with, and all that is missing."""
        documents = {ref: self._shelves.documents(ref) for ref in touched}
        self._doubtful = self._shelves.doubtful
        changed = set()
        for ref in touched | self._quarrels.update(documents) | self._missing:
            old = self._wishes.get(ref)
            new = self._judge(ref, old, now)
            if new is not None:
                self._wishes[ref] = new
                if not new.tells_the_same(old):
                    changed.add(ref)
        return changed

    def _judge(self, ref: Ref, old: Wish | None, now: float) -> Wish | None:
        documents = self._shelves.documents(ref)
        findings = self._quarrels.against(ref)
        if len(documents) == 1 and isinstance(documents[0], Resource) and not findings:
            self._missing.discard(ref)
            return Wish(documents[0], self._shelves.source_of(ref))
        if old is None or old.state is State.GONE:
            return old  # a broken document does not bring back what was proven gone
        if not documents:
            self._missing.add(ref)
            return self._miss(ref, old, now)
        self._missing.discard(ref)
        broken = (doc for doc in documents if isinstance(doc, Broken))
        findings += tuple(finding for doc in broken for finding in doc.diagnostics)
        state = State.DUPLICATE if len(documents) > 1 else State.BROKEN
        return replace(old, state=state, since=None, findings=findings)

    def _miss(self, ref: Ref, old: Wish, now: float) -> Wish:
        """No document of that name: out of sight, in a file nobody understands, or absent."""
        if old.state is State.HELD:
            return old
        if self._sources.get(old.source):
            return replace(old, state=State.HELD, since=None, findings=())
        home = self._shelves.at(old.resource.place.file)
        if home is not None and home.look is None:
            return old  # after a start: where it stood has not been looked at yet
        if doubt := self._doubt(ref, home):
            broken = (doc for doc in doubt.shown if isinstance(doc, Broken))
            findings = tuple(finding for doc in broken for finding in doc.diagnostics)
            if not findings:  # somebody is writing it at this moment
                return replace(old, since=None)
            return replace(old, state=State.BROKEN, since=None, findings=findings)
        seen = old.state is not State.ABSENT or old.since is None
        return replace(old, state=State.ABSENT, since=now if seen else old.since, findings=())

    def _doubt(self, ref: Ref, home: Shelf | None) -> Shelf | None:
        """A file that may well declare `ref`, only that it cannot be understood now."""
        if home is not None and home.doubtful:
            return home
        return next((shelf for shelf in self._doubtful if shelf.may_declare(ref)), None)

    def _absent(self) -> list[tuple[Ref, Wish]]:
        missing = ((ref, self._wishes[ref]) for ref in self._missing)
        return [(r, w) for r, w in missing if w.state is State.ABSENT and w.since is not None]

    def _proof(self, wish: Wish) -> float:
        return believed_at(wish, self._shelves.at(wish.resource.place.file))

    def _bury(self, now: float) -> set[Ref]:
        """What has been absent for long enough is gone, or held if there is too much of it."""
        due = [(ref, wish) for ref, wish in self._absent() if now >= self._proof(wish)]
        verdict = {
            source: State.HELD if self._alarming(source) else State.GONE
            for source in {wish.source for _, wish in due}
        }
        for ref, wish in due:
            self._wishes[ref] = replace(wish, state=verdict[wish.source], since=None)
        return {ref for ref, _ in due}

    def _alarming(self, source: str) -> bool:
        alive = (w for w in self._wishes.values() if w.source == source)
        return self.keep_all or too_many(
            [wish for wish in alive if wish.state is not State.GONE],
            declares_anything=any(shelf.shown for shelf in self._shelves.of(source)),
        )

    def _let_go(self, refs: Iterable[Ref]) -> frozenset[Ref]:
        gone = frozenset(ref for ref in refs if self._wishes[ref].state is not State.GONE)
        for ref in gone:
            wish = self._wishes[ref]
            self._wishes[ref] = replace(wish, state=State.GONE, since=None, findings=())
        return gone
