"""Connection: one client, from its first byte to its last reply.

    bytes -> Framer -> waiting requests -> at most `together` tasks -> reply lines -> outbox

Guarantees: replies carry the id of their request, in the order in which they end; a connection
costs at most a bufferful of waiting requests, `together` answers under way and an outbox; its first
request begins at once, those that came with it in their turn, so that who asks little does not wait
behind who asks much; on a TCP door a client that sends half a request, or nothing, or never reads,
is dropped by a deadline, and never while a request is open. A request that came before the end of
input is answered; one that streams ends with it, since nothing else tells that its client left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

from p42.gateway.dispatch import Answers
from p42.gateway.limits import Limits
from p42.keeper.turns import Turns
from p42.wire.budget import Budget
from p42.wire.port42 import Framer, Request, Violation, complaint, failure

FAREWELL = 1.0  # s; a last reply is in the kernel's hands at once, unless nobody reads


class Connection(asyncio.BufferedProtocol):
    """`group` owns the tasks; `left` is called once, when the connection is gone.

    `room` is what bytes are read into, `turns` the line for those who ask much, `budget` is of what
    is half sent; the connections of a door share them.
    """

    def __init__(
        self,
        dispatch: Answers,
        limits: Limits,
        *,
        group: asyncio.TaskGroup,
        left: Callable[[Connection], None],
        room: bytearray,
        turns: Turns,
        budget: Budget,
    ) -> None:
        self._dispatch, self._limits, self._group, self._left = dispatch, limits, group, left
        self._room, self._turns, self._budget = room, turns, budget
        self._held = 0  # bytes of the budget
        self._loop = asyncio.get_running_loop()
        self._framer = Framer()
        self._waiting: deque[Request] = deque()
        self._tasks: dict[asyncio.Task[None], Request] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        self._in_line = False  # the next request begins in its turn
        self._timer: asyncio.TimerHandle | None = None
        self._half_since: float | None = None  # when the unfinished frame began
        self._since = self._loop.time()  # of the connection, then of the last reply
        self._replied = False
        self._ending = False  # no more requests come; closes when the last is answered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the socket is ours."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._limits.outbox)
        self._arm()

    def get_buffer(self, sizehint: int) -> bytearray:
        """asyncio: where to read into. It tells how much came before anybody else reads."""
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """asyncio: so many bytes came."""
        if self._ending:
            return
        for message in self._framer.feed(bytes(self._room[:nbytes])):
            if isinstance(message, Violation):
                self._break_off(message)
                break
            self._waiting.append(message)
        if not self._may_hold(self._framer.held):
            self._framer.end()
            self._break_off(Violation.CROWDED)
        self._begin_waiting()
        self._arm()

    def eof_received(self) -> bool:
        """asyncio: the client sends no more; it may still read (True keeps our side open)."""
        half = self._framer.end()
        if half is not None:
            self._break_off(half)
        self._ending = True
        for task, request in self._tasks.items():
            if request.stream:
                task.cancel()
        self._close_if_done()
        return True

    def pause_writing(self) -> None:
        """asyncio: the outbox is full."""
        self._writable.clear()
        self._arm()

    def resume_writing(self) -> None:
        """asyncio: there is room again."""
        self._writable.set()
        self._begin_waiting()
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: it is over, whoever ended it."""
        self._ending = True
        self._disarm()
        self._may_hold(0)
        self._waiting.clear()
        self._writable.set()
        for task in self._tasks:
            task.cancel()
        self._left(self)

    def close(self) -> None:
        """End it: what is in the outbox goes out, within FAREWELL."""
        self._ending = True
        self._disarm()
        self._transport.close()
        self._timer = self._loop.call_later(FAREWELL, self._transport.abort)

    def _may_hold(self, held: int) -> bool:
        was, self._held = self._held, held
        return self._budget.change(was, held)

    def _break_off(self, violation: Violation) -> None:
        self._ending = True
        self._may_hold(0)
        self._transport.write(complaint(violation))
        self._close_if_done()

    def _begin_waiting(self) -> None:
        if not self._in_line and self._may_begin:
            request = self._waiting.popleft()
            task = self._group.create_task(self._serve(request))
            self._tasks[task] = request
            task.add_done_callback(self._served)
            if self._waiting:
                self._in_line = True
                self._turns.wait(self._next_turn)
        if self._waiting or not self._writable.is_set():
            self._transport.pause_reading()
        elif not self._transport.is_closing():
            self._transport.resume_reading()

    @property
    def _may_begin(self) -> bool:
        room = len(self._tasks) < self._limits.together and self._writable.is_set()
        return room and bool(self._waiting)

    def _next_turn(self) -> None:
        self._in_line = False
        if not self._transport.is_closing():
            self._begin_waiting()

    async def _serve(self, request: Request) -> None:
        try:
            await self._dispatch.answer(request, self._send)
        except asyncio.CancelledError:
            if not self._transport.is_closing():
                self._transport.write(failure(request.id, "p42 is stopping", {"code": 1}))
            raise

    async def _send(self, line: bytes) -> None:
        await self._writable.wait()
        if not self._transport.is_closing():
            self._transport.write(line)

    def _served(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        self._replied = True
        self._since = self._loop.time()
        if self._transport.is_closing():
            return
        self._begin_waiting()
        self._close_if_done()
        self._arm()

    def _close_if_done(self) -> None:
        if self._ending and not self._tasks and not self._waiting:
            self.close()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        """Set the one deadline that holds now."""
        if self._transport.is_closing():
            return
        self._disarm()
        deadline = self._deadline()
        if deadline is None:
            return
        give_up = self.close if self._writable.is_set() else self._transport.abort
        self._timer = self._loop.call_at(deadline, give_up)

    def _deadline(self) -> float | None:
        limit = self._limits.deadlines
        if limit is None:
            return None
        if not self._writable.is_set():
            return self._loop.time() + limit.unread
        if self._tasks or self._waiting:
            return None
        if not self._framer.partial:
            self._half_since = None
            return self._since + (limit.after_reply if self._replied else limit.quiet)
        if self._half_since is None:
            self._half_since = self._loop.time()
        return max(self._half_since, self._since) + limit.half_sent
