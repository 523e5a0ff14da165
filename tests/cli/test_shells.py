"""The PATH line: added once, taken out to the byte, and it works in the shell it is for."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.cli import shells

AWKWARD = ("plain", "with space", "it's", 'quo"te', "dollar$HOME", "back`tick`", "üñí", "a;b&c")


@settings(max_examples=100, deadline=None)
@given(before=st.binary(max_size=60).filter(lambda data: shells.MARK.encode() not in data))
def test_undo_gives_the_file_back_to_the_byte(
    before: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rc = tmp_path_factory.mktemp("rc") / "rc"
    rc.write_bytes(before)
    shell = shells.Shell("bash", rc)
    shell.add(Path("/h/commands"))
    assert shell.has(Path("/h/commands"))
    assert rc.read_bytes().startswith(before)
    assert shell.remove()
    assert rc.read_bytes() == before


def test_adding_twice_is_adding_once(tmp_path: Path) -> None:
    shell = shells.Shell("bash", tmp_path / "rc")
    shell.add(Path("/h/commands"))
    once = shell.rc.read_bytes()
    shell.add(Path("/h/commands"))
    assert shell.rc.read_bytes() == once


def test_a_moved_home_replaces_the_line(tmp_path: Path) -> None:
    shell = shells.Shell("bash", tmp_path / "rc")
    shell.add(Path("/old/commands"))
    shell.add(Path("/new/commands"))
    assert b"/old/" not in shell.rc.read_bytes()


def test_a_link_into_a_dotfiles_repository_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").write_text("alias a=b\n")
    (tmp_path / "dotfiles").chmod(0o640)
    rc = tmp_path / "rc"
    rc.symlink_to("dotfiles")
    shells.Shell("bash", rc).add(Path("/h/commands"))
    assert rc.is_symlink()
    assert shells.MARK in (tmp_path / "dotfiles").read_text()
    assert (tmp_path / "dotfiles").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("shell", ["bash", "sh", "zsh", "fish"])
def test_the_line_works_in_its_shell(
    shell: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed: its line is not proven here")
    monkeypatch.setenv("HOME", str(tmp_path))
    commands = tmp_path / name / "commands"
    commands.mkdir(parents=True)
    tool = commands / "p42-said-so"
    tool.write_text("#!/bin/sh\necho here\n")
    tool.chmod(0o755)
    line = shells.Shell(shell, tmp_path / "rc").line(commands)
    script = f"{line}\n{line}\np42-said-so; echo $PATH"
    flags = ["--no-config"] if shell == "fish" else []
    done = subprocess.run([shell, *flags, "-c", script], capture_output=True, text=True, check=True)
    said, path = done.stdout.splitlines()
    assert said == "here"
    assert path.count(str(commands)) == 1
    assert not path.startswith(str(commands)), "p42's commands must not hide the system's"
