"""Address: an MCP server at an address (streamable HTTP), by hand, on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

TOOL = {"name": "echo", "inputSchema": {"type": "object", "properties": {
    "text": {"type": "string"}}}}  # fmt: skip


@dataclass
class Address:
    """`sessions` are those it knows; `streams`: it answers in events; `status`: what it refuses."""

    streams: bool = False
    status: int = 0
    key: str = ""
    port: int = 0
    sessions: list[str] = field(default_factory=list)
    seen: list[tuple[Mapping[str, str], Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, as many requests as come."""
        try:
            while head := await _head(reader):
                length = int(head.get("content-length", 0))
                body = json.loads(await reader.readexactly(length) or b"{}")
                if head[""].startswith("DELETE"):
                    self.sessions.remove(head["mcp-session-id"])
                    writer.write(_reply(200, b"", "text/plain"))
                    continue
                self.seen.append((head, body))
                writer.write(self._answer(head, body))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self, head: Mapping[str, str], body: Any) -> bytes:
        if self.status:
            return _reply(self.status, b"<html>no, not like that</html>", "text/html")
        if self.key and head.get("authorization") != self.key:
            return _reply(401, b"who are you?", "text/plain")
        method = body.get("method")
        if method == "initialize":
            self.sessions.append(f"session-{len(self.seen)}")
            result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}}
            return self._said(body, result, f"Mcp-Session-Id: {self.sessions[-1]}\r\n")
        if head.get("mcp-session-id") not in self.sessions:
            return _reply(404, b"", "text/plain")
        if "id" not in body or method is None:
            return _reply(202, b"", "text/plain")
        if method == "tools/list":
            return self._said(body, {"tools": [TOOL]})
        text = body["params"]["arguments"]["text"]
        return self._said(body, {"content": [{"type": "text", "text": text}]})

    def _said(self, body: Any, result: Any, headers: str = "") -> bytes:
        said = json.dumps({"jsonrpc": "2.0", "id": body["id"], "result": result})
        if not self.streams:
            return _reply(200, said.encode(), "application/json", headers)
        asks = json.dumps({"jsonrpc": "2.0", "id": "p", "method": "ping"})
        events = f": hello\n\ndata: {asks}\n\nevent: message\ndata: {said}\n\n"
        return _reply(200, events.encode(), "text/event-stream", headers)


def _reply(status: int, body: bytes, kind: str, headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{headers}\r\n".encode() + body


async def _head(reader: asyncio.StreamReader) -> dict[str, str]:
    line = await reader.readline()
    if not line:
        return {}
    found = {"": line.decode()}
    while (line := await reader.readline()).strip():
        name, _, value = line.decode().partition(":")
        found[name.strip().lower()] = value.strip()
    return found


@asynccontextmanager
async def address(**given: Any) -> AsyncIterator[Address]:
    """One that listens."""
    found = Address(**given)
    async with await asyncio.start_server(found.serve, "127.0.0.1", 0) as server:
        found.port = server.sockets[0].getsockname()[1]
        yield found
