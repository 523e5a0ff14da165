"""Rollback: the version before of what a model wrote; and forge: another try at a prompt."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from p42.cli import params, terminal
from p42.cli.editing import coloured
from p42.cli.home import home
from p42.client import link
from p42.model.errors import Exit

Named = Annotated[str, typer.Argument(metavar="command/NAME", show_default=False)]


def rollback(ref: Named, output: params.TableOrJson = "table") -> int:
    """Go back to the version before of a forged command; again, and it is undone.

    It stays there until the prompt changes, with the tests that it passed. What was approved once
    needs no second word; where it is not in force for another reason, that is said.
    """
    told = link.ask(home(), "rollback", {"ref": params.ref(ref)})
    return _told(told, output, _whither(told))


def _whither(told: dict[str, Any]) -> str:
    """Which version that is, and whether it is the one that runs."""
    if told.get("inForce", True):
        to = told.get("to")
        return f"is now the version of {to}" if to else "has changed places with the version before"
    where = f"the version of {told['to']}" if told.get("to") else "the version before"
    why = f"{told['reason']}: {told['message']}" if told["message"] else told["reason"]
    return f"goes back to {where}, which is not in force: {terminal.plain(why)}"


def forge(ref: Named, output: params.TableOrJson = "table") -> int:
    """Have the prompt of a command forged once more.

    The command stays as it is until the new one's tests pass and it is approved.
    """
    told = link.ask(home(), "forge", {"ref": params.ref(ref)})
    return _told(told, output, "is forged once more; p42 get status shows when it is there")


def _told(told: dict[str, Any], output: str, word: str) -> int:
    if output == "json":
        print(json.dumps(told))
        return Exit.OK
    sys.stdout.write(coloured(told["diff"]))
    kind, _, name = told["ref"].partition("/")
    print(f"{kind.lower()}/{name} {word}")
    terminal.notice(f"changed: {terminal.plain(told['file'])}")
    if dropped := told.get("dropped"):
        terminal.notice(f"{dropped} of its oldest versions found no room there and went")
    return Exit.OK
