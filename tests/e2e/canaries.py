"""Canaries: keys that must be found nowhere but in their store, and a vendor that gives them away.

Six forms are looked for: as it is, base64, in a URL, hex, in JSON, and UTF-16 (two ways).
"""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import psutil

# What tells forms apart: marks of URLs, JSON, base64, shells; letters beyond ASCII; a line break.
SPICES = ("", "/+=", '"quoted"', "back\\slash", "%25&<>", "é ü", "in\nside", "'{}$`", "a b", "~!@")


def canary(number: int) -> str:
    """One of many, all different, all long enough."""
    return f"canary{number:03d}-{SPICES[number % len(SPICES)]}-{number * 7919:08d}x"


def forms(key: str) -> Iterator[bytes]:
    """The six."""
    raw = key.encode()
    yield raw
    yield base64.b64encode(raw).rstrip(b"=")
    yield quote(raw, safe="").encode()
    yield raw.hex().encode()
    yield json.dumps(key)[1:-1].encode()
    yield key.encode("utf-16-le")
    yield " ".join(key).encode()  # the same once its NULs were made blanks


class Scan:
    """Counts what is found of `keys`, by where."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._forms = {form: key for key in keys for form in forms(key)}
        self.found: dict[str, set[str]] = {}
        self.seen = 0  # bytes

    def look(self, where: str, data: bytes | str) -> None:
        """Look through `data`."""
        raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        self.seen += len(raw)
        hits = {key for form, key in self._forms.items() if form in raw}
        if hits:
            self.found.setdefault(where, set()).update(hits)

    def look_into(self, directory: Path) -> None:
        """Every file below it; sockets and pipes hold nothing."""
        for path in directory.rglob("*"):
            if path.is_file() and not path.is_symlink():
                self.look(str(path), path.read_bytes())
            self.look(f"name of {path}", str(path))

    def look_at_processes(self, home: Path, *, but: int) -> int:
        """Arguments and environments of what runs for `home`; how many there were.

        The environment of process `but`, the daemon, is where the user put some of the keys.
        """
        ours = [each for each in psutil.process_iter() if str(home) in " ".join(_told(each))]
        family = {child for each in ours for child in [each, *each.children(recursive=True)]}
        for each in family:
            place = Path(f"/proc/{each.pid}")
            self.look(f"cmdline of {each}", (place / "cmdline").read_bytes())
            if each.pid != but:
                self.look(f"environ of {each}", (place / "environ").read_bytes())
        return len(family)


def _told(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


class GiveAway:
    """A vendor on this machine that repeats the key it was sent in whatever it answers.

    `/N/...` fails in the N-th way: refusals, failures, redirects, nonsense, a lost connection, and
    answers that are good but for the key in them.
    """

    WAYS = 9

    def __enter__(self) -> GiveAway:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
        self.asked: set[str] = set()
        self._server.asked = self.asked  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.port = self._server.server_address[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, way: int) -> str:
        """A base URL."""
        return f"http://127.0.0.1:{self.port}/{way % self.WAYS}/v1"


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Not on stderr."""

    def do_GET(self) -> None:
        self._do()

    def do_POST(self) -> None:
        self._do()

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
        sent = self.headers.get("x-api-key") or self.headers.get("authorization", "")
        key = str(sent).removeprefix("Bearer ")
        self.server.asked.add(key)  # type: ignore[attr-defined]
        said = " | ".join([key, body, *(form.decode("latin-1") for form in forms(key))])
        error = {"type": "error", "error": {"type": "invalid_request_error", "message": said}}
        match int(self.path.split("/")[1]):
            case 0:
                self._send(401, error)
            case 1:
                self._send(500, {"error": said})
            case 2:
                self._send(400, error)
            case 3:
                self._send(200, said)
            case 4:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            case 5:
                self._send(200, error)
            case 6:
                self._send(302, "", {"location": f"/0/v1?key={quote(key, safe='')}"})
            case 7:
                self._send(403, said, {"content-type": "text/plain"})
            case _:
                self._send(200, {"object": "list", "data": [{"id": said, "object": "model"}]})

    def _send(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        raw = text.encode("utf-8", "surrogateescape")
        self.send_response(status, "no")
        given = {"content-type": "application/json", "request-id": "r1", **(headers or {})}
        for name, value in given.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(raw)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(raw)
        self.close_connection = True
