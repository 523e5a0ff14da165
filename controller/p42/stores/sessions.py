"""SqliteSessions: conversations and their turns in sessions.db."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from p42.model.errors import InvalidInput
from p42.model.plan import Instant
from p42.model.ports import Clock
from p42.model.session import Hit, Role, Session, Turn
from p42.stores.rows import clean, dumps
from p42.stores.sessionfile import SessionFile

ID_LONGEST = 200  # characters; clients choose ids, and they become keys and file names
TITLE = 80  # characters
MOST_HITS = 500
MOST_ACTIVE = 10_000
_ID = re.compile(r"[^\x00-\x1f\x7f]+\Z")
_WORD = re.compile(r"\w+")
_FIELDS = tuple(each.name for each in fields(Session))
_SESSION = f"SELECT {', '.join(_FIELDS)} FROM sessions"  # noqa: S608 - constants
_CHANGEABLE = frozenset(_FIELDS) - {"id", "created", "messages"}
_TURNS = """SELECT number, role, content, at, cut, more FROM turns
    WHERE session = ? AND number >= ? ORDER BY number"""
_ADD = """INSERT INTO turns (session, number, role, content, at, cut, more)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
_COUNT = "UPDATE sessions SET messages = ?, last = max(last, ?) WHERE id = ?"
_SEARCH = """SELECT t.session, s.agent, t.number, t.role, t.at,
        snippet(words, 0, char(2), char(3), '…', 12)
    FROM words JOIN turns t ON t.key = words.rowid JOIN sessions s ON s.id = t.session
    WHERE words MATCH ? AND ? IN ('', s.agent) ORDER BY rank LIMIT ?"""


class SqliteSessions:
    """The Sessions port. Use from one event loop."""

    def __init__(
        self, file: SessionFile, clock: Clock, *, changed: Callable[[str], None] = lambda _: None
    ) -> None:
        """`changed` is told the id of each conversation that changed, after it is on disk."""
        self._file, self._clock, self._changed = file, clock, changed
        self._fresh: dict[str, Session] = {}  # those that may be active: the only ones in memory

    async def recover(self) -> int:
        """At start: answers that a crash broke off become cut turns; how many there were."""
        cut = await self._file.do(_recovered)
        for session in await self.list(limit=MOST_ACTIVE):
            self._note(session)
        return cut

    def active(self) -> int:
        """How many are active, from memory."""
        now = self._clock.now()
        self._fresh = {k: s for k, s in self._fresh.items() if s.state(now) == "active"}
        return len(self._fresh)

    def _note(self, session: Session | None) -> None:
        if session is not None:
            self._fresh[session.id] = session

    async def get(self, session: str) -> Session | None:
        """The conversation of that id, whatever its age."""
        return await self._file.do(lambda db: _get(db, session))

    async def begin(self, session: str, agent: str, *, title: str = "") -> Session:
        """That conversation, made if it is not there, taken up again if it was over."""
        checked(session)
        now, title = self._clock.now(), clean(title)[:TITLE]

        def change(db: sqlite3.Connection) -> Session:
            db.execute(
                "INSERT OR IGNORE INTO sessions (id, agent, created, last, title) "
                "VALUES (?, ?, ?, ?, ?)",
                (session, clean(agent), now, now, title),
            )
            db.execute(
                "UPDATE sessions SET ended = 0, archived = 0, last = ?, "
                "title = CASE title WHEN '' THEN ? ELSE title END WHERE id = ?",
                (now, title, session),
            )
            return _must(_get(db, session))

        begun = await self._file.do(change)
        self._note(begun)
        return begun

    async def add(
        self, session: str, role: Role, content: str, *, cut: bool = False,
        more: Mapping[str, Any] | None = None,
    ) -> Turn:  # fmt: skip
        """Append a turn."""
        now = self._clock.now()

        def change(db: sqlite3.Connection) -> Turn:
            number = _must(_get(db, session)).messages
            turn = Turn(number, role, clean(content), now, cut, more or {})
            _append(db, session, turn)
            if role == "assistant":
                db.execute("DELETE FROM speaking WHERE session = ?", (session,))
            return turn

        turn = await self._file.do(change)
        if session in self._fresh:
            self._fresh[session] = replace(self._fresh[session], last=now)
        self._changed(session)
        return turn

    async def speaking(self, session: str, content: str) -> None:
        """What has been said so far of an answer that goes on."""
        row = (session, clean(content), self._clock.now())
        await self._file.do(
            lambda db: db.execute("INSERT OR REPLACE INTO speaking VALUES (?, ?, ?)", row)
        )

    async def turns(self, session: str, *, first: int = 0) -> Sequence[Turn]:
        """Turns from number `first` on, in order."""
        rows = await self._file.do(lambda db: db.execute(_TURNS, (session, first)).fetchall())
        return [_turn(row) for row in rows]

    async def change(self, session: str, **changes: Any) -> Session | None:
        """Set fields of the session."""
        if not changes.keys() <= _CHANGEABLE:
            raise ValueError(f"not to be changed: {changes.keys() - _CHANGEABLE}")
        sets = ", ".join(f"{name} = ?" for name in changes)

        def change(db: sqlite3.Connection) -> Session | None:
            db.execute(f"UPDATE sessions SET {sets} WHERE id = ?", (*changes.values(), session))  # noqa: S608
            return _get(db, session)

        changed = await self._file.do(change)
        self._note(changed)
        self._changed(session)
        return changed

    async def age(self, *, archive: float | None, delete: float | None) -> tuple[int, int]:
        """Archive and delete what rested so many seconds, None = never; how many of each."""
        now = self._clock.now()

        def change(db: sqlite3.Connection) -> tuple[int, int]:
            archived = deleted = 0
            if delete is not None:
                old = db.execute("SELECT id FROM sessions WHERE last < ?", (now - delete,))
                for (session,) in old.fetchall():
                    db.execute("DELETE FROM turns WHERE session = ?", (session,))
                    deleted += db.execute("DELETE FROM sessions WHERE id = ?", (session,)).rowcount
            if archive is not None:
                query = "UPDATE sessions SET archived = 1 WHERE archived = 0 AND last < ?"
                archived = db.execute(query, (now - archive,)).rowcount
            return archived, deleted

        return await self._file.do(change)

    async def list(
        self, *, agent: str = "", archived: bool = False, limit: int = 1000
    ) -> Sequence[Session]:
        """The latest first."""
        of_agent = "agent = ? AND " if agent else ""
        query = f"{_SESSION} WHERE {of_agent}archived <= ? ORDER BY last DESC LIMIT ?"
        given = (*((agent,) if agent else ()), int(archived), limit)
        rows = await self._file.do(lambda db: db.execute(query, given).fetchall())
        return [_session(row) for row in rows]

    async def search(self, words: str, *, agent: str = "", limit: int = 50) -> Sequence[Hit]:
        """Turns that hold all of `words` (the last may be a beginning), best first.

        `agent`: only of conversations with that one.
        """
        query = " ".join(f'"{word}"' for word in _WORD.findall(words))
        if not query:
            return []
        asked = (query + "*", agent, min(limit, MOST_HITS))
        rows = await self._file.do(lambda db: db.execute(_SEARCH, asked).fetchall())
        return [Hit(row[0], row[1], row[2], row[3], Instant(row[4]), row[5]) for row in rows]

    async def delete(self, session: str) -> bool:
        """Forget it with all its turns; whether it was there."""

        def change(db: sqlite3.Connection) -> bool:
            db.execute("DELETE FROM speaking WHERE session = ?", (session,))
            db.execute("DELETE FROM turns WHERE session = ?", (session,))
            return db.execute("DELETE FROM sessions WHERE id = ?", (session,)).rowcount > 0

        deleted = await self._file.do(change)
        self._changed(session)
        return deleted

    async def put(self, session: Session, turns: Sequence[Turn]) -> bool:
        """Take in a whole conversation from elsewhere; False if one of that id is there already."""
        checked(session.id)

        def change(db: sqlite3.Connection) -> bool:
            if _get(db, session.id) is not None:
                return False
            row = [getattr(session, name) for name in _FIELDS]
            marks = ", ".join("?" * len(_FIELDS))
            db.execute(f"INSERT INTO sessions ({', '.join(_FIELDS)}) VALUES ({marks})", row)  # noqa: S608
            for number, turn in enumerate(turns):
                row = [session.id, number, turn.role, clean(turn.content), turn.at, int(turn.cut)]
                db.execute(_ADD, (*row, dumps(dict(turn.more)) if turn.more else ""))
            db.execute("UPDATE sessions SET messages = ? WHERE id = ?", (len(turns), session.id))
            return True

        return await self._file.do(change)


def checked(session: str) -> str:
    """An id as clients may choose one. InvalidInput otherwise."""
    if not 0 < len(session) <= ID_LONGEST or not _ID.match(session):
        raise InvalidInput(
            f"a session id has 1 to {ID_LONGEST} characters and no control characters"
        )
    return session


def _recovered(db: sqlite3.Connection) -> int:
    rows = db.execute("SELECT session, content, at FROM speaking").fetchall()
    for session, content, at in rows:
        known = _get(db, session)
        if known is not None:
            _append(db, session, Turn(known.messages, "assistant", content, Instant(at), cut=True))
    db.execute("DELETE FROM speaking")
    return len(rows)


def _append(db: sqlite3.Connection, session: str, turn: Turn) -> None:
    more = dumps(dict(turn.more)) if turn.more else ""
    db.execute(_ADD, (session, turn.number, turn.role, turn.content, turn.at, int(turn.cut), more))
    db.execute(_COUNT, (turn.number + 1, turn.at, session))


def _get(db: sqlite3.Connection, session: str) -> Session | None:
    row = db.execute(f"{_SESSION} WHERE id = ?", (session,)).fetchone()
    return None if row is None else _session(row)


def _must(session: Session | None) -> Session:
    if session is None:
        raise InvalidInput("there is no such session; `p42 session list` shows them")
    return session


def _session(row: tuple[Any, ...]) -> Session:
    found = dict(zip(_FIELDS, row, strict=True))
    found["ended"], found["archived"] = bool(found["ended"]), bool(found["archived"])
    return Session(**found)


def _turn(row: tuple[Any, ...]) -> Turn:
    number, role, content, at, cut, more = row
    return Turn(number, role, content, Instant(at), bool(cut), json.loads(more) if more else {})
