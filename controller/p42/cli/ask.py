"""Ask: `p42 ask`: a question to a model; the answer appears as it comes."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import Annotated, Any

import typer

from p42.cli import outputs, params, spawning, terminal, words
from p42.cli.home import home
from p42.client import link
from p42.model.errors import InvalidInput

GRACE = 5.0  # s beyond the deadline, for the daemon to say itself that it ran out
ENVIRONMENT = "environment"  # the account made of a variable, where none is declared
FROM_ENV = (
    "p42: no account is declared, so an API key of the environment was used; "
    "p42 migrate --from-env makes an account of it"
)
CUT = "the answer was cut at the most tokens one may have"

Question = Annotated[list[str] | None, typer.Argument(metavar="[QUESTION]", show_default=False)]
Account = Annotated[
    str | None,
    typer.Option("--account", metavar="NAME", help="Left out: the agent's, or the default."),
]
Model = Annotated[
    str | None, typer.Option("--model", metavar="ID", help="Left out: the account's first.")
]
Agent = Annotated[
    str | None, typer.Option("--agent", metavar="NAME", help="With its persona and settings.")
]
System = Annotated[str, typer.Option("--system", metavar="TEXT", help="What to keep in mind.")]
NoStream = Annotated[bool, typer.Option("--no-stream", help="Print it when it is whole.")]


def ask(
    question: Question = None,
    account: Account = None,
    model: Model = None,
    agent: Agent = None,
    system: System = "",
    timeout: params.Timeout = "120s",
    no_stream: NoStream = False,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FORMAT", help="text or json.")
    ] = "text",
) -> int:
    """Ask a model. Standard input, if not a terminal, is context, or the question itself."""
    outputs.checked(output, ("text", "json"))
    limit = params.duration(timeout)
    payload = {
        "question": _whole(question), "account": account, "model": model,
        "agent": agent, "system": system, "timeout": limit,
    }  # fmt: skip
    spawning.ensure(home())
    if output == "json" or no_stream:
        told = _silently(payload, limit)
    if output == "json":
        outputs.print_json(told)
    elif no_stream:
        print(_shown(told["answer"]))
    else:
        told = _streamed(payload, limit)
    if told["stop"] == "length":
        terminal.notice(CUT)
    if told["account"] == ENVIRONMENT:
        terminal.notice(FROM_ENV)
    return 0


def _whole(question: list[str] | None) -> str:
    """The question, with standard input as its context. InvalidInput when there is neither."""
    text = words.whole(question)
    if not text:
        raise InvalidInput("there is no question; say `p42 ask QUESTION`, or pipe one in")
    return text


def _shown(text: str) -> str:
    """A model must not drive a terminal; a program gets what it said."""
    return terminal.lines(text) if terminal.is_terminal(sys.stdout) else text


def _silently(payload: dict[str, Any], limit: float) -> dict[str, Any]:
    """The whole answer, asked for as it comes: who closes a stream ends the answer."""
    parts: Any = link.stream(home(), "ask", payload, timeout=limit + GRACE)
    with closing(parts) as coming:
        return next(dict(part["data"]) for part in coming if "data" in part)


def _streamed(payload: dict[str, Any], limit: float) -> dict[str, Any]:
    """Print the pieces as they come; the whole answer. What broke off keeps its line."""
    ended = True
    try:
        for line in link.stream(home(), "ask", payload, timeout=limit + GRACE):
            if "data" in line:
                return dict(line["data"])
            text = _shown(line["stream"]["text"])
            sys.stdout.write(text)
            sys.stdout.flush()
            ended = text.endswith("\n") if text else ended
    finally:
        if not ended:
            print(flush=True)
    raise AssertionError("the link ends with data or an error")
