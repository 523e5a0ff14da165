"""Answering: what comes of a request to a model, on its way to the client, and onto its bill.

Nothing is sent before the first piece: what fails until then has a status of its own. What fails
later ends a stream: with an event that tells, or, passed on, as abruptly as it did at the vendor's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

import orjson
from starlette.responses import Response

from p42.model.completion import Answer, Call, Text, ToolCall
from p42.model.errors import P42Error
from p42.model.models import Relaying
from p42.model.relay import Billed, Opening, Relay
from p42.providers.message_events import Telling, whole
from p42.web.problems import Send, refusal, vendors
from p42.web.purse import Bill

_EVENTS = {"content-type": "text/event-stream; charset=utf-8"}


def reply(value: Any, headers: Mapping[str, str] | None = None) -> Response:
    """`value` as JSON."""
    return Response(orjson.dumps(value), media_type="application/json", headers=headers)


async def pass_on(models: Relaying, relay: Relay, bill: Bill, send: Send) -> None:
    """What the vendor answers, as it comes."""
    async with aclosing(models.relay(relay)) as pieces:  # type: ignore[type-var]
        async for piece in pieces:
            match piece:
                case Opening():
                    await _begin(send, piece.status, {"request-id": relay.request, **piece.headers})
                case bytes():
                    await _more(send, piece)
                case Billed():
                    bill.cost, bill.usage = piece.cost, piece.usage
    await _end(send)


async def tell_whole(models: Relaying, call: Call, bill: Bill, send: Send) -> None:
    """The answer as one object."""
    async with aclosing(models.ask(call)) as pieces:  # type: ignore[type-var]
        async for piece in pieces:
            if isinstance(piece, Answer):
                bill.cost, bill.usage = piece.cost, piece.reply.usage
                told = reply(whole(piece.reply, id=f"msg_{call.request}"), _named(call))
                await told({"type": "http"}, _nothing, send)


class Streaming:
    """The answer as events. `shown`: the model, as the client called it; `clean`: for errors."""

    def __init__(self, call: Call, send: Send, *, shown: str, clean: Callable[[str], str]) -> None:
        self._call, self._send, self._clean = call, send, clean
        self._telling = Telling(model=shown, id=f"msg_{call.request}")
        self._begun = False

    async def run(self, models: Relaying, bill: Bill) -> None:
        """To the end. Raises what fails before the first piece."""
        try:
            async with aclosing(models.ask(self._call)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    if isinstance(piece, Answer):
                        bill.cost, bill.usage = piece.cost, piece.reply.usage
                    await self._tell(piece)
        except P42Error as error:
            if not self._begun:
                raise
            refused = refusal(error)
            told = vendors(self._clean(str(refused)), refused.status)
            await _more(self._send, b"event: error\ndata: " + orjson.dumps(told) + b"\n\n")
        await _end(self._send)

    async def _tell(self, piece: Text | ToolCall | Answer) -> None:
        if not self._begun:
            self._begun = True
            await _begin(self._send, 200, {**_EVENTS, **_named(self._call)})
            await _more(self._send, self._telling.start())
        telling = self._telling
        told = telling.end(piece.reply) if isinstance(piece, Answer) else telling.tell(piece)
        await _more(self._send, told)


def _named(call: Call) -> dict[str, str]:
    return {"request-id": call.request}


async def _begin(send: Send, status: int, headers: Mapping[str, str]) -> None:
    lines = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})


async def _more(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _end(send: Send) -> None:
    await send({"type": "http.response.body", "body": b""})


async def _nothing() -> Any:
    raise AssertionError("a response does not read")
