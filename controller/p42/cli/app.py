"""App: the typer side. One lazy group: a command's module is imported when it is asked for."""

from __future__ import annotations

import difflib
import importlib
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, cast

import typer
import typer.core
import typer.main

from p42.cli import terminal
from p42.cli.book import COMMANDS, GROUPS, SUBCOMMANDS
from p42.cli.params import Usage
from p42.model.errors import InvalidInput, P42Error

# typer carries its own copy of click since 0.2x; these are the same classes under either.
_UsageError: Any = typer.BadParameter.__base__
_Refused: Any = _UsageError.__base__
# What kubectl's, terraform's and systemctl's people say first, and what it is called here.
ELSEWHERE = {
    "api-resources": "explain", "create": "apply -f PATH", "destroy": "delete -f PATH",
    "list": "get all", "ls": "get all", "output": "get KIND/NAME -o jsonpath=EXPR",
    "plan": "diff", "ps": "get all", "refresh": "reconcile all", "replace": "apply -f PATH",
    "rm": "delete", "show": "describe KIND/NAME", "status": "get status", "version": "--version",
}  # fmt: skip
SHORT = 62  # characters of a command's line among others, on 80 columns

CONTEXT = {"help_option_names": ["-h", "--help"]}


def run(argv: Sequence[str]) -> int:
    """Do `argv`; the command's code. Usage is raised as a P42Error, like everything else."""
    group = typer.main.get_command(_app())
    try:
        code = group.main(args=list(argv) or ["--help"], prog_name="p42", standalone_mode=False)
    except typer.Exit as exit_:
        code = exit_.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except _Refused as error:
        raise _translated(error, argv) from None
    return int(code or 0)


def _app() -> typer.Typer:
    markup = "rich" if terminal.has_colours(sys.stdout) else None
    app = typer.Typer(cls=Commands, add_completion=False, rich_markup_mode=cast(Any, markup))
    app.callback(context_settings=CONTEXT)(_root)
    return app


def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """A declarative controller for one developer's AI workforce."""


class Commands(typer.core.TyperGroup):
    """The group `p42`: its commands are the book's."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of the book."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the one that is asked for."""
        if cmd_name not in COMMANDS:
            return None
        return build(cmd_name, markup=self.rich_markup_mode)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As typer's, with a word to who mistyped."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            here = ELSEWHERE.get(args[0])
            meant = f"; here it is: p42 {here}" if here else near(args[0], COMMANDS)
            raise Usage(f"no such command: {args[0]}{meant}\n  See: p42 --help")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """`--version` alone asks for no command."""
        if args == ["--version"]:
            from p42 import __version__

            print(f"p42 {__version__}")
            ctx.exit()
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """By group, one line each; nothing is imported for it."""
        formatter.write(overview())


def build(name: str, *, markup: Any = None) -> Any:
    """The click command behind `p42 NAME`."""
    module, _, attribute = COMMANDS[name].where.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if isinstance(found, typer.Typer):
        found.rich_markup_mode = markup
        return _in_short(typer.main.get_command(found))
    alone = typer.Typer(add_completion=False, rich_markup_mode=markup)
    alone.command(name, context_settings=CONTEXT)(found)
    return typer.main.get_command(alone)


def _in_short(group: Any) -> Any:
    """A list of commands says of each as many clauses as fit: else a line ends in mid-sentence."""
    for command in group.commands.values():
        text = " ".join(command.help.split("\n\n")[0].split()).removesuffix(".")
        while len(text) > SHORT and (ends := [*re.finditer(r"[;:,.] ", text)]):
            text = text[: ends[-1].start()]
        command.short_help = f"{text}."
    return group


def overview() -> str:
    """The text of `p42 --help`."""
    bold = terminal.has_colours(sys.stdout)
    lines = [f"p42: {_root.__doc__}", "", "Usage: p42 COMMAND [ARGUMENTS]"]
    for group in GROUPS:
        lines += ["", terminal.paint(group, "bold") if bold else group]
        lines += [f"  {n:<11} {c.summary}" for n, c in COMMANDS.items() if c.group == group]
    return "\n".join([*lines, "", "More: p42 COMMAND --help; p42 --version", ""])


def near(word: str, known: Iterable[str]) -> str:
    """`; did you mean apply?`, if something is close."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _translated(error: Any, argv: Sequence[str]) -> P42Error:
    """CONTRACT: an unknown command or flag is 64, a value that cannot be right is 3."""
    context: Any = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "p42"
    text = error.format_message().rstrip(".")
    kind = type(error).__name__
    if kind == "NoSuchOption":
        known = {opt for param in context.command.params for opt in param.opts} | {"--help"}
        text = f"no such option: {error.option_name}{near(error.option_name, known)}"
    elif text.startswith("No such command"):
        word = next((word for word in argv[1:] if not word.startswith("-")), "")
        text = f"no such command: {word}{near(word, SUBCOMMANDS.get(argv[0], ()))}"
    elif isinstance(error, typer.BadParameter) and kind != "MissingParameter":
        return InvalidInput(f"{text[:1].lower()}{text[1:]}\n  See: {path} --help")
    return Usage(f"{text[:1].lower()}{text[1:]}\n  See: {path} --help")
