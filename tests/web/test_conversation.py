"""A connection: nobody holds one by being slow, and there are only so many."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest

from p42.web.conversation import Room
from p42.web.limits import Limits
from tests.web.raw import line, request, say

SOON = 0.05  # s
LATE = 30.0  # s; a test that waits for it has failed


class App:
    """Answers "ok" once `gate` is open; "/long" with more than any buffer holds."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
        await self.gate.wait()
        start = {"type": "http.response.start", "status": 200, "headers": []}
        await send({**start, "headers": [(b"content-length", b"2")]} if scope["path"] != "/long"
                   else start)  # fmt: skip
        if scope["path"] == "/long":
            for _ in range(2000):
                await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
        await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def serving(app: App, admits: Any = lambda _: True, **limits: Any) -> AsyncIterator[int]:
    patient = {"head": LATE, "body": LATE, "idle": LATE, "unread": LATE}
    room = Room(app, Limits(**{**patient, **limits}), admits=admits)
    server = await asyncio.get_running_loop().create_server(room.conversation, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        app.gate.set()
        await room.close(1.0)
        assert room.empty.is_set()


@pytest.mark.parametrize("sent", [b"", b"GET ", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_who_does_not_finish_the_headers_is_dropped(sent: bytes) -> None:
    async with serving(App(), head=SOON) as port, line(port) as there:
        await there.send(sent)
        assert await there.rest() == b""


async def test_more_bytes_of_the_same_do_not_move_the_deadline() -> None:
    async with serving(App(), head=SOON) as port, line(port) as there:

        async def drip() -> None:
            while True:
                await there.send(b"X")
                await asyncio.sleep(0.005)

        async with asyncio.timeout(10):
            with pytest.raises(ConnectionError):
                await drip()


async def test_who_does_not_finish_the_body_is_dropped() -> None:
    async with serving(App(), body=SOON) as port, line(port) as there:
        await there.send(request(port, "/", method="POST", headers={"Content-Length": "9"}) + b"x")
        assert await there.rest() == b""


async def test_who_asks_nothing_more_is_dropped_and_who_does_is_not() -> None:
    async with serving(App(), idle=1) as port, line(port) as there:
        for _ in range(3):
            await there.send(request(port, "/"))
            assert (await there.told()).body == b"ok"
        assert await there.rest() == b""


async def test_no_deadline_runs_while_an_answer_is_awaited() -> None:
    app = App()
    app.gate.clear()
    async with serving(app, head=SOON, body=SOON, idle=1) as port, line(port) as there:
        await there.send(request(port, "/"))
        await asyncio.sleep(4 * SOON)
        app.gate.set()
        assert (await there.told()).body == b"ok"


async def test_who_does_not_read_is_dropped() -> None:
    async with serving(App(), unread=SOON) as port:
        with socket.create_connection(("127.0.0.1", port)) as deaf:
            deaf.setblocking(False)
            deaf.sendall(request(port, "/long"))
            await asyncio.sleep(4 * SOON)
            deaf.setblocking(True)
            deaf.settimeout(10)
            read = 0
            with suppress(ConnectionResetError):
                while chunk := deaf.recv(65536):
                    read += len(chunk)
            assert read < 20_000_000


async def test_past_so_many_nobody_is_let_in_until_one_leaves() -> None:
    async with serving(App(), connections=3) as port, AsyncExitStack() as guests:
        for _ in range(3):
            there = await guests.enter_async_context(line(port))
            await there.send(request(port, "/"))
            assert (await there.told()).status == 200
        async with line(port) as there:
            assert await there.rest() == b""
        await guests.aclose()
        assert (await say(port, request(port, "/"))).status == 200


async def test_another_users_program_is_hung_up_on_unheard() -> None:
    app = App()
    async with serving(app, admits=lambda _: False) as port, line(port) as there:
        await there.send(request(port, "/"))
        assert await there.rest() == b""
        assert app.asked == 0


async def test_what_was_pipelined_is_answered_in_order() -> None:
    async with serving(App(), head=SOON) as port, line(port) as there:
        await there.send(request(port, "/") * 5)
        for _ in range(5):
            assert (await there.told()).body == b"ok"


async def test_an_open_answer_gets_a_second_at_the_end_and_an_idle_connection_none() -> None:
    app = App()
    app.gate.clear()
    room = Room(app, Limits(), admits=lambda _: True)
    server = await asyncio.get_running_loop().create_server(room.conversation, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with line(port) as idle, line(port) as busy:
        await busy.send(request(port, "/"))
        while not app.asked:
            await asyncio.sleep(0.001)
        server.close()
        async with asyncio.TaskGroup() as group:
            closing = group.create_task(room.close(5.0))
            assert await idle.rest() == b""
            app.gate.set()
            assert (await busy.told()).body == b"ok"
            await closing
