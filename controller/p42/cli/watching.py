"""Watching: `p42 get -w`: what is there now, then every change as it comes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from p42.cli import getting, outputs, overview, tables
from p42.cli.home import home
from p42.client.link import stream
from p42.model.errors import InvalidInput
from p42.model.resource import API_VERSION


def watch(what: Sequence[str], *, output: str, selector: str) -> int:
    """Until Ctrl-C, or until the daemon goes."""
    outputs.checked(output, outputs.LOOKS)
    if list(what) == ["status"]:
        return overview.follow(output)
    wanted = getting.targets(what)
    if len(wanted) != 1:
        raise InvalidInput("-w watches one kind, or all of them: p42 get all -w")
    kind, names = wanted[0]
    payload = {"kind": kind, "names": names, "selector": selector, "wide": output == "wide"}
    changes = (part["stream"] for part in stream(home(), "watch", payload) if "stream" in part)
    if output in ("table", "wide"):
        _as_rows(changes)
    else:
        for change in changes:
            _as_object(change, output)
    return 0


def _as_rows(changes: Any) -> None:
    widths: list[int] = []
    for change in changes:
        if change["change"] == "gone":
            print(f"{change['kind'].lower()}/{change['name']} is gone", flush=True)
            continue
        columns, row = change["columns"], change["row"]
        if not widths:
            widths = tables.measure(columns, [row])
            tables.show(columns, [row])
        else:
            widths = list(map(max, widths, tables.measure(columns, [row])))
            tables.show(columns, [row], widths=widths)
        sys.stdout.flush()


def _as_object(change: dict[str, Any], output: str) -> None:
    if change["change"] == "gone":
        body = {"apiVersion": API_VERSION, "kind": change["kind"],
                "metadata": {"name": change["name"]}, "gone": True}  # fmt: skip
    else:
        body = change["object"]
    if output == "json":
        outputs.print_line(body)
        return
    if output == "yaml":
        print("---")
    outputs.show(body, output)
    sys.stdout.flush()
