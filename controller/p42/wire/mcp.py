"""The client's side of MCP's messages, without I/O: JSON-RPC 2.0, a line each over stdio.

    ours      initialize, notifications/initialized, tools/list, tools/call, notifications/cancelled
    theirs    Answer, Refusal; Asked (ping is answered, the rest refused); Changed (tools/list)

What else a server says (progress, log lines) is not told. Source: modelcontextprotocol.io,
2025-11-25, "Lifecycle", "Tools", "Transports".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

VERSION = "2025-11-25"
VERSIONS = frozenset({VERSION, "2025-06-18", "2025-03-26", "2024-11-05"})  # alike in what we use
MAX_LINE = 8 << 20  # bytes; a result may hold a picture
NO_METHOD = -32601  # JSON-RPC: what we were asked we do not do
UNSAID = "the server gave no reason"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of request `id`."""

    id: int
    result: Json


@dataclass(frozen=True, slots=True)
class Refusal:
    """Request `id` failed."""

    id: int
    message: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The server asks us something; `reply` is what to send."""

    reply: Json


@dataclass(frozen=True, slots=True)
class Changed:
    """Its tools are others now."""


Heard = Answer | Refusal | Asked | Changed


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool as its server describes it. `schema` is of its arguments."""

    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=dict)


class TooLong(ValueError):
    """A line that does not end."""


class Lines:
    """Bytes to messages. Lines that are no JSON (a stray print) are skipped and counted."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self.skipped = 0

    def feed(self, data: bytes) -> Iterator[Any]:
        """What `data` completes. Raises TooLong; feed nothing after it."""
        self._buffer += data
        while (end := self._buffer.find(b"\n", self._searched)) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._searched = 0
            yield from self._read(line)
        self._searched = len(self._buffer)
        if self._searched > MAX_LINE:
            raise TooLong(f"a line of more than {MAX_LINE} bytes")

    def _read(self, line: bytes) -> Iterator[Any]:
        if not line.strip():
            return
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            self.skipped += 1


def line_of(message: Mapping[str, Any]) -> bytes:
    """A message as a line: compact, so that no line end is in it."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def request(number: int, method: str, params: Mapping[str, Any]) -> Json:
    """A request to be answered under `number`."""
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": dict(params)}


def notification(method: str, params: Mapping[str, Any] | None = None) -> Json:
    """Said, and not answered."""
    more = {"params": dict(params)} if params else {}
    return {"jsonrpc": "2.0", "method": method, **more}


def hello(version: str) -> Json:
    """The params of `initialize`, from p42 of that version. We offer a server nothing to ask."""
    client = {"name": "p42", "version": version}
    return {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": client}


def heard(body: Any) -> Iterator[Heard]:
    """What a message of the server's says; nothing for what is no message, or nothing to us.

    Versions before 2025-06-18 may send several in a list.
    """
    for each in body if isinstance(body, list) else [body]:
        if isinstance(each, dict) and (found := _one(each)) is not None:
            yield found


def _one(body: Json) -> Heard | None:
    method, number = body.get("method"), body.get("id")
    if isinstance(method, str):
        if number is not None:
            return Asked(_reply(number, method))
        return Changed() if method == "notifications/tools/list_changed" else None
    if isinstance(number, bool) or not isinstance(number, int):
        return None
    if isinstance(body.get("result"), dict):
        return Answer(number, body["result"])
    error = body.get("error")
    said = error.get("message") if isinstance(error, dict) else None
    return Refusal(number, str(said or UNSAID))


def _reply(number: Any, method: str) -> Json:
    if method == "ping":
        return {"jsonrpc": "2.0", "id": number, "result": {}}
    error = {"code": NO_METHOD, "message": f"p42 does not do {method[:80]}"}
    return {"jsonrpc": "2.0", "id": number, "error": error}


def offers(result: Json) -> tuple[Sequence[Offer], str]:
    """The tools of one page of tools/list, and the cursor of the next; "" = there is none."""
    listed = result.get("tools")
    found = [
        Offer(tool["name"], str(tool.get("description") or tool.get("title") or ""),
              tool.get("inputSchema") or {"type": "object"})
        for tool in (listed if isinstance(listed, list) else ())
        if isinstance(tool, dict) and isinstance(tool.get("name"), str)
        and isinstance(tool.get("inputSchema") or {}, dict)
    ]  # fmt: skip
    cursor = result.get("nextCursor")
    return found, cursor if isinstance(cursor, str) else ""


def text_of(result: Json) -> tuple[str, bool]:
    """What a call gave, as text, and whether it failed. What is no text is named."""
    content = result.get("content")
    parts = [_part(each) for each in content if isinstance(each, dict)] if isinstance(
        content, list) else []  # fmt: skip
    if not parts and result.get("structuredContent") is not None:
        parts = [json.dumps(result["structuredContent"], ensure_ascii=False)]
    return "\n".join(parts), result.get("isError") is True


def _part(content: Json) -> str:
    match content.get("type"):
        case "text":
            return str(content.get("text", ""))
        case "image" | "audio" as kind:
            size = len(str(content.get("data", ""))) * 3 // 4
            return f"[{kind}, {content.get('mimeType', '?')}, {size} bytes: not shown]"
        case "resource_link":
            return f"[resource {content.get('uri', '?')}]"
        case "resource":
            held = content.get("resource")
            found = held if isinstance(held, dict) else {}
            text = found.get("text")
            return str(text) if text is not None else f"[resource {found.get('uri', '?')}]"
        case kind:
            return f"[{kind}: not shown]"
