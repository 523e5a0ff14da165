"""Messages: the journal of what companions were sent and what they answered, one file per ref.

    logs/messages/projectci-NAME.jsonl    {"at", "asked", "answered"} a line; rotated, bounded

Kept when the project goes: it is the audit of what was said in its name.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections import deque
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from p42.model.ports import Clock
from p42.model.refs import Ref

SIZE = 1 << 20  # bytes of a file before it is rotated
WAITING = 10_000  # messages not yet written; past that the oldest are lost
PAUSE = 0.05  # s; what comes together is written together

_log = logging.getLogger("p42.messages")


class Messages:
    """`said` never blocks; `run` writes."""

    def __init__(self, home: Path, clock: Clock) -> None:
        self._directory, self._clock = home / "logs" / "messages", clock
        self._waiting: deque[tuple[Ref, str]] = deque(maxlen=WAITING)
        self._some = asyncio.Event()

    def said(self, ref: Ref, asked: str, answered: str) -> None:
        """Note one message and its answer."""
        at = datetime.fromtimestamp(self._clock.now(), UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "asked": _text(asked), "answered": _text(answered)}
        self._waiting.append((ref, json.dumps(line, ensure_ascii=False)))
        self._some.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._some.wait()
            self._some.clear()
            await self.flush()
            await self._clock.sleep(PAUSE)

    async def flush(self) -> None:
        """Write what waits."""
        batch = list(self._waiting)
        self._waiting.clear()
        if batch:
            await asyncio.to_thread(self._write, batch)

    def recent(self, ref: Ref, limit: int) -> list[dict[str, Any]]:
        """The last `limit` that were written, oldest first. Blocking."""
        path = self.path(ref)
        lines: list[str] = []
        for each in (path.with_name(path.name + ".1"), path):
            if each.exists():
                lines += each.read_text("utf-8", "replace").split("\n")  # not at every U+2028
        whole = (found for line in reversed(lines) if (found := _read(line)))
        return list(islice(whole, limit))[::-1]

    def path(self, ref: Ref) -> Path:
        """Where the newest stand."""
        return self._directory / f"{ref.kind.lower()}-{ref.name}.jsonl"

    def _write(self, batch: list[tuple[Ref, str]]) -> None:
        by_ref: dict[Ref, list[str]] = {}
        for ref, line in batch:
            by_ref.setdefault(ref, []).append(line)
        for ref, lines in by_ref.items():
            try:  # a full disk costs the journal, not the conversation; a bad name, only its own
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                _append(self.path(ref), "".join(f"{line}\n" for line in lines).encode())
            except (OSError, ValueError) as error:
                _log.warning("%d messages of %s are not in its journal: %s", len(lines), ref, error)


def _text(said: str) -> str:
    """`said` with half a character, which no file can hold, written out as `\\ud800`."""
    return said.encode("utf-8", "backslashreplace").decode()


def _read(line: str) -> dict[str, Any] | None:
    """A record; None for a line that a full disk or a crash has cut."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return (
        found if isinstance(found, dict) and found.keys() >= {"at", "asked", "answered"} else None
    )


def _append(path: Path, data: bytes) -> None:
    if path.exists() and path.stat().st_size > SIZE:
        path.replace(path.with_name(path.name + ".1"))
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, data)
    finally:
        os.close(file)
