"""Complete: candidates for the shell, from the book and the daemon, in a few milliseconds.

The scripts of `p42 completion` call `p42 __complete -- WORDS`, the last word being the one under
the cursor. A line is VALUE, or VALUE, a tab and what it means; the line `:files` asks the shell to
offer files. Whatever goes wrong, nothing is offered: Tab must not print errors.
"""

from __future__ import annotations

from p42.cli import outputs
from p42.cli.book import COMMANDS, FORMATS, SUBCOMMANDS, VALUES
from p42.cli.home import home
from p42.client.link import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from p42.cli.book import Command

FILES = ":files"
PATIENCE = 0.5  # s; a shell that hangs on Tab is worse than one that offers nothing
SHELLS = ("bash", "zsh", "fish")
_OBJECTS = ("describe", "tree")
_LISTS = ("get",)


def main(words: Sequence[str]) -> int:
    """Print the candidates for the last of `words` (what stands after `p42`)."""
    for line in candidates(list(words) or [""]):
        print(line)
    return 0


def candidates(words: list[str]) -> list[str]:
    """The lines for the last of `words`."""
    *before, word = words
    if not before:
        names = [f"{name}\t{command.summary}" for name, command in COMMANDS.items()]
        return _beginning(word, [*names, "--help", "--version"] if word else names)
    command = COMMANDS.get(before[0])
    if command is None:
        return []
    if before[0] in SUBCOMMANDS:
        return _below(before, word)
    last = before[-1]
    if last + "=" in command.flags:
        return _values(before[0], last, word)
    if word.startswith("--") and "=" in word:
        flag, _, value = word.partition("=")
        return [f"{flag}={line}" for line in _values(before[0], flag, value) if line != FILES]
    if word.startswith("-"):
        return _beginning(word, [*(flag.rstrip("=") for flag in command.flags), "--help"])
    return _arguments(command, before[1:], word)


def _below(before: list[str], word: str) -> list[str]:
    verbs = SUBCOMMANDS[before[0]]
    if len(before) == 1:
        return _beginning(word, verbs)
    return _beginning(word, verbs.get(before[1], ()))


def _values(name: str, flag: str, word: str) -> list[str]:
    if flag in ("-o", "--output"):
        formats = FORMATS if name in _LISTS else outputs.TABLE_OR_JSON
        return _beginning(word, outputs.OBJECTS if name in _OBJECTS else formats)
    known = VALUES.get(flag, ())
    return [FILES] if known == "files" else _beginning(word, known)


def _arguments(command: Command, before: list[str], word: str) -> list[str]:
    match command.takes:
        case "paths":
            return [FILES]
        case "shell":
            return _beginning(word, SHELLS)
        case "field":
            return _live("kinds", word)
        case "log":
            return _beginning(word, ("daemon", *_live("refs", word)))
        case "looks":
            kinds = [each for each in before if not each.startswith("-") and "/" not in each]
            return _live("refs", word, kind=kinds[0]) if kinds else _live("looks", word)
        case "projects":
            return _live("refs", word, kind="projectci")
        case "agents":
            names = _live("refs", word.removeprefix("@"), kind="agent")
            return [f"@{name}" for name in names] if not before else []
        case "refs":
            return _live("refs", word)
    return []


def _live(what: str, prefix: str, *, kind: str = "") -> list[str]:
    payload = {"what": what, "prefix": prefix}
    if kind:
        payload["kind"] = kind
    try:
        found: list[str] = ask(home(), "complete", payload, timeout=PATIENCE)["items"]
    except _known():
        return []
    return found


def _known() -> type[Exception]:
    from p42.model.errors import P42Error

    return P42Error


def _beginning(word: str, lines: Iterable[str]) -> list[str]:
    return [line for line in lines if line.startswith(word)]
