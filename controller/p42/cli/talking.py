"""Talking: `p42 chat`: a Tekton client of one project's socket, for a person."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from p42.cli import params, terminal
from p42.cli.home import home
from p42.client import link
from p42.model.errors import InvalidInput, P42Error, TimedOut
from p42.model.refs import is_name

NUMA = "numa"  # the companion one talks to without naming a project
ANSWER = 5.0  # s for the daemon to say where the project listens
LONGEST = 1 << 20  # bytes of a reply line; the protocol's own limit


def chat(
    project: Annotated[str, typer.Argument(metavar="[PROJECT]", show_default=False)] = NUMA,
    message: Annotated[
        list[str] | None, typer.Argument(metavar="[MESSAGE]...", show_default=False)
    ] = None,
    timeout: params.Timeout = "20s",
) -> int:
    """Talk to a project's companion, without a project to numa. Without a message: line by line."""
    project, words = _addressed(project, message or [])
    with _connected(project, params.duration(timeout)) as line:
        for text in [" ".join(words)] if words else _typed(project):
            print(terminal.lines(_asked(line, project, text).rstrip("\n")), flush=True)
    return 0


def _addressed(project: str, words: list[str]) -> tuple[str, list[str]]:
    """Whom it is for, and the message; what cannot be a name is the first of the message."""
    name = project.removeprefix("projectci/")
    return (name, words) if is_name(name) else (NUMA, [project, *words])


def _typed(project: str) -> Iterator[str]:
    """What is typed at the terminal, or standard input as one message."""
    if not terminal.is_terminal(sys.stdin):
        text = sys.stdin.read().strip()
        if not text:
            raise InvalidInput("there is no message; `p42 chat PROJECT MESSAGE`, or pipe one in")
        yield text
        return
    while True:
        print(f"{project}> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()


def _connected(project: str, limit: float) -> socket.socket:
    port = _port(project)
    try:
        line = socket.create_connection(("127.0.0.1", port), timeout=limit)
    except OSError as error:
        raise P42Error(
            f"projectci/{project} does not take connections on port {port} "
            f"({error.strerror or error}); see: p42 describe projectci/{project}"
        ) from None
    if line.getsockname() == line.getpeername():  # a port of the range that clients draw from
        line.close()
        raise P42Error(f"nobody listens on port {port}; see: p42 describe projectci/{project}")
    return line


def _port(project: str) -> int:
    asked = {"kind": "projectci", "names": [project]}
    found: dict[str, Any] = link.ask(home(), "get", asked, timeout=ANSWER)
    status = found["items"][0]["status"]
    port = str(status.get("endpoint", "")).rpartition(":")[2]
    if not port.isdigit():
        condition = status["conditions"][0]
        why = condition.get("message") or condition["reason"]
        raise P42Error(f"projectci/{project} has no socket yet: {why}")
    return int(port)


def _asked(line: socket.socket, project: str, text: str) -> str:
    """The companion's answer. P42Error with what it says is missing."""
    try:
        line.sendall(json.dumps({"type": "chat", "content": text, "whole": True}).encode() + b"\n")
        reply = _line(line)
    except TimeoutError:
        raise TimedOut(
            f"no answer from projectci/{project} within {line.gettimeout():g} s; "
            f"see: p42 describe projectci/{project}"
        ) from None
    except (OSError, ValueError):
        reply = {}
    if not reply:
        raise P42Error(f"projectci/{project} closed the connection; see: p42 logs projectci/"
                       f"{project}")  # fmt: skip
    if reply.get("type") == "error":
        raise P42Error(str(reply.get("error", "")))
    return str(reply.get("content", ""))


def _line(line: socket.socket) -> dict[str, Any]:
    data = b""
    while not data.endswith(b"\n") and len(data) <= LONGEST:
        more = line.recv(65536)
        if not more:
            return {}
        data += more
    reply: dict[str, Any] = json.loads(data)
    return reply
