"""Get: tables the daemon made, objects as asked. On the fast path: imports next to nothing."""

from __future__ import annotations

import os
import sys

from p42.cli import outputs, tables, terminal
from p42.cli.home import home
from p42.client.link import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

Target = tuple[str, list[str]]


def get(what: Sequence[str], *, output: str = "table", selector: str = "") -> int:
    """`p42 get WHAT`: a kind, KIND NAME..., KIND/NAME..., all, or status."""
    outputs.checked(output, outputs.LOOKS)
    if list(what) == ["status"]:
        from p42.cli import overview

        return overview.show(output)
    wanted = targets(what)
    if output in ("table", "wide"):
        for number, (kind, names) in enumerate(wanted):
            _table(kind, names, selector, wide=output == "wide", after_another=number > 0)
        return 0
    items: list[Any] = []
    for kind, names in wanted:
        items += ask(home(), "get", _payload(kind, names, selector))["items"]
    one = len(wanted) == 1 and len(wanted[0][1]) == 1 and len(items) == 1
    outputs.show(items[0] if one else outputs.listed(items), output)
    return 0


def targets(what: Sequence[str]) -> list[Target]:
    """`command/a agents`, `commands a b` and `agents,commands` as (kind word, names); [] = all."""
    if len(what) > 1 and not any("/" in word for word in what):
        return _kinds({what[0]: list(what[1:])})
    grouped: dict[str, list[str]] = {}
    for word in (part for each in what for part in each.split(",")):
        kind, slash, name = word.partition("/")
        if not kind or (slash and not name):
            from p42.model.errors import InvalidInput

            raise InvalidInput(f"{word!r} is neither KIND nor KIND/NAME")
        names = grouped.setdefault(kind, [])
        if slash:
            names.append(name)
    return _kinds(grouped)


def _kinds(grouped: dict[str, list[str]]) -> list[Target]:
    if "status" in grouped:
        from p42.cli.params import Usage

        raise Usage(
            "`p42 get status` stands alone and tells of everything; one by itself: "
            "p42 get KIND/NAME (or p42 describe KIND/NAME)"
        )
    return list(grouped.items())


def _payload(kind: str, names: list[str], selector: str) -> dict[str, Any]:
    payload: dict[str, Any] = {"kind": kind}
    if names:
        payload["names"] = names
    if selector:
        payload["selector"] = selector
    return payload


def _table(kind: str, names: list[str], selector: str, *, wide: bool, after_another: bool) -> None:
    payload = _payload(kind, names, selector)
    if wide:
        payload["wide"] = True
    answer = ask(home(), "table", payload)
    if not answer["rows"]:
        terminal.notice(answer.get("empty") or f"no {kind} found")
        return
    if after_another:
        sys.stdout.write("\n")
    tables.show(answer["columns"], [_near(answer["columns"], row) for row in answer["rows"]])


def _near(columns: Sequence[str], row: list[str]) -> list[str]:
    """`row` with its file as one would name it from here. Files come without links, as here is."""
    here = os.getcwd().rstrip("/") + "/"  # noqa: PTH109 - pathlib takes 8 ms to import
    pairs = zip(columns, row, strict=True)
    return [cell.removeprefix(here) if title == "FILE" else cell for title, cell in pairs]
