"""Talking: `p42 chat`: a Tekton client of one project's socket, for a person."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from p42.cli import params, terminal
from p42.cli.home import home
from p42.client import link
from p42.model.called import meant, near, the_project
from p42.model.errors import Exit, InvalidInput, P42Error, TimedOut

NUMA = "numa"  # the companion one talks to without naming a project
ANSWER = 5.0  # s for the daemon to say where the project listens
LEAST = 1.0  # s for an answer, however long it took to find out where to ask
LONGEST = 1 << 20  # bytes of a reply line; the protocol's own limit


def chat(
    project: Annotated[str, typer.Argument(metavar="[PROJECT]", show_default=False)] = "",
    message: Annotated[
        list[str] | None, typer.Argument(metavar="[MESSAGE]...", show_default=False)
    ] = None,
    timeout: params.Timeout = "20s",
) -> int:
    """Talk to a project's companion, without a project to numa. Without a message: line by line."""
    limit = params.duration(timeout)
    name, words = _addressed(project, message or [], _titles())
    with _connected(name, limit) as line:
        for text in [" ".join(words)] if words else _typed(name):
            print(terminal.lines(_asked(line, name, text).rstrip("\n")), flush=True)
            line.settimeout(limit)
    return 0


def _titles() -> dict[str, str]:
    """The projects there are, title by name."""
    items = link.ask(home(), "get", {"kind": "projectci"}, timeout=ANSWER)["items"]
    return {each["metadata"]["name"]: str(each["spec"].get("project") or "") for each in items}


def _addressed(project: str, words: list[str], titles: Mapping[str, str]) -> tuple[str, list[str]]:
    """Whom it is for, and the message.

    InvalidInput where that is not certain: what was meant for one project may not go to another,
    whose agent is perhaps another vendor's.
    """
    if not project and not words:
        return _numa(titles), []
    is_message = not words and any(map(str.isspace, project.strip()))
    if is_message and not meant(project, titles) and not near(project, titles):
        return _numa(titles), [project]
    try:
        return the_project(project, titles), words
    except InvalidInput as error:
        raise InvalidInput(f"{error}; to numa it is: p42 chat numa MESSAGE") from None


def _numa(titles: Mapping[str, str]) -> str:
    if NUMA in titles:
        return NUMA
    raise InvalidInput(
        f"what names no project goes to {NUMA}, which is not declared; see: p42 project list"
    )


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
    """A line to it. What is left of `limit` is the time for its first answer."""
    ends = time.monotonic() + limit
    port = _port(project, limit)
    left = max(ends - time.monotonic(), LEAST)
    try:
        line = socket.create_connection(("127.0.0.1", port), timeout=left)
    except OSError as error:
        raise P42Error(
            f"projectci/{project} does not take connections on port {port} "
            f"({error.strerror or error}); see: p42 describe projectci/{project}"
        ) from None
    if line.getsockname() == line.getpeername():  # a port of the range that clients draw from
        line.close()
        raise P42Error(f"nobody listens on port {port}; see: p42 describe projectci/{project}")
    return line


def _port(project: str, limit: float) -> int:
    """Where it listens. What passes by itself, such as a restart, is waited for `limit` seconds."""
    port, why = _looked(project)
    if port is None:
        asked = {"refs": [f"projectci/{project}"], "timeout": limit}
        waited = list(link.stream(home(), "wait", asked, timeout=limit + ANSWER))[-1]["data"]
        port, why = _looked(project)
        if port is None:
            is_late = waited.get("code") == Exit.TIMEOUT
            error = TimedOut if is_late else P42Error
            late = f", {limit:g} s on" if is_late else ""
            raise error(f"projectci/{project} has no socket yet{late}: {why}")
    return port


def _looked(project: str) -> tuple[int | None, str]:
    """Where it listens now, or why it does not."""
    asked = {"kind": "projectci", "names": [project]}
    found: dict[str, Any] = link.ask(home(), "get", asked, timeout=ANSWER)
    status = found["items"][0]["status"]
    port = str(status.get("endpoint", "")).rpartition(":")[2]
    condition = status["conditions"][0]
    return int(port) if port.isdigit() else None, condition.get("message") or condition["reason"]


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
