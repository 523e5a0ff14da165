"""Talks: saying something to an agent, and the conversations there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, NotRequired, TypedDict

from p42.ai.forge.place import Places
from p42.api.asking import asks
from p42.api.house import engine_of
from p42.api.minds import must_answer
from p42.api.shapes import Hits, Items, Json, when
from p42.model.completion import Text, ToolCall
from p42.model.errors import InvalidInput, P42Error
from p42.model.plan import Instant
from p42.model.ports import World
from p42.model.session import Session, Turn
from p42.model.talk import OWN_MODEL, Asked, Forged, Said, Say, Thinking, Used
from p42.model.verb import Last

MOST = 10_000  # sessions of one list


class Usage(TypedDict):
    """Tokens, null where nobody counted them, and micro-USD that p42 metered."""

    inputTokens: int | None
    outputTokens: int | None
    cachedTokens: int | None
    costMicroUsd: int


class Answered(TypedDict):
    """What `ask` and `possess` print with -o json, and what was forged beside it.

    `stop`: end, length (cut at its most tokens), refused; tools where it called without end.
    `notes`, where there are any, are for who asked, and no part of the answer.
    """

    answer: str
    session: str
    agent: str
    account: str
    model: str
    usage: Usage
    requestId: str
    stop: str
    forged: list[Json]
    notes: NotRequired[list[str]]


@asks
class Saying:
    """`session` None goes on with none: a new one. `timeout` in seconds. `model` None: the one that
    the session keeps, else the agent's; "": the agent's, and the session keeps none from then on.

    `person`: somebody reads the stream who can be asked whether a tool may be run.

    The stream has `{"text"}`, pieces of the answer; `{"tool"}` before and after a call; `{"ask"}`,
    a call that waits for a word; `{"thinking"}`, pieces of what a program thinks: kept nowhere.
    """

    agent: str = ""
    message: str
    session: str | None = None
    model: str | None = None
    timeout: float = 120.0
    person: bool = False


@asks
class SayingInto:
    """As `say`. `into`: the absolute path of a directory that p42 follows, in which a command that
    comes of the answer is declared."""

    into: str
    agent: str = ""
    message: str
    session: str | None = None
    model: str | None = None
    timeout: float = 120.0
    person: bool = False


@asks
class Decide:
    """`id` of an `ask` in the stream of `say`; `always`: for that tool in that session."""

    id: str
    allow: bool
    always: bool = False


@asks
class Watched:
    """A session's id."""

    session: str


@asks
class Watching:
    """A session's id; `said`: first all that was said in it. The stream has `{"role", "content"}`,
    of an answer under way `{"text"}`, and of a program's also `{"thinking"}` and `{"tool"}`."""

    session: str
    said: bool = False


@asks
class Shown:
    """A session's id; only the last `last` of its messages, 0 = all. `agent`: one of its own."""

    session: str
    last: int = 0
    agent: str = ""


@asks
class Sessions:
    """The latest first; `archived` ones too."""

    agent: str = ""
    archived: bool = False
    limit: int = 100


@asks
class Search:
    """All of `words`; the last may be a beginning. `agent`: in conversations with that one."""

    words: str
    limit: int = 50
    agent: str = ""


async def say(world: World, request: Saying | SayingInto) -> AsyncIterator[Json | Last[Answered]]:
    """The answer as it comes, and what is beside it; then the whole of it."""
    into = request.into if isinstance(request, SayingInto) else ""
    must_answer(world, request.agent)
    say = Say(
        request.agent, request.message, session=request.session or "",
        model=_model(request.model), known=True, timeout=request.timeout,
        person=request.person, into=into,
        # A person may go on with what was said on a project's socket; only that begins it.
        of_project=await world.sessions.get(request.session or "") is not None,
    )  # fmt: skip
    if into:  # before anything is paid for; the forge looks again
        places = Places(world.home, world.files, lambda: engine_of(world).sources)
        await asyncio.to_thread(places.within, into)
    talk: Any = world.talks.say(say)
    async with aclosing(talk) as spoken:
        async for piece in spoken:
            if isinstance(piece, Said):
                yield Last(answered(piece))
            else:
                yield piece_of(piece)


def _model(asked: str | None) -> str:
    """What the port calls it: there, "" is what the session keeps."""
    return OWN_MODEL if asked == "" else asked or ""


def answered(said: Said) -> Answered:
    """The last piece, as JSON."""
    reply, used = said.answer.reply, said.usage
    told: Answered = {
        "answer": reply.text, "session": said.session, "agent": said.agent,
        "account": said.answer.account, "model": reply.model,
        "usage": {
            "inputTokens": used.input if used else None,
            "outputTokens": used.output if used else None,
            "cachedTokens": used.cached if used else None, "costMicroUsd": said.cost,
        },
        "requestId": said.answer.request, "stop": reply.stop,
        "forged": [forged_of(each) for each in said.forged],
    }  # fmt: skip
    if said.notes:
        told["notes"] = list(said.notes)
    return told


async def decide(world: World, request: Decide) -> Json:
    """A person's word on a call that waits for it."""
    asked = world.talks.decide(request.id, allow=request.allow, always=request.always)
    return {"id": asked.id, "tool": asked.tool, "allow": request.allow}


def piece_of(piece: Text | Thinking | ToolCall | Asked | Used) -> Json:
    """Any other piece, as JSON."""
    match piece:
        case Text(text):
            return {"text": text}
        case Thinking(text):
            return {"thinking": text}
        case ToolCall(_, name, arguments):
            return {"tool": name, "arguments": dict(arguments)}
        case Asked(id_, tool, call):
            return {"ask": {"id": id_, "tool": tool, "arguments": dict(call.arguments)}}
        case Used(call, result, refused):
            return {"tool": call.name, "arguments": dict(call.arguments), "result": result,
                    "refused": refused}  # fmt: skip


def forged_of(forged: Forged) -> Json:
    """What came out of a reply."""
    return {"name": forged.name, "file": forged.file, "diff": forged.diff,
            "problem": forged.problem, "waits": forged.waits}  # fmt: skip


async def watch(world: World, request: Watching) -> AsyncIterator[Json]:
    """What is said in a session from now on, until closed; what was said before it, if asked."""
    session = await known(world, request.session)
    number = 0
    while request.said and (turns := await world.sessions.turns(session.id, first=number)):
        for turn in turns:
            yield message(turn)
        number += len(turns)
    # No await since the last look: what is said next is seen once.
    watching: Any = world.talks.watch(session.id)
    async with aclosing(watching) as pieces:
        async for piece in pieces:
            yield dict(piece)


async def sessions(world: World, request: Sessions) -> Items:
    """The conversations there are."""
    if not 0 < request.limit <= MOST:
        raise InvalidInput(f"limit must be from 1 to {MOST}")
    found = await world.sessions.list(
        agent=request.agent, archived=request.archived, limit=request.limit
    )
    return {"items": [card(each, world.clock.now()) for each in found]}


async def session(world: World, request: Shown) -> Json:
    """One conversation with all that was said."""
    found = await known(world, request.session, agent=request.agent)
    first = max(0, found.messages - request.last) if request.last > 0 else 0
    turns = await world.sessions.turns(found.id, first=first)
    return {**card(found, world.clock.now()), "messages": [message(turn) for turn in turns]}


async def search(world: World, request: Search) -> Hits:
    """Turns that hold the words, best first."""
    found = await world.sessions.find(request.words, agent=request.agent, limit=request.limit)
    return {
        "items": [
            {"session": hit.session, "agent": hit.agent, "number": hit.number, "role": hit.role,
             "at": when(hit.at), "excerpt": hit.excerpt}
            for hit in found.hits
        ],
        "ranked": found.ranked, "more": found.more,
    }  # fmt: skip


async def end(world: World, request: Watched) -> Json:
    """Say that a conversation is over; it can be taken up again."""
    found = await known(world, request.session)
    ended = await world.sessions.change(found.id, ended=True)
    return card(ended or found, world.clock.now())


async def forget(world: World, request: Watched) -> Json:
    """Delete a conversation and all that was said in it."""
    found = await known(world, request.session)
    await world.sessions.delete(found.id)
    return {"id": found.id}


def card(session: Session, now: Instant) -> Json:
    """A conversation in a line."""
    return {
        "id": session.id, "agent": session.agent, "state": session.state(now),
        "messages": session.messages, "created": when(session.created),
        "lastActivity": when(session.last), "title": session.title,
        "command": session.command or None, "archived": session.archived,
    }  # fmt: skip


def message(turn: Turn) -> Json:
    """A turn."""
    return {"role": turn.role, "content": turn.content, "at": when(turn.at), "cut": turn.cut}


async def known(world: World, text: str, *, agent: str = "") -> Session:
    """The session of that id, or the only one whose id begins so; of `agent`'s own, if given."""
    found: Session | None = await world.sessions.get(text)
    if found is not None and agent in ("", found.agent):
        return found
    begins = [s for s in await world.sessions.list(agent=agent, archived=True, limit=MOST)
              if text and s.id.startswith(text)]  # fmt: skip
    if len(begins) == 1:
        return begins[0]
    many = f"; {len(begins)} begin with it" if begins else "; see: p42 session list"
    raise P42Error(f"there is no session {text!r}{many}")
