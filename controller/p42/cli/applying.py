"""Applying: asks the daemon to apply or delete, tells how it goes, sums it up. Without typer."""

from __future__ import annotations

import os
import sys

from p42.cli import outputs, spawning, terminal
from p42.cli.home import home
from p42.cli.progress import Progress
from p42.client import link
from p42.model.errors import BrokenOff, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

STDIN = "-"


def apply(named: Sequence[str], seconds: float, *, prune: bool, wait: bool, output: str) -> int:
    """Make what stands in `named` real; its exit code. `seconds`: how long to wait for it."""
    payload: dict[str, Any] = {
        "paths": paths_of(named), "prune": prune, "wait": wait, "timeout": seconds,
    }  # fmt: skip
    if STDIN in named:
        from p42.cli import piped

        payload["stdin"] = piped.read()
    return followed("apply", payload, output)


def followed(verb: str, payload: dict[str, Any], output: str) -> int:
    """Ask, follow the answer to its end, sum it up; its exit code."""
    spawning.ensure(home())
    with Progress(sys.stderr, of_delete=verb == "delete") as progress:
        try:
            answer = _final(link.stream(home(), verb, payload), progress)
        except BrokenOff:  # one that is just being killed still takes connections: a new one starts
            spawning.ensure(home())
            answer = _final(link.stream(home(), verb, payload), progress)
    code = int(answer.pop("code", 0))
    for finding in answer.get("broken", ()):
        progress.finding(finding)
    if output == "json":
        answer["broken"] = [outputs.diagnostic(finding) for finding in answer.get("broken", ())]
        outputs.print_json(answer)
    else:
        progress.summary(answer, waited=bool(payload["wait"]), code=code)
    return code


def _final(parts: Iterator[dict[str, Any]], progress: Progress) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    try:
        for part in parts:
            if "stream" in part:
                progress.changed(part["stream"])
            else:
                answer = part["data"]
    except KeyboardInterrupt:
        terminal.notice("p42: no longer waiting; the daemon goes on. See: p42 get status")
        raise
    return answer


def paths_of(named: Sequence[str]) -> list[str]:
    """Where what is named leads, without standard input. InvalidInput: nothing is there.

    Here and not in the daemon: what /proc/self is, only this process knows.
    """
    return [_real(path) for path in named if path != STDIN]


def _real(path: str) -> str:
    whole = absolute(path)
    real = os.path.realpath(whole)
    if os.path.lexists(real):
        return real
    if os.access(whole, os.F_OK):  # <(...) of a shell: it ends before the daemon could look
        raise InvalidInput(f"{path} is no file or directory; `-f -` reads standard input")
    led = "its link leads nowhere" if os.path.lexists(whole) else "nothing is there"
    raise InvalidInput(f"{path}: {led}")


def absolute(path: str) -> str:
    """`path` from the root, its links as they are. InvalidInput: none could be meant or sent."""
    if not path:  # "$UNSET" of a script: never the directory it happens to stand in
        raise InvalidInput("an empty PATH names nothing; this directory is .")
    whole = os.path.abspath(path)  # noqa: PTH100 - links stay as they are
    if ".." in path.split("/"):  # behind a link it means another directory than the text says
        whole = os.path.realpath(path)
    try:
        whole.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(whole).decode("utf-8", "replace")
        raise InvalidInput(f"{shown}: its name is not UTF-8; rename it") from None
    return whole
