"""SessionRows: conversations and turns as rows of sessions.db, and what may stand in them.

What comes in is checked here, whatever door it came by. A row that stands there all the same, from
before or by somebody's hand, is shown as well as it can be, and told of once.
"""

from __future__ import annotations

import json
import logging
import math
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, get_args

from p42.model.errors import InvalidInput
from p42.model.plan import Instant
from p42.model.session import Role, Session, Turn
from p42.stores.sessions.words import spaced
from p42.stores.state.rows import clean, dumps

ID_LONGEST = 200  # characters; clients choose ids, and they become keys and file names
LONGEST = 1000  # characters of a title, a model's or a command's name; ours have 200 at most
LAST_MOMENT = 253_402_300_799.0  # the end of the year 9999: no date is later
UNITS = (1.0, 1e3, 1e6, 1e9)  # of a second, that others count in
TOLD = 1000  # conversations of which it is told that something odd stands in them
FIELDS = tuple(each.name for each in fields(Session))
SESSION = f"SELECT {', '.join(FIELDS)} FROM sessions"  # noqa: S608 - constants
TURNS = """SELECT number, role, content, at, cut, more FROM turns
    WHERE session = ? AND number >= ? ORDER BY number"""
ADD = """INSERT INTO turns (session, number, role, content, at, cut, more, spaced)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""

# A file that is forgotten with its conversation is noted until it is gone: see memoryfiles.
_FORGET = (
    """INSERT OR REPLACE INTO strays SELECT file, id, 'forgotten' FROM sessions
        WHERE id = ? AND file <> ''""",
    "UPDATE strays SET mark = 'forgotten' WHERE session = ?",
    "DELETE FROM speaking WHERE session = ?",
    "DELETE FROM turns WHERE session = ?",
)

_ID = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]+\Z")  # half a character is no text
_log = logging.getLogger("p42.sessions")


def is_id(session: str) -> bool:
    """Whether clients may choose it."""
    return 0 < len(session) <= ID_LONGEST and _ID.match(session) is not None


def checked(session: str) -> str:
    """An id as clients may choose one. InvalidInput otherwise."""
    if not is_id(session):
        raise InvalidInput(
            f"a session id has 1 to {ID_LONGEST} characters and no control characters"
        )
    return session


def fit(session: Session, turns: Sequence[Turn]) -> None:
    """InvalidInput, with the field and its value, for what cannot be kept."""
    checked(session.id)
    if len(session.agent) > ID_LONGEST or not (session.agent.isprintable() or not session.agent):
        raise _unfit("agent", session.agent, f"a name has at most {ID_LONGEST} characters")
    for name in ("model", "title", "command"):
        if len(getattr(session, name)) > LONGEST:
            raise _unfit(name, getattr(session, name), f"at most {LONGEST} characters")
    for name in ("created", "last"):
        _check_time(name, getattr(session, name))
    if not _is_number(session.summarized) or not 0 <= session.summarized <= len(turns):
        raise _unfit("summarized", session.summarized, f"there are {len(turns)} messages")
    for number, turn in enumerate(turns):
        where = f"messages.{number}"
        if turn.role not in get_args(Role):
            raise _unfit(f"{where}.role", turn.role, f"one of {', '.join(get_args(Role))}")
        _check_time(f"{where}.at", turn.at)
        if why := _wrong(turn.more):
            raise _unfit(f"{where}.more", dict(turn.more), why)


def session_row(session: Session) -> list[Any]:
    """In the order of FIELDS."""
    values = (getattr(session, name) for name in FIELDS)
    return [clean(each) if isinstance(each, str) else each for each in values]


def turn_row(session: str, turn: Turn, number: int) -> tuple[Any, ...]:
    """For ADD."""
    content = clean(turn.content)
    more = dumps(dict(turn.more)) if turn.more else ""
    return (session, number, turn.role, content, turn.at, int(turn.cut), more, spaced(content))


def forgotten(db: sqlite3.Connection, session: str, rested: float | None) -> bool:
    """Delete it with all that is its own; whether it was there. `rested`: not if anything was said
    in it since then."""
    if rested is not None:
        query = "SELECT 1 FROM sessions WHERE id = ? AND last < ?"
        if db.execute(query, (session, rested)).fetchone() is None:
            return False
    for statement in _FORGET:
        db.execute(statement, (session,))
    return db.execute("DELETE FROM sessions WHERE id = ?", (session,)).rowcount > 0


def moment(value: object) -> Instant:
    """`value` as a time. One in milli-, micro- or nanoseconds is taken for what it is; 1970 for
    what is none at all."""
    if isinstance(value, int | float) and math.isfinite(value) and value >= 0:
        for unit in UNITS:
            if value / unit <= LAST_MOMENT:
                return Instant(value / unit if unit > 1 else value)
    return Instant(0.0)


class Reading:
    """Rows as conversations and turns, however odd. Used in the file's thread alone."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def session(self, row: Sequence[Any]) -> Session:
        """A row of SESSION."""
        found = dict(zip(FIELDS, row, strict=True))
        for name in ("created", "last"):
            found[name] = self._time(found["id"], name, found[name])
        for name in ("messages", "summarized"):
            value = found[name]
            found[name] = min(value, 1 << 40) if type(value) is int and value >= 0 else 0
        found["summarized"] = min(found["summarized"], found["messages"])
        found["ended"], found["archived"] = bool(found["ended"]), bool(found["archived"])
        return Session(**found)

    def turn(self, session: str, row: Sequence[Any]) -> Turn:
        """A row of TURNS."""
        number, role, content, at, cut, more = row
        at = self._time(session, f"the time of message {number}", at)
        return Turn(number, role, content, at, bool(cut), self._more(session, number, more))

    def _time(self, session: str, name: str, value: Any) -> Instant:
        found = moment(value)
        if found != value:
            self._tell(session, f"{name} is {value!r}, which is no time in seconds")
        return found

    def _more(self, session: str, number: int, text: str) -> Mapping[str, Any]:
        if not text:
            return {}
        try:
            more = json.loads(text)
        except ValueError:
            more = None
        if isinstance(more, dict) and not _wrong(more):
            return more
        self._tell(session, f"what is noted of message {number} cannot be read")
        return {}

    def _tell(self, session: str, what: str) -> None:
        if session not in self._told and len(self._told) < TOLD:
            self._told.add(session)
            _log.warning(
                "session %r: %s; it is shown as well as can be, `p42 session delete` removes it",
                session, what,
            )  # fmt: skip


def _check_time(name: str, value: object) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= LAST_MOMENT:  # type: ignore[operator]
        raise _unfit(name, value, "a time is in seconds since 1970, up to the year 9999")


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong(more: Mapping[str, Any]) -> str:
    """Why it goes to no vendor again; "" = it does. Later kinds of notes are let be."""
    calls, answers = more.get("calls", []), more.get("answers", "")
    if not isinstance(calls, list) or not all(map(_is_call, calls)):
        return "calls: each is an object with id, name and arguments"
    return "" if isinstance(answers, str) else "answers: this is no id of a call"


def _is_call(given: object) -> bool:
    if not isinstance(given, dict) or given.keys() != {"id", "name", "arguments"}:
        return False
    words = isinstance(given["id"], str) and isinstance(given["name"], str)
    return words and isinstance(given["arguments"], dict)


def _unfit(name: str, value: object, why: str) -> InvalidInput:
    shown = repr(value)
    shown = shown if len(shown) <= 80 else f"{shown[:80]}..."
    return InvalidInput(f"this conversation cannot be kept: {name} is {shown}: {why}")
