"""Proof: the journal of calls verified, exported and signed, and an export checked.

From the file itself, whether a daemon runs or not: who doubts what p42 wrote need not ask it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from p42.api.usage import DAY, Report, midnight, span
from p42.cli import outputs, terminal
from p42.cli.home import home
from p42.model.errors import P42Error
from p42.stores.meter import sign as metersign
from p42.stores.meter.audit import Verdict, exported, hash_before, verified


def verify(output: str) -> int:
    """Look at every call: 1, and the first that is not as it was written, if any is not."""
    verdict = verified(Path(home()))
    if output == "json":
        outputs.print_json({
            "calls": verdict.calls, "lost": verdict.lost, "ok": not verdict.what,
            "firstBad": verdict.number or None, "message": verdict.what,
        })  # fmt: skip
    elif not verdict.what:
        print(f"every call is as it was written: {verdict.calls:,}")
    if verdict.lost:
        terminal.notice(
            f"calls 1 to {verdict.lost:,} are not among them: the database that held them was "
            "damaged or lost; a state.db.corrupt-N in the home may still have them"
        )
    if verdict.what:
        raise P42Error(f"the journal does not hold: {_said(verdict)}")
    return 0


def export(to: Path, request: Report, output: str) -> int:
    """Write the calls of the time, signed; nothing, and 1, where the journal does not hold."""
    verdict = verified(Path(home()))
    if verdict.what:
        raise P42Error(f"nothing is exported: the journal does not hold: {_said(verdict)}")
    head = _signed(Path(home()), to, request)
    if output == "json":
        outputs.print_json({"file": str(to), **head})
    else:
        print(
            f"{to}: calls from {head['from']} to {head['to']}: {head['calls']:,}, signed in "
            f"{to}.sig\ncheck it: p42 usage --check {to} --key {to}.pub"
        )
    return 0


def _signed(at: Path, to: Path, request: Report) -> dict[str, Any]:
    first, last = span(request.from_, request.to, now=time.time())
    calls = list(exported(at, since=midnight(first), until=midnight(last) + DAY))
    head = {
        "from": first.isoformat(), "to": last.isoformat(), "calls": len(calls),
        "first": calls[0].number if calls else 0,
        "before": hash_before(at, calls[0].number) if calls else "",
    }  # fmt: skip
    metersign.export(at, to, calls=calls, head=head)
    return head


def check(file: Path, key: Path | None, output: str) -> int:
    """Whether an export is what was signed; 1, with what is wrong, if not."""
    checked = metersign.check(file, key=key, home=Path(home()))
    if output == "json":
        outputs.print_json({"ok": True, **checked.head, "calls": checked.calls})
    else:
        print(
            f"{file} is what was signed: calls from {checked.head['from']} to "
            f"{checked.head['to']}: {checked.calls:,}"
        )
    return 0


def _said(verdict: Verdict) -> str:
    return f"call {verdict.number}: {verdict.what}" if verdict.number else verdict.what
