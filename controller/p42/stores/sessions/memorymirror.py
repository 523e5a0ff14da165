"""MemoryMirror: conversations as the original kept them, in `memory/` of the home.

    memory/index.json                                            the latest, and statistics of all
    memory/sessions/2026-11-21/session-1795252811-hello-from-python-3f6a1c.json

SQLite is the truth; these files follow it within a moment, for the original's own clients and for
eyes. One file for each id, always the same (see memoryfiles), and none for what was deleted.
Written whole or not at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from p42.model.errors import P42Error
from p42.model.plan import Instant
from p42.model.ports import Clock
from p42.model.session import Session, Sessions, State, Tally, Turn
from p42.stores.sessions.memoryfiles import MemoryFiles, file_of, slug

PAUSE = 0.5  # s between two writes: a client looks after three
STATES = 300.0  # s between two looks at states that change by time alone, as the original's
INDEXED = 500  # sessions in index.json, the latest; all are in sessions.db
RETRY = 5.0  # s after a disk that refused
BEHIND = 5.0  # s before index.json was last written: what was said since may not stand there

_log = logging.getLogger("p42.memory")


class MemoryMirror:
    """`changed` never blocks; `run` writes."""

    def __init__(self, home: Path, sessions: Sessions, files: MemoryFiles, clock: Clock) -> None:
        self._directory = home / "memory"
        self._sessions, self._files, self._clock = sessions, files, clock
        self._dirty: set[str] = set()
        self._some = asyncio.Event()
        self._stale = False  # index.json, whatever changed
        self._told: dict[str, State] = {}  # what index.json says of each

    def changed(self, session: str) -> None:
        """Something was said in it, or it ended, or it is no more."""
        self._dirty.add(session)
        self._some.set()

    async def begin(self) -> None:
        """At start: what a crash kept from being written is to be written; so is the index."""
        found = await self._sessions.list(archived=True, limit=INDEXED)
        self._stale = bool(found)
        with contextlib.suppress(OSError):
            written = (self._directory / "index.json").stat().st_mtime
            self._stale = True
            self._dirty |= {each.id for each in found if each.last > written - BEHIND}
        self._some.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            try:
                async with asyncio.timeout(STATES):
                    await self._some.wait()
            except TimeoutError:
                pass
            self._some.clear()
            try:
                await self.flush()
                await self._clock.sleep(PAUSE)
            except P42Error as error:
                _log.warning("memory/ is behind: %s", error)
                self._some.set()
                await self._clock.sleep(RETRY)

    async def flush(self) -> None:
        """Write what changed, and the index if it says anything else by now."""
        now, wanted = self._clock.now(), set(self._dirty)
        await self._sweep()
        found = await self._sessions.list(archived=True, limit=INDEXED)
        aged = {s.id for s in found if self._told.get(s.id, s.state(now)) != s.state(now)}
        if not (wanted or aged or self._stale):
            return
        for name in wanted | aged:
            self._dirty.discard(name)  # before: what is said meanwhile counts
            try:
                await self._write(name, now)
            except P42Error:
                self._dirty.add(name)
                raise
        stats = stats_of(await self._sessions.tally(), self._sessions.active())
        await asyncio.to_thread(self._put, "index.json", index_of(found, stats, now))
        self._stale = False
        self._told = {session.id: session.state(now) for session in found}

    async def _write(self, name: str, now: Instant) -> None:
        session = await self._sessions.get(name)
        if session is None:
            return
        path, body = file_of(session), body_of(session, await self._sessions.turns(name), now)
        if not session.file and not await self._files.own(name, path):
            return  # deleted meanwhile
        await asyncio.to_thread(self._put, f"sessions/{path}", body)
        await self._remove(await self._files.older(name))

    async def _sweep(self) -> None:
        """What was forgotten is no more, here either."""
        await self._remove(await self._files.forgotten())

    async def _remove(self, paths: Iterable[str]) -> None:
        gone = [path for path in paths if await asyncio.to_thread(self._unlink, path)]
        if gone:
            await self._files.gone(gone)

    def _unlink(self, name: str) -> bool:
        path = self._directory / "sessions" / name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("%s cannot be removed: %s", path, error.strerror)
            return False
        with contextlib.suppress(OSError):  # others stand there
            path.parent.rmdir()
        return True

    def _put(self, name: str, body: Mapping[str, Any]) -> None:
        path = self._directory / name
        text = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
        new = path.with_name(f".{path.name}.new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(text)
            new.replace(path)
        except OSError as error:
            _log.warning("%s cannot be written: %s", path, error.strerror)


def body_of(session: Session, turns: Sequence[Turn], now: Instant) -> dict[str, Any]:
    """The file of one session."""
    made = {"name": session.command, "created_at": time_of(session.last),
            "path": f"commands/{session.command}"}  # fmt: skip
    return {
        "id": session.id, "agent": session.agent, "state": session.state(now),
        "created_at": time_of(session.created), "updated_at": time_of(session.last),
        "last_activity": time_of(session.last),
        "messages": [
            {"role": turn.role, "content": turn.content, "timestamp": time_of(turn.at),
             **({"cut": True} if turn.cut else {})}
            for turn in turns if turn.role != "tool"
        ],
        **({"command_generated": made} if session.command else {}),
        "metadata": {"model": session.answered or session.model},
    }  # fmt: skip


def index_of(sessions: Sequence[Session], stats: Mapping[str, Any], now: Instant) -> dict[str, Any]:
    """index.json."""
    return {"sessions": [entry_of(session, now) for session in sessions], "stats": dict(stats)}


def stats_of(tally: Tally, active: int) -> dict[str, Any]:
    """Of all there are."""
    return {
        "total_sessions": tally.sessions, "commands_generated": tally.commands,
        "active_sessions": active, "last_session_time": time_of(tally.last or Instant(0)),
    }  # fmt: skip


def entry_of(session: Session, now: Instant) -> dict[str, Any]:
    """One session in the index; its `file` is relative to memory/sessions."""
    file = file_of(session)
    return {
        "id": session.id, "date": file.partition("/")[0], "slug": slug(session.title),
        "agent": session.agent, "command_generated": bool(session.command),
        "state": session.state(now), "file": file,
        "created_at": time_of(session.created), "last_activity": time_of(session.last),
        "message_count": session.messages,
    }  # fmt: skip


def time_of(instant: float) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    return datetime.fromtimestamp(instant, UTC).isoformat().replace("+00:00", "Z")
