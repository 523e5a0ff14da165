"""A script is read by its interpreter, and begun once in a sandbox: what is wrong is told."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from p42.model.errors import Blocked
from p42.runtimes.disk.files import DiskFiles
from p42.runtimes.processes import LocalProcesses
from p42.scripts.begins import breaks
from p42.scripts.language import Language
from p42.scripts.syntax import complaint, misread, missing


def needs(*programs: str) -> None:
    if lacking := [each for each in programs if shutil.which(each) is None]:
        pytest.skip(f"not installed here: {', '.join(lacking)}")


@pytest.mark.parametrize(
    ("language", "script", "told"),
    [
        ("bash", "echo hi\n", ""),
        ("bash", "echo a\nif true; then\nfi\n", "it is no bash: line 3: syntax error near"),
        ("bash", "#!/bin/sh\necho (\n", "it is no sh: line "),
        ("bash", "#!/usr/bin/env zsh\nfor x in a; do\n", "it is no zsh: line 3: parse error"),
        ("python", "print(1)\n", ""),
        ("python", "x = 1\nprint(\n", "it is no python3: line 2: SyntaxError: "),
        ("python", "if True:\npass\n", "it is no python3: line 2: IndentationError: "),
        ("node", "console.log(1)\n", ""),
        ("node", "#!/usr/bin/env node\nlet a\nlet a\n", "it is no node: line 3: SyntaxError: "),
    ],
)
async def test_what_cannot_be_read_is_told_with_its_line(
    tmp_path: Path, language: Language, script: str, told: str
) -> None:
    needs("zsh", "node")
    processes = LocalProcesses(os.environ, home=tmp_path)
    said = await misread(processes, tmp_path, script, language)
    assert said == told if not told else said.startswith(told), said
    assert str(tmp_path) not in said
    assert said.isprintable()


async def test_to_read_it_is_not_to_run_it(tmp_path: Path) -> None:
    needs("node")
    processes = LocalProcesses(os.environ, home=tmp_path)
    mark = tmp_path / "ran"
    scripts: list[tuple[Language, str]] = [
        ("bash", f"touch {mark}"), ("python", f"open({str(mark)!r}, 'w')"),
        ("node", f"require('fs').writeFileSync({str(mark)!r}, '')"),
    ]  # fmt: skip
    for language, script in scripts:
        assert await misread(processes, tmp_path, script, language) == ""
        assert not mark.exists()


def test_a_complaint_is_one_line_that_any_terminal_may_show() -> None:
    assert complaint("/x/script: line 3: a\x1b[2Jb\n", "/x/script") == "line 3: a?[2Jb"
    assert complaint("", "/x/script") == "it says not why"
    assert len(complaint("e" * 10_000, "/x/script")) == 200


def test_the_program_that_is_not_here_is_named(tmp_path: Path) -> None:
    files = DiskFiles(tmp_path, path=str(tmp_path))
    assert missing(files, "x", "node") == "node"
    assert missing(files, "#!/usr/bin/env fish\n", "bash") == "fish"
    assert missing(files, "#!/no/such/python\n", "python") == "/no/such/python"
    assert missing(files, "#!/bin/sh\n", "bash") == ""


@pytest.mark.parametrize(
    ("language", "script", "told"),
    [
        ("bash", "echo hi; exit 3", ""),  # it may well want arguments
        ("bash", "read x; echo $x", ""),
        ("bash", "set -u; echo $1", ""),
        ("bash", "kill -9 $$", ""),
        ("bash", "no-such-tool-at-all\necho", "it calls no-such-tool-at-all, which is not in"),
        ("bash", "#!/bin/sh\nno-such-tool-at-all", "it calls no-such-tool-at-all, which is not"),
        ("bash", "named-tool", ""),
        ("bash", "cat --no-such", "it breaks at once: cat: unrecognized option"),
        ("python", "print(hello)", "it breaks at once: NameError: name 'hello' is not defined"),
        ("python", "import sys; sys.exit('give me a name')", ""),
        ("node", "hello()", "it breaks at once: ReferenceError: hello is not defined"),
    ],
)
async def test_only_what_cannot_be_but_a_fault_counts(
    tmp_path: Path, language: Language, script: str, told: str
) -> None:
    needs("node", "bwrap")
    processes = LocalProcesses(os.environ, home=tmp_path)
    files = DiskFiles(tmp_path, path=os.environ["PATH"])
    said = await breaks(
        processes, files, tmp_path, script, language=language, needs=("named-tool",)
    )
    assert said == told if not told else said.startswith(told), said


async def test_without_a_sandbox_it_is_not_begun(tmp_path: Path) -> None:
    class Bare(LocalProcesses):
        async def run(self, argv, **how):  # type: ignore[no-untyped-def]
            if how.get("grants") is not None:
                raise Blocked("no sandbox is here")
            raise AssertionError(f"it was run: {argv}")

    processes = Bare(os.environ, home=tmp_path)
    files = DiskFiles(tmp_path, path=os.environ["PATH"])
    assert await breaks(processes, files, tmp_path, "nope", language="bash", needs=()) == ""


async def test_without_a_sandbox_no_program_that_the_script_names_reads_it(tmp_path: Path) -> None:
    class Bare(LocalProcesses):
        async def run(self, argv, **how):  # type: ignore[no-untyped-def]
            if how.pop("grants", None) is not None:
                raise Blocked("no sandbox is here")
            return await super().run(argv, **how)

    theirs, mark = tmp_path / "bash", tmp_path / "ran"
    theirs.write_text(f"#!/bin/sh\ntouch {mark}\n")
    theirs.chmod(0o755)
    processes = Bare(os.environ, home=tmp_path)
    assert await misread(processes, tmp_path, f"#!{theirs}\necho hi\n", "bash") == ""
    assert not mark.exists()
    said = await misread(processes, tmp_path, "echo (\n", "bash")  # ours still does
    assert said.startswith("it is no bash: line 1")


@pytest.mark.parametrize("language", ["bash", "python"])
async def test_what_nobody_agreed_to_yet_has_its_bounds(tmp_path: Path, language: Language) -> None:
    needs("bwrap")
    processes = LocalProcesses(os.environ, home=tmp_path)
    files = DiskFiles(tmp_path, path=os.environ["PATH"])
    scripts = {
        "bash": 'test "$(ulimit -d)" = 1048576 && test "$(ulimit -f)" = 65536 || cat --bounds',
        "python": "try:\n  x = bytearray(3 << 30)\nexcept MemoryError: pass\nelse: unbounded",
    }
    said = await breaks(processes, files, tmp_path, scripts[language], language=language, needs=())
    assert said == ""
