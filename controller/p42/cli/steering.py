"""Steering: wait for resources, look again now, pause and resume."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from p42.cli import params, terminal
from p42.cli.home import home
from p42.client import link
from p42.model.errors import Exit

Named = Annotated[list[str], typer.Argument(metavar="KIND/NAME...|all", show_default=False)]


def wait(
    refs: Named,
    condition: Annotated[
        str, typer.Option("--for", metavar="WHAT", help="Ready, Deleted or jsonpath=PATH[=VALUE].")
    ] = "Ready",
    timeout: params.Timeout = "60s",
) -> int:
    """Wait until resources are ready, gone, or have a value; also for ones not declared yet.

    Ends at once when one waits for you. Exit codes: 0 met, 1 failed, 2 waits for you, 4 timeout.
    """
    payload = {
        "refs": _refs(refs),
        "for": condition,
        "timeout": params.duration(timeout),
    }
    answer: dict[str, Any] = {}
    for part in link.stream(home(), "wait", payload):
        answer = part.get("data", answer)
    for item in answer["items"]:
        _tell(item, condition)
    code = int(answer.get("code", 0))
    if code == Exit.TIMEOUT:
        terminal.notice(f"p42: not within {timeout}; see: p42 get status")
    return code


def reconcile(refs: Named) -> int:
    """Look again now and mend what differs, back-off forgotten."""
    return _told(link.ask(home(), "reconcile", {"refs": _refs(refs)}), "looked at again")


def pause(refs: Named) -> int:
    """Watch a resource and change nothing, until resumed; kept over restarts."""
    return _told(link.ask(home(), "pause", {"refs": _refs(refs), "on": True}), "paused")


def resume(refs: Named) -> int:
    """End a pause."""
    return _told(link.ask(home(), "pause", {"refs": _refs(refs), "on": False}), "resumed")


def _refs(refs: list[str]) -> list[str]:
    return refs if refs == ["all"] else [params.ref(ref) for ref in refs]


def _told(answer: dict[str, Any], word: str) -> int:
    for ref in answer["refs"]:
        print(f"{ref.lower()} {word}")
    return Exit.OK


def _tell(item: dict[str, Any], condition: str) -> None:
    name = f"{item['kind'].lower()}/{item['name']}"
    if item["met"]:
        is_ready = condition.casefold().removeprefix("condition=") == "ready"
        print(f"{name} {'ready' if is_ready else 'condition met'}")
    elif not item["declared"]:
        terminal.notice(f"{name} is not declared")
    else:
        message = f": {terminal.plain(item['message'])}" if item["message"] else ""
        terminal.notice(f"{name} {item['reason']}{message}")
