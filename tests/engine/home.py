"""A home for tests: an engine on real files under virtual time, that can crash and start again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import looptime

from p42.engine.engine import Engine
from p42.engine.gate import Trust
from p42.model.ledger import Entry
from p42.model.plan import Instant
from p42.model.ports import World
from p42.model.refs import Ref
from p42.model.resource import Resource
from tests.engine.approvals import MemoryApprovals
from tests.engine.lines import LineRules, LineSources
from tests.engine.toys import Land, kinds

EPOCH = 1_700_000_000.0
T = TypeVar("T")


class LoopClock:
    """Wall time that goes with the loop's."""

    def now(self) -> Instant:
        return Instant(EPOCH + asyncio.get_running_loop().time())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class MemoryLedger:
    """What a disk would hold: survives the engine, counts its writes."""

    def __init__(self, around: Callable[[], None] = lambda: None) -> None:
        self._entries: dict[Ref, Entry] = {}
        self._sources: dict[str, None] = {}
        self.around = around
        self.writes = 0
        self.lost = False

    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries[ref] for ref in sorted(self._entries))

    def sources(self) -> tuple[str, ...]:
        return tuple(self._sources)

    async def record(self, entry: Entry) -> None:
        await self._write(lambda: self._entries.update({entry.ref: entry}))

    async def erase(self, ref: Ref) -> None:
        await self._write(lambda: self._entries.pop(ref, None))

    async def follow(self, source: str) -> None:
        await self._write(lambda: self._sources.setdefault(source, None))

    async def forget(self, source: str) -> None:
        await self._write(lambda: self._sources.pop(source, None))

    async def _write(self, change: Callable[[], Any]) -> None:
        self.around()
        await asyncio.sleep(0)
        change()
        self.writes += 1
        self.around()


class Written:
    """The status blocks as they stand in the files."""

    def __init__(self) -> None:
        self.bodies: dict[Ref, Mapping[str, Any]] = {}
        self.puts = 0
        self.around: Callable[[], None] = lambda: None

    def put(
        self,
        resource: Resource,
        body: Mapping[str, Any] | None,
        *,
        then: Callable[[], None] | None = None,
    ) -> None:
        self.around()
        self.puts += 1
        if body is None:
            self.bodies.pop(resource.ref, None)
        else:
            self.bodies[resource.ref] = body
        self.around()
        if then is not None:
            then()


class Notes:
    """A journal that only remembers."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str, str]] = []

    def note(self, ref: Ref | None, reason: str, message: str, *, warning: bool = False) -> None:
        self.notes.append((str(ref), reason, message))


class Home:
    """Everything that outlives a daemon, and a way to start one on it."""

    def __init__(self, root: Path) -> None:
        self.land = Land(root / "land")
        self.source = root / "manifests"
        self.source.mkdir(parents=True)
        self.ledger = MemoryLedger()
        self.approvals = MemoryApprovals()
        self.trust: Trust = "all"
        self.sources = LineSources()
        self.written = Written()
        self.journal = Notes()
        self.unknown: set[str] = set()  # kinds that the next daemon does not know

    @property
    def path(self) -> str:
        return str(self.source)

    def save(self, name: str, text: str) -> None:
        """Write a manifest; the watcher sees it."""
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.sources.wake(frozenset([str(path)]))

    def remove(self, name: str) -> None:
        """Delete a manifest; the watcher sees it."""
        (self.source / name).unlink()
        self.sources.wake(frozenset([str(self.source / name)]))

    def real(self) -> dict[str, str]:
        """All files and directories of the toys."""
        root = self.land.root
        return {
            str(path.relative_to(root)): "/" if path.is_dir() else path.read_text()
            for path in sorted(root.rglob("*"))
            if path.parent != root
        }

    def engine(self) -> Engine:
        """A new engine on what is there, as after a start."""
        world = World(
            home=self.source.parent, clock=LoopClock(), journal=self.journal,
            approvals=self.approvals,
        )  # fmt: skip
        known = {name: k for name, k in kinds(self.land).items() if name not in self.unknown}
        return Engine(
            kinds=known, world=world, ledger=self.ledger, sources=self.sources,
            rules=LineRules(), statuses=self.written, trust=self.trust, random=lambda: 0.5,
        )  # fmt: skip

    @asynccontextmanager
    async def running(self, *, apply: bool = True) -> AsyncIterator[Engine]:
        """A running engine, that is cancelled in the end as a crash would."""
        asyncio.get_running_loop().set_default_executor(Inline(max_workers=1))
        engine = self.engine()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(engine.run())
            try:
                if apply:
                    await engine.follow([self.path])
                    await settled(engine)
                yield engine
            finally:
                running.cancel()


class Inline(ThreadPoolExecutor):
    """Runs at once, in the loop: with virtual time no thread can be late."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - handed to whoever awaits it
            future.set_exception(error)
        return future


async def settled(engine: Engine, seconds: float = 600.0) -> None:
    """Until everything is; TimeoutError after so many virtual seconds."""
    async with asyncio.timeout(seconds):
        await engine.settle(None)


def virtually(main: Callable[[], Awaitable[T]]) -> T:
    """Run under virtual time, outside pytest's own loop: for hypothesis and sweeps."""
    loop_class = looptime.make_event_loop_class(asyncio.SelectorEventLoop)

    def factory() -> asyncio.AbstractEventLoop:
        return loop_class(noop_cycles=3)

    async def run() -> T:
        return await main()

    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(run())


def ref(text: str) -> Ref:
    """`Note/a` as a Ref."""
    return Ref.parse(text)
