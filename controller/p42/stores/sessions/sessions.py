"""SqliteSessions: conversations and their turns in sessions.db."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from p42.model.errors import InvalidInput
from p42.model.ports import Clock
from p42.model.session import Found, Hit, Role, Session, Tally, Turn
from p42.stores.sessions.file import SessionFile
from p42.stores.sessions.rows import (
    ADD,
    FIELDS,
    SESSION,
    TURNS,
    Reading,
    checked,
    fit,
    forgotten,
    moment,
    session_row,
    turn_row,
)
from p42.stores.sessions.search import search
from p42.stores.state.rows import clean

TITLE = 80  # characters
MOST_ACTIVE = 10_000
AT_ONCE = 50  # conversations that are deleted in one transaction; whoever speaks waits for it
_CHANGEABLE = frozenset(FIELDS) - {"id", "created", "messages", "file"}
_COUNT = "UPDATE sessions SET messages = ?, last = max(last, ?) WHERE id = ?"
_TALLY = """SELECT (SELECT count(*) FROM sessions),
    (SELECT count(*) FROM sessions WHERE command <> ''), (SELECT max(last) FROM sessions)"""
_PUT = f"INSERT INTO sessions ({', '.join(FIELDS)}) VALUES ({', '.join('?' * len(FIELDS))})"  # noqa: S608
_SPEAKING = "INSERT OR REPLACE INTO speaking SELECT id, ?, ? FROM sessions WHERE id = ?"


class SqliteSessions:
    """The Sessions port. Use from one event loop."""

    def __init__(
        self,
        file: SessionFile,
        clock: Clock,
        *,
        changed: Callable[[str], None] = lambda _: None,
        gone: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`changed` is told the id of each conversation that changed, after it is on disk, and
        before it `gone` of each that was deleted."""
        self._file, self._clock, self._changed, self._gone = file, clock, changed, gone
        self._reading = Reading()
        self._fresh: dict[str, Session] = {}  # those that may be active: the only ones in memory

    async def recover(self) -> int:
        """At start: answers that a crash broke off become cut turns; how many there were."""
        cut = await self._file.do(self._recovered)
        for session in await self.list(limit=MOST_ACTIVE):
            self._note(session)
        for session_id in cut:
            self._changed(session_id)
        return len(cut)

    def active(self) -> int:
        """How many are active, from memory."""
        now = self._clock.now()
        self._fresh = {k: s for k, s in self._fresh.items() if s.state(now) == "active"}
        return len(self._fresh)

    async def tally(self) -> Tally:
        """How many there are."""
        count, commands, last = await self._file.do(lambda db: db.execute(_TALLY).fetchone())
        return Tally(count, commands, None if last is None else moment(last))

    def _note(self, session: Session | None) -> None:
        if session is not None:
            self._fresh[session.id] = session

    async def get(self, session: str) -> Session | None:
        """The conversation of that id, whatever its age."""
        return await self._file.do(lambda db: self._get(db, session))

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
            return _must(self._get(db, session))

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
            number = _must(self._get(db, session)).messages
            turn = Turn(number, role, clean(content), now, cut, more or {})
            self._append(db, session, turn)
            if role == "assistant":
                db.execute("DELETE FROM speaking WHERE session = ?", (session,))
            return turn

        turn = await self._file.do(change)
        if session in self._fresh:
            self._fresh[session] = replace(self._fresh[session], last=now)
        self._changed(session)
        return turn

    async def speaking(self, session: str, content: str) -> None:
        """What has been said so far of an answer that goes on; nothing is kept of one whose
        session is no more."""
        row = (clean(content), self._clock.now(), session)
        await self._file.do(lambda db: db.execute(_SPEAKING, row))

    async def turns(self, session: str, *, first: int = 0) -> Sequence[Turn]:
        """Turns from number `first` on, in order."""

        def read(db: sqlite3.Connection) -> list[Turn]:
            rows = db.execute(TURNS, (session, first)).fetchall()
            return [self._reading.turn(session, row) for row in rows]

        return await self._file.do(read)

    async def change(self, session: str, **changes: Any) -> Session | None:
        """Set fields of the session."""
        if not changes.keys() <= _CHANGEABLE:
            raise ValueError(f"not to be changed: {changes.keys() - _CHANGEABLE}")
        sets = ", ".join(f"{name} = ?" for name in changes)
        given = (clean(each) if isinstance(each, str) else each for each in changes.values())
        values = (*given, session)

        def change(db: sqlite3.Connection) -> Session | None:
            db.execute(f"UPDATE sessions SET {sets} WHERE id = ?", values)  # noqa: S608
            return self._get(db, session)

        changed = await self._file.do(change)
        self._note(changed)
        self._changed(session)
        return changed

    async def age(self, *, archive: float | None, delete: float | None) -> tuple[int, int]:
        """Archive and delete what rested so many seconds, None = never; how many of each."""
        now, old = self._clock.now(), list[str]()
        if delete is not None:
            query, rested = "SELECT id FROM sessions WHERE last < ?", now - delete
            rows = await self._file.do(lambda db: db.execute(query, (rested,)).fetchall())
            old = [row[0] for row in rows]
        deleted = await self._forget(old, rested=now - (delete or 0))

        def change(db: sqlite3.Connection) -> int:
            query = "UPDATE sessions SET archived = 1 WHERE archived = 0 AND last < ?"
            return db.execute(query, (now - (archive or 0),)).rowcount

        return 0 if archive is None else await self._file.do(change), deleted

    async def list(
        self, *, agent: str = "", archived: bool = False, limit: int = 1000
    ) -> Sequence[Session]:
        """The latest first."""
        of_agent = "agent = ? AND " if agent else ""
        query = f"{SESSION} WHERE {of_agent}archived <= ? ORDER BY last DESC LIMIT ?"
        given = (*((agent,) if agent else ()), int(archived), limit)

        def read(db: sqlite3.Connection) -> list[Session]:
            return [self._reading.session(row) for row in db.execute(query, given).fetchall()]

        return await self._file.do(read)

    async def search(self, words: str, *, agent: str = "", limit: int = 50) -> Sequence[Hit]:
        """Turns that hold all of `words` (the last may be a beginning), best first.

        `agent`: only of conversations with that one. InvalidInput for too many words.
        """
        return list((await self.find(words, agent=agent, limit=limit)).hits)

    async def find(self, words: str, *, agent: str = "", limit: int = 50) -> Found:
        """As `search`; of what matches, the latest are weighed. Nobody who speaks waits for it."""
        return await self._file.look(lambda db: search(db, words, agent=agent, limit=limit))

    async def delete(self, session: str) -> bool:
        """Forget it with all its turns; whether it was there."""
        return await self._forget([session]) > 0

    async def put(self, session: Session, turns: Sequence[Turn]) -> bool:
        """Take in a whole conversation from elsewhere; False if one of that id is there already.

        InvalidInput for what cannot be kept.
        """
        return (await self.put_all([(session, turns)]))[0]

    async def put_all(self, many: Sequence[tuple[Session, Sequence[Turn]]]) -> Sequence[bool]:
        """As `put`, all or none of them: a transaction takes longer than what is in it."""
        for session, turns in many:
            fit(session, turns)

        def change(db: sqlite3.Connection) -> list[bool]:
            return [self._put(db, session, turns) for session, turns in many]

        taken = await self._file.do(change)
        for (session, _), new in zip(many, taken, strict=True):
            if new:
                self._note(session)
            if new and not session.file:  # one that comes from a file has its mirror
                self._changed(session.id)
        return taken

    async def _forget(self, sessions: Sequence[str], *, rested: float | None = None) -> int:
        """How many were there. `rested`: none in which anything was said since."""

        def change(db: sqlite3.Connection) -> list[str]:
            return [each for each in some if forgotten(db, each, rested)]

        count = 0
        for first in range(0, len(sessions), AT_ONCE):
            some = sessions[first : first + AT_ONCE]
            for session in (gone := await self._file.do(change)):
                self._fresh.pop(session, None)
                self._gone(session)
                self._changed(session)
            count += len(gone)
        return count

    def _put(self, db: sqlite3.Connection, session: Session, turns: Sequence[Turn]) -> bool:
        if self._get(db, session.id) is not None:
            return False
        db.execute(_PUT, session_row(replace(session, messages=len(turns))))
        rows = (turn_row(session.id, turn, number) for number, turn in enumerate(turns))
        db.executemany(ADD, rows)
        return True

    def _recovered(self, db: sqlite3.Connection) -> Sequence[str]:
        rows = db.execute("SELECT session, content, at FROM speaking").fetchall()
        for session, content, at in rows:
            known = self._get(db, session)
            if known is not None:
                turn = Turn(known.messages, "assistant", content, moment(at), cut=True)
                self._append(db, session, turn)
        db.execute("DELETE FROM speaking")
        return [row[0] for row in rows]

    def _append(self, db: sqlite3.Connection, session: str, turn: Turn) -> None:
        db.execute(ADD, turn_row(session, turn, turn.number))
        db.execute(_COUNT, (turn.number + 1, turn.at, session))

    def _get(self, db: sqlite3.Connection, session: str) -> Session | None:
        row = db.execute(f"{SESSION} WHERE id = ?", (session,)).fetchone()
        return None if row is None else self._reading.session(row)


def _must(session: Session | None) -> Session:
    if session is None:
        raise InvalidInput("there is no such session; `p42 session list` shows them")
    return session
