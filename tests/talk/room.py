"""Room: conversations over a real database, the vendors' SDKs and scripted vendors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p42.ai.forge.fail import Failed
from p42.ai.talk.background import Background
from p42.ai.talk.conversations import Conversations
from p42.model.completion import Text
from p42.model.ports import Registration
from p42.model.refs import Ref
from p42.model.talk import Listener, Said, Say, Spoken, ToolBox
from p42.runtimes.clock import SystemClock
from p42.runtimes.projectfiles import instructions
from p42.stores.sessions.file import SessionFile
from p42.stores.sessions.sessions import SqliteSessions
from tests.ai.scene import There, scene, spec
from tests.providers.vendors import OpenAIServer

MUSE: Mapping[str, Any] = {
    "runtime": "model", "persona": "You are muse.", "accountRef": None, "model": None,
    "temperature": 0.8, "maxTokens": 100, "forge": True, "tools": [],
    "memory": {"window": 4, "keepFirst": 2, "maxTokens": None, "summarize": False},
}  # fmt: skip


@dataclass
class Room:
    """What a test needs of it."""

    talks: Conversations
    sessions: SqliteSessions
    there: There
    server: OpenAIServer

    async def say(self, text: str, **more: Any) -> Said:
        """Say it and hear the answer out."""
        return (await self.hear(text, **more))[1]

    async def hear(self, text: str, *, agent: str = "muse", **more: Any) -> tuple[str, Said]:
        """What was streamed, and the end of it."""
        pieces: list[Spoken] = []
        async with aclosing(self.talks.say(Say(agent, text, **more))) as spoken:
            pieces += [piece async for piece in spoken]
        said = pieces[-1]
        assert isinstance(said, Said)
        return "".join(piece.text for piece in pieces if isinstance(piece, Text)), said

    async def told(self, session: str) -> list[tuple[str, str, bool]]:
        """The turns of a session."""
        return [(t.role, t.content, t.cut) for t in await self.sessions.turns(session)]

    async def declare(self, name: str, facts: Mapping[str, Any]) -> None:
        """An agent, as its kind registers it."""
        await self.there.registry.put(Ref("Agent", name), Registration("0" * 16, facts))

    @property
    def asked(self) -> list[Any]:
        """Bodies of the completions the vendor was asked for."""
        return [seen.body for seen in self.server.completions]


@asynccontextmanager
async def room(
    home: Path,
    *script: Any,
    tools: ToolBox | None = None,
    listener: Listener | None = None,
    failing: Callable[[str], Sequence[Failed]] = lambda _: (),
    **account: Any,
) -> AsyncIterator[Room]:
    """Agent muse on one scripted vendor."""
    async with AsyncExitStack() as held:
        server = await held.enter_async_context(OpenAIServer(script))
        there = await held.enter_async_context(scene(home, main=spec(server, **account)))
        background = await held.enter_async_context(Background())
        file = SessionFile(home)
        held.callback(file.close)
        clock = SystemClock()
        sessions = SqliteSessions(file, clock, gone=lambda session: talks.forget(session))
        talks = Conversations(
            sessions, there.accounts, there.registry, clock, background,
            default="muse", listener=listener, tools=tools, failing=failing,
            instructions=instructions,
        )  # fmt: skip
        made = Room(talks, sessions, there, server)
        await made.declare("muse", MUSE)
        yield made
