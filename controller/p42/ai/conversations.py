"""Conversations: what is said to agents and answered, kept turn by turn. The Talks port.

    Say -> session -> the window its agent remembers -> model (-> tools -> model)* -> Said

One voice at a time speaks in a session; others wait for their turn, and any number may watch. What
a person said is on disk before the model is asked; what an agent says is on disk a moment after it
was heard, so an answer that a crash, a cut line or an interrupt breaks off is there as a cut turn.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from p42.ai.answering import Answering, Floor
from p42.ai.audience import Audience
from p42.ai.background import Background
from p42.ai.calling import Calling
from p42.ai.forgeask import ForgeAsk, asks_for_command, fenced, in_words
from p42.ai.persona import Persona, persona
from p42.ai.ports import Registered
from p42.ai.processtalk import ProcessTalk
from p42.ai.questions import Questions
from p42.ai.summaries import Summaries, Wanted
from p42.model.completion import ToolCall
from p42.model.errors import Blocked, InvalidInput, TimedOut
from p42.model.instructions import Instructions
from p42.model.models import Models
from p42.model.ports import Clock
from p42.model.session import Session, Sessions
from p42.model.talk import Asked, Heard, Listener, Said, Say, Spoken, ToolBox, Used

ROUNDS = 8  # times a model may call tools before it has to answer
LONGEST = 1 << 20  # characters of a message; as any frame
TITLE_WORDS = 8


class Conversations:
    """Of one event loop. `default` is the agent of who names none."""

    def __init__(
        self,
        sessions: Sessions,
        models: Models,
        registry: Registered,
        clock: Clock,
        background: Background,
        *,
        default: str = "",
        listener: Listener | None = None,
        tools: ToolBox | None = None,
        programs: ProcessTalk | None = None,
        instructions: Instructions | None = None,
    ) -> None:
        self._floor = Floor(sessions, models, clock, Audience(), tools, background)
        self._registry, self._default = registry, default
        self._background, self._listener, self._programs = background, listener, programs
        self._instructions = instructions
        self._summaries = Summaries(sessions, models)
        self._questions = Questions()
        self._voices: dict[str, _Voice] = {}

    def watch(self, session: str) -> AsyncIterator[Mapping[str, Any]]:
        """What is said in a session from now on."""
        return self._floor.audience.watch(session)

    def decide(self, question: str, *, allow: bool, always: bool = False) -> Asked:
        """A person's word on a call that waits for it."""
        decided = self._questions.decide(question, allow=allow, always=always)
        return Asked(decided.id, decided.tool, decided.call)

    async def say(self, say: Say) -> AsyncGenerator[Spoken]:
        """The answer as it comes; the last piece is Said. See the port."""
        who = persona(self._registry, say.agent, default=self._default, known=say.known)
        self._check(who)
        if asks_for_command(say.text) and not who.facts.get("forge"):
            raise Blocked(f"agent/{who.name} makes no commands; ask one that says `forge: true`")
        if not say.text.strip() or len(say.text) > LONGEST:
            raise InvalidInput(f"a message has 1 to {LONGEST} characters")
        identity = say.session or f"s-{secrets.token_hex(8)}"
        ends = self._floor.clock.monotonic() + say.timeout
        voice = self._voices.setdefault(identity, _Voice())
        voice.users += 1
        try:
            await voice.take(say.timeout, identity)
            try:
                said = self._spoken(replace(say, session=identity), who, ends)
                async with aclosing(said) as pieces:
                    async for piece in pieces:
                        yield piece
            finally:
                voice.lock.release()
        finally:
            voice.users -= 1
            if not voice.users:
                del self._voices[identity]

    async def _spoken(self, say: Say, who: Persona, ends: float) -> AsyncGenerator[Spoken]:
        title = " ".join(say.text.split()[:TITLE_WORDS])
        session = await self._floor.sessions.begin(say.session, who.name, title=title)
        who = await self._instructed(await self._kept(session, who, say))
        await self._floor.add(session.id, "user", say.text)
        answering = self._answering(say, who, ends)
        for _ in range(ROUNDS):
            async with aclosing(answering.ask()) as pieces:
                async for piece in pieces:
                    yield piece
            if not answering.calls:
                if await self._again(answering):
                    continue
                break
            async with aclosing(self._used(answering, ends)) as used:
                async for each in used:
                    yield each
                    if isinstance(each, Used) and not each.refused:
                        answering.ran.append(each.call)
        else:
            await self._again(answering)
        yield await self._said(answering)

    def _used(self, answering: Answering, ends: float) -> AsyncGenerator[ToolCall | Asked | Used]:
        tools = self._floor.tools
        if tools is None:
            raise RuntimeError("a reply called tools where there are none")
        calling = Calling(self._floor, tools, self._questions, answering.say, answering.who, ends)
        return calling.use(answering.calls)

    def _check(self, who: Persona) -> None:
        """Blocked for an agent that cannot answer here."""
        if who.runtime == "remote" or (who.runtime == "process" and self._programs is None):
            raise Blocked(f"agent/{who.name}: runtime {who.runtime} does not talk here yet")

    def _answering(self, say: Say, who: Persona, ends: float) -> Answering:
        self._check(who)
        if who.runtime == "process" and self._programs is not None:
            say = replace(say, text=in_words(say.text))
            return self._programs.answering(self._floor, say, who, ends)
        if asks_for_command(say.text):
            return ForgeAsk(self._floor, say, who, ends)
        return Answering(self._floor, say, who, ends)

    async def _kept(self, session: Session, who: Persona, say: Say) -> Persona:
        """A session keeps the agent it was begun with, as it is declared now."""
        if say.model and say.model != session.model:
            await self._floor.sessions.change(session.id, model=say.model)
        if session.agent == who.name:
            return who
        return persona(self._registry, session.agent, default=self._default)

    async def _instructed(self, who: Persona) -> Persona:
        if self._instructions is None or not who.project:
            return who
        return replace(who, instructions=await self._instructions(who.project))

    async def _said(self, answering: Answering) -> Said:
        answer = answering.answer
        if answer is None:
            raise Blocked(
                f"agent/{answering.who.name} called tools {ROUNDS} times and said nothing"
            )
        say, who, forged = answering.say, answering.who, answering.forged
        made = [each.name for each in forged if each.file]
        if made:
            await self._floor.sessions.change(say.session, command=made[-1])
        self._sum_up(answering)
        return Said(
            answer, say.session, who.name, answering.usage, answering.cost, forged,
            tuple(answering.notes),
        )  # fmt: skip

    async def _again(self, answering: Answering) -> bool:
        """What the reply comes to. Whether a command that it does not make is asked for again."""
        say, who, answer = answering.say, answering.who, answering.answer
        if self._listener is None or answer is None:
            return False
        reply, asked, text = answer.reply, "", answer.reply.text
        if isinstance(answering, ForgeAsk):
            asked, text = answering.request, fenced(text)
        calls = tuple(answering.ran) or reply.calls
        heard = Heard(who.name, who.facts, say.session, text, reply.model, calls, asked)
        answering.forged = await self._listener.heard(heard)
        return isinstance(answering, ForgeAsk) and await answering.amend(answering.forged)

    def _sum_up(self, answering: Answering) -> None:
        session, skipped = answering.session, answering.skipped
        if session is None or not answering.who.memory["summarize"]:
            return
        due = self._summaries.due(session, skipped)
        if due:
            model = answering.answer.reply.model if answering.answer else ""
            wanted = Wanted(session, due, answering.account, model, answering.by)
            self._background.begin(lambda: self._summaries.make(wanted))


class _Voice:
    """The right to speak in one session, first come first served; `users` have it or want it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0

    async def take(self, seconds: float, session: str) -> None:
        """Wait for it. TimedOut after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self.lock.acquire()
        except TimeoutError:
            raise TimedOut(f"session {session}: somebody else was still speaking in it") from None
