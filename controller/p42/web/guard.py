"""Guard: what every request passes before any route sees it.

    peer . target . Host . Origin . size of the headers . token . size of the body

Guarantees: a page of another origin reaches nothing (DNS rebinding fails at Host, a form post at
Origin or Sec-Fetch-Site, and both at the token, which no browser sends by itself); what a request
has under way ends when its token is revoked or expires, when its client hangs up, and when p42
stops; a bug behind it is one answer and one traceback in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from p42.engine.bugs import caught
from p42.model.ports import Clock
from p42.model.tokens import Token
from p42.stores.tokens import SqliteTokens
from p42.web.conversation import LINE
from p42.web.holds import Ended, Holds
from p42.web.limits import Limits
from p42.web.problems import VENDORS, Refused, Send, refusal, tell

TOKEN = "token"  # noqa: S105 - where a request's state holds its token
SMALL = 64 << 10  # bytes of a refused body that are read and dropped; past that we hang up
_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_NEAR = frozenset({b"same-origin", b"none"})  # Sec-Fetch-Site of what this very origin sent
_HOW = "p42 token create --scope agents makes one; send it as Authorization: Bearer TOKEN"


@dataclass(frozen=True, slots=True)
class Open:
    """What needs no token: it tells no more than that p42 is there."""

    method: str  # "" = any
    path: str


OPEN = (Open("", "/healthz"), Open("HEAD", "/"))


class Guard:
    """The ASGI application that uvicorn sees. `roomy` says how many bytes a path may be sent,
    `clean` takes secrets out of texts."""

    def __init__(
        self,
        app: Any,
        *,
        port: int,
        tokens: SqliteTokens,
        holds: Holds,
        clock: Clock,
        limits: Limits,
        roomy: Callable[[str], int],
        clean: Callable[[str], str],
    ) -> None:
        self._app, self._tokens, self._holds, self._clock = app, tokens, holds, clock
        self._limits, self._roomy, self._clean = limits, roomy, clean
        self._hosts = frozenset(f"{host}:{port}".encode() for host in _HOSTS)
        self._origins = frozenset(b"http://" + host for host in self._hosts)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI: one request."""
        path = str(scope["path"])
        answer = _Answer(send)
        with caught(f"answering {scope['method']} {path[:100]!r}") as result:
            await self._pass(scope, receive, answer)
        if result.error is not None and not answer.begun:
            refused = _stopped() if isinstance(result.error, Ended) else refusal(result.error)
            if _is_long(scope["headers"], SMALL):
                refused.headers["connection"] = "close"
            await tell(answer, refused, path, clean=self._clean)
        # What had begun is left unfinished: uvicorn hangs up, and the client sees that it is cut.

    async def _pass(self, scope: Any, receive: Any, send: _Answer) -> None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        self._check_place(scope, headers)
        if len(headers) > self._limits.headers or _size(headers) > self._limits.header_bytes:
            raise Refused(431, "these are more headers than p42 reads")
        most = self._roomy(scope["path"])
        bounded = _Bounded(receive, most)
        if any(o.path == scope["path"] and o.method in ("", scope["method"]) for o in OPEN):
            async with self._holds.under(scope["state"][LINE]):
                await self._app(scope, bounded, send)
            return
        token = self._token(headers, scope["path"])
        if _is_long(headers, most):
            raise bounded.refused()
        scope["state"][TOKEN] = token
        left = None if token.expires is None else max(0.0, token.expires - self._clock.now())
        async with self._holds.under(scope["state"][LINE], token.id, seconds=left):
            await self._tokens.used(token)
            await self._app(scope, bounded, send)

    def _check_place(self, scope: Any, headers: list[tuple[bytes, bytes]]) -> None:
        peer = scope["client"][0] if scope["client"] else ""
        if not (peer.startswith("127.") or peer == "::1"):
            raise Refused(403, "p42 answers this machine alone")
        if scope["http_version"] not in ("1.0", "1.1"):
            raise Refused(505, "p42 speaks HTTP/1.1")
        # An absolute target (RFC 9112, 3.2.2) would name a host beside the one checked.
        if not scope["raw_path"].startswith(b"/"):
            raise Refused(421, "the request's target must be a path")
        if _only(headers, b"host") not in self._hosts:
            raise Refused(421, "this is no name of p42: ask for 127.0.0.1, localhost or [::1]")
        origins = _all(headers, b"origin")
        if origins and (len(origins) > 1 or origins[0] not in self._origins):
            raise Refused(403, "p42 does not answer pages of other origins")
        if any(value not in _NEAR for value in _all(headers, b"sec-fetch-site")):
            raise Refused(403, "p42 does not answer pages of other sites")

    def _token(self, headers: list[tuple[bytes, bytes]], path: str) -> Token:
        shown = _bearer(headers)
        if not shown and path.startswith(VENDORS):  # where Anthropic's clients put their key
            shown = _only(headers, b"x-api-key").decode("latin-1")
        token = self._tokens.find(shown) if shown else None
        if token is None:
            why = "this token is unknown, revoked or expired" if shown else "a token is needed"
            raise Refused(401, f"{why}: {_HOW}", headers={"www-authenticate": "Bearer"})
        return token


class _Answer:
    """`send`, with the headers that every answer carries. `begun`: the status is out."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            further = [
                (b"date", formatdate(usegmt=True).encode()), (b"cache-control", b"no-store"),
                (b"x-content-type-options", b"nosniff"),
            ]  # fmt: skip
            message = {**message, "headers": [*message.get("headers", ()), *further]}
        await self._send(message)


class _Bounded:
    """`receive`, up to so many bytes of body. Raises Refused past that."""

    def __init__(self, receive: Any, most: int) -> None:
        self._receive, self._most, self._had = receive, most, 0

    async def __call__(self) -> Any:
        message = await self._receive()
        self._had += len(message.get("body", b""))
        if self._had > self._most:
            raise self.refused()
        return message

    def refused(self) -> Refused:
        text = f"the body is larger than the {self._most:,} bytes that p42 takes here"
        return Refused(413, text, headers={"connection": "close"})


def _stopped() -> Refused:
    return Refused(401, f"the token has just ended, or p42 is stopping; {_HOW}")


def _bearer(headers: list[tuple[bytes, bytes]]) -> str:
    word, _, rest = _only(headers, b"authorization").decode("latin-1").partition(" ")
    return rest.strip() if word.lower() == "bearer" else ""


def _only(headers: list[tuple[bytes, bytes]], name: bytes) -> bytes:
    """The one value of `name`; empty when there is none, or more than one."""
    found = _all(headers, name)
    return found[0] if len(found) == 1 else b""


def _all(headers: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for each, value in headers if each == name]


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)


def _is_long(headers: list[tuple[bytes, bytes]], most: int) -> bool:
    """Whether the body is said to be longer than `most`. h11 has checked that it is a number."""
    said = _only(headers, b"content-length")
    return said.isdigit() and int(said) > most
