"""LinesProgram: a message answered by a program that reads and writes lines.

One process for each session, kept between messages: what it remembers is its own. It ends when the
session does, when it was not spoken to for IDLE seconds, when its declaration changed, when p42
comes to follow what it can write, when a message was broken off, and with the daemon; the next
message starts it afresh. It is told who it is by P42_AGENT, P42_SESSION, P42_PERSONA and
P42_CONTEXT, and, where it says `resume: true`, what was said before it was started; where it does
not, who speaks to it is told that it does not know.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from p42.ai.mcp.servers import Server
from p42.ai.programs.allowance import Allowance
from p42.ai.programs.pinning import Hold
from p42.ai.programs.program import FIRST, Program, Whole
from p42.model.completion import Cut, Text, ToolCall, Usage
from p42.model.errors import Blocked, TimedOut
from p42.model.session import IDLE, Session
from p42.model.talk import Used
from p42.runtimes.agents.files import AgentFiles
from p42.runtimes.agents.place import Place
from p42.runtimes.agents.process import AgentProcess, Start
from p42.wire.lines import QUIET, AnswerLines, line_of

TOLD = 100_000  # characters of a persona or a context; Linux takes 131,071 bytes a variable
LATE = 0.01  # s; what it wrote since its last answer has come by now
MOST = 16  # kept at once; then the one that rested longest is ended


FORGOT = (
    "{name}: {command} was started anew and knows nothing of what was said before; one that can "
    "read it says so by spec.process.resume"
)


@dataclass(slots=True)
class Kept:
    """A process between messages. `wish` is all that it was started from. `history`: lines that it
    is to be given first."""

    process: AgentProcess
    allowance: Allowance
    wish: Mapping[str, Any]
    hold: Hold
    held: AsyncExitStack
    used: float  # monotonic
    history: Sequence[str] = ()
    lines: AnswerLines = field(default_factory=AnswerLines)
    over: bool = False  # the answer has no further piece
    closed: bool = False  # its output has ended

    async def close(self) -> None:
        """End it."""
        await self.held.aclose()


class Keeping:
    """The processes of sessions, by session. `now` in monotonic seconds."""

    def __init__(self, *, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: dict[str, Kept] = {}
        self.some = asyncio.Event()  # something is kept

    def take(self, session: str) -> Kept | None:
        """The session's, to be given back or closed."""
        kept = self._kept.pop(session, None)
        if kept is not None:
            kept.hold.leave = None
        return kept

    def has(self, session: str) -> bool:
        """Whether it has one that rests."""
        return session in self._kept

    async def put(self, session: str, kept: Kept) -> None:
        """Keep it for the next message, unless its walls are older than what is followed."""
        if kept.hold.outdated:
            await kept.close()
            return
        kept.used = self._now()
        kept.hold.leave = lambda: self.end(session)
        self._kept[session] = kept
        self.some.set()
        if len(self._kept) > MOST:
            await self.end(min(self._kept, key=lambda each: self._kept[each].used))

    async def end(self, session: str) -> None:
        """End the session's, if it rests. Nothing there: no effect."""
        kept = self.take(session)
        if kept is not None:
            await kept.close()

    async def end_idle(self) -> None:
        """End those that nobody spoke to for long enough."""
        for session, kept in list(self._kept.items()):
            if self._now() - kept.used >= IDLE or kept.process.ended.done():
                await self.end(session)
        if not self._kept:
            self.some.clear()

    async def end_all(self) -> None:
        """End every one."""
        for session in list(self._kept):
            await self.end(session)


class LinesProgram(Program):
    """One message."""

    def __init__(self, *given: Any, keeping: Keeping, **named: Any) -> None:
        super().__init__(*given, **named)
        self._keeping = keeping
        self._kept: Kept | None = None
        self._cost = 0  # micro-USD of this message
        self._ends_line = False  # the last line told is not the last of the answer until now

    @property
    def _allowance(self) -> Allowance:
        return self._kept.allowance if self._kept is not None else Allowance("", "", {})

    def _spent(self) -> int:
        return self._cost

    async def _spoken(
        self, session: Session, place: Place, servers: Mapping[str, Server], held: AsyncExitStack
    ) -> AsyncGenerator[Text | ToolCall | Used | Whole]:
        kept = self._kept = await self._ready(session, place, servers)
        before, well, heard, nothing = kept.allowance.spent(), False, False, ""
        used = kept.allowance.used()
        with self._runs(kept.process):
            try:
                for line in kept.history:
                    await self._write(kept, line)
                kept.history = ()
                while late := await self._piece(kept, LATE):
                    yield Text(late)
                kept.over, seconds = False, None
                await self._write(kept, self.say.text)
                while (text := await self._piece(kept, seconds)) is not None:
                    seconds = None if kept.lines.marks else QUIET
                    if text:
                        heard = True
                        yield Text(text)
                self._cost = kept.allowance.spent() - before
                counted = _since(used, kept.allowance.used())
                well = await self._is_well(kept, heard=heard)
                nothing = "" if heard else self._nothing(kept.process)
            finally:
                if well:
                    await self._keeping.put(session.id, kept)
                else:
                    await kept.close()
        if nothing:
            raise Blocked(nothing)
        yield Whole(counted)

    async def _ready(self, session: Session, place: Place, servers: Mapping[str, Server]) -> Kept:
        """The session's process, if it still is what is declared; else a new one."""
        model = self._model(session)
        wish = {
            "process": dict(self.process), "persona": self.who.facts.get("persona"),
            "account": self.account, "model": model, "walls": place.walls,
        }  # fmt: skip
        kept = self._keeping.take(session.id)
        if kept is not None:
            if kept.wish == wish and not kept.process.ended.done():
                kept.process.hear()
                return kept
            await kept.close()
        async with AsyncExitStack() as held:
            allowance = await held.enter_async_context(
                self._ground.allowances.given(
                    self.by, session.id, account=self.account, model=model, needed=False
                )
            )
            hold = await held.enter_async_context(self._ground.pinning.held(place.who, place.reach))
            more = await self._files(place, servers, held)
            history = await self._history()
            if history:
                more["P42_HISTORY"] = str(len(history))
            process = await self._ground.processes.start(self._start(place, allowance, more))
            held.push_async_callback(process.close)
            now = self._floor.clock.monotonic()
            return Kept(process, allowance, wish, hold, held.pop_all(), now, history)

    async def _files(
        self, place: Place, servers: Mapping[str, Server], held: AsyncExitStack
    ) -> dict[str, str]:
        """Where it finds the MCP servers among its tools, as long as it runs."""
        if not servers:
            return {}
        files = held.enter_context(AgentFiles(place.own))
        return {"P42_MCP_CONFIG": str(await asyncio.to_thread(files.servers, servers))}

    async def _history(self) -> Sequence[str]:
        """What it is to be told of the conversation that goes on with it; noted if it is not."""
        earlier = await self._heard()
        if not earlier or self.process.get("resume"):
            return earlier
        self.notes.append(FORGOT.format(name=self.name, command=self._command))
        return ()

    def _start(self, place: Place, allowance: Allowance, more: Mapping[str, str]) -> Start:
        persona, context = str(self.who.facts.get("persona") or ""), self.say.context
        told = {"P42_PERSONA": persona, "P42_CONTEXT": context, "P42_MODEL": allowance.model}
        env = {
            **place.env, **{name: text[:TOLD] for name, text in told.items() if text},
            "P42_SESSION": self.say.session, **more, **allowance.env,
        }  # fmt: skip
        argv = [place.program, *self.process.get("args", ())]
        return Start(place.wrap(argv), env, place.cwd)

    async def _write(self, kept: Kept, text: str) -> None:
        """Say `text`. TimedOut where it does not read: a long line does not fit its pipe."""
        try:
            async with asyncio.timeout(min(FIRST, self._left)):
                await kept.process.write(line_of(text))  # an end is seen when it is read
        except TimeoutError:
            raise TimedOut(f"{self.name}: {self._command} does not read its input") from None

    async def _is_well(self, kept: Kept, *, heard: bool) -> bool:
        """Whether it can be spoken to again. Raises where it ended before its answer did."""
        if not kept.closed:  # it said that its answer is over
            return True
        await kept.process.farewell()
        ended = kept.process.ended
        if not heard or not ended.done() or ended.result():
            raise await self._broken(kept.process)
        return False

    def _nothing(self, process: AgentProcess) -> str:
        """What is told of an answer that is empty."""
        last = self._allowance.clean(process.complaint())
        said = f"; on standard error it says: {last}" if last else ""
        return f"{self.name}: {self._command} gave an empty answer{said}"

    async def _piece(self, kept: Kept, seconds: float | None) -> str | None:
        """What it said next, "" for less than a line; None = the answer is over.

        `seconds` is the silence that ends it; None = until it says something.
        """
        if kept.over or kept.closed:
            kept.over = False
            return None
        data: bytes | None = None
        try:
            if seconds is None:
                data = await self._read(kept.process, first=not kept.lines.marks)
            else:
                async with asyncio.timeout(min(seconds, self._left)):
                    data = await kept.process.read()
        except TimeoutError:
            if self._is_late:
                raise self._late_error() from None
            kept.over = True
        if not data:
            kept.closed = data is not None
            return self._lines(kept.lines.rest())
        try:
            text, kept.over = kept.lines.feed(data)
        except ValueError as error:
            raise Cut(f"{self.name}: {self._command} wrote {error}; it was ended") from None
        return self._lines(text)

    def _lines(self, text: str) -> str:
        """`text` as part of the answer, whose last line has no line end."""
        if not text:
            return ""
        joint = "\n" if self._ends_line else ""
        self._ends_line = text.endswith("\n")
        return joint + text.removesuffix("\n")


def _since(before: Usage | None, now: Usage | None) -> Usage | None:
    """What was counted in between; None = nothing was."""
    if now is None or now == before:
        return None
    was = before or Usage()
    return Usage(
        now.input - was.input, now.output - was.output,
        now.cached - was.cached, now.stored - was.stored,
    )  # fmt: skip
