"""Dependency checks speak the command's own language, and change nothing else about it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from p42.kinds.command.checks import guarded
from p42.kinds.command.runs import forged
from tests.kinds.command.conftest import Declare

SCRIPTS = {
    "bash": ("set -eu\necho ran\n", b"ran\n"),
    "python": ("print('ran')\n", b"ran\n"),
    "node": ("console.log('ran')\n", b"ran\n"),
}
MISSING = "no-such-program-anywhere"


def run(home: Path, data: bytes, *, installer: bool = True) -> subprocess.CompletedProcess[bytes]:
    """Run it by its name, as a person does: from the PATH."""
    commands = home / "commands"
    commands.mkdir(parents=True, exist_ok=True)
    (commands / "hello").write_bytes(data)
    (commands / "hello").chmod(0o755)
    if installer:
        (home / "install-deps.sh").write_text("#!/bin/sh\n")
        (home / "install-deps.sh").chmod(0o755)
    env = {**os.environ, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(["hello"], capture_output=True, check=False, timeout=30, env=env)


@pytest.mark.parametrize("language", SCRIPTS)
def test_what_is_missing_is_said_before_the_command_begins(
    declare: Declare, tmp_path: Path, language: str
) -> None:
    source = SCRIPTS[language][0]
    data = forged(declare(language=language, source=source, dependencies=["sed", MISSING]))
    assert data is not None
    done = run(tmp_path, data)
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.decode().splitlines() == [
        f"❌ Missing dependencies: {MISSING}",
        f"   Install them: {tmp_path}/install-deps.sh {MISSING}",
    ]


@pytest.mark.parametrize("language", SCRIPTS)
def test_without_our_installer_the_hint_is_p42_itself(
    declare: Declare, tmp_path: Path, language: str
) -> None:
    source = SCRIPTS[language][0]
    data = forged(declare(language=language, source=source, dependencies=[MISSING]))
    assert data is not None
    done = run(tmp_path, data, installer=False)
    assert done.stderr.decode().splitlines()[1] == "   Install them: p42 deps --install"


@pytest.mark.parametrize("language", SCRIPTS)
def test_with_everything_there_the_check_leaves_no_trace(
    declare: Declare, tmp_path: Path, language: str
) -> None:
    source, output = SCRIPTS[language]
    data = forged(declare(language=language, source=source, dependencies=["sed", "ls"]))
    assert data is not None
    assert data.endswith(source.encode())
    done = run(tmp_path, data)
    assert (done.returncode, done.stdout, done.stderr) == (0, output, b"")


def test_the_check_of_a_sh_script_needs_no_bash(declare: Declare, tmp_path: Path) -> None:
    data = forged(declare(source="#!/bin/sh -eu\necho ran\n", dependencies=["sed"]))
    assert data is not None
    assert run(tmp_path, data).stdout == b"ran\n"


@pytest.mark.parametrize(
    "source",
    [
        '"""What it does."""\nfrom __future__ import annotations\nprint(__doc__)\n',
        '"""What it does."""\nprint(__doc__)\n',
        'from __future__ import annotations\nprint("What it does.")',
        'r"""What it does."""; x = (\n1,\n)\nprint(__doc__)\n',
        '# a comment\n\n"""What it does."""\r\nprint(__doc__)\r\n',
        'print("What it does.")\n',
    ],
)
def test_docstring_and_future_imports_stay_first(
    declare: Declare, tmp_path: Path, source: str
) -> None:
    data = forged(declare(language="python", source=source, dependencies=["sed"]))
    assert data is not None
    done = run(tmp_path, data)
    assert (done.stdout, done.stderr) == (b"What it does.\n", b"")
    data = forged(declare(language="python", source=source, dependencies=[MISSING]))
    assert data is not None
    assert run(tmp_path, data).returncode == 1


def test_a_docstring_alone_is_still_a_script(declare: Declare, tmp_path: Path) -> None:
    data = forged(declare(language="python", source='"""Nothing."""', dependencies=["sed"]))
    assert data is not None
    assert run(tmp_path, data).returncode == 0


@pytest.mark.parametrize("first", ['"use strict";', "// about\n'use strict'\n", ""])
def test_use_strict_stays_strict(declare: Declare, tmp_path: Path, first: str) -> None:
    source = f"{first}\nconsole.log((function () {{ return this === undefined; }})());\n"
    data = forged(declare(language="node", source=source, dependencies=["sed"]))
    assert data is not None
    assert run(tmp_path, data).stdout == (b"true\n" if first else b"false\n")


def test_a_script_that_does_not_parse_keeps_its_own_error(declare: Declare, tmp_path: Path) -> None:
    data = forged(declare(language="python", source="def (:\n", dependencies=["sed"]))
    assert data is not None
    assert b"SyntaxError" in run(tmp_path, data).stderr


@pytest.mark.parametrize("language", ["bash", "python", "node"])
def test_without_dependencies_nothing_is_added(language: str) -> None:
    assert guarded(language, b"body", []) == b"body"  # type: ignore[arg-type]
