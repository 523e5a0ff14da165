"""ClaudeProgram: a message answered by the claude CLI: one run a message, resumed by its own id.

The id is kept at the CLI's first event: a run that was cancelled, failed or was interrupted goes on
with the next message. Where the CLI knows the id no more, it begins anew and is told what was said.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

from p42.ai.mcp.servers import Server
from p42.ai.programs.allowance import Allowance, unrestrained
from p42.ai.programs.program import Piece, Program, Whole
from p42.model.completion import Text, ToolCall
from p42.model.errors import Blocked, P42Error, Retry
from p42.model.session import Session
from p42.model.talk import Thinking, Used
from p42.runtimes.agents.files import AgentFiles
from p42.runtimes.agents.place import Place
from p42.runtimes.agents.process import AgentProcess, Start
from p42.wire.claude import Began, ClaudeLines, Ended, Event, Returned

STREAM = ("--print", "--output-format", "stream-json", "--verbose", "--include-partial-messages")
ARGUMENT = 100_000  # bytes of one argument; Linux takes 131,071 (execve(2))
UNKNOWN = ("No conversation found", "--resume requires a valid session")  # what the CLI says
BUDGET, LIMIT, BROKEN = 402, 429, 500  # statuses of the API, from there on


class ClaudeProgram(Program):
    """One message."""

    _given = Allowance("", "", {})
    _model_name = _vendor = ""

    @property
    def _allowance(self) -> Allowance:
        return self._given

    async def _spoken(
        self, session: Session, place: Place, servers: Mapping[str, Server], held: AsyncExitStack
    ) -> AsyncGenerator[Piece | Whole]:
        allowances, model = self._ground.allowances, self._model(session)
        self._given = await held.enter_async_context(
            allowances.given(self.by, session.id, account=self.account, model=model, needed=True)
        )
        await held.enter_async_context(self._ground.pinning.held(place.who, place.reach))
        files = held.enter_context(AgentFiles(place.own))
        mcp = await asyncio.to_thread(files.servers, servers) if servers else None
        self._vendor = session.vendor
        while True:
            resume = self._vendor
            system = await self._system("" if resume else await self._earlier(), files)
            start = self._start(place, [*system, *_named("--mcp-config", mcp)], resume=resume)
            try:
                async with aclosing(self._run(start)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except _Forgotten:
                await self._remember("")

    async def _system(self, earlier: str, files: AgentFiles) -> list[str]:
        parts = (self.who.facts.get("persona"), self.say.context, earlier)
        text = "\n\n".join(part for part in parts if part).replace("\0", "")
        if len(text.encode("utf-8", "replace")) <= ARGUMENT:
            return _named("--append-system-prompt", text)
        path = await asyncio.to_thread(files.text, text)
        return _named("--append-system-prompt-file", path)

    def _start(self, place: Place, options: Iterable[str], *, resume: str) -> Start:
        """The prompt stands last, behind `--`: options before it take as many words as they find.

        A long one, or one that no argument can hold, goes through its input.
        """
        prompt = self.say.text.encode("utf-8", "replace").replace(b"\0", b"")
        short, args = len(prompt) <= ARGUMENT, self.process.get("args", ())
        argv = [
            place.program, *args, *STREAM, *_named("--model", self._given.model), *options,
            *_named("--resume", resume), *(("--", prompt.decode()) if short else ()),
        ]  # fmt: skip
        env = {
            **place.env, **unrestrained(args, wrapped=place.wrapped), **self._given.env,
            "P42_SESSION": self.say.session,
        }  # fmt: skip
        return Start(place.wrap(argv), env, place.cwd, b"" if short else prompt)

    async def _run(self, start: Start) -> AsyncGenerator[Piece | Whole]:
        """One run of the CLI."""
        process, calls = await self._ground.processes.start(start), dict[str, ToolCall]()
        try:
            with self._runs(process):
                async with aclosing(self._events(process)) as events:
                    async for event in events:
                        match event:
                            case Began(vendor, model):
                                self._model_name = model
                                await self._remember(vendor)
                            case Text() | Thinking():
                                yield event
                            case ToolCall():
                                calls[event.id] = event
                                yield event
                            case Returned(id, text, failed):
                                call = calls.pop(id, None) or ToolCall(id, "", {})
                                yield Used(call, text, failed)
                            case Ended():
                                await process.farewell()  # it still writes its transcript
                                self._check(event)
                                if event.text and not self._said:
                                    yield Text(event.text)
                                yield Whole(event.usage, self._model_name, event.session)
                                return
            raise await self._broken(process)
        finally:
            await process.close()

    async def _events(self, process: AgentProcess) -> AsyncGenerator[Event]:
        lines, first = ClaudeLines(), True
        while data := await self._read(process, first=first):
            first = False
            for event in lines.feed(data):
                yield event
        for event in lines.end():
            yield event

    async def _remember(self, vendor: str) -> None:
        """From the first event on: whatever happens to this run, the next goes on from here."""
        if vendor != self._vendor:
            self._vendor = vendor
            await self._floor.sessions.change(self.say.session, vendor=vendor)

    def _check(self, ended: Ended) -> None:
        """Raises what became of it where it failed."""
        if not ended.problem:
            return
        if self._vendor and any(each in ended.problem for each in UNKNOWN):
            raise _Forgotten(ended.problem)
        text = f"{self.name}: {self._command}: {self._given.clean(ended.problem)[:1000]}"
        if ended.status == LIMIT:
            raise Retry(text, reason="RateLimited")
        if ended.status >= BROKEN:
            raise Retry(text, reason="ProviderDown")
        raise Blocked(text, reason="BudgetExceeded" if ended.status == BUDGET else "Blocked")


class _Forgotten(P42Error):
    """The CLI does not know the id that it is to go on from."""


def _named(option: str, value: str | Path | None) -> list[str]:
    return [option, str(value)] if value else []
