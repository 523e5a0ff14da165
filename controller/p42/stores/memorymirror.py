"""MemoryMirror: conversations as the original kept them, in `memory/` of the home.

    memory/index.json                                            every session, and statistics
    memory/sessions/2026-11-21/session-1795252811-hello-from-python-3f6a1c.json

SQLite is the truth; these files follow it within a moment, for the original's own clients and for
eyes. A name holds the second of creation, the first words, and a few digits of the id, so that no
conversation overwrites another and none is renamed. Written whole or not at all.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from p42.model.errors import P42Error
from p42.model.plan import Instant
from p42.model.ports import Clock
from p42.model.session import Session, Sessions, State, Turn

PAUSE = 0.5  # s between two writes: a client looks after three
STATES = 300.0  # s between two looks at states that change by time alone, as the original's
INDEXED = 500  # sessions in index.json, the latest; all are in sessions.db
RETRY = 5.0  # s after a disk that refused
WORDS = 3  # of the first message, in the name

_UNFIT = re.compile(r"[^a-z0-9-]+")
_log = logging.getLogger("p42.memory")


class MemoryMirror:
    """`changed` never blocks; `run` writes."""

    def __init__(self, home: Path, sessions: Sessions, clock: Clock) -> None:
        self._directory = home / "memory"
        self._sessions, self._clock = sessions, clock
        self._dirty: set[str] = set()
        self._some = asyncio.Event()
        self._told: dict[str, State] = {}  # what index.json says of each

    def changed(self, session: str) -> None:
        """Something was said in it, or it ended."""
        self._dirty.add(session)
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
        found = await self._sessions.list(archived=True, limit=INDEXED)
        aged = {s.id for s in found if self._told.get(s.id, "active") != s.state(now)}
        if not wanted and not (aged & self._told.keys()):
            return
        for name in wanted | (aged & self._told.keys()):
            session = await self._sessions.get(name)
            if session is not None:
                body = body_of(session, await self._sessions.turns(name), now)
                await asyncio.to_thread(self._put, file_of(session), body)
            self._dirty.discard(name)
        await asyncio.to_thread(self._put, Path("index.json"), index_of(found, now))
        self._told = {session.id: session.state(now) for session in found}

    def _put(self, name: Path, body: Mapping[str, Any]) -> None:
        path = self._directory / name
        text = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
        new = path.with_name(f".{path.name}.new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(text)
            new.replace(path)
        except OSError as error:
            _log.warning("%s cannot be written: %s", path, error.strerror)


def file_of(session: Session) -> Path:
    """Where it stands, relative to memory/; the same for ever."""
    tail = hashlib.sha256(session.id.encode("utf-8", "backslashreplace")).hexdigest()[:6]
    name = f"session-{int(session.created)}-{slug(session.title)}-{tail}.json"
    return Path("sessions", _day(session.created), name)


def slug(title: str) -> str:
    """The first words, as a file name takes them anywhere."""
    words = (_UNFIT.sub("-", word).strip("-") for word in title.lower().split()[:WORDS])
    return "-".join(word for word in words if word)[:60] or "conversation"


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
        "metadata": {"model": session.model},
    }  # fmt: skip


def index_of(sessions: Sequence[Session], now: Instant) -> dict[str, Any]:
    """index.json."""
    active = sum(1 for session in sessions if session.state(now) == "active")
    return {
        "sessions": [entry_of(session, now) for session in sessions],
        "stats": {
            "total_sessions": len(sessions),
            "commands_generated": sum(1 for session in sessions if session.command),
            "active_sessions": active,
            "last_session_time": time_of(sessions[0].last if sessions else Instant(0)),
        },
    }


def entry_of(session: Session, now: Instant) -> dict[str, Any]:
    """One session in the index; its `file` is relative to memory/sessions."""
    file = file_of(session)
    return {
        "id": session.id, "date": file.parent.name, "slug": slug(session.title),
        "agent": session.agent, "command_generated": bool(session.command),
        "state": session.state(now), "file": str(file.relative_to("sessions")),
        "created_at": time_of(session.created), "last_activity": time_of(session.last),
        "message_count": session.messages,
    }  # fmt: skip


def time_of(instant: float) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    return datetime.fromtimestamp(instant, UTC).isoformat().replace("+00:00", "Z")


def _day(instant: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(instant))
