"""Possess: `p42 possess @AGENT`: talk to a declared agent, on a terminal or in a script."""

from __future__ import annotations

from typing import Annotated

import typer

from p42.cli import outputs, params, spawning, terminal, words
from p42.cli.home import home
from p42.model.errors import Exit, InvalidInput

Agent = Annotated[str, typer.Argument(metavar="@AGENT", show_default=False)]
Message = Annotated[list[str] | None, typer.Argument(metavar="[MESSAGE]", show_default=False)]


def possess(
    agent: Agent,
    message: Message = None,
    session: Annotated[
        str | None,
        typer.Option("--session", metavar="ID", help="In that conversation; it may be new."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="ID",
            help="From now on; default is the agent's. Left out: as before.",
        ),
    ] = None,
    into: Annotated[
        str,
        typer.Option(
            "--into",
            metavar="DIR",
            help="Where a command that it makes is declared; left out: in the home.",
        ),
    ] = "",
    new: Annotated[bool, typer.Option("--new", help="Begin a new conversation.")] = False,
    timeout: params.Timeout = "120s",
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FORMAT", help="text or json.")
    ] = "text",
) -> int:
    """Talk to an agent. Without a message, on a terminal: line by line.

    Goes on with the agent's latest conversation if something was said in it in the last hour.
    """
    from p42.cli.repl.talk import Talk, asks_for_command, directory, of_sitting, tell_forged

    outputs.checked(output, ("text", "json"))
    if session and new:
        raise params.Usage("--session names a conversation and --new begins another: say one")
    text = _text(message)
    if word := of_sitting(text or ""):
        raise _misplaced(word, agent)
    spawning.ensure(home())
    talk = Talk(_plain(agent), session or "", model, params.duration(timeout), directory(into))
    if text is None:
        from p42.cli.repl.loop import converse

        return converse(talk, new=new)
    if session:
        talk.meet()
    elif not new:
        talk.resume()
    forges = asks_for_command(text)
    is_json = output == "json"
    told = talk.ask(text) if is_json else talk.say(text)
    if is_json:
        outputs.print_json(told)
    made = tell_forged(told, wanted=forges, shown=not is_json)
    return Exit.FAILED if forges and not made else Exit.OK


def _misplaced(word: str, agent: str) -> params.Usage:
    """No model is asked what only the conversation at a terminal knows, nor paid for it."""
    return params.Usage(
        f"{word} is for a conversation line by line: p42 possess {agent}; a message that begins "
        "so needs another word in front"
    )


def _plain(agent: str) -> str:
    return agent.removeprefix("@").removeprefix("agent/").removeprefix("ai-")


def _text(message: list[str] | None) -> str | None:
    """The message, with standard input behind it; None: a person is to be asked for it."""
    text = words.whole(message)
    if text:
        return text
    if not terminal.can_ask():
        raise InvalidInput("there is no message; say `p42 possess @AGENT MESSAGE`, or pipe one in")
    return None
