"""Terminals: people who took over a project's messages, each by a name, on a terminal of theirs.

A message counts as delivered when the terminal has said that it showed it; until then its sender
may still get an answer from the companion.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from p42.model.errors import InvalidInput

CONFIRM = 2.0  # s for a terminal to say that it showed a message
WAITING = 100  # messages a terminal may be behind


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message for a terminal; `id` confirms it."""

    id: str
    sender: str
    text: str


class Terminals:
    """Of one event loop. A name is one terminal's at a time."""

    def __init__(self) -> None:
        self._queues: dict[str, asyncio.Queue[Delivery]] = {}
        self._shown: dict[str, asyncio.Future[None]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Who is there, sorted."""
        return tuple(sorted(self._queues))

    @contextmanager
    def attached(self, name: str) -> Iterator[Callable[[], Awaitable[Delivery]]]:
        """`name` is taken from here to the end; call for the next message.

        InvalidInput: somebody has that name.
        """
        if name in self._queues:
            raise InvalidInput(f"a terminal called {name!r} is attached already; choose another")
        queue = self._queues[name] = asyncio.Queue(WAITING)
        try:
            yield queue.get
        finally:
            del self._queues[name]

    async def deliver(self, name: str, sender: str, text: str) -> bool:
        """Show it on that terminal; whether it said within `CONFIRM` that it did."""
        queue = self._queues.get(name)
        if queue is None or queue.full():
            return False
        shown: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        delivery = Delivery(secrets.token_hex(8), sender, text)
        self._shown[delivery.id] = shown
        queue.put_nowait(delivery)
        try:
            async with asyncio.timeout(CONFIRM):
                await shown
        except TimeoutError:
            return False
        finally:
            del self._shown[delivery.id]
        return True

    def confirm(self, delivery: str) -> bool:
        """The terminal showed it; False: too late, the companion answers."""
        shown = self._shown.get(delivery)
        if shown is None or shown.done():
            return False
        shown.set_result(None)
        return True
