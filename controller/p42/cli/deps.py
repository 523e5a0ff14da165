"""Deps: the programs that commands declare and this machine lacks, and how to get them here.

What the home's `install-deps.sh` knows (package managers, package names) is asked of it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from p42.cli import outputs, params, tables, terminal
from p42.cli.home import at, home
from p42.client import link
from p42.model.errors import Exit, InvalidInput, NoDaemon, P42Error

SCRIPT = "install-deps.sh"
_NEEDS = re.compile(r"(?:#|//) p42: needs (.+)")  # in the header of a forged command
HEADER = 8  # lines


def deps(
    install: Annotated[bool, typer.Option("--install", help="Install what is missing.")] = False,
    yes: params.Yes = False,
    output: params.TableOrJson = "table",
) -> int:
    """Programs that commands need, and which are missing. --install gets them, after asking.

    Without a daemon: what the commands that are there need.
    """
    outputs.checked(output, outputs.TABLE_OR_JSON)
    needed = _needed()
    missing = [name for name in needed if shutil.which(name) is None]
    if output == "json":
        items = [{"name": name, "present": name not in missing, "neededBy": by}
                 for name, by in needed.items()]  # fmt: skip
        outputs.print_json({"items": items})
    elif needed:
        rows = [[name, "no" if name in missing else "yes", ", ".join(by)]
                for name, by in needed.items()]  # fmt: skip
        tables.show(["PROGRAM", "PRESENT", "NEEDED BY"], rows)
    else:
        terminal.notice("no command declares a dependency")
    if not missing:
        return Exit.OK
    return _install(missing, yes=yes) if install else _advise(missing)


def _needed() -> dict[str, list[str]]:
    """Each program with the commands that need it, sorted."""
    found: dict[str, list[str]] = {}
    for command, name in _declared():
        found.setdefault(name, []).append(command)
    return dict(sorted(found.items()))


def _declared() -> Iterator[tuple[str, str]]:
    try:
        items = link.ask(home(), "get", {"kind": "command"})["items"]
    except NoDaemon:
        yield from _forged()
        return
    for item in items:
        for name in item["spec"].get("dependencies", ()):
            yield outputs.name_of(item), name


def _forged() -> Iterator[tuple[str, str]]:
    directory = Path(at("commands"))
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        if path.is_file():
            head = path.read_text(errors="replace").splitlines()[:HEADER]
            for match in filter(None, map(_NEEDS.fullmatch, head)):
                yield from ((f"command/{path.name}", name) for name in match[1].split())


def _advise(missing: list[str]) -> int:
    script = Path(at(SCRIPT))
    if script.is_file():
        said = subprocess.run(["bash", str(script), "--dry-run", *missing],
                              capture_output=True, text=True, check=False)  # fmt: skip
        terminal.notice(terminal.lines((said.stdout + said.stderr).rstrip("\n")))
    terminal.notice("To install: p42 deps --install")
    return Exit.OK


def _install(missing: list[str], *, yes: bool) -> int:
    script = Path(at(SCRIPT))
    if not script.is_file():
        raise P42Error(f"{script} is not there; p42 writes it when a command with dependencies is")
    if not yes:
        if not terminal.can_ask():
            raise InvalidInput(f"nobody to ask before {script} runs; look at it, then add --yes")
        _advise(missing)
        if not terminal.agrees("Install these?"):
            return Exit.OK
    code = subprocess.run(["bash", str(script), *missing], check=False).returncode
    if code:
        raise P42Error(f"{script} ended with exit code {code}")
    return Exit.OK
