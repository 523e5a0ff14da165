"""FairQueue: who may ask an account next, when only so many may at once.

Guarantees: at most `most` turns are out (None = no limit); who waits is served agent by agent in
turn, each agent's own calls in order, so one that asks a hundred times delays another's one call
by one turn, not by a hundred; a waiter that is cancelled leaves nothing behind, and one that is
cancelled in the moment its turn comes hands it on.
"""

from __future__ import annotations

import asyncio
from collections import deque

from p42.model.errors import Retry

MOST_WAITING = 1000  # calls; each holds a prompt in memory, and its caller has a deadline


class FairQueue:
    """Turns on one account."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._out = 0
        # Agents in the order of their next turn; an agent is a key exactly while it waits.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def out(self) -> int:
        """Turns that are out."""
        return self._out

    @property
    def waiting(self) -> int:
        """Calls that wait."""
        return sum(map(len, self._waiting.values()))

    def allow(self, most: int | None) -> None:
        """Change the limit. Fewer: turns that are out end as they end."""
        self._most = most
        self._hand_out()

    def take_now(self) -> bool:
        """Take a turn if nobody has to wait for one; whether it was had. `give_back` ends it."""
        if not self._free or self._waiting:
            return False
        self._out += 1
        return True

    async def take(self, agent: str) -> None:
        """Wait for a turn; `give_back` ends it. Raises Retry (RateLimited) when too many wait."""
        if self.take_now():
            return
        if self.waiting >= MOST_WAITING:
            raise Retry(
                f"{MOST_WAITING} calls already wait for this account; ask again later",
                reason="RateLimited",
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(agent, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled() or not turn.done():
                self._forget(agent, turn)
            else:  # the turn came in the very moment: somebody else's now
                self.give_back()
            raise

    def give_back(self) -> None:
        """End a turn; the next agent's first call gets it."""
        self._out -= 1
        self._hand_out()

    @property
    def _free(self) -> bool:
        return self._most is None or self._out < self._most

    def _hand_out(self) -> None:
        while self._free and self._waiting:
            agent, turns = next(iter(self._waiting.items()))
            turn = turns.popleft()
            del self._waiting[agent]
            if turns:
                self._waiting[agent] = turns  # to the end of the line
            if not turn.done():
                self._out += 1
                turn.set_result(None)

    def _forget(self, agent: str, turn: asyncio.Future[None]) -> None:
        turns = self._waiting.get(agent)
        if turns is not None and turn in turns:
            turns.remove(turn)
            if not turns:
                del self._waiting[agent]
