"""Scripted: a unix-socket server that speaks the control protocol and gives the answers of a test.

The real daemon is behind the end-to-end tests; here it is the command line alone that is tried, on
a real socket.
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Answer = Callable[[dict[str, Any]], Any]


class Refusal(Exception):
    """Answer with `success: false` and these keys."""

    def __init__(self, error: str, **further: Any) -> None:
        super().__init__(error)
        self.keys = {"error": error, **further}


class Parts(list[Any]):
    """A streaming answer: the last item is the reply, those before are parts."""


class Scripted:
    """`answers[verb]` is the data of a reply, or a function of the payload. `asked` keeps all.

    `streamed` are the verbs of those that were asked for as they come.
    """

    def __init__(self, home: Path) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.streamed: list[str] = []
        (home / "run").mkdir(parents=True, exist_ok=True)
        scripted = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for line in self.rfile:
                    if not scripted._answer(json.loads(line), self.wfile):
                        return

        self._server = socketserver.ThreadingUnixStreamServer(
            str(home / "run" / "p42.sock"), Handler
        )
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def payload(self, verb: str) -> dict[str, Any]:
        """The payload of the last request of that type."""
        return next(payload for name, payload in reversed(self.asked) if name == verb)

    def _answer(self, request: dict[str, Any], out: Any) -> bool:
        """Whether to go on listening."""
        verb, payload = request["type"], request.get("payload") or {}
        self.asked.append((verb, payload))
        self.streamed += [verb] if request.get("stream") else []
        head = {"id": request["id"]}
        try:
            found = self.answers[verb]
            found = found(payload) if callable(found) else found
        except BrokenPipeError:
            return False  # the test wants us to hang up
        except (Refusal, KeyError) as error:
            keys = error.keys if isinstance(error, Refusal) else {"error": f"unscripted {verb}"}
            out.write(_line({**head, "success": False, **keys}))
            return True
        *parts, last = found if isinstance(found, Parts) else [found]
        try:
            for part in parts:
                out.write(_line({**head, "stream": part}))
            out.write(_line({**head, "success": True, "data": last}))
        except (BrokenPipeError, ConnectionResetError):
            return False  # the client has seen enough
        return True


def _line(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode() + b"\n"


def thing(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    """An OBJECT as the daemon gives it."""
    return {
        "apiVersion": "p42.dev/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": {"team": "sea"}},
        "spec": spec,
        "status": {
            "observedSpec": "9f3c1a0b7d42",
            "conditions": [{"type": "Ready", "status": "True", "reason": "Reconciled"}],
        },
    }


def item(name: str, reason: str = "Reconciled", *, message: str = "") -> dict[str, Any]:
    """One line of `get status`, and one change of a stream."""
    ready = {"Reconciled": "True", "InProgress": "Unknown"}.get(reason, "False")
    return {
        "kind": "Command", "name": name, "ready": ready, "drift": False, "reason": reason,
        "message": message, "file": "/m/a.yaml", "line": 1,
    }  # fmt: skip


def result(name: str, word: str = "created", reason: str = "Reconciled", message: str = "") -> Any:
    """One line of `apply -o json`."""
    seen = item(name, reason, message=message)
    keys = ("kind", "name", "ready", "reason", "message")
    return {"result": word, **{key: seen[key] for key in keys}}
