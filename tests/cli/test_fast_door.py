"""The fast door: as typer would do it, or not at all; and it imports next to nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import typer

from p42.cli import app, book, exits, fast
from p42.cli.home import home as home_text
from p42.config import home as home_path
from tests.cli.scripted import Scripted

ASKED = [
    ("get", "commands"),
    ("get", "commands", "-o", "json"),
    ("get", "commands", "-ojson"),
    ("get", "-o", "yaml", "commands"),
    ("get", "commands", "--output=name"),
    ("get", "commands", "--output", "jsonpath={.items[0].kind}"),
    ("get", "cmd/hello", "cmd/bye"),
    ("get", "commands", "-o", "nonsense"),
    ("get", "commands", "-l", "team=sea"),
    ("get", "status"),
    ("get",),
    ("get", "/x"),
    ("get", "commands", "--colour"),
    ("get", "commands", "-o"),
    ("get", "commands", "--outpu", "json"),
    ("get", "--", "commands"),
    ("get", "commands", "--help"),
    ("validate",),
    ("validate", "--format", "nonsense", "."),
    ("validate", "--engine=nonsense", "."),
    ("validate", "-f"),
]
HEAVY = (
    "typer", "click", "pydantic", "rich", "asyncio", "yaml", "pathlib", "typing", "dataclasses",
)  # fmt: skip


@pytest.mark.parametrize("argv", ASKED, ids=" ".join)
def test_the_two_ways_in_print_the_same(
    argv: tuple[str, ...], daemon: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.answers["overview"] = {"inSync": True, "items": [], "broken": [], "held": [], "code": 0}

    def through(door: Callable[[Any], int | None]) -> tuple[int, str, str] | None:
        codes: list[int | None] = []

        def do() -> int:
            codes.append(door(argv))
            return codes[0] or 0

        code = exits.guarded(do)
        said = capsys.readouterr()
        return None if codes == [None] else (code, said.out, said.err)

    fast_way, slow_way = through(fast.door), through(app.run)
    assert fast_way in (None, slow_way)


@pytest.mark.parametrize("argv", ASKED[:7], ids=" ".join)
def test_plain_questions_take_the_fast_door(argv: tuple[str, ...], daemon: Scripted) -> None:
    assert fast.door(argv) == (None if argv[-1] == "-ojson" else 0)


def test_the_book_says_what_the_commands_say() -> None:
    for name, command in book.COMMANDS.items():
        built: Any = app.build(name)
        if name in book.SUBCOMMANDS:
            assert set(book.SUBCOMMANDS[name]) == set(built.commands)
            for sub, flags in book.SUBCOMMANDS[name].items():
                assert set(flags) == _flags(built.commands[sub]), f"{name} {sub}"
        else:
            assert set(command.flags) == _flags(built), name
        assert command.group in book.GROUPS


def _flags(command: Any) -> set[str]:
    found: set[str] = set()
    for param in command.params:
        if param.param_type_name == "option":
            found |= {
                opt if param.is_flag else f"{opt}=" for opt in (*param.opts, *param.secondary_opts)
            }
    return found


def test_every_command_has_help_that_fits_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    for name in book.COMMANDS:
        assert app.run([name, "--help"]) == 0
        said = capsys.readouterr().out
        assert f"p42 {name}" in said
        assert len(said.splitlines()) <= 40, name
    assert app.run(["--help"]) == 0
    assert len(capsys.readouterr().out.splitlines()) <= 60  # one line for each command


def test_a_plain_get_imports_next_to_nothing(daemon: Scripted) -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "from p42.cli.main import run\n"
        "code = run(['get', 'commands'])\n"
        f"print([name for name in {HEAVY!r} if name in set(sys.modules) - before])\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-S", "-c", _with_path(code)],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"


def _with_path(code: str) -> str:
    return f"import sys; sys.path[:0] = {sys.path!r}\n{code}"


def test_the_home_is_configs_home(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (str(home), "~/x", "relative/../here", ""):
        monkeypatch.setenv("P42_HOME", value)
        assert home_text() == str(home_path())


def test_typer_has_the_classes_errors_are_told_apart_by() -> None:
    assert app._UsageError.__name__ == "UsageError"
    assert app._Refused.__name__ == "ClickException"
    assert issubclass(typer.BadParameter, app._UsageError)
