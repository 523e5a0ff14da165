"""McpHttp: the way to an MCP server at an address: streamable HTTP.

Each message is a request of its own; its answer, and what the server asks meanwhile, come with the
response. No stream of the server's own is kept open.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import httpx2

from p42.ai.mcp.link import Gone, Hear, Lost
from p42.model.errors import Blocked, P42Error, Retry
from p42.providers.pool import pool
from p42.providers.sse import Events, TooLong
from p42.providers.tls import trust
from p42.wire import mcp

MOST_REFUSAL = 64 << 10  # bytes of an error's body that are read
SHOWN = 300  # characters of it that are told
FAREWELL = 1.0  # s for a server to hear that the session is over
KINDS = "application/json, text/event-stream"


async def connected(url: str, headers: Mapping[str, str], hear: Hear) -> Http:
    """The way to `url`; every request carries `headers`. Nothing is sent yet."""
    context = await asyncio.to_thread(trust, None, url=url)
    return Http(pool(url, context=context, auth=dict(headers), kept=1), url, hear)


class Http:
    """A server at an address. `client` has its headers; `url` is for requests."""

    def __init__(self, client: httpx2.AsyncClient, url: str, hear: Hear) -> None:
        self._client, self._url, self._hear = client, url, hear
        self._over = asyncio.Event()
        self._session = self.version = ""

    async def send(self, message: mcp.Json) -> None:
        """Say it, and hear what is answered."""
        try:
            await self._post(message)
        except httpx2.ConnectError as error:
            raise Gone(f"cannot be reached: {error}") from None
        except httpx2.TimeoutException:
            raise Retry("the server was silent for too long") from None
        except (httpx2.HTTPError, TooLong) as error:
            raise Lost(f"the connection broke off: {error or type(error).__name__}") from None

    async def run(self) -> str:
        """Until it is closed, or the server has forgotten us."""
        await self._over.wait()
        return "ended the session"

    async def close(self) -> None:
        """End the session, where there is one, and close every connection."""
        self._over.set()
        session, self._session = self._session, ""
        try:
            if session:
                headers = {"Mcp-Session-Id": session, "MCP-Protocol-Version": self.version}
                async with asyncio.timeout(FAREWELL):
                    await self._client.delete(self._url, headers=headers)
        except (httpx2.HTTPError, TimeoutError):
            pass  # it forgets us by itself
        finally:
            await self._client.aclose()

    async def _post(self, message: mcp.Json) -> None:
        body = mcp.line_of(message)
        sending = self._client.stream("POST", self._url, content=body, headers=self._headers())
        async with sending as response:
            if response.status_code == 404 and self._session:
                self._over.set()
                raise Gone("the server has forgotten the session")
            if response.status_code >= 300:
                raise await _refused(response)
            self._session = response.headers.get("mcp-session-id", self._session)
            if response.headers.get("content-type", "").startswith("text/event-stream"):
                await self._stream(response, message)
            else:
                await self._whole(response)

    def _headers(self) -> Mapping[str, str]:
        more = {"Mcp-Session-Id": self._session, "MCP-Protocol-Version": self.version}
        told = {name: value for name, value in more.items() if value}
        return {"Accept": KINDS, "Content-Type": "application/json", **told}

    async def _whole(self, response: httpx2.Response) -> None:
        said = await response.aread()
        if said.strip():
            await self._heard(said)

    async def _stream(self, response: httpx2.Response, message: mcp.Json) -> None:
        """Until what was asked is answered: a server may keep its stream open."""
        events = Events()
        async for chunk in response.aiter_bytes():
            for event in events.feed(chunk):
                if await self._heard(event.data.encode(), answers=message.get("id")):
                    return

    async def _heard(self, said: bytes, *, answers: int | None = None) -> bool:
        """Whether it was the answer to `answers`."""
        try:
            body = json.loads(said)
        except (ValueError, RecursionError):
            return False
        for reply in self._hear(body):
            await self._post(reply)
        several = body if isinstance(body, list) else [body]
        return answers is not None and any(
            isinstance(each, dict) and "method" not in each and each.get("id") == answers
            for each in several
        )  # fmt: skip


async def _refused(response: httpx2.Response) -> P42Error:
    said = b""
    async for chunk in response.aiter_bytes():
        said += chunk
        if len(said) > MOST_REFUSAL:
            break
    text = " ".join(said.decode(errors="replace").split())[:SHOWN]
    status = response.status_code
    what = f"the server answered {status}{': ' + text if text else ''}"
    if status in (401, 403):
        return Blocked(f"{what}; its key goes into config.headers, as a reference")
    return Retry(what) if status in (408, 429) or status >= 500 else Blocked(what)
