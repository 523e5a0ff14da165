"""Service: p42 at login, by systemd's user manager or by launchd."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from p42.cli import daemons, units
from p42.cli.home import home
from p42.client import link
from p42.model.errors import Exit, P42Error

app = typer.Typer(
    help="Start p42 at login.", add_completion=False, no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


@app.command()
def install(
    show: Annotated[bool, typer.Option("--print", help="Print the unit, install nothing.")] = False,
) -> int:
    """Start p42 now and at every login. Once more changes nothing."""
    unit = units.here(home())
    if show:
        print("\n".join(unit.files().values()), end="")
        return Exit.OK
    unit.must_be_possible()  # before a daemon that runs is stopped for it
    was_there = unit.path.exists()
    is_new = unit.write()
    was_up = not unit.is_running() and link.is_up(home())
    if was_up:
        daemons.stop()  # else the unit's daemon would find the home taken
    try:
        unit.enable(is_new=is_new)
    except P42Error:
        _take_back(unit, files=not was_there, daemon=was_up)
        raise
    print(f"{unit.path} {'written' if is_new else 'is there'}; p42 runs, and starts at login")
    if sys.platform.startswith("linux"):
        print("To have it run while you are logged out as well: loginctl enable-linger")
    return Exit.OK


def _take_back(unit: units.Unit, *, files: bool, daemon: bool) -> None:
    """All as it was before an install that failed."""
    if files:
        unit.remove()
        unit.forget()
    if daemon:
        daemons.start()


@app.command()
def uninstall() -> int:
    """Stop it and start it no more. Home and manifests stay."""
    unit = units.here(home())
    if not unit.path.exists():
        print("no unit is installed")
        return Exit.OK
    try:
        unit.disable()
    except P42Error as error:
        print(f"p42: {error}", file=sys.stderr)
    unit.remove()
    unit.forget()
    print(f"{unit.path} removed")
    return Exit.OK
