"""Transfer: a conversation whole: out as JSON, and in again, here or elsewhere.

What comes in is a stranger's file: every field is checked before anything is kept, and all of it is
kept in one transaction, or nothing.
"""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from p42.api.asking import asks
from p42.api.shapes import Json
from p42.api.talks import Watched, card, known, message
from p42.model.errors import InvalidInput, P42Error
from p42.model.plan import Instant
from p42.model.ports import World
from p42.model.session import Role, Session, Turn
from p42.stores.sessions.rows import ID_LONGEST, LAST_MOMENT, LONGEST, checked

FORMAT = "p42.dev/session/v1"
LARGEST = 64 << 20  # bytes of a file; ten thousand long answers. Read whole, so there is an end


@asks
class Import:
    """One conversation as `session.export` wrote it: the object itself, or the absolute path of a
    file that holds it, of at most 64 MiB."""

    session: dict[str, Any] | None = None
    file: str | None = None


def _id(text: str) -> str:
    """As clients may choose one."""
    try:
        return checked(text)
    except InvalidInput as error:
        raise ValueError(str(error)) from None


def _agent(text: str) -> str:
    """An agent's; "" where the original had noted none."""
    if text and (len(text) > ID_LONGEST or not text.isprintable()):
        raise ValueError(f"an agent's name has at most {ID_LONGEST} characters, all to be seen")
    return text


def _more(given: dict[str, Any]) -> dict[str, Any]:
    """What people do not see; what else stands there a later p42 may have noted. Calls go back to
    a vendor, so what is none would be found out in the middle of a conversation."""
    calls, answers = given.get("calls", []), given.get("answers", "")
    if not isinstance(calls, list) or not all(map(_is_call, calls)):
        raise ValueError("calls: each is an object with id, name and arguments")
    if not isinstance(answers, str):
        raise ValueError("answers: this is no id of a call")
    return given


def _is_call(given: object) -> bool:
    if not isinstance(given, dict) or given.keys() != {"id", "name", "arguments"}:
        return False
    words = isinstance(given["id"], str) and isinstance(given["name"], str)
    return words and isinstance(given["arguments"], dict)


_At = Annotated[float, Field(ge=0, le=LAST_MOMENT, allow_inf_nan=False)]
_Word = Annotated[str, Field(max_length=LONGEST)]


@asks
class _Message:
    role: Role
    content: str
    at: _At
    cut: bool
    more: Annotated[dict[str, Any], AfterValidator(_more)] = field(default_factory=dict)


@asks
class _Whole:
    """A file."""

    format: Literal["p42.dev/session/v1"]
    id: Annotated[str, AfterValidator(_id)]
    agent: Annotated[str, AfterValidator(_agent)]
    created: _At
    last: _At
    ended: bool
    messages: list[_Message]
    model: _Word = ""
    title: _Word = ""
    command: _Word = ""
    summary: str = ""
    summarized: Annotated[int, Field(ge=0)] = 0


async def export(world: World, request: Watched) -> Json:
    """All there is of a conversation, for `import` here or elsewhere."""
    found = await known(world, request.session)
    turns = await world.sessions.turns(found.id)
    return {
        "format": FORMAT, "id": found.id, "agent": found.agent, "created": found.created,
        "last": found.last, "ended": found.ended, "model": found.model, "title": found.title,
        "command": found.command, "summary": found.summary, "summarized": found.summarized,
        "messages": [{**message(t), "at": t.at, "more": dict(t.more)} for t in turns],
    }  # fmt: skip


async def take_in(world: World, request: Import) -> Json:
    """Keep a conversation from elsewhere, all of it or nothing. Told again what is here already to
    the last field, it changes nothing; what differs is refused."""
    if (request.session is None) == (request.file is None):
        raise InvalidInput("import takes the session, or the file that holds it, one of the two")
    made, turns = await asyncio.to_thread(_given, request)
    if not await world.sessions.put(made, turns) and not await _is_here(world, made, turns):
        raise P42Error(
            f"another conversation with the id {made.id!r} is here, and stays: "
            f"p42 session show {made.id}"
        )
    return card(made, world.clock.now())


async def _is_here(world: World, made: Session, turns: list[Turn]) -> bool:
    """Whether what is here under that id is the same."""
    found = await world.sessions.get(made.id)
    if found is None or replace(found, archived=False, vendor="") != made:
        return False
    return list(await world.sessions.turns(made.id)) == turns


def _given(request: Import) -> tuple[Session, list[Turn]]:
    data = orjson.dumps(request.session) if request.file is None else _file(request.file)
    try:
        whole = _reader().validate_json(data)
    except ValidationError as error:
        raise InvalidInput(f"this is no exported session: {_first(error)}") from None
    if whole.summarized > len(whole.messages):
        raise InvalidInput("this is no exported session: summarized: there are not so many")
    turns = [
        Turn(n, each.role, each.content, Instant(each.at), each.cut, dict(each.more))
        for n, each in enumerate(whole.messages)
    ]
    session = Session(
        whole.id, whole.agent, Instant(whole.created), Instant(whole.last),
        messages=len(turns), ended=whole.ended, model=whole.model, title=whole.title,
        command=whole.command, summary=whole.summary, summarized=whole.summarized,
    )  # fmt: skip
    return session, turns


@cache
def _reader() -> TypeAdapter[_Whole]:
    return TypeAdapter(_Whole)


def _first(error: ValidationError) -> str:
    """The first thing that is wrong, without what stands there."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])


def _file(name: str) -> bytes:
    """All that stands there. InvalidInput for what is no plain file, or too large a one."""
    path = Path(name)
    if not path.is_absolute():
        raise InvalidInput(f"{name!r} is no absolute path: the daemon has another directory")
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(number, "rb") as file:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                raise InvalidInput("it is no plain file")
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "this is no path"
        raise InvalidInput(str(why)) from None
    if len(data) > LARGEST:
        raise InvalidInput(f"it is larger than {LARGEST >> 20} MiB, the most a session may have")
    return data
