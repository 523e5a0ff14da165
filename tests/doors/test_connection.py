"""One connection: what is answered, in which form, and what ends it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from p42.gateway.dispatch import BUG
from p42.gateway.limits import Deadlines, Limits
from p42.model.verb import Door as Where
from tests.doors.conftest import OPEN

ERROR_LINE = b'{"id":"error","success":false,"error":"Invalid JSON request"}\n'


async def test_a_request_without_a_newline_is_answered(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        reply = await client.ask({"type": "echo", "id": "1", "payload": {"text": "🐬"}})
        assert reply == {"id": "1", "success": True, "data": {"text": "🐬"}}


async def test_many_requests_in_one_packet_are_all_answered(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        count = 500
        await client.send(
            b"".join(b'{"type":"echo","id":"%d"}' % number for number in range(count))
        )
        got = {(await client.line())["id"] for _ in range(count)}
        assert got == {str(number) for number in range(count)}


async def test_pipelined_replies_do_not_wait_for_an_acknowledgement(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(25):
            await client.send(b'{"type":"echo"}' * 8)
            for _ in range(8):
                await client.line()
        assert loop.time() - began < 0.9  # 25 times 40 ms of a delayed ACK, if Nagle had his way


async def test_a_slow_request_does_not_hold_up_the_next(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        await client.send({"type": "hold", "id": "slow"}, {"type": "echo", "id": "quick"})
        assert (await client.line())["id"] == "quick"
        door.gate.opened.set()
        assert (await client.line())["id"] == "slow"


async def test_no_more_than_sixteen_requests_of_a_connection_run_at_once(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        await client.send(b'{"type":"hold"}' * 40)
        for _ in range(16):
            await door.gate.held.acquire()
        assert door.gate.asked == 16
        door.gate.opened.set()
        for _ in range(40):
            assert (await client.line())["success"]


async def test_a_request_followed_by_end_of_input_still_gets_its_reply(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        await client.send({"type": "hold", "id": "a"})
        client.writer.write_eof()
        await door.gate.held.acquire()
        door.gate.opened.set()
        assert await client.rest() == b'{"id":"a","success":true,"data":{"opened":true}}\n'


async def test_an_unknown_type_is_named_and_the_connection_stays(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        reply = await client.ask({"type": "nope", "id": "t4"})
        assert reply == {"id": "t4", "success": False, "error": "Unknown request type: nope"}
        assert (await client.ask({"type": "echo"}))["success"]


async def test_a_verb_of_another_door_is_an_unknown_type(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        assert "Unknown" in (await client.ask({"type": "private"}))["error"]
    async with opened(where=Where.CONTROL) as door, door.client() as client:
        assert (await client.ask({"type": "private"}))["success"]


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ("text", "Invalid echo payload"),
        ({"text": 7}, "Invalid echo payload: text: Input should be a valid string"),
        ({"texts": ""}, "Invalid echo payload: texts: Unexpected keyword argument"),
    ],
)
async def test_a_payload_is_read_strictly(opened: OPEN, payload: object, said: str) -> None:
    async with opened() as door, door.client() as client:
        reply = await client.ask({"type": "echo", "id": "x", "payload": payload})
        assert (reply["error"], reply["code"]) == (said, 3)


async def test_errors_carry_their_code_and_places(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        refused = await client.ask({"type": "refuse", "id": "x"})
        assert (refused["code"], refused["diagnostics"][0]["line"]) == (3, 3)
        assert (await client.ask({"type": "late", "id": "x"}))["code"] == 4


async def test_a_bug_is_told_as_one_and_costs_nobody_else_anything(
    opened: OPEN, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        async with opened() as door, door.client() as client:
            reply = await client.ask({"type": "bug", "id": "x"})
            assert (reply["error"], reply["code"]) == (BUG, 1)
            assert (await client.ask({"type": "echo"}))["success"]
    assert "ZeroDivisionError" in caplog.text


async def test_a_stream_is_parts_and_then_the_usual_reply(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        await client.send({"type": "count", "id": "c", "stream": True, "payload": {"parts": 2}})
        assert await client.line() == {"id": "c", "stream": {"number": 0}}
        assert await client.line() == {"id": "c", "stream": {"number": 1}}
        assert await client.line() == {"id": "c", "success": True, "data": {"counted": 2}}


async def test_a_streaming_verb_asked_plainly_answers_once(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        await client.send({"type": "count", "id": "c"})
        assert await client.line() == {"id": "c", "success": True, "data": {"counted": 3}}


async def test_a_stream_ends_with_its_client(opened: OPEN) -> None:
    async with opened() as door:
        async with door.client() as client:
            await client.send({"type": "watch", "id": "w", "stream": True})
            await client.line()
            await door.gate.held.acquire()
        async with asyncio.timeout(10):
            await door.gate.cancelled.wait()


async def test_a_stream_that_ends_with_its_clients_input_says_so(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        await client.send({"type": "watch", "id": "w", "stream": True})
        await client.line()
        await door.gate.held.acquire()
        client.writer.write_eof()
        told = await client.line()
        assert (told["id"], told["success"]) == ("w", False)
        assert "a stream ends with it: keep the connection open" in told["error"]


async def test_a_client_that_goes_away_takes_its_requests_along(opened: OPEN) -> None:
    async with opened() as door:
        async with door.client() as client:
            await client.send({"type": "hold"}, {"type": "large", "payload": {"parts": 1 << 24}})
            await door.gate.held.acquire()
            client.writer.transport.abort()
        async with asyncio.timeout(10):
            await door.gate.cancelled.wait()


async def test_what_is_not_json_is_answered_with_the_error_line_and_closed(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        await client.send(b"not json")
        assert await client.rest() == ERROR_LINE


async def test_a_request_before_nonsense_is_answered_and_one_after_is_not(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        await client.send({"type": "echo", "id": "a"}, b"nonsense", {"type": "hold", "id": "b"})
        said = await client.rest()
        assert sorted(said.splitlines(keepends=True)) == [
            b'{"id":"a","success":true,"data":{"text":""}}\n', ERROR_LINE,
        ]  # fmt: skip
        assert door.gate.asked == 0


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS", "PATCH", "PROPFIND", "PRI"])
async def test_http_with_a_good_request_in_its_body_executes_nothing(
    opened: OPEN, method: str
) -> None:
    async with opened() as door, door.client() as client:
        body = b'{"type":"hold","id":"x"}\n'
        head = f"{method} / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n\r\n"
        await client.send(head.encode() + body)
        assert await client.rest() == b""
        assert door.gate.asked == 0


async def test_tls_is_closed_without_an_answer(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        await client.send(b"\x16\x03\x01\x02\x00" + bytes(range(64)))
        assert await client.rest() == b""


async def test_an_oversized_request_is_refused_and_little_of_it_is_kept(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        await client.send(b'{"type":"' + b"x" * (1 << 20))
        assert b"larger than 1 MiB" in await client.rest()


async def test_a_quiet_connection_is_closed(opened: OPEN) -> None:
    limits = Limits(deadlines=Deadlines(quiet=0.05))
    async with opened(limits) as door, door.client() as client:
        await client.send(b"\n")
        assert await client.rest() == b""


async def test_after_a_reply_the_server_waits_a_little_and_closes(opened: OPEN) -> None:
    limits = Limits(deadlines=Deadlines(after_reply=0.05))
    async with opened(limits) as door, door.client() as client:
        assert (await client.ask({"type": "echo"}))["success"]
        assert await client.rest() == b""


async def test_a_request_sent_byte_by_byte_for_ever_is_closed(opened: OPEN) -> None:
    limits = Limits(deadlines=Deadlines(half_sent=0.1))
    async with opened(limits) as door, door.client() as client:
        await client.send(b'{"type":"')
        async with asyncio.timeout(10):
            while not client.reader.at_eof() and client.reader.exception() is None:
                client.writer.write(b"x")
                await asyncio.sleep(0.005)  # the slow client itself


async def test_no_deadline_runs_while_a_request_is_open(opened: OPEN) -> None:
    limits = Limits(deadlines=Deadlines(quiet=0.02, after_reply=0.02, half_sent=0.02))
    async with opened(limits) as door, door.client() as client:
        await client.send({"type": "hold", "id": "a"}, b'{"half')
        await door.gate.held.acquire()
        await asyncio.sleep(0.1)  # five deadlines long
        door.gate.opened.set()
        assert (await client.line())["id"] == "a"


async def test_without_deadlines_a_connection_stays(opened: OPEN) -> None:
    async with opened(Limits(deadlines=None), where=Where.CONTROL) as door, door.client() as client:
        await client.send(b'{"type":')
        await client.send(b'"echo"}')
        assert (await client.line())["success"]


async def test_a_client_that_never_reads_is_dropped(opened: OPEN) -> None:
    limits = Limits(deadlines=Deadlines(unread=0.1))
    async with opened(limits) as door, door.client() as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.send({"type": "for-ever", "stream": True})
        async with asyncio.timeout(10):
            while door.door.empty.is_set():  # it has not come yet
                await asyncio.sleep(0.001)
            await door.door.empty.wait()


async def test_a_slow_reader_gets_every_byte(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        await client.send(b'{"type":"large","payload":{"parts":1000000}}' * 20)
        total = 0
        async with asyncio.timeout(20):
            while total < 20 * 1_000_000:
                total += len(await client.reader.read(1 << 16))


async def test_a_stopping_door_tells_those_who_wait(opened: OPEN) -> None:
    async with opened() as door, door.client() as client:
        await client.send({"type": "hold", "id": "a"})
        await door.gate.held.acquire()
        await door.close()
        assert (await client.line())["error"] == "p42 is stopping"
        assert await client.rest() == b""
