"""Init: home, PATH, start, verify: each only if it is not so already, and each can be undone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from p42.cli import params, shells, spawning, terminal
from p42.cli.home import home
from p42.client import link
from p42.model.errors import Exit, InvalidInput

PRIVATE = 0o700
SHELLS = ("bash", "zsh", "fish", "sh")


def init(
    yes: params.Yes = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the PATH lines out again.")] = False,
    no_start: Annotated[bool, typer.Option("--no-start", help="Do not start the daemon.")] = False,
    shell: Annotated[
        str | None, typer.Option("--shell", metavar="SHELL", help="bash, zsh, fish or sh.")
    ] = None,
) -> int:
    """Set p42 up: its home, its commands on PATH (asks first), start it, see that it answers.

    Once more changes nothing.
    """
    if shell is not None and shell not in SHELLS:
        raise InvalidInput(f"--shell {shell}: there is {', '.join(SHELLS)}")
    for line in _undo() if undo else _do(shells.chosen(shell), yes=yes, start=not no_start):
        print(line, flush=True)
    return Exit.OK


def _do(shell: shells.Shell, *, yes: bool, start: bool) -> Iterator[str]:
    yield _home(Path(home()))
    yield from _path(shell, yes=yes)
    if start:
        is_new = spawning.ensure(home())
        link.ask(home(), "ping", {}, timeout=5)
        yield "daemon    started, answers" if is_new else "daemon    runs, answers"
    yield "next      p42 apply -f DIRECTORY; p42 get status; p42 doctor"


def _home(path: Path) -> str:
    if not path.exists():
        path.mkdir(mode=PRIVATE, parents=True)
        text = "made"
    elif path.stat().st_mode & 0o077:
        path.chmod(PRIVATE)
        text = "was open to others, is yours alone now"
    else:
        text = "is there"
    (path / "commands").mkdir(mode=PRIVATE, exist_ok=True)
    return f"home      {path}: {text}"


def _path(shell: shells.Shell, *, yes: bool) -> Iterator[str]:
    wanted = _wanted(shell)
    if all(shell.has(directory) for directory in wanted):
        yield f"PATH      {shell.rc} has what it needs" if wanted else "PATH      has the commands"
        return
    lines = "".join(f"\n  {shell.line(directory)}" for directory in wanted)
    if not yes and not terminal.can_ask():
        yield f"PATH      left as it is: nobody to ask. With --yes, {shell.rc} gets:{lines}"
    elif yes or terminal.agrees(f"Add to {shell.rc}:{lines}\n?"):
        shell.add(*wanted)
        yield f"PATH      added to {shell.rc}; open a new shell. Undo: p42 init --undo"
    else:
        yield f"PATH      left as it is; it would take:{lines}"


def _wanted(shell: shells.Shell) -> list[Path]:
    """The commands, and p42 itself: what PATH lacks, or has from a line of ours."""
    there = os.environ.get("PATH", "").split(os.pathsep)
    program = Path(sys.executable).with_name("p42")
    candidates = [Path(home()) / "commands", *([program.parent] if program.exists() else [])]
    return [path for path in candidates if str(path) not in there or shell.has(path)]


def _undo() -> Iterator[str]:
    changed = [shell for shell in shells.known() if shell.remove()]
    for shell in changed:
        yield f"PATH      lines taken out of {shell.rc}"
    if not changed:
        yield "PATH      no line of ours anywhere"
    yield f"kept      {home()}; to remove everything: p42 stop && rm -r {home()}"
