"""Approve: what would run and waits for a person's word, shown as a difference, then agreed to."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from p42.cli import params, terminal
from p42.cli.editing import SETTLED, coloured
from p42.cli.home import home
from p42.client import link
from p42.model.errors import Exit, InvalidInput

Every = Annotated[bool, typer.Option("--all", help="Everything that waits.")]


def approve(refs: params.Refs = None, every: Every = False, yes: params.Yes = False) -> int:
    """Show what a held change would run, as a difference, and let it run.

    What models and tools wrote waits for this; under `trust: follow` what git brought, under
    `trust: pin` every change. What is agreed to is what was shown, to the byte: whatever changes
    afterwards is asked about again. Without a terminal it needs --yes. `p42 get status` lists
    what waits.
    """
    if bool(refs) == every:
        raise params.Usage("approve takes either KIND/NAME... or --all")
    named = [params.ref(ref) for ref in refs or ()]
    items = link.ask(home(), "approvals", {"refs": named})["items"]
    if not items:
        terminal.notice("nothing of that waits for approval" if named else "nothing waits")
        return Exit.OK
    for item in items:
        show(item)
    if not yes and not _agreed(items):
        terminal.notice("p42: nothing was approved")
        return Exit.DIFFERS
    payload = {"refs": [_name(item) for item in items], "digests": [i["digest"] for i in items]}
    for ref in link.ask(home(), "approve", payload)["refs"]:
        print(f"{ref.lower()} approved", flush=True)
    _follow(payload["refs"])
    return Exit.OK


def show(item: dict[str, Any]) -> None:
    """Why it waits, on stderr, and the difference, on stdout."""
    place = f"{item['file']}:{item['line']}"
    terminal.notice(f"{terminal.plain(place)}: {_name(item)}: {terminal.plain(item['message'])}")
    sys.stdout.write(coloured(item["diff"]))
    sys.stdout.flush()


def _follow(refs: Sequence[str]) -> None:
    """Wait a moment for it to be real, and say how it stands: whoever agreed wants to run it."""
    payload = {"refs": list(refs), "for": "Ready", "timeout": SETTLED}
    for part in link.stream(home(), "wait", payload):
        for item in part.get("data", {}).get("items", ()):
            told = "ready" if item["met"] else item.get("reason", "not declared any more")
            message = f": {terminal.plain(item['message'])}" if item.get("message") else ""
            terminal.notice(f"{_name(item)} {told}{message}")


def _agreed(items: Sequence[dict[str, Any]]) -> bool:
    if not terminal.can_ask():
        raise InvalidInput(
            "nothing was approved: here is no terminal to ask on; if that above may run, say --yes"
        )
    what = _name(items[0]) if len(items) == 1 else f"these {len(items)}"
    return terminal.agrees(f"Let {what} run?", unsaid=False)


def _name(item: dict[str, Any]) -> str:
    return f"{item['kind'].lower()}/{item['name']}"
