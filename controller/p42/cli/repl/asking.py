"""Asking: an agent wants to call a tool, and the person before the terminal says whether it may."""

from __future__ import annotations

import contextlib
import json
import sys
import termios
from collections.abc import Mapping
from typing import Any

from p42.cli import terminal
from p42.cli.home import home
from p42.client import link
from p42.model.errors import P42Error

SHOWN = 4000  # characters of arguments; how many more there are is told
YES, ALWAYS = ("y", "yes"), ("a", "always")


def decide(asked: Mapping[str, Any]) -> None:
    """Ask, and send the word on. Anything but y, yes, a and always means no."""
    terminal.notice(question(asked))
    with contextlib.suppress(termios.error, OSError, ValueError):
        termios.tcflush(sys.stdin, termios.TCIFLUSH)  # what was typed before is no answer to this
    print("May it? [y/N/always] ", end="", file=sys.stderr, flush=True)
    word = sys.stdin.readline().strip().lower()
    payload = {"id": asked["id"], "allow": word in YES + ALWAYS, "always": word in ALWAYS}
    try:
        link.ask(home(), "tool.decide", payload)
    except P42Error as error:  # it waited for a minute, and then went on without
        terminal.notice(f"p42: {error}")


def question(asked: Mapping[str, Any]) -> str:
    """What it wants to call, all of it to be seen, and nothing in it drives the terminal."""
    text = shown(asked["arguments"])
    more = len(text) - SHOWN
    rest = f" … and {more} more characters" if more > 0 else ""
    return f"it wants to call {terminal.plain(str(asked['tool']))} {text[:SHOWN]}{rest}"


def shown(arguments: Mapping[str, Any]) -> str:
    """Arguments on one line: `args` of a command as a list, anything else as an object."""
    only = arguments["args"] if set(arguments) == {"args"} else arguments
    return terminal.plain(json.dumps(only)) if only else ""
