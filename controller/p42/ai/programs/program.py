"""Program: the answering of one message by a program that is an agent, whatever it speaks.

The program's words become turns as a model's do: on disk a moment after they were heard, cut where
they broke off, shown to who watches. It runs its tools itself: what it tells of them is passed on.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from p42.ai.mcp.servers import McpServers, Server
from p42.ai.programs.allowance import Allowance, Allowances
from p42.ai.programs.pinning import Pinning
from p42.ai.talk.answering import Answering, Floor, Saying
from p42.ai.talk.persona import Persona
from p42.ai.talk.window import messages, window
from p42.model.completion import Answer, Cut, Reply, Text, ToolCall, Usage
from p42.model.errors import Blocked, P42Error, TimedOut
from p42.model.session import Session
from p42.model.talk import Say, Thinking, Used
from p42.runtimes.agents.place import AgentPlaces, Place
from p42.runtimes.agents.process import AgentProcess, AgentProcesses

FIRST = 30.0  # s to the first line; the claude CLI takes 0.3, and one that hangs never says a word
LEAST = 0.001  # s; less is none
MOST = 1 << 20  # characters of an answer; one that goes on for ever is broken off
NO_USAGE = Usage()
EARLIER = 60_000  # characters of a conversation that a program did not hear, and is told of

Piece = Text | Thinking | ToolCall | Used


@dataclass(frozen=True, slots=True)
class Ground:
    """What programs stand on."""

    processes: AgentProcesses
    places: AgentPlaces
    allowances: Allowances
    servers: McpServers
    pinning: Pinning = field(default_factory=Pinning)
    wards: AgentPlaces | None = None  # where servers run that p42 starts for agents
    running: dict[str, AgentProcess] = field(default_factory=dict)  # by session


@dataclass(frozen=True, slots=True)
class Whole:
    """The end of an answer. `usage` None = nobody counted. `vendor`: the program's own id of it."""

    usage: Usage | None = NO_USAGE
    model: str = ""
    vendor: str = ""


class Program(Answering):
    """One message. `_spoken` is the protocol's."""

    def __init__(
        self, floor: Floor, say: Say, who: Persona, ends: float, *, ground: Ground
    ) -> None:
        super().__init__(floor, say, who, ends)
        self._ground = ground
        self._said: list[str] = []
        self._size = 0
        self.name = f"agent/{who.name}"
        self.process: Mapping[str, Any] = who.facts.get("process") or {}

    @property
    def calls(self) -> Sequence[ToolCall]:
        """None for p42 to run: it runs its own."""
        return ()

    async def ask(self) -> AsyncGenerator[Piece]:
        """What it says. Raises Blocked, Retry, TimedOut, and Cut once anything was said."""
        session = await self._floor.sessions.get(self.say.session)
        if session is None:
            raise Blocked(f"session {self.say.session} was deleted")
        servers = await self._ground.servers.of(self.who.facts.get("tools") or ())
        starts = [
            [each["command"], *each["args"]] for each in servers.values() if "command" in each
        ]
        place = await asyncio.to_thread(
            self._ground.places.settle, self.who.name, self.process, starts
        )
        async with AsyncExitStack() as held:
            saying = Saying(self._floor, self.say.session)
            try:
                spoken = self._spoken(session, place, servers, held)
                whole = Whole()
                async with aclosing(spoken) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Whole):
                            whole = piece
                            continue
                        self._show(piece, saying)
                        yield piece
                await saying.end()
                self.usage = self.usage if whole.usage is not None else None
                await self._keep(self._answer(whole))
            except (P42Error, asyncio.CancelledError, GeneratorExit):
                await saying.cut()
                raise

    def _spoken(
        self, session: Session, place: Place, servers: Mapping[str, Server], held: AsyncExitStack
    ) -> AsyncGenerator[Piece | Whole]:
        """Its words as they come; the last piece is the Whole. `held` ends after the answer."""
        raise NotImplementedError

    @property
    def _allowance(self) -> Allowance:
        raise NotImplementedError

    @contextmanager
    def _runs(self, process: AgentProcess) -> Iterator[None]:
        """`process` answers: it ends if the session is deleted meanwhile."""
        running = self._ground.running
        running[self.say.session] = process
        try:
            yield
        finally:
            del running[self.say.session]

    def _model(self, session: Session) -> str:
        return self.say.model or self.who.facts.get("model") or ""

    @property
    def _left(self) -> float:
        """Seconds until the answer has to be there."""
        return max(LEAST, self._ends - self._floor.clock.monotonic())

    async def _read(self, process: AgentProcess, *, first: bool) -> bytes:
        """Some more of its output; empty at its end. TimedOut; closing ends it."""
        try:
            async with asyncio.timeout(min(FIRST, self._left) if first else self._left):
                return await process.read()
        except TimeoutError:
            if self._is_late:
                raise self._late_error() from None
            raise TimedOut(
                f"{self.name}: {self._command} said nothing within {FIRST:.0f} s; it was ended"
            ) from None

    @property
    def _is_late(self) -> bool:
        return self._left <= LEAST

    def _late_error(self) -> TimedOut:
        return TimedOut(
            f"{self.name}: no whole answer within {self.say.timeout:g} s; it was ended, and the "
            "session can go on"
        )

    @property
    def _command(self) -> str:
        return str(self.process.get("command", "")).rpartition("/")[2]

    async def _broken(self, process: AgentProcess) -> P42Error:
        """What to raise where it ended without an answer."""
        story = self._allowance.clean(await process.story())
        text = f"{self.name}: {self._command} {story}"
        if self._said:
            return Cut(f"{text}, in the middle of its answer; the session can go on")
        return Blocked(f"{text}, without an answer")

    def _show(self, piece: Piece, saying: Saying) -> None:
        match piece:
            case Text(text):
                self._said.append(text)
                self._size += len(text)
                saying.go_on(text)
                if self._size > MOST:
                    raise Cut(f"{self.name} said more than {MOST} characters; it was ended")
            case Thinking(text):
                self._tell({"thinking": text})
            case ToolCall(_, name, arguments):
                self._tell({"tool": name, "arguments": dict(arguments)})
            case Used(call, result, refused):
                self._tell({"tool": call.name, "result": result, "refused": refused})

    def _tell(self, piece: Mapping[str, Any]) -> None:
        self._floor.audience.tell(self.say.session, piece)

    def _answer(self, whole: Whole) -> Answer:
        allowance = self._allowance
        reply = Reply(
            "".join(self._said), whole.usage or NO_USAGE, whole.model or allowance.model,
            vendor_id=whole.vendor,
        )  # fmt: skip
        return Answer(reply, allowance.account, f"req-{secrets.token_hex(12)}", self._spent())

    def _spent(self) -> int:
        return self._allowance.spent()

    async def _earlier(self) -> str:
        """What was said in the session before this message, for a program that did not hear it."""
        said = "\n\n".join(await self._heard())
        if not said:
            return ""
        return f"This conversation began before you came to it. What was said:\n\n{said}"

    async def _heard(self) -> list[str]:
        """What was said before this message, as `role: text`, as far as the agent remembers.

        What is left out is told first.
        """
        memory = self.who.memory
        turns = (await self._floor.sessions.turns(self.say.session))[:-1]
        if not turns:
            return []
        seen = window(turns, keep_first=memory["keepFirst"], last=memory["window"],
                      budget=memory["maxTokens"])  # fmt: skip
        lines = [f"{each.role}: {each.content}" for each in messages(seen.shown) if each.content]
        left, size = len(seen.skipped), sum(map(len, lines))
        while len(lines) > 1 and size > EARLIER:
            left, size = left + 1, size - len(lines.pop(0))
        if lines and size > EARLIER:
            lines = [f"{lines[0][:EARLIER]}…"]
        return [f"system: {left} earlier messages are not shown", *lines] if left else lines
