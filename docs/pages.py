"""Writes the generated pages beside it: cli.md, reasons.md, verbs.md. `--check` only compares.

python docs/pages.py [--check]
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from p42.api.page import page as verbs
from p42.cli.app import build
from p42.cli.book import COMMANDS, GROUPS
from p42.model.reasons import REASONS, Mend, Reason

HERE = Path(__file__).parent

REASONS_HEAD = """\
# Reasons

Why a thing is or is not ready. Every `Ready` condition carries one of these words; scripts may
rely on them. Written by `make docs` from `controller/p42/model/reasons.py`.

The class says who can mend it and decides the exit code of `apply` and `wait`:

| class | means | exit code |
|---|---|---|
| ready | nothing to mend | 0 |
| time | passes by itself; `apply` and `wait` go on waiting | 4 when `--timeout` runs out |
| user | settled, but somebody has to do something | 2 |
| failed | it was tried and does not work | 1 |

Where several things are not ready, the worst decides: 1 over 4 over 2. `RateLimited` and
`ProviderDown` also end by themselves: `wait` waits for that, `apply` does not. *In the file* says
whether the state is written into the manifest's `status:`; what passes by itself is not, the file
then keeps the last settled status of the same spec.
"""

CLI_HEAD = """\
# The command line

What `p42 COMMAND --help` says, on one page. Written by `make docs` from `controller/p42/cli/`.

Output for people may change; `-o json` may not. Progress and notices go to standard error.

| exit code | means |
|---|---|
| 0 | done; in sync |
| 1 | failed |
| 2 | `diff`, `get status`: drift, pending or not ready. `apply`, `wait`: it waits for you |
| 3 | invalid input: manifests, configuration, values of arguments |
| 4 | `--timeout` ran out |
| 5 | no daemon, and none could be started |
| 64 | usage: unknown command or flag |
"""

TITLES = {
    Mend.READY: "Ready",
    Mend.TIME: "Time mends it",
    Mend.USER: "You mend it",
    Mend.FAILED: "It failed",
}


def reasons() -> str:
    """The page of reasons: a table for each class, in the order of the table in the code."""
    return "\n".join([REASONS_HEAD, *(_reasons_of(mend) for mend in Mend)])


def _reasons_of(mend: Mend) -> str:
    rows = [_reason(reason) for reason in REASONS.values() if reason.mend is mend]
    head = "| reason | means | what to do | in the file |\n|---|---|---|---|\n"
    return f"## {TITLES[mend]}\n\n{head}{''.join(rows)}"


def _reason(reason: Reason) -> str:
    settled = "yes" if reason.settled else "no"
    return f"| `{reason.name}` | {reason.means} | {reason.remedy} | {settled} |\n"


def cli() -> str:
    """The page of commands, by group, in the order of `p42 --help`."""
    parts = [CLI_HEAD]
    for group in GROUPS:
        parts.append(f"## {group}\n")
        parts += [_command(name) for name, row in COMMANDS.items() if row.group == group]
    return "\n".join(parts)


def _command(name: str) -> str:
    command = build(name)
    parts = [f"### p42 {name}\n"]
    if hasattr(command, "commands"):
        parts.append(f"{COMMANDS[name].summary}.\n")
        parts += [_usage(f"{name} {word}", sub) for word, sub in command.commands.items()]
    else:
        parts.append(_usage(name, command))
    return "\n".join(parts)


def _usage(words: str, command: Any) -> str:
    arguments = " ".join(_argument(p) for p in command.params if p.param_type_name == "argument")
    options = "".join(_options(command))
    parts = [f"    p42 {words} {arguments}".rstrip() + "\n", f"{inspect.cleandoc(command.help)}\n"]
    if options:
        parts.append(f"| option | |\n|---|---|\n{options}")
    return "\n".join(parts)


def _argument(param: Any) -> str:
    word = (param.metavar or param.name.upper()).strip()
    return word if param.required or word.startswith("[") else f"[{word}]"


def _options(command: Any) -> Iterator[str]:
    for param in command.params:
        if param.param_type_name != "option" or "--help" in param.opts:
            continue
        names = ", ".join(f"`{name}`" for name in sorted(param.opts, key=len))
        value = "" if param.is_flag else f" {param.metavar or param.name.upper()}"
        default = "" if param.is_flag or not param.default else f" Default: {param.default}."
        yield f"| {names}{value} | {param.help or ''}{default} |\n"


PAGES: dict[str, Callable[[], str]] = {"cli.md": cli, "reasons.md": reasons, "verbs.md": verbs}


def main() -> None:
    """Write them, or with `--check` name the stale ones and exit 1."""
    if "--check" not in sys.argv[1:]:
        for name, page in PAGES.items():
            (HERE / name).write_text(page(), encoding="utf-8")
        return
    stale = [name for name, page in PAGES.items() if _text(HERE / name) != page()]
    if stale:
        sys.exit(f"stale, run `make docs`: {', '.join(stale)}")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    main()
