"""Usage: `p42 usage`: what calls to models used and cost.

Where no daemon runs the journal is read as it stands on disk.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from p42.cli import outputs, params, usagetable
from p42.cli.home import home
from p42.cli.usagetable import KEYS
from p42.client import link

if TYPE_CHECKING:
    from p42.api.usage import Report

FORMATS = ("table", "csv", "json")
SHOWN = ("account", "agent", "model")  # of a table, where nobody says --by


def usage(
    from_: Annotated[
        str, typer.Option("--from", metavar="DAY", help="2026-01-31, 2026-01, or 7d ago (UTC).")
    ] = "",
    to: Annotated[str, typer.Option("--to", metavar="DAY", help="The last day, as --from.")] = "",
    by: Annotated[
        str, typer.Option("--by", metavar="KEY,...", help="account, agent, model, day.")
    ] = "",
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FORMAT", help="table, csv or json.")
    ] = "table",
    verify: Annotated[
        bool, typer.Option("--verify", help="Look for calls that were changed or taken out.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", help="Write the calls, signed: FILE.sig, .pub."),
    ] = None,
    check: Annotated[
        Path | None, typer.Option("--check", metavar="FILE", help="Check a signed export.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="PEM", help="The public key to check with, if not ours."),
    ] = None,
) -> int:  # fmt: skip
    """What calls to models used and cost; this month, where no day is given.

    Days and months are UTC. Every call is in a journal, each chained to the one before it:
    `--verify` names the first that was changed. Anybody can check an export, without p42:
    openssl pkeyutl -verify -pubin -inkey FILE.pub -rawin -in FILE -sigfile FILE.sig
    """
    outputs.checked(output, FORMATS)
    chosen = [what for what in (verify, export is not None, check is not None) if what]
    if len(chosen) > 1:
        raise params.Usage("--verify, --export and --check are three questions; ask one at a time")
    if key is not None and check is None:
        raise params.Usage("--key goes with --check FILE")
    request = _request(from_, to, by)
    if chosen:
        from p42.cli import usageproof

        if check is not None:
            return usageproof.check(check, key, output)
        if export is not None:
            return usageproof.export(export.absolute(), request, output)
        return usageproof.verify(output)
    _show(_report(request), output, by=request.by or (SHOWN if output == "table" else KEYS))
    return 0


def _request(from_: str, to: str, by: str) -> Report:
    from p42.api.usage import Report

    keys = tuple(key.strip() for key in by.split(",") if key.strip())
    return Report(from_=from_ or None, to=to or None, by=keys)


def _report(request: Report) -> dict[str, Any]:
    if link.is_up(home()):
        payload = {"from": request.from_, "to": request.to, "by": list(request.by)}
        return link.ask(home(), "usage", payload)
    from p42.api.usage import reported

    return {**reported(Path(home()), request, now=time.time())}


def _show(report: dict[str, Any], output: str, *, by: tuple[str, ...]) -> None:
    if output == "json":
        outputs.print_json(report)
    elif output == "csv":
        usagetable.as_csv(report["rows"])
    else:
        usagetable.show(report, [key for key in KEYS if key in by])
