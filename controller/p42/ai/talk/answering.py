"""Answering: one message on its way through window, model and tools to an answer, turn by turn."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from p42.ai.forge.fail import Failed
from p42.ai.talk.audience import Audience
from p42.ai.talk.background import Background
from p42.ai.talk.lessons import Key, Lessons
from p42.ai.talk.material import shown_with
from p42.ai.talk.persona import Persona
from p42.ai.talk.view import UNKNOWN, View, shortened, smaller, space_of
from p42.ai.talk.window import messages, tokens, without_calls
from p42.ai.tools.arguments import fitted
from p42.model.completion import (
    MAX_TOKENS,
    Answer,
    Call,
    Cut,
    Prompt,
    Text,
    Tool,
    ToolCall,
    Usage,
)
from p42.model.errors import P42Error, Refused, TimedOut, TooLong
from p42.model.models import Models
from p42.model.ports import Clock
from p42.model.session import Role, Session, Sessions, Turn
from p42.model.talk import Forged, Say, Thinking, ToolBox, Used

MISSING = "Tools of yours that cannot be called now; say so where they are needed:"
PERSONA, RESULT = 2, 4  # parts of a model's room that the persona, and what one tool gave, may have
SAVE = 0.02  # s between two saves of an answer that goes on

_log = logging.getLogger("p42.ai")


@dataclass(frozen=True, slots=True)
class Floor:
    """What talk stands on."""

    sessions: Sessions
    models: Models
    clock: Clock
    audience: Audience
    tools: ToolBox | None
    background: Background
    lessons: Lessons

    async def add(self, session: str, role: Role, content: str, **more: Any) -> None:
        """Append a turn, and show it to who watches."""
        await self.sessions.add(session, role, content, **more)
        self.audience.tell(session, {"role": role, "content": content, **more})


class Answering:
    """One message and all that it takes to answer it. `ends` in the clock's monotonic seconds.

    `say.model` is the one that was chosen, "" = the agent's own: what a session keeps is in it.
    """

    def __init__(self, floor: Floor, say: Say, who: Persona, ends: float) -> None:
        self._floor, self.say, self.who, self._ends = floor, say, who, ends
        self.account = say.account if say.account is not None else who.account
        self.by = say.by or f"agent/{who.name}"
        self.session: Session | None = None
        self.turns: Sequence[Turn] = ()  # of the session, when the model was asked last
        self.skipped: Sequence[Turn] = ()  # those that it was not shown
        self._lacks = self._persona = ""
        self._room = UNKNOWN
        self.answer: Answer | None = None
        self.usage: Usage | None = Usage()  # None = nobody counts
        self.cost = 0
        self.notes: list[str] = []  # for who asked
        self.ran: list[ToolCall] = []  # tools that were not refused, of all replies
        self.forged: Sequence[Forged] = ()  # what came out of the last reply
        self.mends: Failed | None = None  # the command of which another version was asked for

    @property
    def calls(self) -> Sequence[ToolCall]:
        """Tools the last reply wants to be run."""
        return self.answer.reply.calls if self.answer is not None and self._offered else ()

    @property
    def _offered(self) -> tuple[Tool, ...]:
        tools = self._floor.tools
        return tuple(tools.offered(self.who.name, self.who.facts)) if tools is not None else ()

    async def ask(self) -> AsyncGenerator[Text | Thinking | ToolCall | Used]:
        """Ask the model once, with what the session holds by now; with less of it where its vendor
        refuses that. Raises TooLong, with a remedy, where not even the last question is taken."""
        view = first = await self._view()
        while True:
            try:
                async with aclosing(self._asked(view)) as pieces:
                    async for piece in pieces:
                        yield piece
                break
            except Refused as error:
                view = self._smaller(view, error)
        if view.space < first.space:
            # What there was space for, not what happened to be shown: that may be one short word.
            taken = max(view.space, view.tokens)
            self._floor.lessons.took(self._key, self._told() + taken)
        if view.doubted != first.doubted:
            self._floor.lessons.doubt(self.say.session, self._key, view.doubted)

    async def _asked(self, view: View) -> AsyncGenerator[Text]:
        call = Call(
            await self._prompt(view), self.account, self.by,
            timeout=max(0.001, self._ends - self._floor.clock.monotonic()),
        )  # fmt: skip
        saying = Saying(self._floor, self.say.session)
        try:
            async with aclosing(self._floor.models.ask(call)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    if isinstance(piece, Answer):
                        await saying.end()
                        await self._keep(piece)
                        continue
                    if isinstance(piece, Text):
                        saying.go_on(piece.text)
                        yield piece
        except (Cut, TimedOut, asyncio.CancelledError, GeneratorExit):
            await saying.cut()
            raise

    @property
    def model(self) -> str:
        """The one to ask; "" = the account's first."""
        return self.say.model or self.who.facts.get("model") or ""

    @property
    def _key(self) -> Key:
        found = self._floor.models.answerer(self.account, self.model)
        return (found.account, found.provider, found.model) if found else ("", "", self.model)

    @property
    def _most(self) -> int:
        """Tokens of one answer."""
        return self.who.facts.get("maxTokens") or MAX_TOKENS

    async def _view(self) -> View:
        """The first view: all that is within the agent's memory and the model's room."""
        floor, session = self._floor, self.say.session
        self.session = await floor.sessions.get(session)
        self._lacks = await self._missing()
        self._room = await floor.models.room(self.account, self.model) or UNKNOWN
        self._persona = shortened(self.who.system, self._room // PERSONA)
        turns = [self._fitted(turn) for turn in await floor.sessions.turns(session)]
        space = space_of(self._room, answer=self._most, told=self._told())
        if (taken := floor.lessons.room(self._key)) is not None:
            space = min(space, max(0, taken - self._told()))
        doubted = floor.lessons.doubted(session, self._key)
        return View(self.session, turns, self.who.memory, space, doubted)

    def _fitted(self, turn: Turn) -> Turn:
        """What a tool gave is not to fill the model's room alone; what people say is theirs."""
        if turn.role != "tool":
            return turn
        return replace(turn, content=shortened(turn.content, self._room // RESULT))

    def _told(self) -> int:
        """About how many tokens the model is given besides the conversation."""
        parts = (self._persona, self.say.context, self.say.material, self._lacks)
        offered = ((tool.name, tool.description, tool.schema) for tool in self._offered)
        return sum(map(tokens, parts)) + sum(tokens(json.dumps(each)) for each in offered)

    def _smaller(self, view: View, error: Refused) -> View:
        """What to show instead; raises `error` where it can be no less."""
        less = smaller(view, error)
        if less is not None:
            return less
        if not isinstance(error, TooLong):
            raise error
        told, question = self._told(), view.question
        results = view.tokens - question
        if told >= max(question, results):
            why = f"what the agent is told before anything is said (persona, project, tools) is \
about {told} tokens: shorten that"
        elif results > question:
            why = f"what its tools gave is about {results} tokens: ask for less"
        else:
            why = f"this message is about {question} tokens: say it in parts"
        raise TooLong(f"{error}; {why}, or choose a model that takes more with --model NAME")

    async def _prompt(self, view: View) -> Prompt:
        self.turns, self.skipped = view.undoubted, view.window.skipped
        system = (self._persona, self.say.context, view.note, self._lacks)
        offered, shown = self._offered, view.window.shown
        seen = shown if offered else without_calls(shown)
        return Prompt(
            self.model, shown_with(self.say.material, messages(seen)),
            "\n\n".join(part for part in system if part),
            max_tokens=self._most, temperature=self.who.facts.get("temperature"), tools=offered,
        )  # fmt: skip

    async def _missing(self) -> str:
        """The system text about tools that cannot be called now; "" if all can."""
        tools = self._floor.tools
        told = await tools.ready(self.who.name, self.who.facts) if tools is not None else ()
        return "\n".join([MISSING, *(f"- {each}" for each in told)]) if told else ""

    async def _keep(self, answer: Answer) -> None:
        reply = answer.reply
        fit = [fitted(call)[0] for call in reply.calls]
        calls = [{"id": c.id, "name": c.name, "arguments": dict(c.arguments)} for c in fit]
        more = {"more": {"calls": calls}} if calls and self._offered else {}
        await self._floor.add(self.say.session, "assistant", reply.text, **more)
        self.answer, self.cost = answer, self.cost + answer.cost
        self.usage = self.usage + reply.usage if self.usage is not None else None


class Saying:
    """What has been said so far of one answer: on disk a moment after it was heard."""

    def __init__(self, floor: Floor, session: str) -> None:
        self._floor, self._session = floor, session
        self._said: list[str] = []
        self._saved = 0  # pieces that are on disk
        self._over = asyncio.Event()
        self._still = asyncio.Event()  # nothing is being written
        self._still.set()

    def go_on(self, text: str) -> None:
        """Some more was said."""
        self._said.append(text)
        self._floor.audience.tell(self._session, {"text": text})
        if self._still.is_set():
            self._still.clear()
            self._floor.background.begin(self._write)

    async def cut(self) -> None:
        """It broke off: what was said becomes a turn, marked; unless the session is no more."""
        await self.end()
        if self._said and await self._floor.sessions.get(self._session) is not None:
            await self._floor.add(self._session, "assistant", "".join(self._said), cut=True)

    async def end(self) -> None:
        """No more is said: when this returns, nothing is written behind the turn that follows."""
        self._over.set()
        await self._still.wait()

    async def _write(self) -> None:
        try:
            while self._saved < len(self._said) and not self._over.is_set():
                count = len(self._said)
                await self._floor.sessions.speaking(self._session, "".join(self._said))
                self._saved = count
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SAVE):
                        await self._over.wait()
        except P42Error as error:  # the whole answer will be written; only a crash would miss this
            _log.warning("what is being said cannot be saved: %s", error)
        finally:
            self._still.set()
