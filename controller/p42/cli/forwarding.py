"""Forwarding: `p42 project forward | unforward | attach`: a person takes a project's messages."""

from __future__ import annotations

import os
import sys
import time
from contextlib import closing
from typing import Annotated, Any

import typer

from p42.cli import terminal
from p42.cli.home import home
from p42.client import link
from p42.model.errors import Exit, InvalidInput, P42Error

AGAIN = 0.5  # s between two tries to reach a daemon that went away
SHOWN = 5.0  # s for it to hear that a message was shown; it waits for 2
INDENT = "    "
MIN_ROOM = 20  # columns of a message, however narrow the terminal

Project = Annotated[str, typer.Argument(metavar="PROJECT", show_default=False)]
Terminal = Annotated[
    str | None, typer.Argument(metavar="[TERMINAL]", help="Left out: $TEKTON_NAME, else your name.")
]


def forward(project: Project, target: Terminal = None) -> int:
    """Send a project's messages to a terminal, or to another project's companion."""
    told = link.ask(home(), "project.forward", {"project": project, "target": _name(target)})
    print(f"✓ Forwarding {told['project']} messages to {told['target']}", flush=True)
    if not told["attached"] and told["companion"]:
        terminal.notice(f"the companion of {told['target']} answers them")
    elif not told["attached"]:
        terminal.notice(
            f"nobody is attached as {told['target']}: its companion answers until somebody runs "
            f"p42 project attach {told['target']}"
        )
    return Exit.OK


def unforward(project: Project) -> int:
    """Let the companion answer again."""
    told = link.ask(home(), "project.unforward", {"project": project})
    if told["was"]:
        print(f"✓ Stopped forwarding {told['project']} (was going to {told['was']})")
    else:
        print(f"{told['project']} is not forwarded: its companion answers")
    return Exit.OK


def attach(target: Terminal = None) -> int:
    """Show the messages that are forwarded to this terminal, over restarts, until Ctrl-C."""
    name = _name(target)
    why = _attached(name)
    while True:
        terminal.notice(f"{why}; waiting until p42 is back, Ctrl-C ends")
        why = _again(name)


def _attached(name: str) -> str:
    """Show what comes; why it ended. Raises what keeps the terminal from being attached."""
    parts: Any = link.stream(home(), "terminal.attach", {"name": name})
    with closing(parts) as coming:
        next(coming)
        terminal.notice(f"messages for {name} appear here; Ctrl-C ends")
        try:
            for part in coming:
                if "stream" in part:
                    _show(part["stream"])
        except P42Error as error:
            return str(error)
    return "p42 is stopping"


def _again(name: str) -> str:
    """As `_attached`, as soon as p42 is there. InvalidInput: somebody else has the name now."""
    while True:
        time.sleep(AGAIN)
        try:
            return _attached(name)
        except InvalidInput:
            raise
        except P42Error:  # not yet
            continue


def _show(each: dict[str, Any]) -> None:
    """One message. No line of it looks as if somebody else had sent it."""
    head = f"[{terminal.plain(each['from'])}] "
    print(head + _hanging(each["text"], used=len(head)), flush=True)
    try:
        in_time = link.ask(home(), "terminal.shown", {"id": each["id"]}, timeout=SHOWN)["inTime"]
    except P42Error:  # it went away, and who asked had the answer from there or none
        in_time = False
    if not in_time:
        print(f"{INDENT}(too late: its companion answered)", flush=True)


def _hanging(text: str, *, used: int) -> str:
    """`text` with all lines but the first indented; so too where a terminal would break one."""
    lines = terminal.lines(text).split("\n")
    if terminal.is_terminal(sys.stdout):
        room = max(MIN_ROOM, terminal.columns(sys.stdout) - max(used, len(INDENT)) - 1)
        lines = [part for line in lines for part in _broken(line.expandtabs(), room)]
    return f"\n{INDENT}".join(lines)


def _broken(line: str, room: int) -> list[str]:
    """`line` in parts that fit; a character beyond ASCII may be two columns wide."""
    room = room if line.isascii() else room // 2
    return [line[start : start + room] for start in range(0, len(line), room)] or [""]


def _name(target: str | None) -> str:
    """What was given, even if it is nothing: that is for the daemon to refuse."""
    if target is not None:
        return target
    return os.environ.get("TEKTON_NAME") or os.environ.get("USER") or "me"
