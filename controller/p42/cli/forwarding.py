"""Forwarding: `p42 project forward | unforward | attach`: a person takes a project's messages."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from typing import Annotated, Any

import typer

from p42.cli import terminal
from p42.cli.home import home
from p42.client import link
from p42.model.errors import Exit

Project = Annotated[str, typer.Argument(metavar="PROJECT", show_default=False)]
Terminal = Annotated[
    str | None, typer.Argument(metavar="[TERMINAL]", help="Left out: $TEKTON_NAME, else your name.")
]


def forward(project: Project, target: Terminal = None) -> int:
    """Send a project's messages to a terminal, or to another project's companion."""
    told = link.ask(home(), "project.forward", {"project": project, "target": _name(target)})
    print(f"✓ Forwarding {told['project']} messages to {told['target']}")
    if not told["attached"]:
        terminal.notice(
            f"nobody is attached as {told['target']}: its companion answers until somebody runs "
            f"p42 project attach {told['target']}"
        )
    return Exit.OK


def unforward(project: Project) -> int:
    """Let the companion answer again."""
    told = link.ask(home(), "project.unforward", {"project": project})
    was = f" (was going to {told['was']})" if told["was"] else ""
    print(f"✓ Stopped forwarding {told['project']}{was}")
    return Exit.OK


def attach(target: Terminal = None) -> int:
    """Show the messages that are forwarded to this terminal, until Ctrl-C."""
    name = _name(target)
    terminal.notice(f"messages for {name} appear here; Ctrl-C ends")
    parts: Any = link.stream(home(), "terminal.attach", {"name": name})
    with closing(parts) as coming:
        for part in coming:
            each = part["stream"]
            print(f"[{terminal.plain(each['from'])}] {terminal.lines(each['text'])}")
            sys.stdout.flush()
            link.ask(home(), "terminal.shown", {"id": each["id"]})
    return Exit.OK


def _name(target: str | None) -> str:
    return target or os.environ.get("TEKTON_NAME") or os.environ.get("USER") or "me"
