"""Audience: who watches a session while something is said in it. Watchers hold nobody up."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

BEHIND = 1000  # pieces a watcher may lag; then its oldest are dropped and it is told so


class Audience:
    """Of one event loop."""

    def __init__(self) -> None:
        self._seats: dict[str, list[_Seat]] = {}

    def tell(self, session: str, piece: Mapping[str, Any]) -> None:
        """Show a piece to who watches. Never blocks."""
        for seat in self._seats.get(session, ()):
            seat.put(piece)

    async def watch(self, session: str) -> AsyncIterator[Mapping[str, Any]]:
        """Pieces from now on, until closed."""
        seat = _Seat()
        self._seats.setdefault(session, []).append(seat)
        try:
            while True:
                await seat.some.wait()
                seat.some.clear()
                while seat.pieces:
                    yield seat.pieces.popleft()
        finally:
            self._seats[session].remove(seat)
            if not self._seats[session]:
                del self._seats[session]


class _Seat:
    def __init__(self) -> None:
        self.pieces: deque[Mapping[str, Any]] = deque()
        self.some = asyncio.Event()

    def put(self, piece: Mapping[str, Any]) -> None:
        if len(self.pieces) >= BEHIND:
            self.pieces.clear()
            self.pieces.append({"lost": BEHIND})
        self.pieces.append(piece)
        self.some.set()
