"""A token endpoint on this machine, as RFC 6749 has it: rotates refresh tokens, and tells a replay.

async with TokenServer() as server:
    server.url, server.grant()         # a token set as a user would keep it
    server.faults = [500, "hang"]      # what it does to the next requests, then it is well
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote

Fault = int | str | dict[str, Any]


class TokenServer:
    """`seen` holds each form that came; `lasts` is expires_in of what it gives, None = not told."""

    def __init__(self, *, secret: str = "", rotates: bool = True) -> None:
        self.secret, self.rotates = secret, rotates
        self.lasts: object = 3600
        self.faults: list[Fault] = []
        self.seen: list[dict[str, str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._numbers = itertools.count(1)
        self._good: set[str] = set()
        self._used: set[str] = set()
        self._connections: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> TokenServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.gate.set()
        self._server.close()
        for writer in list(self._connections):
            writer.transport.abort()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/token"

    def grant(self, *, expires_at: object = None, **more: Any) -> dict[str, Any]:
        """A fresh token set."""
        body = {**self._tokens(), "token_url": self.url, "client_id": "p42", **more}
        del body["expires_in"]
        if expires_at is not None:
            body["expires_at"] = expires_at
        return body | ({"client_secret": self.secret} if self.secret else {})

    def _tokens(self) -> dict[str, Any]:
        number = next(self._numbers)
        refresh = f"refresh-canary-{number:04d}"
        self._good.add(refresh)
        found = {"access_token": f"access-canary-{number:04d}", "token_type": "Bearer",
                 "expires_in": self.lasts, "refresh_token": refresh}  # fmt: skip
        return {name: each for name, each in found.items() if each is not None}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            raw = dict(line.split(": ", 1) for line in head[1:] if line)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            auth = next((v for k, v in raw.items() if k.lower() == "authorization"), "")
            self.seen.append(form)
            await self.gate.wait()
            status, answer = self._answer(form, auth)
            if status:
                text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                head_out = f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n"
                writer.write((head_out + "Connection: close\r\n\r\n").encode() + text)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._connections.discard(writer)
            writer.close()

    def _answer(self, form: dict[str, str], auth: str) -> tuple[int, Any]:
        match self.faults.pop(0) if self.faults else None:
            case int() as status:
                return status, {"error": "temporarily_unavailable", "echo": form}
            case "cut":
                return 0, None
            case "garbage":
                return 200, b"<html>" + json.dumps(form).encode()
            case "huge":
                return 200, b"x" * 1_000_000
            case dict() as body:
                return 200, body
        if not self._knows(form, auth):
            return 401, {"error": "invalid_client"}
        given = form.get("refresh_token", "")
        if form.get("grant_type") != "refresh_token" or given not in self._good:
            if given in self._used:
                self._good.clear()  # a replay: the whole family is revoked (RFC 9700, 4.14)
            return 400, {"error": "invalid_grant", "error_description": f"bad {given}"}
        fresh = self._tokens()
        if self.rotates:
            self._good.discard(given)
            self._used.add(given)
        else:
            del fresh["refresh_token"]
        return 200, fresh

    def _knows(self, form: dict[str, str], auth: str) -> bool:
        if not self.secret:
            return form.get("client_id") == "p42"
        if auth.startswith("Basic "):
            name, _, secret = base64.b64decode(auth[6:]).decode().partition(":")
            return (unquote(name), unquote(secret)) == ("p42", self.secret)
        return (form.get("client_id"), form.get("client_secret")) == ("p42", self.secret)
