"""Border: where a vendor's SDK ends: its stream becomes pieces, its exceptions become ours.

What a vendor's events mean is the business of its `Reader` (anthropic_wire, openai_wire), which
does no I/O. Guarantee: a Reply comes only after the vendor said that the answer is whole.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from p42.model.completion import Piece, Reply
from p42.model.errors import P42Error
from p42.providers.faults import Begun, During, ErrorInside, Faults, Garbled, words

if TYPE_CHECKING:
    import httpx2


class Reader(Begun, Protocol):
    """The events of one answer, read one after the other."""

    def take(self, event: Mapping[str, Any]) -> list[Piece]:
        """What `event` says. Garbled for what it cannot say, ErrorInside for an error object."""

    def reply(self, *, vendor_id: str) -> Reply | None:
        """The whole answer; None while its end has not come."""


class Events(Protocol):
    """An SDK's stream: both vendors' have this shape."""

    response: httpx2.Response

    def __aiter__(self) -> AsyncIterator[Any]: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Border:
    """One account's. `sdk`: the root of the SDK's exceptions; `id_header`: the request's id;
    `decoding`: what else the SDK raises over bytes that are not the vendor's protocol."""

    faults: Faults
    sdk: type[Exception]
    id_header: str
    decoding: type[Exception] = Garbled

    async def answer(
        self, begin: Callable[[], Awaitable[Events]], reader: Reader
    ) -> AsyncGenerator[Piece]:
        """The pieces of the answer that `begin` asks for; the last is its Reply.

        Closing early closes the connection, and so ends the request at the vendor.
        """
        with self.errors(answer=reader):
            events = await begin()
            try:
                response = events.response
                if "json" in response.headers.get("content-type", ""):
                    raise ErrorInside(*words(json.loads(await response.aread())))
                async for event in events:
                    for piece in reader.take(_plain(event)):
                        yield piece
                reply = reader.reply(vendor_id=response.headers.get(self.id_header, ""))
            finally:
                await events.close()
        if reply is None:
            raise self.faults.unfinished(reader)
        yield reply

    @contextmanager
    def errors(self, *, answer: Begun | None = None, during: During = "ask") -> Iterator[None]:
        """What the SDK and httpx2 raise inside, as Retry, Blocked or Cut, without its cause."""
        import anyio
        import httpx2

        lost = (httpx2.HTTPError, ssl.SSLError, OSError, anyio.EndOfStream)
        try:
            yield
        except P42Error:
            raise
        except (ValueError, RecursionError, self.decoding):  # ValueError: JSON, UTF-8, pydantic
            raise self.faults.garbled(answer) from None
        except ErrorInside as error:
            raise self.faults.inside(error, answer) from None
        except lost as error:
            raise self.faults.broke(error, answer) from None
        except self.sdk as error:
            raise self._of_sdk(error, answer, during) from None

    def _of_sdk(self, error: Exception, answer: Begun | None, during: During) -> P42Error:
        """For the SDKs' exceptions; both give them the same attributes."""
        response, body = getattr(error, "response", None), getattr(error, "body", None)
        if response is not None and response.status_code >= 300:
            return self.faults.refused(
                response.status_code, headers=response.headers, body=body, during=during
            )
        kind, said = words(body)
        if kind or said:  # an error event in the stream
            return self.faults.inside(ErrorInside(kind, said), answer)
        if response is not None:
            return self.faults.garbled(answer)
        return self.faults.broke(error, answer)


def _plain(event: Any) -> Mapping[str, Any]:
    """An SDK's event as plain data. Both SDKs build their models without checking them."""
    to_dict = getattr(event, "to_dict", None)
    plain = to_dict(warnings=False) if to_dict is not None else event
    if not isinstance(plain, Mapping):
        raise Garbled("an event is no object")
    return plain
