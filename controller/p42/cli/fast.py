"""Fast door: plain `get`, `validate` and `apply`, and what starts and stops the daemon, without
typer, which costs 60 to 150 ms.

It knows only what it fully understands: commands of the table below with flags of the book. Help,
`--`, an unknown flag, a missing value: all of it goes to typer, which says what is wrong. A test
holds the two against each other.
"""

from __future__ import annotations

from p42.cli.book import COMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Values = dict[str, Any]  # a flag's long name to True, or to the list of its values

COMPLETE = "__complete"  # what the completion scripts call
INSIDE = "__inside"  # what the first line of a command in a sandbox calls
_SETTINGS = {  # of `serve`
    "--gateway-port": "gateway.port", "--http-port": "http.port", "--log-level": "log.level",
}  # fmt: skip
_LONG = {"-o": "--output", "-f": "--file", "-w": "--watch", "-l": "--selector"}


def door(argv: Sequence[str]) -> int | None:
    """Do `argv` and return its code; None = typer's."""
    if not argv:
        return None
    if argv[0] == COMPLETE and len(argv) > 1 and argv[1] == "--":
        from p42.cli import complete

        return complete.main(argv[2:])
    if argv[0] == INSIDE and len(argv) > 1 and argv[1] == "--":
        from p42.cli import inside

        return inside.main(argv[2:])
    do = _DOORS.get(argv[0])
    if do is None:
        return None
    parsed = parse(argv[1:], COMMANDS[argv[0]].flags)
    return None if parsed is None else do(*parsed)


def parse(words: Sequence[str], flags: Sequence[str]) -> tuple[list[str], Values] | None:
    """Arguments and flags; None if there is anything it does not fully understand."""
    arguments: list[str] = []
    values: Values = {}
    rest = iter(words)
    for word in rest:
        if word == "-" or not word.startswith("-"):
            arguments.append(word)
        elif word in flags:
            values[_LONG.get(word, word)] = True
        elif not _takes_value(word, rest, flags, values):
            return None
    return arguments, values


def _takes_value(word: str, rest: Any, flags: Sequence[str], values: Values) -> bool:
    """Whether `word` is a flag with its value: `--output json`, `--output=json`, `-o json`."""
    name, equals, value = word.partition("=")
    if name + "=" not in flags or (equals and not name.startswith("--")):
        return False
    given = value if equals else next(rest, None)
    if given is None or (not equals and given.startswith("-") and given != "-"):
        return False
    values.setdefault(_LONG.get(name, name), []).append(given)
    return True


def _get(arguments: list[str], values: Values) -> int | None:
    if not arguments or "--watch" in values:
        return None
    from p42.cli import getting

    return getting.get(arguments, output=_last(values, "--output", "table"),
                       selector=_last(values, "--selector", ""))  # fmt: skip


def _apply(arguments: list[str], values: Values) -> int | None:
    files, output = values.get("--file", ()), _last(values, "--output", "table")
    if arguments or not files or "--dry-run" in values or output not in ("table", "json"):
        return None
    from p42.model.quantity import seconds

    try:
        limit = seconds(_last(values, "--timeout", "60s"))
    except ValueError:
        return None
    from p42.cli import applying

    return applying.apply(files, limit, prune="--prune" in values,
                          wait="--no-wait" not in values, output=output)  # fmt: skip


def _validate(arguments: list[str], values: Values) -> int | None:
    paths = [*arguments, *values.get("--file", ())]
    if not paths:
        return None
    from p42.cli import validating

    return validating.validate(paths, form=_last(values, "--format", "text"),
                               engine=_last(values, "--engine", "auto"))  # fmt: skip


def _serve(arguments: list[str], values: Values) -> int | None:
    if arguments:
        return None
    from p42.cli import daemons

    flags = {
        setting: _last(values, flag, "") if flag in values else None
        for flag, setting in _SETTINGS.items()
    }
    return daemons.serve(values.get("--file", ()), flags)


def _in_background(verb: str) -> Callable[[list[str], Values], int | None]:
    def do(arguments: list[str], values: Values) -> int | None:
        if arguments:
            return None
        from p42.cli import daemons

        return int(getattr(daemons, verb)())

    return do


def _last(values: Values, flag: str, otherwise: str) -> str:
    return str(values[flag][-1]) if flag in values else otherwise


_DOORS: dict[str, Callable[[list[str], Values], int | None]] = {
    "apply": _apply,
    "get": _get,
    "serve": _serve,
    "validate": _validate,
    **{verb: _in_background(verb) for verb in ("restart", "start", "stop")},
}
