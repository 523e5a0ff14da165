"""Conversations: what is said to agents and answered, kept turn by turn. The Talks port.

    Say -> session -> the window its agent remembers -> model (-> tools -> model)* -> Said

One voice at a time speaks in a session; others wait for their turn, and any number may watch. What
a person said is on disk before the model is asked; what an agent says is on disk a moment after it
was heard, so an answer that a crash, a cut line or an interrupt breaks off is there as a cut turn.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from p42.ai.accounts.ports import Registered
from p42.ai.forge.ask import (
    ForgeAsk,
    asks_for_command,
    asks_for_directory,
    asks_for_repair,
    asks_for_spoken,
    fenced,
    in_words,
    left_over,
    refused,
)
from p42.ai.forge.fail import Failed, News, news_of
from p42.ai.programs.processtalk import ProcessTalk
from p42.ai.talk.answering import Answering, Floor
from p42.ai.talk.audience import Audience
from p42.ai.talk.background import Background
from p42.ai.talk.calling import Calling
from p42.ai.talk.choice import Choice, chosen
from p42.ai.talk.lessons import Lessons
from p42.ai.talk.persona import Persona, check_name, is_orphan, persona
from p42.ai.talk.questions import Questions
from p42.ai.talk.summaries import Summaries, Wanted
from p42.ai.talk.voices import Voices
from p42.model.completion import ToolCall
from p42.model.errors import Blocked, InvalidInput
from p42.model.instructions import Instructions
from p42.model.models import Models
from p42.model.ports import Clock
from p42.model.session import OF_PROJECTS, Session, Sessions, is_of_project
from p42.model.talk import Asked, Heard, Listener, Said, Say, Spoken, ToolBox, Used

ROUNDS = 8  # times a model may call tools before it has to answer
LONGEST = 1 << 20  # characters of a message; as any frame
TITLE_WORDS = 8


class Conversations:
    """Of one event loop. `default` is the agent of who names none.

    `failing` tells which commands of a session fail their tests now, the latest last.
    """

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
        failing: Callable[[str], Sequence[Failed]] = lambda _: (),
    ) -> None:
        lessons = Lessons(clock.monotonic)
        self._floor = Floor(sessions, models, clock, Audience(), tools, background, lessons)
        self._registry, self._default = registry, default
        self._background, self._listener, self._programs = background, listener, programs
        self._instructions = instructions
        self._failing = failing
        self._summaries = Summaries(sessions, models, clock.monotonic)
        self._questions = Questions()
        self._voices = Voices()

    def watch(self, session: str) -> AsyncIterator[Mapping[str, Any]]:
        """What is said in a session from now on."""
        return self._floor.audience.watch(session)

    def decide(self, question: str, *, allow: bool, always: bool = False) -> Asked:
        """A person's word on a call that waits for it."""
        decided = self._questions.decide(question, allow=allow, always=always)
        return Asked(decided.id, decided.tool, decided.call)

    def forget(self, session: str) -> None:
        """It was deleted: an answer that goes on in it is broken off. Never blocks."""
        self._voices.silence(session)

    async def say(self, say: Say) -> AsyncGenerator[Spoken]:
        """The answer as it comes; the last piece is Said. See the port."""
        who = persona(self._registry, say.agent, default=self._default, known=say.known)
        self._check(who)
        _check_words(say, who)
        identity = say.session or f"s-{secrets.token_hex(8)}"
        ends = self._floor.clock.monotonic() + say.timeout
        async with self._voices.speaking(identity, say.timeout) as voice:
            said = self._spoken(replace(say, session=identity), who, ends)
            async with aclosing(said) as pieces, aclosing(voice.heard(pieces)) as heard:
                async for piece in heard:
                    yield piece

    async def _spoken(self, say: Say, who: Persona, ends: float) -> AsyncGenerator[Spoken]:
        known = await self._floor.sessions.get(say.session)
        if known is None:
            check_name(who)
        failed = self._failed(known)
        if asks_for_repair(say.text) and not failed:
            raise InvalidInput(
                "no command that was made in this conversation fails its tests now; "
                "/forge WHAT makes one"
            )
        if asks_for_spoken(say.text) and (known is None or not known.messages):
            raise InvalidInput("nothing was spoken of in this conversation; /forge WHAT makes one")
        title = " ".join(say.text.split()[:TITLE_WORDS])
        session = await self._floor.sessions.begin(say.session, who.name, title=title)
        choice = chosen(say, session)
        who = await self._instructed(await self._kept(session, who, say))
        say = replace(say, model=choice.model)
        news = await self._news(say, failed)
        if known is not None and who.runtime == "process":
            last = await self._floor.sessions.turns(session.id, first=max(0, known.messages - 1))
            news = replace(news, refused=left_over(last[-1]) if last else "")
        await self._floor.add(session.id, "user", say.text, **news.more)
        answering = self._answering(say, who, ends, news)
        if session.agent and not say.declared and self._is_orphan(session, say, who):
            gone = f"@{session.agent} is not declared any more"
            answering.notes.append(f"{gone}: @{who.name} goes on with this conversation")
        for _ in range(ROUNDS):
            with choice.told(who):
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
        yield await self._said(answering, session, choice)

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

    def _failed(self, session: Session | None) -> Sequence[Failed]:
        """What fails of what was made in it. Nobody is asked where nothing was."""
        return self._failing(session.id) if session is not None and session.command else ()

    async def _news(self, say: Say, failed: Sequence[Failed]) -> News:
        """What of that the agent of `say` is told, and what it is asked to mend."""
        if not failed:
            return News()
        turns = await self._floor.sessions.turns(say.session)
        return news_of(failed, turns, mend=asks_for_repair(say.text))

    def _answering(self, say: Say, who: Persona, ends: float, news: News) -> Answering:
        self._check(who)
        if who.runtime == "process" and self._programs is not None:
            # A program that goes on is given nothing but messages.
            words = (news.refused, news.text, in_words(say.text, news.mended))
            told = "\n\n".join(part for part in (say.context, say.material) if part)
            say = replace(say, text="\n\n".join(part for part in words if part), context=told)
            answering = self._programs.answering(self._floor, say, who, ends)
        else:
            context = "\n\n".join(part for part in (say.context, news.text) if part)
            kind = ForgeAsk if asks_for_command(say.text) else Answering
            answering = kind(self._floor, replace(say, context=context), who, ends)
        answering.mends = news.mended
        answering.notes += news.notes
        return answering

    async def _kept(self, session: Session, who: Persona, say: Say) -> Persona:
        """A session keeps the agent it was begun with, as it is declared now.

        One of a place whose agent is declared goes on with that, and one whose agent is no more
        with the one that is named; what the program of the one before knew it by is nothing to the
        next.
        """
        if session.agent == who.name:
            return who
        if say.declared or self._is_orphan(session, say, who):
            await self._floor.sessions.change(session.id, agent=who.name, vendor="")
            return who
        return persona(self._registry, session.agent, default=self._default)

    def _is_orphan(self, session: Session, say: Say, who: Persona) -> bool:
        named = who if say.agent.strip("@ ") else Persona(who.name, {})  # the default is no word
        return is_orphan(self._registry.get, session.agent, named)

    async def _instructed(self, who: Persona) -> Persona:
        if self._instructions is None or not who.project:
            return who
        return replace(who, instructions=await self._instructions(who.project))

    async def _said(self, answering: Answering, session: Session, choice: Choice) -> Said:
        answer = answering.answer
        if answer is None:
            raise Blocked(
                f"agent/{answering.who.name} called tools {ROUNDS} times and said nothing"
            )
        say, who, forged = answering.say, answering.who, answering.forged
        # Only now: a model that does not answer is nothing to keep.
        noted = {"model": choice.model, "answered": answer.reply.model}
        if made := [each.name for each in forged if each.file]:
            noted["command"] = made[-1]
        noted = {name: value for name, value in noted.items() if getattr(session, name) != value}
        if noted:
            await self._floor.sessions.change(say.session, **noted)
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
        # Where nobody counted, no model of ours was asked: a program said it.
        model = reply.model if answering.usage is not None else ""
        heard = Heard(
            who.name, who.facts, say.session, text, model, calls, asked,
            mends=answering.mends.name if answering.mends else "", into=say.into,
        )  # fmt: skip
        answering.forged = forged = await self._listener.heard(heard)
        if isinstance(answering, ForgeAsk) and await answering.amend(forged):
            return True
        if why := refused(forged):  # or it would tell the person that all went well
            await self._floor.add(say.session, "user", why)
        return False

    def _sum_up(self, answering: Answering) -> None:
        session, skipped = answering.session, answering.skipped
        if session is None or not answering.who.memory["summarize"]:
            return
        due = self._summaries.due(session, answering.turns, skipped)
        if due:
            wanted = Wanted(session, due, answering.account, answering.model, answering.by)
            self._background.begin(lambda: self._summaries.make(wanted))


def _check_words(say: Say, who: Persona) -> None:
    """InvalidInput, Blocked for what cannot be said to this agent."""
    if (say.into or asks_for_command(say.text)) and not who.facts.get("forge"):
        raise Blocked(f"agent/{who.name} makes no commands; ask one that says `forge: true`")
    if asks_for_directory(say.text):
        raise InvalidInput(
            f"agent/{who.name}: a directory is named on the command line: p42 possess @AGENT "
            "--into DIR"
        )
    if not say.text.strip() or len(say.text) > LONGEST:
        raise InvalidInput(f"a message has 1 to {LONGEST} characters")
    if is_of_project(say.session) and not say.of_project:
        raise InvalidInput(
            f"session {say.session!r}: what begins with {OF_PROJECTS} belongs to the socket of a "
            "project; choose another id, or say it there: p42 chat PROJECT"
        )
