"""Wire: requests and answers of HTTP/1.1 as bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CHUNKED = {"transfer-encoding": "chunked"}
REQUEST_ID = "request-id"


@dataclass(frozen=True)
class Seen:
    """One request as it came. Header names in lower case; `body` None where it is no JSON."""

    method: str
    path: str  # with its query
    headers: Mapping[str, str]
    body: Any
    raw: bytes


async def read(reader: asyncio.StreamReader) -> Seen | None:
    """The next request; None once the client has closed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.lower(): value.strip() for name, value in pairs}
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    with contextlib.suppress(ValueError):
        return Seen(method, path, headers, json.loads(raw), raw)
    return Seen(method, path, headers, None, raw)


def head(code: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {code} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join([*lines, f"{REQUEST_ID}: req_local_1", "", ""])).encode("latin-1")


async def whole(writer: asyncio.StreamWriter, code: int, value: Any) -> bool:
    body = json.dumps(value).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    writer.write(head(code, headers) + body)
    await writer.drain()
    return True


async def chunks(writer: asyncio.StreamWriter, parts: Sequence[bytes]) -> None:
    for part in parts:
        writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        await writer.drain()
