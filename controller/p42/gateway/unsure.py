"""Unsure: the verbs of a client that cannot be told yet: p42's own child, or a person's program.

A daemon that has just come back does not know its keeper for a moment, and by its keeper it tells
its children. What only a person may do is never done in that moment: it waits.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from p42.gateway.dispatch import Answers, Dispatch, Send
from p42.keeper.lineage import pid_of_peer
from p42.model.errors import Exit
from p42.wire.port42 import Request, failure

UNKNOWN = (
    "p42 cannot tell yet whether a person asks this or a program that it runs itself: its keeper "
    "does not answer; try again in a moment, and see `p42 logs daemon`"
)
ASKS = "it asks models with the token that it was given (docs/process-agents.md)"


class Tells(Protocol):
    """Tells what a client is: person, program, companion, or unknown yet."""

    def look(self, pid: int) -> Callable[[], str]:
        """At the process `pid` as it is now; what it is may come to be known later."""

    async def known(self) -> None:
        """Until nobody is unknown; not for ever."""


class Everyone:
    """All are people."""

    def look(self, pid: int) -> Callable[[], str]:
        """A person."""
        return lambda: "person"

    async def known(self) -> None:
        """At once."""


class Unsure:
    """It may read, but nothing private; with all else it waits to be known, and is refused if that
    does not come.
    """

    def __init__(
        self,
        by_word: Mapping[str, Dispatch],
        word: Callable[[], str],
        known: Callable[[], Awaitable[None]],
    ) -> None:
        self._by_word, self._word, self._known = by_word, word, known

    async def answer(self, request: Request, send: Send) -> None:
        """As the dispatch does of what it turns out to be."""
        person = self._by_word["person"]
        reads = person.is_open(request.type)
        if not reads:
            await self._known()
        found = self._by_word.get(self._word(), person if reads else None)
        if found is not None:
            await found.answer(request, send)
        else:
            await send(failure(request.id, UNKNOWN, {"code": Exit.FAILED}))


def chooser(by_word: Mapping[str, Dispatch], tells: Tells) -> Callable[[socket.socket], Answers]:
    """What a Door needs to give each client the verbs that are its own."""

    def chosen(client: socket.socket) -> Answers:
        word = tells.look(pid_of_peer(client))
        return by_word.get(word()) or Unsure(by_word, word, tells.known)

    return chosen
