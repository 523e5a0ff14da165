"""ToolServers: MCP servers that p42 runs for agents: started when needed, and looked after.

    declared -> reached (started, greeted) -> called ... -> idle, changed, or gone: ended

Guarantees: one owner task a server, from its start to its end; all agents share one; a server that
died is started and greeted afresh with the next call, and a call that did not reach it is sent
again, one that may have is not; one that cannot be reached holds a message up for REACH seconds at
most, and is not tried again for AGAIN; none outlives the daemon (else the keeper ends it).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from p42 import __version__
from p42.ai.mcp.link import Gone, Link, Stdio
from p42.ai.mcp.servers import McpServers, Server
from p42.ai.mcp.session import McpSession
from p42.ai.programs.pinning import Hold, Pinning
from p42.ai.tools.bench import Served
from p42.ai.tools.schema import served
from p42.model.errors import Blocked, P42Error
from p42.model.ports import Clock, Journal
from p42.model.refs import Ref
from p42.runtimes.agents.place import AgentPlaces
from p42.runtimes.agents.process import AgentProcesses, Start

REACH = 10.0  # s that a message waits for servers to come up; then it goes on without them
START = 60.0  # s to shake hands; `npx` fetches a package first
AGAIN = 10.0  # s from a start that failed to the next
CALL = 60.0  # s for one call
IDLE = 600.0  # s without a call until a server is ended
LOOK = 60.0  # s between two looks at those
LEAVE = 5.0  # s for one to end, before what it may still write is held instead


@dataclass(slots=True, eq=False)
class _Kept:
    """One server, from its start to its end. `wish`: the `config` it was started from."""

    name: str
    wish: Server
    used: float  # monotonic
    again: float  # monotonic; it is not started afresh before
    session: McpSession | None = None  # it is up
    served: Sequence[Served] = ()
    problem: str = ""
    calls: int = 0  # under way
    hold: Hold | None = None  # None = it is not a program of ours
    tried: asyncio.Event = field(default_factory=asyncio.Event)  # it is up, or has failed
    ending: asyncio.Event = field(default_factory=asyncio.Event)  # it has to end
    gone: asyncio.Event = field(default_factory=asyncio.Event)  # it has ended

    @property
    def outdated(self) -> bool:
        """Whether its walls are older than what is followed: it ends with its last call."""
        return self.hold is not None and self.hold.outdated


class ToolServers:
    """Of one event loop. Nothing runs outside `run`."""

    def __init__(
        self,
        servers: McpServers,
        processes: AgentProcesses,
        places: AgentPlaces,
        *,
        pinning: Pinning,
        clock: Clock,
    ) -> None:
        self._servers, self._processes, self._places = servers, processes, places
        self._pinning, self._clock = pinning, clock
        self._kept: dict[str, _Kept] = {}
        self._outdated: set[_Kept] = set()  # still called; others stand in their place
        self._group: asyncio.TaskGroup | None = None
        self._journal: Journal | None = None

    def open(self, journal: Journal) -> None:
        """From now on it is told what becomes of servers."""
        self._journal = journal

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Servers can be reached; at the end all are ended."""
        async with asyncio.TaskGroup() as group:
            retiring = group.create_task(self._retire())
            self._group = group
            try:
                yield
            finally:
                self._group = None
                retiring.cancel()
                for kept in (*self._kept.values(), *self._outdated):
                    kept.ending.set()

    async def reach(self, names: Sequence[str]) -> Sequence[str]:
        """Have those among the Integrations `names` that are servers come up.

        Which of them cannot be used now, in a sentence each.
        """
        wanted, told = list[_Kept](), list[str]()
        for name in names:
            try:
                kept = self._wanted(name)
            except Blocked as error:
                told.append(str(error))
            else:
                wanted += [kept] if kept is not None else []
        with suppress(TimeoutError):
            async with asyncio.timeout(REACH):
                for kept in wanted:
                    await self._up(kept)
        return [*told, *(_trouble(kept) for kept in wanted if kept.session is None)]

    def tools(self, names: Sequence[str]) -> Sequence[Served]:
        """What those of `names` that are up offer."""
        kept = [self._kept[name] for name in names if name in self._kept]
        return [tool for each in kept if each.session is not None for tool in each.served]

    async def call(self, name: str, tool: str, arguments: Mapping[str, Any]) -> str:
        """What a tool gave, as text. P42Error says what went wrong, or what the tool says did."""
        try:
            return await self._called(name, tool, arguments)
        except Gone:  # nothing has happened yet: it is started and greeted anew, once
            return await self._called(name, tool, arguments)

    async def _called(self, name: str, tool: str, arguments: Mapping[str, Any]) -> str:
        trouble = await self.reach([name])
        kept = self._kept.get(name)
        if kept is None or kept.session is None:
            raise Blocked(trouble[0] if trouble else f"integration/{name} is no MCP server")
        kept.calls += 1
        try:
            return await kept.session.call(tool, arguments, seconds=CALL)
        finally:
            kept.calls -= 1
            kept.used = self._clock.monotonic()
            if kept.outdated and not kept.calls:
                self._let_go(kept)

    def _wanted(self, name: str) -> _Kept | None:
        """Its server, starting if it is not there; None = it is no server. Blocked."""
        wish, kept = self._servers.declared(name), self._kept.get(name)
        if kept is not None and kept.wish != wish:
            kept.ending.set()
            kept = None
        if kept is not None and kept.outdated and kept.session is not None:
            self._let_go(kept)
            kept = None
        if wish is None:
            return None
        now = self._clock.monotonic()
        if kept is not None and (
            kept.session is not None or not kept.tried.is_set() or now < kept.again
        ):
            return kept
        if self._group is None:
            raise Blocked(f"integration/{name}: p42 is stopping")
        kept = self._kept[name] = _Kept(name, wish, used=now, again=now + AGAIN)
        self._group.create_task(self._own(kept))
        return kept

    async def _up(self, kept: _Kept) -> None:
        """Returns once it is up, with the tools it has by now, or has failed."""
        await kept.tried.wait()
        session = kept.session
        if session is not None and session.stale:
            with suppress(P42Error):  # what it had before still stands
                await session.look()
                kept.served = await self._offered(kept, session)

    async def _own(self, kept: _Kept) -> None:
        """One server, from start to end."""
        session = McpSession(f"integration/{kept.name}", __version__)
        try:
            async with AsyncExitStack() as held:
                session.link = await self._link(kept, session, held)
                held.push_async_callback(session.link.close)
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._greet(kept, session))
                    closing = group.create_task(self._close(kept, session.link))
                    self._ended(kept, session, await session.link.run())
                    closing.cancel()
        except P42Error as error:
            self._failed(kept, str(error))
        finally:
            kept.session = None
            kept.tried.set()
            kept.gone.set()
            self._outdated.discard(kept)
            if kept.ending.is_set() and self._kept.get(kept.name) is kept and not kept.problem:
                del self._kept[kept.name]

    async def _link(self, kept: _Kept, session: McpSession, held: AsyncExitStack) -> Link:
        config = await self._servers.resolved(kept.wish)
        if "url" in config:
            from p42.ai.mcp.http import connected  # 190 ms, and only who needs it pays them

            return await connected(str(config["url"]), config["headers"], session.hear)
        place = await asyncio.to_thread(self._places.settle, kept.name, config)
        kept.hold = await held.enter_async_context(self._pinning.held(place.who, place.reach))
        kept.hold.leave = lambda: self._leave(kept)
        argv = place.wrap([place.program, *config.get("args", ())])
        return Stdio(await self._processes.start(Start(argv, place.env, place.cwd)), session.hear)

    async def _greet(self, kept: _Kept, session: McpSession) -> None:
        try:
            async with asyncio.timeout(START):
                await session.begin()
            kept.served = await self._offered(kept, session)
            kept.session = session
        except P42Error as error:
            self._failed(kept, str(error))
            kept.ending.set()
        except TimeoutError:
            self._failed(kept, f"{session.name}: the server did not shake hands in {START:g} s")
            kept.ending.set()
        finally:
            kept.tried.set()

    async def _offered(self, kept: _Kept, session: McpSession) -> Sequence[Served]:
        """What it offers and can be used; what cannot is told."""
        found, left = await asyncio.to_thread(served, kept.name, session.offers)
        self._note(kept, "ServerUp", f"{len(found)} tools")
        if left:
            self._note(kept, "ToolsLeftOut", left, warning=True)
        return found

    def _ended(self, kept: _Kept, session: McpSession, why: str) -> None:
        """At once: a call that comes now is for the next one."""
        was_up, kept.session = kept.session is not None, None
        session.over(why)
        if kept.calls or kept.used > kept.again - AGAIN:
            kept.again = 0.0  # it was of use: whoever needs it next need not wait
        if was_up and not kept.ending.is_set():
            kept.problem = session.ended
            self._note(kept, "ServerEnded", session.ended, warning=True)

    async def _leave(self, kept: _Kept) -> None:
        """p42 comes to follow what it can write. It ends now, or with the last call."""
        if kept.calls or not kept.tried.is_set():
            return
        self._let_go(kept)
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE):
                await kept.gone.wait()

    def _let_go(self, kept: _Kept) -> None:
        """Nobody calls it any more from now on; the next call is for another."""
        if self._kept.get(kept.name) is kept:
            del self._kept[kept.name]
        if kept.calls:
            self._outdated.add(kept)
        else:
            kept.ending.set()

    async def _close(self, kept: _Kept, link: Link) -> None:
        await kept.ending.wait()
        await link.close()

    async def _retire(self) -> None:
        while True:
            await self._clock.sleep(LOOK)
            for kept in list(self._kept.values()):
                if kept.outdated and kept.tried.is_set():
                    self._let_go(kept)
                elif not kept.calls and self._is_over(kept):
                    kept.ending.set()

    def _is_over(self, kept: _Kept) -> bool:
        """Whether nobody called it for long enough, or it is not declared so any more."""
        if self._clock.monotonic() - kept.used >= IDLE:
            return True
        try:
            return self._servers.declared(kept.name) != kept.wish
        except Blocked:
            return True

    def _failed(self, kept: _Kept, problem: str) -> None:
        name = f"integration/{kept.name}"
        kept.problem = problem if problem.startswith(name) else f"{name}: {problem}"
        self._note(kept, "ServerDown", kept.problem, warning=True)

    def _note(self, kept: _Kept, reason: str, text: str, *, warning: bool = False) -> None:
        if self._journal is not None:
            self._journal.note(Ref("Integration", kept.name), reason, text, warning=warning)


def _trouble(kept: _Kept) -> str:
    return kept.problem or f"integration/{kept.name}: its server has not come up yet"
