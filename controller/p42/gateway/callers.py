"""Callers: who asks over TCP: a person's program, or one that p42 started, which may only look.

TCP carries no credentials. But both ends are sockets of one kernel: it tells the number of the
other one (keeper/peer.py), and /proc which processes have that open. Each is judged as at the
control socket (runtimes/standing.py), and all of them have to be a person's.

Guarantees
- Who asks only what is open costs nothing: they are looked for at the first request that tells what
  people said, acts in their name, costs or changes something.
- One look, in a thread, answers all who wait for one when it begins; so a crowd waits for two.
- Nobody found is a refusal: it has closed its end, hides what it has open (prctl(2),
  PR_SET_DUMPABLE), or has it on its way through another socket.

Assumptions: a person's program hands no connection of a program of p42's on: no proxy, no bus that
both of them reach. Such a one acts for whoever it lets in.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from typing import Any

from p42.engine.bugs import caught
from p42.gateway.dispatch import Dispatch, Send
from p42.gateway.unsure import ASKS, UNKNOWN, Tells
from p42.keeper.lineage import holders
from p42.keeper.peer import peer_of
from p42.model.errors import Exit
from p42.wire.port42 import Request, failure

Word = Callable[[], str]  # what a process is, as far as is known when asked

STARTED = f"is for a person; a program that p42 itself started holds this connection; {ASKS}"
UNTOLD = (
    "is for a person, and p42 cannot tell who asks: no process that it may look into holds this "
    "connection; keep it open until the reply has come, use the p42 command line, or set "
    "gateway.auth to token (docs/http.md)"
)


class _Look:
    """At all processes at once, for all who wait when it begins."""

    def __init__(self) -> None:
        self.inodes: set[int] = set()
        self.found: Mapping[int, Sequence[Word]] | None = None  # None = not done yet


class Callers:
    """Those of one gateway. `tells` says what a process is."""

    def __init__(self, tells: Tells, thread: Executor) -> None:
        """`thread`: one; who has hung up while it was looked for leaves its look to end there."""
        self._tells, self._thread = tells, thread
        self._one = asyncio.Lock()
        self._next = _Look()

    async def why_not(self, client: socket.socket) -> str:
        """Why the other end of `client` may not do what only a person may; "" = it may."""
        peer = peer_of(client)
        if peer is None:
            return UNTOLD
        if peer.uid == 0 != os.geteuid():
            return ""  # root looks into us, and not we into it; it may do all this anyway
        with caught("telling who asks"):  # such as no thread to be had
            return await self._judged(await self._holding(peer.inode))
        return UNTOLD

    async def _judged(self, holding: Sequence[Word]) -> str:
        if not holding:
            return UNTOLD
        if any(word() == "unknown" for word in holding):
            await self._tells.known()
        words = {word() for word in holding}
        if words == {"person"}:
            return ""
        return UNKNOWN if words <= {"person", "unknown"} else STARTED

    async def _holding(self, inode: int) -> Sequence[Word]:
        look = self._next
        look.inodes.add(inode)
        async with self._one:
            if look.found is None:
                if self._next is look:
                    self._next = _Look()  # who comes from now on may have come too late for this
                loop = asyncio.get_running_loop()
                look.found = await loop.run_in_executor(self._thread, self._found, look.inodes)
            return look.found[inode]

    def _found(self, inodes: set[int]) -> Mapping[int, Sequence[Word]]:
        """What has them open; in the thread. Nobody, where /proc cannot be read."""
        try:
            held = holders(inodes)
        except OSError:
            return dict.fromkeys(inodes, ())
        words = {pid: self._tells.look(pid) for pid in set(chain.from_iterable(held.values()))}
        return {inode: [words[pid] for pid in pids] for inode, pids in held.items()}


class Caller:
    """Stands before the dispatch of one connection."""

    def __init__(self, dispatch: Dispatch, client: socket.socket, callers: Callers) -> None:
        self._dispatch, self._client, self._callers = dispatch, client, callers
        self._is_person = False  # once it was, it is: only a person's program could hand it on

    def answer(self, request: Request, send: Send) -> Coroutine[Any, Any, None]:
        """As the dispatch does, if it may; the last line sent is the reply."""
        if self._is_person or self._dispatch.is_open(request.type):
            return self._dispatch.answer(request, send)  # no step between: pings are counted
        return self._if_a_person(request, send)

    async def _if_a_person(self, request: Request, send: Send) -> None:
        why = await self._callers.why_not(self._client)
        if not why:
            self._is_person = True
            await self._dispatch.answer(request, send)
            return
        told = why if why == UNKNOWN else f"{request.type} {why}"
        await send(failure(request.id, told, {"code": Exit.FAILED}))


@contextmanager
def choosing(dispatch: Dispatch, tells: Tells) -> Iterator[Callable[[socket.socket], Caller]]:
    """What a Door needs to hear each client as whom it is."""
    with ThreadPoolExecutor(1, thread_name_prefix="callers") as thread:
        callers = Callers(tells, thread)
        yield lambda client: Caller(dispatch, client, callers)
