"""Overview: `p42 get status`: is reality still what the manifests say? Broken files come first."""

from __future__ import annotations

import sys

from p42.cli import outputs, tables, terminal
from p42.cli.home import home
from p42.client.link import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NO_RESOURCE = "-"  # in the KIND column of the daemon's table: the row is of a broken file
LOOK_AGAIN = 0.5  # s; `get status -w`: a person's "at once", two cheap questions a second


def show(output: str) -> int:
    """Print it once; 0 in sync, 2 not."""
    answer = ask(home(), "overview", {})
    code = int(answer.pop("code", 0))
    _print(answer, output)
    return code


def follow(output: str) -> int:
    """Print it, and again whenever it is another. Ends with Ctrl-C."""
    import time

    last: Any = None
    while True:
        answer = ask(home(), "overview", {})
        answer.pop("code", None)
        if answer != last:
            if last is not None and output in ("table", "wide"):
                print(flush=True)
            _print(answer, output, one_line=True)
            sys.stdout.flush()
            last = dict(answer)
        time.sleep(LOOK_AGAIN)


def _print(answer: dict[str, Any], output: str, *, one_line: bool = False) -> None:
    if output in ("table", "wide"):
        _for_people(answer)
        return
    shown = {**answer, "broken": [outputs.diagnostic(found) for found in answer["broken"]]}
    if output == "name":
        for item in answer["items"]:
            print(f"{item['kind'].lower()}/{item['name']}")
    elif output == "json" and one_line:
        outputs.print_line(shown)
    else:
        outputs.show(shown, output)


def _for_people(answer: dict[str, Any]) -> None:
    if answer["broken"]:
        from p42.model.diagnostic import Diagnostic

        for found in answer["broken"]:
            print(Diagnostic(**found).as_text())
        print()
    table = ask(home(), "table", {"kind": "status"})
    rows = [row for row in table["rows"] if row[0] != NO_RESOURCE]
    if rows:
        tables.show(table["columns"], rows)
    elif not answer["broken"]:
        terminal.notice(table["empty"])
    held = answer.get("held")
    if held:
        names = ", ".join(each.lower() for each in held)
        terminal.notice(
            f"Held deletions: {names}\n"
            "  If that was meant: p42 apply --prune. If not: put the manifests back."
        )
