"""Possess: `p42 possess @AGENT`: talk to a declared agent, on a terminal or in a script."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from p42.cli import outputs, params, spawning, terminal
from p42.cli.home import home
from p42.model.errors import Exit, InvalidInput

Agent = Annotated[str, typer.Argument(metavar="@AGENT", show_default=False)]
Message = Annotated[list[str] | None, typer.Argument(metavar="[MESSAGE]", show_default=False)]


def possess(
    agent: Agent,
    message: Message = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="Go on with that conversation.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="ID", help="Left out: the agent's.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Begin a new conversation.")] = False,
    timeout: params.Timeout = "120s",
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FORMAT", help="text or json.")
    ] = "text",
) -> int:
    """Talk to an agent. Without a message, on a terminal: line by line.

    Goes on with the agent's latest conversation if something was said in it in the last hour.
    """
    from p42.cli.repl.talk import Talk, tell_forged

    outputs.checked(output, ("text", "json"))
    spawning.ensure(home())
    talk = Talk(_plain(agent), session or "", model, params.duration(timeout))
    text = _text(message)
    if text is None:
        from p42.cli.repl.loop import converse

        if new:
            talk.session = ""
        return converse(talk)
    if not session and not new:
        talk.resume()
    if output == "json":
        outputs.print_json(talk.ask(text))
    else:
        tell_forged(talk.say(text))
    return Exit.OK


def _plain(agent: str) -> str:
    return agent.removeprefix("@").removeprefix("agent/").removeprefix("ai-")


def _text(message: list[str] | None) -> str | None:
    """The message, with standard input behind it; None: a person is to be asked for it."""
    given = " ".join(message or ()).strip()
    piped = "" if terminal.is_terminal(sys.stdin) else sys.stdin.read().strip()
    text = "\n\n".join(part for part in (given, piped) if part)
    if text:
        return text
    if not terminal.can_ask():
        raise InvalidInput("there is no message; say `p42 possess @AGENT MESSAGE`, or pipe one in")
    return None
