"""Doctor: what is not as it should be, here and in the daemon, and what to do about each."""

from __future__ import annotations

import sys

from p42.cli import machine, outputs, params, terminal
from p42.cli.home import home
from p42.client import link
from p42.model.errors import Exit, P42Error

_COLOURS = {"ok": "green", "note": "yellow", "problem": "red"}
ANSWER = 20.0  # s; the daemon probes each source's file system


def doctor(output: params.TableOrJson = "table") -> int:
    """Check machine, home and daemon, each line with its remedy. Exit 1: a problem."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    found = [*machine.checks(home()), *_of_daemon()]
    if output == "json":
        outputs.print_json({"checks": found})
    else:
        for check in found:
            _show(check)
    return Exit.FAILED if any(check["level"] == "problem" for check in found) else Exit.OK


def _of_daemon() -> list[machine.Check]:
    try:
        answer = link.ask(home(), "doctor", {}, timeout=ANSWER)
    except P42Error as error:
        if not link.is_up(home()):
            return [machine.note("daemon", f"none runs under {home()}", "p42 start")]
        return [machine.problem("daemon", str(error), "p42 logs daemon; p42 restart")]
    checks: list[machine.Check] = answer["checks"]
    return [machine.ok("daemon", "runs and answers"), *checks]


def _show(check: machine.Check) -> None:
    level = f"{check['level']:<7}"
    if terminal.has_colours(sys.stdout):
        level = terminal.paint(level, _COLOURS.get(check["level"], ""))
    print(f"{level}  {check['check']:<12} {terminal.lines(check['message'])}")
    if check["remedy"]:
        print(f"{'':<22} -> {terminal.lines(check['remedy'])}")
