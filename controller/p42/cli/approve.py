"""Approve: what would run and waits for a person's word, shown as a difference, then agreed to."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any, TextIO

import typer

from p42.cli import outputs, params, terminal
from p42.cli.editing import SETTLED, coloured
from p42.cli.home import home
from p42.client import link
from p42.model.errors import Exit, InvalidInput
from p42.model.reasons import REASONS, Mend

Every = Annotated[bool, typer.Option("--all", help="Everything that waits.")]


def approve(
    refs: params.Refs = None,
    every: Every = False,
    yes: params.Yes = False,
    output: params.TableOrJson = "table",
) -> int:
    """Show what a held change would run, as a difference, and let it run.

    What models and tools wrote waits for this; under `trust: follow` what git brought, under
    `trust: pin` every change. What is agreed to is what was shown, to the byte: whatever changes
    afterwards is asked about again. Without a terminal it needs --yes. `p42 get status` lists
    what waits. Exit code 1 if it was approved and did not come about: its tests failed, say. What
    is still under way after some seconds is told, and is 0.
    """
    outputs.checked(output, outputs.TABLE_OR_JSON)
    if bool(refs) == every:
        raise params.Usage("approve takes either KIND/NAME... or --all")
    named = [params.ref(ref) for ref in refs or ()]
    items = link.ask(home(), "approvals", {"refs": named})["items"]
    if not items:
        terminal.notice("nothing of that waits for approval" if named else "nothing waits")
        return _told([], output)
    for item in items:
        show(item, sys.stderr if output == "json" else sys.stdout)
    if not yes and not _agreed(items):
        terminal.notice("p42: nothing was approved")
        return Exit.DIFFERS
    payload = {"refs": [_name(item) for item in items], "digests": [i["digest"] for i in items]}
    for ref in link.ask(home(), "approve", payload)["refs"]:
        if output != "json":
            print(f"{ref.lower()} approved", flush=True)
    return _told(_results(payload["refs"]), output)


def show(item: dict[str, Any], out: TextIO | None = None) -> None:
    """Why it waits, on stderr, and the difference, on `out`, None = stdout."""
    out = out or sys.stdout
    place = f"{item['file']}:{item['line']}"
    terminal.notice(f"{terminal.plain(place)}: {_name(item)}: {terminal.plain(item['message'])}")
    out.write(coloured(item["diff"]))
    out.flush()


def _results(refs: Sequence[str]) -> list[dict[str, Any]]:
    """Wait a moment for it to be real: whoever agreed wants to run it. How each stands then."""
    payload = {"refs": list(refs), "for": "Ready", "timeout": SETTLED}
    parts = link.stream(home(), "wait", payload)
    items = [item for part in parts for item in part.get("data", {}).get("items", ())]
    return [_result(item) for item in items]


def _result(item: dict[str, Any]) -> dict[str, Any]:
    """As `apply` tells it. What waits again is not what was approved: that failed."""
    reason = item.get("reason", "not declared any more")
    known = REASONS.get(reason)
    failed = reason == "NeedsApproval" or (known is not None and known.mend is Mend.FAILED)
    return {
        "kind": item["kind"], "name": item["name"],
        "result": "failed" if failed and not item["met"] else "approved",
        "ready": item.get("ready", "Unknown"), "reason": reason,
        "message": item.get("message", ""),
    }  # fmt: skip


def _told(results: Sequence[dict[str, Any]], output: str) -> int:
    """Print them; the exit code."""
    if output == "json":
        outputs.print_json({"results": list(results)})
    for each in () if output == "json" else results:
        told = "ready" if each["ready"] == "True" else each["reason"]
        message = f": {terminal.plain(each['message'])}" if each["message"] else ""
        passes = each["reason"] in REASONS and REASONS[each["reason"]].mend is Mend.TIME
        more = f"; still under way: p42 wait {_name(each)}" if passes else ""
        terminal.notice(f"{_name(each)} {told}{message}{more}")
    failed = any(each["result"] == "failed" for each in results)
    return Exit.FAILED if failed else Exit.OK


def _agreed(items: Sequence[dict[str, Any]]) -> bool:
    if not terminal.can_ask():
        raise InvalidInput(
            "nothing was approved: here is no terminal to ask on; if that above may run, say --yes"
        )
    what = _name(items[0]) if len(items) == 1 else f"these {len(items)}"
    return terminal.agrees(f"Let {what} run?", unsaid=False)


def _name(item: dict[str, Any]) -> str:
    return f"{item['kind'].lower()}/{item['name']}"
