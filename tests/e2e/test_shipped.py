"""The shipped commands are useful as they stand: on a real repository, real files, real errors."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.tree import ROOT

COMMANDS = ROOT / "manifests/commands"


def run(*words: str | Path, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        words, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=30, check=False
    )


def shipped(name: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a shipped command from its source."""
    spec = yaml.safe_load((COMMANDS / f"{name}.yaml").read_text(encoding="utf-8"))["spec"]
    if "sourceFile" in spec:
        return run(sys.executable, COMMANDS / spec["sourceFile"], *words, cwd=cwd)
    return run("bash", "-c", spec["source"], name, *words, cwd=cwd)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git tree of three commits by Ann."""
    tree = tmp_path / "tree"
    tree.mkdir()
    run("git", "init", "-q", cwd=tree)
    (tree / "roof.c").write_text("int roof; // TODO(bob): mend it\n/* FIXME: leaks */\n")
    for message in ("house: Build the walls and the door", "roof: Open it to the sky", "Rest"):
        run("git", "add", ".", cwd=tree)
        run(
            "git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org",
            "commit", "-q", "--allow-empty", "-m", message, cwd=tree,
        )  # fmt: skip
    return tree


def syllables(word: str) -> int:
    """git-haiku's own count."""
    spec = importlib.util.spec_from_file_location("git_haiku", COMMANDS / "git-haiku.py")
    assert spec
    assert spec.loader
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    count: int = module.syllables(word)
    return count


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "add fixed moved used makes called files the whole once"),
        (2, "remove changes table tables status closely handled caches value language poem"),
        (3, "manifest previous deleted idea quietly adopted DNS created"),
        (4, "reality validation"),
        (5, "configuration"),
    ],
)
def test_syllables_are_counted_as_they_are_spoken(count: int, words: str) -> None:
    assert {word: n for word in words.split() if (n := syllables(word)) != count} == {}


def test_a_haiku_is_made_of_the_words_of_the_commits(repository: Path) -> None:
    poem = shipped("git-haiku", cwd=repository)
    assert poem.returncode == 0, poem.stderr
    said = "Build the walls and the door Open it to the sky Rest"
    assert all(line.partition("  (")[0] in said for line in poem.stdout.splitlines())
    assert len(poem.stdout.splitlines()) == 3


def test_outside_a_repository_a_haiku_says_what_is_wrong(tmp_path: Path) -> None:
    answer = shipped("git-haiku", cwd=tmp_path)
    assert answer.returncode == 1
    assert "not a git repository" in answer.stderr


def test_a_todo_becomes_an_issue_with_its_line_and_who_wrote_it(repository: Path) -> None:
    answer = shipped("todo-to-issue", "-o", "json", cwd=repository)
    assert answer.returncode == 0, answer.stderr
    todo, fixme = json.loads(answer.stdout)
    assert (todo["file"], todo["line"], todo["title"]) == ("roof.c", 1, "mend it")
    assert (todo["owner"], todo["author"]) == ("bob", "Ann")
    assert (fixme["tag"], fixme["line"], fixme["title"]) == ("FIXME", 2, "leaks")
    page = shipped("todo-to-issue", cwd=repository).stdout
    assert "## TODO: mend it\n\n`roof.c:1`, written by Ann on " in page


def test_a_todo_that_is_not_committed_says_so(repository: Path) -> None:
    with (repository / "roof.c").open("a") as file:
        file.write("// TODO: paint it\n")
    assert "`roof.c:3`, not committed yet" in shipped("todo-to-issue", cwd=repository).stdout


def test_files_git_does_not_track_are_nobodys_issue(repository: Path) -> None:
    (repository / "notes.c").write_text("// TODO: nothing\n")
    assert "notes.c" not in shipped("todo-to-issue", cwd=repository).stdout


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("ls", "ls: the program /"),
        ("ECONNREFUSED", "Connection refused"),
        ("curl: (7) Failed to connect: Connection refused", "ECONNREFUSED"),
        ("139", "SIGSEGV"),
        ("127", "no such command"),
        ("roof.c", "roof.c: regular file"),
        ("if", "a keyword of bash"),
    ],
)
def test_explain_says_what_this_machine_knows(asked: str, answer: str, repository: Path) -> None:
    said = shipped("explain", asked, cwd=repository)
    assert said.returncode == 0, said.stderr
    assert answer in said.stdout


def test_explain_runs_nothing_that_the_system_did_not_ship(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "dangerous"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\ntouch ran\n")
    program.chmod(0o755)
    spec = yaml.safe_load((COMMANDS / "explain.yaml").read_text(encoding="utf-8"))["spec"]
    script = f"PATH={program.parent}:$PATH\n{spec['source']}"
    assert run("bash", "-c", script, "explain", "dangerous", cwd=tmp_path).returncode == 0
    assert not (tmp_path / "ran").exists()
