"""Telling: events and logs, as they come."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from p42.cli import describing, outputs, terminal
from p42.cli.home import at, home
from p42.client import link
from p42.model.errors import P42Error

TAIL = 1 << 20  # bytes read from the end of a log; more is for an editor
POLL = 0.25  # s between two looks at a followed log


def events(payload: dict[str, Any], *, as_json: bool) -> None:
    """Print events as the daemon tells them; with `follow`, until Ctrl-C."""
    for part in link.stream(home(), "events", payload):
        for item in part["data"].get("items", ()) if "data" in part else (part["stream"],):
            if as_json:
                outputs.print_line(item)
            else:
                print(describing.event(item), flush=True)


def logs(target: str, lines: int, *, follow: bool, messages: bool, as_json: bool) -> None:
    """Print a log. The daemon's own is read from its file: it matters most when it is not there."""
    if messages:
        _messages(target, lines, follow=follow, as_json=as_json)
        return
    said = _of_daemon(lines, follow=follow) if target == "daemon" else _of(target, lines, follow)
    for line in said:
        if as_json:
            outputs.print_line({"line": line})
        else:
            print(terminal.lines(line), flush=follow)


def _messages(target: str, lines: int, *, follow: bool, as_json: bool) -> None:
    for line in _of(target, lines, follow, messages=True):
        if as_json:
            print(line, flush=True)  # a JSON object as it is
        else:
            for told in describing.message(json.loads(line)):
                print(told, flush=follow)


def last_words(lines: int, *, since: int) -> list[str]:
    """The last lines of the daemon's log after byte `since`, [] if there are none."""
    return _text(_more(Path(at("logs", "daemon.log")), since)[0])[-lines:]


def _of(target: str, lines: int, follow: bool, *, messages: bool = False) -> Iterator[str]:
    payload = {"target": target, "lines": lines, "follow": follow, "messages": messages}
    for part in link.stream(home(), "logs", payload):
        if "stream" in part:
            yield part["stream"]["line"]
        else:
            yield from part["data"].get("lines", ())


def _of_daemon(lines: int, *, follow: bool) -> Iterator[str]:
    path = Path(at("logs", "daemon.log"))
    try:
        data, end = _tail(path)
    except FileNotFoundError:
        if not follow:
            raise P42Error(f"{path} is not there: no daemon ever ran under {home()}") from None
        data, end = b"", 0
    yield from _text(data)[-lines:]
    while follow:
        time.sleep(POLL)
        data, end = _more(path, end)
        yield from _text(data)


def _tail(path: Path) -> tuple[bytes, int]:
    with path.open("rb") as log:
        end = log.seek(0, os.SEEK_END)
        log.seek(max(0, end - TAIL))
        whole = log.read()
    kept = whole[: whole.rfind(b"\n") + 1]  # the last line may still be written
    return kept, end - (len(whole) - len(kept))


def _more(path: Path, end: int) -> tuple[bytes, int]:
    """Whole lines after `end`; a log that became shorter was rotated: from its start."""
    try:
        with path.open("rb") as log:
            if os.fstat(log.fileno()).st_size < end:
                end = 0
            log.seek(end)
            fresh = log.read(TAIL)
    except FileNotFoundError:
        return b"", 0
    whole = fresh[: fresh.rfind(b"\n") + 1]
    return whole, end + len(whole)


def _text(data: bytes) -> list[str]:
    return data.decode(errors="replace").splitlines()
