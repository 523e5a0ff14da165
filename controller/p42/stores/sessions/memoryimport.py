"""MemoryImport: at each start, what stands in `memory/sessions` and nobody knows of becomes
conversations: an original's memory, whenever it came, and p42's own after sessions.db was lost.

A file that cannot be read is told of once, with its name and why, and the others are read all the
same. So is one with messages that no conversation can hold: what it can is taken in and goes on in
another file, and the one that was read stays as it is. Each conversation is kept in one transaction
with the name of its file, so a start that is broken off goes on where it was, and nothing is there
twice.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from p42.model.errors import P42Error
from p42.model.session import Session
from p42.stores.sessions.memoryfiles import (
    FORGOTTEN,
    LEFT,
    OLDER,
    OTHER,
    MemoryFiles,
    file_of,
    is_ours,
    unlike,
)
from p42.stores.sessions.memoryread import Found, has, read, stamp_of
from p42.stores.sessions.sessions import SqliteSessions
from p42.stores.state.rows import clean

BATCH = 50  # conversations that are kept in one transaction
HELD = 4 << 20  # characters of them; then it is enough
MOST_KINDS = 3  # of odd messages, named of one file
MOST_TOLD = 20  # files that are told of one by one; the journal holds few events
EVERY = 1 << 40  # sessions: more than there are
MARKS = frozenset({OLDER, OTHER, LEFT, FORGOTTEN})

_log = logging.getLogger("p42.memory")


class MemoryImport:
    """`tell` is given sentences for people, about what was not read."""

    def __init__(
        self,
        home: Path,
        sessions: SqliteSessions,
        files: MemoryFiles,
        *,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._directory = home / "memory" / "sessions"
        self._sessions, self._files, self._tell = sessions, files, tell
        self._names: dict[str, str] = {}  # where each file stands, by the path it is noted as
        self._marks: list[tuple[str, str, str]] = []  # strays that were found
        self._told = 0

    async def run(self) -> int:
        """Read in what is new; how many conversations that was. Raises nothing: what a disk refuses
        is told, and the next start goes on."""
        taken = 0
        try:
            new = await self._files.is_new()
            fresh = await self._fresh()
            if not new:
                fresh = await self._without_mirrored(fresh)
            best, doubles = await self._sorted(fresh, new=new)
            async for refused, count in self._kept(best):
                taken += count
                doubles += refused
            for path in doubles:
                await self._double(path)
            await self._files.stray(self._marks)
            if not new:
                await self._files.looked()
        except P42Error as error:
            self._tell(f"not all of memory/sessions was read in: {error}; the next start goes on")
        self._sum_up()
        return taken

    async def _fresh(self) -> Sequence[str]:
        """The files that are to be read."""
        self._names = await asyncio.to_thread(lambda: dict(_files(self._directory)))
        known, there = await self._files.known(), self._names
        strays = {path: mark for path, mark in known.items() if mark}
        await self._files.gone(p for p, m in strays.items() if m != FORGOTTEN and p not in there)
        found = there.keys() - known.keys()
        for path, mark in strays.items():
            if mark not in MARKS and path in there:  # one that could not be read
                stamp = await asyncio.to_thread(stamp_of, self._directory / there[path])
                found |= {path} if stamp != mark else set()
        return sorted(found)

    async def _without_mirrored(self, fresh: Sequence[str]) -> Sequence[str]:
        """Without what an older p42 wrote of conversations that are here: that is noted at once."""
        every, there = await self._sessions.list(archived=True, limit=EVERY), set(fresh)
        ours = [(each.id, file_of(each)) for each in every if not each.file]
        found = {path: session for session, path in ours if path in there}
        await self._files.mirrored((session, path) for path, session in found.items())
        return [path for path in fresh if path not in found]

    async def _sorted(self, fresh: Sequence[str], *, new: bool) -> tuple[Sequence[str], list[str]]:
        """The files that are to be kept, and of those with one id the others: the latest counts."""
        best: dict[str, tuple[float, str]] = {}
        doubles: list[str] = []
        for path in fresh:
            found = await self._read(path)
            if found is None:
                continue
            session = found.session
            if not new and is_ours(path, session.id) and not await self._sessions.get(session.id):
                self._marks.append((path, session.id, LEFT))
                continue
            known, this = best.get(session.id), (session.last, path)
            best[session.id] = this if known is None else max(known, this)
            if known is not None:
                doubles.append(min(known, this)[1])
        return [path for _, path in best.values()], doubles

    async def _kept(self, paths: Sequence[str]) -> AsyncIterator[tuple[list[str], int]]:
        """Batch by batch, those whose id is here already, and how many were kept."""
        batch: list[Found] = []
        for number, path in enumerate(paths, 1):
            found = await self._read(path)
            batch += [found] if found is not None else []
            size = sum(len(turn.content) for each in batch for turn in each.turns)
            if batch and (len(batch) == BATCH or size > HELD or number == len(paths)):
                taken = await self._sessions.put_all([(self._own(f), f.turns) for f in batch])
                for each in (found for found, new in zip(batch, taken, strict=True) if new):
                    self._left_alone(each)
                refused = [f.session.file for f, new in zip(batch, taken, strict=True) if not new]
                yield refused, sum(taken)
                batch = []

    async def _read(self, path: str) -> Found | None:
        """None, and noted, for what is no conversation."""
        found = await asyncio.to_thread(read, self._directory, self._names[path], path)
        if isinstance(found, Found):
            return found
        self._marks.append((path, "", found.stamp))
        self._unread(path, f"{found.why}; mend it and `p42 restart`, or remove it")
        return None

    def _own(self, found: Found) -> Session:
        """The conversation with the file it is mirrored to: a new one, where writing over the one
        that was read would lose something; "" = as any."""
        if not found.odd:
            return found.session
        session = replace(found.session, file="")
        path = file_of(session)
        if path in self._names:
            return replace(session, file=unlike(path, self._names))
        return session

    def _left_alone(self, found: Found) -> None:
        """Tell of what was not taken in, if anything; the file is nobody's own."""
        if not found.odd:
            return
        path, count = found.session.file, len(found.odd)
        self._marks.append((path, found.session.id, OTHER))
        kinds = sorted(set(found.odd))
        what = ", ".join(kinds[:MOST_KINDS]) + (", ..." if len(kinds) > MOST_KINDS else "")
        self._unread(
            path, f"{count} of its messages p42 cannot keep ({what}); the file stays as it is, and "
            "the conversation goes on in another", in_part=True,
        )  # fmt: skip

    async def _double(self, path: str) -> None:
        """A second file of a conversation that is here."""
        found = await self._read(path)
        if found is None:
            return
        session = found.session.id
        said = tuple(await self._sessions.turns(session))
        if has(said, found.turns):
            if found.odd:
                self._left_alone(found)
            else:
                self._marks.append((path, session, OLDER))
            return
        self._marks.append((path, session, OTHER))
        self._unread(path, f"another conversation has its id, {session!r}, and stays")

    def _unread(self, path: str, why: str, *, in_part: bool = False) -> None:
        self._told += 1
        what = "was not read in whole" if in_part else "was not read in"
        if self._told <= MOST_TOLD:
            self._tell(f"memory/sessions/{path} {what}: {why}")
        else:
            _log.warning("memory/sessions/%s %s: %s", path, what, why)

    def _sum_up(self) -> None:
        more = self._told - MOST_TOLD
        if more > 0:
            self._tell(
                f"memory/sessions: files not read in beside these: {more}; `p42 logs daemon`"
            )
        left = sum(1 for _, _, mark in self._marks if mark == LEFT)
        if left:
            self._tell(
                "memory/sessions: files not read in, as their conversations were deleted or are "
                f"another p42's: {left}"
            )


def _files(directory: Path) -> Iterator[tuple[str, str]]:
    """Each file as it is noted, and as it is called. Blocking."""
    try:
        days = [each.name for each in os.scandir(directory) if each.is_dir()]
        for day in days:
            for each in os.scandir(directory / day):
                if each.name.startswith("session-") and each.name.endswith(".json"):
                    name = f"{day}/{each.name}"
                    yield clean(name), name
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            _log.warning("%s cannot be looked at: %s", directory, error.strerror)
