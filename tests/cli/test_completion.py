"""Completion: live names, in each shell as a person would press Tab."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from p42.cli.book import COMMANDS
from p42.cli.complete import candidates
from p42.cli.completion import SCRIPTS
from tests.cli.scripted import Scripted

P42 = Callable[..., Any]


def _names(payload: dict[str, Any]) -> dict[str, Any]:
    refs = ["command/hello", "command/bye", "agent/muse"]
    lists = {"refs": refs, "looks": [*refs, "agents", "commands", "all", "status"],
             "kinds": ["agents", "commands"]}  # fmt: skip
    found = ["hello", "bye"] if payload.get("kind") else lists[payload["what"]]
    return {"items": [name for name in found if name.startswith(payload["prefix"])]}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["appl"], [f"apply\t{COMMANDS['apply'].summary}"]),
        (["get", "co"], ["command/hello", "command/bye", "commands"]),
        (["get", "commands", "h"], ["hello"]),
        (["get", "commands", "-o", "js"], ["json", "jsonpath="]),
        (["get", "commands", "--output=y"], ["--output=yaml"]),
        (["get", "--wat"], ["--watch"]),
        (["describe", "agent/"], ["agent/muse"]),
        (["logs", "da"], ["daemon"]),
        (["apply", "-f", ""], [":files"]),
        (["validate", "x"], [":files"]),
        (["validate", "--format", "j"], ["json", "junit"]),
        (["service", "in"], ["install"]),
        (["service", "install", "--"], ["--print"]),
        (["explain", "ag"], ["agents"]),
        (["nonsense", ""], []),
    ],
)
def test_candidates_fit_the_place(words: list[str], found: list[str], daemon: Scripted) -> None:
    daemon.answers["complete"] = _names
    assert sorted(candidates(words)) == sorted(found)


def test_without_a_daemon_tab_prints_no_error(p42: P42) -> None:
    said = p42("__complete", "--", "get", "")
    assert (said.code, said.out, said.err) == (0, "", "")


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`p42` as a program of that name."""
    program = tmp_path / "bin" / "p42"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m p42 "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def _bash(words: list[str]) -> list[str]:
    quoted = " ".join(f"'{word}'" for word in words)
    script = (
        f"{SCRIPTS['bash']}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}\n"
        "compopt() { printf '%s ' compopt \"$@\"; echo; }\n_p42\nprintf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


def test_bash_offers_live_names(daemon: Scripted, on_path: None) -> None:
    daemon.answers["complete"] = _names
    assert _bash(["p42", "describe", "command/h"]) == ["command/hello"]
    assert _bash(["p42", "recon"]) == ["reconcile"]
    assert _bash(["p42", "apply", "-f", ""]) == ["compopt -o default ", ""]
    # readline cuts --output=y into three words and replaces only the last
    assert _bash(["p42", "get", "cmd", "--output", "=", "y"]) == ["yaml"]


def test_fish_offers_live_names(daemon: Scripted, on_path: None) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed: its script is not proven here")
    daemon.answers["complete"] = _names
    script = f"{SCRIPTS['fish']}\ncomplete -C 'p42 describe command/h'; complete -C 'p42 recon'"
    done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert done.stdout.splitlines() == [
        "command/hello", "reconcile\tLook again now, back-off forgotten",
    ]  # fmt: skip


def test_zsh_offers_live_names(daemon: Scripted, on_path: None) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed: its script is not proven here")
    daemon.answers["complete"] = _names
    script = (
        "compdef() { : }; _describe() { print -l -- ${(P)3} }; _files() { print files }\n"
        f"{SCRIPTS['zsh']}\n"
        "words=(p42 describe command/h); CURRENT=3; _p42\n"
        "words=(p42 recon); CURRENT=2; _p42\n"
        "words=(p42 apply -f ''); CURRENT=4; _p42"
    )
    done = subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "command/hello", "reconcile:Look again now, back-off forgotten", "files",
    ]  # fmt: skip
