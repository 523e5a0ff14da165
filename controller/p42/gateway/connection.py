"""Connection: one client, from its first byte to its last reply.

    bytes -> Framer -> the next request -> at most `together` tasks -> reply lines -> outbox

Guarantees: replies carry the id of their request, in the order in which they end; a connection
costs at most a bufferful that is not read yet, `together` answers under way and an outbox; on a TCP
door a client that sends half a request, or nothing, or never reads, is dropped by a deadline, and
never while a request is open. A request that came before the end of input is answered; one that
streams ends with it, since nothing else tells that its client left.

Who asks little does not wait behind who asks much: the first request of what has come begins at
once; to take apart and begin those that came with it, to read on where there was more than a
bufferful, and to throw out who is late, a connection waits in line with all others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from p42.gateway.dispatch import Answers
from p42.gateway.limits import Limits
from p42.keeper.turns import Turns
from p42.wire.budget import Budget
from p42.wire.port42 import Framer, Request, Violation, complaint, failure

INPUT_OVER = "its client's input ended, and a stream ends with it: keep the connection open"
READ = 1 << 13  # bytes read at once: some hundred small requests
ON = 1 << 15  # bytes read at once of a request of which so much is there that it is a long one
FEW = 256  # bytes; so few may be all that a slow one sends at a time
GRAIN = 1024  # bytes that one holds more before it is counted
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
        room: memoryview,
        turns: Turns,
        budget: Budget,
    ) -> None:
        self._dispatch, self._limits, self._group, self._left = dispatch, limits, group, left
        self._room, self._turns, self._budget = room, turns, budget
        self._offered = 0  # bytes of the room that may be read into
        self._held = 0  # bytes of the budget
        self._loop = asyncio.get_running_loop()
        self._framer = Framer()
        self._next: Request | None = None  # whole, and not begun
        self._tasks: dict[asyncio.Task[None], Request] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        self._in_line = False  # goes on in its turn
        self._reading = True
        self._filled = False  # a bufferful came: there may be more
        self._timer: asyncio.TimerHandle | None = None  # rings at the deadline, or before
        self._half_since: float | None = None  # when the unfinished frame began
        self._full_since = 0.0  # when the outbox was last found full
        self._since = self._loop.time()  # of the connection, then of the last reply
        self._replied = False
        self._ending = False  # no more is read; closes when the last request is answered
        self._over = False  # the client sends no more

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the socket is ours."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._limits.outbox)
        self._arm()

    def get_buffer(self, sizehint: int) -> memoryview:
        """asyncio: where to read into. It tells how much came before anybody else reads."""
        self._offered = READ if self._framer.held < READ else ON
        return self._room[: self._offered]

    def buffer_updated(self, nbytes: int) -> None:
        """asyncio: so many bytes came."""
        data = self._room[:nbytes]
        self._filled = nbytes == self._offered
        if nbytes > FEW or not self._framer.longer(data):
            self._framer.push(data)
        elif self._framer.held - self._held < GRAIN:
            return  # a slow one: nothing there to be begun, and its deadline runs
        self._go_on()
        if not self._tasks:
            self._arm()

    def eof_received(self) -> bool:
        """asyncio: the client sends no more; it may still read (True keeps our side open)."""
        self._ending = self._over = True
        for task, request in self._tasks.items():
            if request.stream:
                task.cancel()
        self._go_on()
        return True

    def pause_writing(self) -> None:
        """asyncio: the outbox is full."""
        self._writable.clear()
        self._full_since = self._loop.time()
        self._arm()

    def resume_writing(self) -> None:
        """asyncio: there is room again."""
        self._writable.set()
        if not self._transport.is_closing():
            self._go_on()
            self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: it is over, whoever ended it."""
        self._ending = True
        self._disarm()
        self._may_hold(0)
        self._framer.end()
        self._next = None
        self._writable.set()
        for task in self._tasks:
            task.cancel()
        self._left(self)

    def close(self) -> None:
        """End it: what is in the outbox goes out, within FAREWELL."""
        self._ending = True
        self._disarm()
        self._transport.close()
        self._timer = self._loop.call_later(
            FAREWELL, lambda: self._turns.wait(self._transport.abort)
        )

    def _may_hold(self, held: int) -> bool:
        was, self._held = self._held, held
        return was == held or self._budget.change(was, held)

    def _break_off(self, violation: Violation) -> None:
        self._ending = True
        self._framer.end()
        self._may_hold(0)
        self._transport.write(complaint(violation))

    def _go_on(self) -> None:
        """Begin a request, if there is one and it may; what else there is to do, in its turn."""
        if not self._in_line:
            self._pull()
            if self._next is not None and self._may_begin:
                request, self._next = self._next, None
                self._begin(request)
            if self._next is None and (self._framer.unread or self._filled):
                self._in_line = True
                self._turns.wait(self._take_turn)
        if not self._may_hold(self._framer.held):
            self._break_off(Violation.CROWDED)
        self._read_or_not()
        if self._ending:
            self._close_if_done()

    def _take_turn(self) -> None:
        self._in_line = self._filled = False
        if not self._transport.is_closing():
            self._go_on()
            if not self._tasks:
                self._arm()

    def _pull(self) -> None:
        """Take the next request apart, unless one is there."""
        if self._next is not None:
            return
        found = self._framer.pull()
        if found is None and self._over and not self._framer.unread:
            found = self._framer.end()
        if isinstance(found, Violation):
            self._break_off(found)
        else:
            self._next = found

    @property
    def _may_begin(self) -> bool:
        return len(self._tasks) < self._limits.together and self._writable.is_set()

    def _begin(self, request: Request) -> None:
        task = self._group.create_task(self._serve(request))
        self._tasks[task] = request
        task.add_done_callback(self._served)

    def _read_or_not(self) -> None:
        reads = not self._in_line and self._next is None and self._writable.is_set()
        if reads == self._reading or self._transport.is_closing():
            return
        self._reading = reads
        if reads:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    async def _serve(self, request: Request) -> None:
        try:
            await self._dispatch.answer(request, self._send)
        except asyncio.CancelledError:
            if not self._transport.is_closing():
                why = INPUT_OVER if self._over and request.stream else "p42 is stopping"
                self._transport.write(failure(request.id, why, {"code": 1}))
            raise

    async def _send(self, line: bytes) -> None:
        if not self._writable.is_set():
            await self._writable.wait()
        if not self._transport.is_closing():
            self._transport.write(line)

    def _served(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        self._replied = True
        self._since = self._loop.time()
        if self._transport.is_closing():
            return
        if self._next is not None or self._ending:
            self._go_on()
        if not self._tasks:
            self._arm()

    @property
    def _open(self) -> bool:
        """Whether an answer is owed, or may be."""
        return bool(self._tasks) or self._next is not None or self._framer.unread

    def _close_if_done(self) -> None:
        if not self._open and not self._transport.is_closing():
            self.close()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        """See to it that a timer rings when the deadline comes that holds now. One that rings
        sooner is let ring: most deadlines are put off again and again, and none would be due."""
        if self._transport.is_closing():
            return
        deadline = self._deadline()
        if deadline is None or (self._timer and self._timer.when() <= deadline):
            return
        self._disarm()
        self._timer = self._loop.call_at(deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._turns.wait(self._give_up)

    def _give_up(self) -> None:
        """Its turn to be thrown out, if it is late and has not moved meanwhile."""
        deadline = None if self._transport.is_closing() else self._deadline()
        if deadline is None:  # whatever is open: at its end a deadline is set again
            return
        if self._loop.time() < deadline:
            self._arm()
        elif self._writable.is_set():
            self.close()
        else:
            self._transport.abort()

    def _deadline(self) -> float | None:
        limit = self._limits.deadlines
        if limit is None:
            return None
        if not self._writable.is_set():
            return self._full_since + limit.unread
        if self._open:
            return None
        if not self._framer.partial:
            self._half_since = None
            return self._since + (limit.after_reply if self._replied else limit.quiet)
        if self._half_since is None:
            self._half_since = self._loop.time()
        return max(self._half_since, self._since) + limit.half_sent
