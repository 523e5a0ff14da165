"""Http: the server below every vendor: one asyncio listener on 127.0.0.1, HTTP/1.1 by hand.

By hand, because a scripted vendor has to break HTTP where a real server never would.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Self

from tests.providers.vendors import script
from tests.providers.vendors.script import Say, Step
from tests.providers.vendors.wire import CHUNKED, Seen, chunks, head, read, whole

Script = Sequence[Step] | Callable[[Seen], Step]


class VendorServer(ABC):
    """A vendor. Completions take the script's steps in order; after the last, `Say()`.

    `key`: the only one accepted (None: any). `models`: the only ones known (None: any).
    `requests` has all that came, in order; `aborted` counts answers the client did not wait for;
    `connections` those made; `open` and `most` completions being answered now, and at once at most.
    """

    def __init__(
        self,
        steps: Script = (),
        *,
        key: str | None = None,
        models: Sequence[str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.script = steps if callable(steps) else list(steps)
        self.key = key
        self.models = models
        self.requests: list[Seen] = []
        self.aborted = self.connections = 0
        self.open = self.most = 0
        self._tls = tls
        self._connections: set[asyncio.Task[None]] = set()
        self._pulse = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", 0, ssl=self._tls, limit=1 << 24
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def completions(self) -> list[Seen]:
        """The requests that asked for an answer."""
        return [seen for seen in self.requests if self.is_completion(seen)]

    async def until(self, holds: Callable[[], bool], *, seconds: float = 30.0) -> None:
        """Wait until something that the server sees makes `holds` true."""
        async with asyncio.timeout(seconds):
            while not holds():
                self._pulse.clear()
                await self._pulse.wait()

    # What a vendor is.

    @abstractmethod
    def is_completion(self, seen: Seen) -> bool: ...

    @abstractmethod
    def refusal(self, seen: Seen) -> script.Status | None:
        """Why a request is refused before the script: key, model, address."""

    @abstractmethod
    def other(self, seen: Seen) -> tuple[int, Any]:
        """Status and JSON of a request that is no completion."""

    @abstractmethod
    def events(self, say: Say, seen: Seen) -> list[bytes]:
        """The answer as stream events."""

    @abstractmethod
    def whole(self, say: Say, seen: Seen) -> dict[str, Any]:
        """The answer as one JSON object."""

    @abstractmethod
    def error(self, kind: str, message: str) -> dict[str, Any]: ...

    @abstractmethod
    def error_event(self, kind: str, message: str) -> bytes: ...

    def sign_of_life(self) -> bytes:
        return b": ping\n\n"

    def streams(self, seen: Seen) -> bool:
        return bool(isinstance(seen.body, dict) and seen.body.get("stream"))

    content_type = "text/event-stream"

    # The wire.

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (seen := await read(reader)) is not None:
                self.requests.append(seen)
                self._pulse.set()
                if not await self._answer(seen, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            self.aborted += 1
        finally:
            self._pulse.set()
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _answer(
        self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection goes on."""
        if refusal := self.refusal(seen):
            return await self._status(writer, refusal)
        if not self.is_completion(seen):
            code, value = self.other(seen)
            return await whole(writer, code, value)
        self.open += 1
        self.most = max(self.most, self.open)
        self._pulse.set()
        try:
            async with _watched(reader, writer):
                return await self._step(self._next(seen), seen, writer)
        finally:
            self.open -= 1
            self._pulse.set()

    def _next(self, seen: Seen) -> Step:
        if callable(self.script):
            return self.script(seen)
        return self.script.pop(0) if self.script else Say()

    async def _step(self, step: Step, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        match step:
            case script.Status():
                return await self._status(writer, step)
            case script.Hang():
                await asyncio.Event().wait()
            case script.Raw(data):
                writer.write(data)
                await writer.drain()
            case script.Inside(kind, message) if not self.streams(seen):
                return await whole(writer, 200, self.error(kind, message))
            case Say() if not self.streams(seen):
                if step.hold is not None:
                    await step.hold.wait()
                return await whole(writer, 200, self.whole(step, seen))
            case script.Drop():
                pass
            case _:
                return await self._stream(step, seen, writer)
        return False

    async def _stream(self, step: Any, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        writer.write(head(200, {"content-type": self.content_type, **CHUNKED}))
        say: Say = step if isinstance(step, Say) else step.say
        events = self.events(say, seen)
        match step:
            case script.CutShort(_, after, polite):
                await chunks(writer, events[:after])
                if not polite:
                    return False
            case script.Garbage(_, after, junk):
                await chunks(writer, [*events[:after], junk, *events[after:]])
            case script.Inside(kind, message, _, after):
                await chunks(writer, [*events[:after], self.error_event(kind, message)])
            case script.Drip(_, pace):
                await self._drip(writer, b"".join(events[:-1]), pace=pace)
            case _:
                await chunks(writer, events[: say.after])
                if say.hold is not None:
                    await say.hold.wait()
                await chunks(writer, events[say.after :])
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _drip(self, writer: asyncio.StreamWriter, data: bytes, *, pace: float) -> None:
        for at in range(len(data)):
            await chunks(writer, [data[at : at + 1]])
            await asyncio.sleep(pace)
        while True:
            await chunks(writer, [self.sign_of_life()])
            await asyncio.sleep(pace)

    async def _status(self, writer: asyncio.StreamWriter, status: script.Status) -> bool:
        value = self.error(status.kind or _KINDS.get(status.code, "api_error"), status.message)
        body = json.dumps(value).encode() if status.body is None else status.body
        headers = {"content-type": "application/json", **status.headers}
        writer.write(head(status.code, {**headers, "content-length": str(len(body))}) + body)
        await writer.drain()
        return True


_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


@contextlib.asynccontextmanager
async def _watched(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> AsyncIterator[None]:
    """The body ends with ConnectionResetError as soon as the client goes away."""
    answering = asyncio.current_task()
    assert answering is not None
    left = False

    async def watch() -> None:
        nonlocal left
        while not reader.at_eof():  # nobody sends a second request before the first is answered
            await asyncio.sleep(0.005)
        left = True
        answering.cancel()

    watching = asyncio.get_running_loop().create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not left:
            raise
        answering.uncancel()
        raise ConnectionResetError("the client left") from None
    finally:
        watching.cancel()
