"""MemoryFiles: what sessions.db knows of the files in `memory/sessions`.

    a conversation's own      in its row: where it is mirrored, for ever; an imported one keeps the
                              file it came from, so that there are never two of one id
    any other: a stray        OLDER      of a conversation that has all of it by now; goes when that
                                         is written next
                              OTHER      of an id that somebody else has here, or of messages
                                         that no conversation holds; only looked at
                              LEFT       p42 wrote it, and has forgotten what it was
                              FORGOTTEN  of a conversation that was deleted; goes at once
                              a stamp    cannot be read; is looked at again when it has changed

So a start only reads what nobody knows of yet, and a crash in between loses and doubles nothing.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import time
from collections.abc import Container, Iterable, Mapping, Sequence

from p42.model.session import Session
from p42.stores.sessions.file import SessionFile

WORDS = 3  # of the first message, in the name
OLDER, OTHER, LEFT, FORGOTTEN = "older", "other", "left", "forgotten"

_UNFIT = re.compile(r"[^a-z0-9-]+")
_KNOWN = """SELECT path, mark FROM strays UNION ALL
    SELECT file, '' FROM sessions WHERE file <> ''"""
_FORGOTTEN = """SELECT path FROM strays WHERE mark = ?
    AND path NOT IN (SELECT file FROM sessions WHERE file <> '')"""


class MemoryFiles:
    """Paths are text, relative to `memory/sessions`."""

    def __init__(self, file: SessionFile) -> None:
        self._file = file

    async def known(self) -> Mapping[str, str]:
        """The mark of each path; "" = a conversation's own."""
        return dict(await self._file.do(lambda db: db.execute(_KNOWN).fetchall()))

    async def mirrored(self, paths: Iterable[tuple[str, str]]) -> None:
        """Note files that were written before files were noted: id of the conversation, path."""
        rows = [(path, session) for session, path in paths]
        query = "UPDATE sessions SET file = ? WHERE id = ? AND file = ''"
        await self._file.do(lambda db: db.executemany(query, rows))

    async def own(self, session: str, path: str) -> bool:
        """Note, before it is written, that a file is this conversation's; False = that is gone."""

        def change(db: sqlite3.Connection) -> bool:
            query = "UPDATE sessions SET file = ? WHERE id = ?"
            if not db.execute(query, (path, session)).rowcount:
                return False
            db.execute("DELETE FROM strays WHERE path = ?", (path,))
            return True

        return await self._file.do(change)

    async def stray(self, found: Iterable[tuple[str, str, str]]) -> None:
        """Note files that are nobody's own: path, id of the conversation, mark."""
        rows = list(found)
        query = "INSERT OR REPLACE INTO strays (path, session, mark) VALUES (?, ?, ?)"
        await self._file.do(lambda db: db.executemany(query, rows))

    async def older(self, session: str) -> Sequence[str]:
        """Files that say nothing but what the conversation's own says as well."""
        query, given = "SELECT path FROM strays WHERE session = ? AND mark = ?", (session, OLDER)
        rows = await self._file.do(lambda db: db.execute(query, given).fetchall())
        return [row[0] for row in rows]

    async def forgotten(self) -> Sequence[str]:
        """Files of conversations that were deleted."""
        given = (FORGOTTEN,)
        rows = await self._file.do(lambda db: db.execute(_FORGOTTEN, given).fetchall())
        return [row[0] for row in rows]

    async def gone(self, paths: Iterable[str]) -> None:
        """These are no more: nothing is known of them."""
        rows = [(path,) for path in paths]
        await self._file.do(lambda db: db.executemany("DELETE FROM strays WHERE path = ?", rows))

    async def is_new(self) -> bool:
        """Whether everything that p42 itself wrote is to be read in too: the database knows of no
        time before it noted files. An older p42 left those of forgotten conversations behind."""
        query = "SELECT 1 FROM notes WHERE name = 'memory' AND value = 'before'"
        return await self._file.do(lambda db: db.execute(query).fetchone()) is None

    async def looked(self) -> None:
        """All that an older p42 left has been looked at."""
        await self._file.do(lambda db: db.execute("DELETE FROM notes WHERE name = 'memory'"))


def file_of(session: Session) -> str:
    """Where it stands; the same for ever. Holds the second of creation, the first words, and a few
    digits of the id, so that no conversation overwrites another and none is renamed."""
    if session.file:
        return session.file
    day = time.strftime("%Y-%m-%d", time.localtime(session.created))
    return f"{day}/session-{int(session.created)}-{slug(session.title)}-{tail(session.id)}.json"


def unlike(path: str, others: Container[str]) -> str:
    """`path`, or one like it that is none of `others`."""
    number, found = 1, path
    head, _, end = path.rpartition("-")
    while found in others:
        number += 1
        found = f"{head}-{number}-{end}"
    return found


def is_ours(path: str, session: str) -> bool:
    """Whether a p42 gave the file of a conversation its name."""
    return path.endswith(f"-{tail(session)}.json")


def slug(title: str) -> str:
    """The first words, as a file name takes them anywhere."""
    words = (_UNFIT.sub("-", word).strip("-") for word in title.lower().split()[:WORDS])
    return "-".join(word for word in words if word)[:60] or "conversation"


def tail(session: str) -> str:
    """A few digits of the id."""
    return hashlib.sha256(session.encode("utf-8", "backslashreplace")).hexdigest()[:6]
