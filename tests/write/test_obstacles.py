"""Obstacles: while somebody is at work on a file, we wait; when they are gone, we do not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from p42.manifest.write import StatusWriter
from p42.manifest.write.obstacles import (
    GitLook,
    editor_at,
    git_at,
    git_directory,
    has_conflict,
)
from tests.write import scene

DEAD = 2**22 + 1  # above the largest process id there can be


def swap_file(process: int, host: str = "") -> bytes:
    head = b"b0VIM 9.0".ljust(24, b"\0") + process.to_bytes(4, "little")
    name = (host or os.uname().nodename).encode()
    return head + b"user".ljust(40, b"\0") + name.ljust(40, b"\0") + b"rest"


async def waits(home: Path, file: Path) -> str:
    """Where a status goes now, and that the file is as it was."""
    what = scene.resource(file)
    before = file.read_bytes()
    went = await scene.write(home, what, scene.status(what))
    assert went.startswith("waiting: ") == (file.read_bytes() == before)
    return went


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".greet.yaml.swp", swap_file(os.getpid())),
        (".greet.yaml.swo", swap_file(os.getpid())),
        (".greet.yaml.swp", swap_file(DEAD, "another-host")),
        (".greet.yaml.swp", b""),
        (".greet.yaml.swp", b"something else" * 20),
        ("4913", b""),
        ("greet.yaml___jb_tmp___", b""),
        ("greet.yaml___jb_old___", b""),
    ],
)
async def test_an_editors_trace_is_waited_out(
    home: Path, file: Path, name: str, content: bytes
) -> None:
    trace = file.with_name(name)
    trace.write_bytes(content)
    assert name in await waits(home, file)
    trace.unlink()
    assert await waits(home, file) == "inline"


async def test_an_emacs_lock_is_waited_out(home: Path, file: Path) -> None:
    lock = file.with_name(".#greet.yaml")
    lock.symlink_to(f"me@{os.uname().nodename}.{os.getpid()}:1700000000")
    assert "has changes to it" in await waits(home, file)


def test_what_a_dead_editor_left_holds_nobody_up(file: Path) -> None:
    file.with_name(".greet.yaml.swp").write_bytes(swap_file(DEAD))
    file.with_name(".#greet.yaml").symlink_to(f"me@{os.uname().nodename}.{DEAD}:1")
    assert editor_at(str(file)) == ""


def test_another_files_editor_holds_nobody_up(file: Path) -> None:
    file.with_name(".other.yaml.swp").write_bytes(swap_file(os.getpid()))
    assert editor_at(str(file)) == ""


@pytest.fixture
def work_tree(file: Path) -> Path:
    subprocess.run(["git", "init", "-q", file.parent], check=True)
    return file.parent


@pytest.mark.parametrize(
    "name",
    ["index.lock", "rebase-merge", "rebase-apply", "MERGE_HEAD", "CHERRY_PICK_HEAD", "BISECT_LOG"],
)
async def test_git_at_work_is_waited_out(
    home: Path, file: Path, work_tree: Path, name: str
) -> None:
    trace = work_tree / ".git" / name
    trace.touch()
    assert f"({name})" in await waits(home, file)
    trace.unlink()
    assert await waits(home, file) == "inline"


@pytest.mark.parametrize("age", [0, 3600], ids=["just changed", "long unchanged"])
def test_what_git_begins_while_many_files_are_written_is_seen(work_tree: Path, age: int) -> None:
    """Also where one time stamp of its directory is all that is asked for."""
    git = work_tree / ".git"
    then = git.stat().st_mtime - age
    os.utime(git, (then, then))
    look = GitLook(str(git))
    assert (look.first, look.now()) == ("", "")
    (git / "index.lock").touch()
    assert "index.lock" in look.now()
    (git / "index.lock").unlink()
    assert look.now() == ""
    assert GitLook("").now() == ""


async def test_of_many_files_those_wait_that_an_editor_has(home: Path, file: Path) -> None:
    """More than are asked about one by one."""
    found = []
    for number in range(20):
        path = file.with_name(f"file-{number}.yaml")
        path.write_text(scene.manifest(f"name-{number}"))
        found.append(scene.resource(path))
    file.with_name(".file-18.yaml.swp").write_bytes(swap_file(os.getpid()))
    lock = f"me@{os.uname().nodename}.{os.getpid()}:1"
    file.with_name(".#file-19.yaml").symlink_to(lock)
    writer = StatusWriter(home, pace=scene.AT_ONCE)
    for what in found:
        writer.put(what, scene.status(what))
    await writer.flush()
    went = [str(writer.where(what.ref)) for what in found]
    assert went[:18] == ["inline"] * 18
    assert ".file-18.yaml.swp" in went[18]
    assert ".#file-19.yaml" in went[19]


def test_the_git_directory_of_a_linked_work_tree_is_found(work_tree: Path) -> None:
    git = ["git", "-C", str(work_tree), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    linked = work_tree / "linked"
    subprocess.run([*git, "worktree", "add", "-q", linked], check=True, capture_output=True)
    (linked / "sub").mkdir()
    found = git_directory(str(linked / "sub"))
    assert Path(found) == work_tree / ".git" / "worktrees" / "linked"
    assert git_at(found) == ""
    Path(found, "index.lock").touch()
    assert "index.lock" in git_at(found)


async def test_conflict_markers_are_waited_out(home: Path, file: Path) -> None:
    text = scene.manifest(source="|\n    <<<<<<< HEAD")
    file.write_text(text.replace("   # why", ""))
    assert has_conflict(b"a\n>>>>>>> b\n")
    assert not has_conflict(b"a\n  <<<<<<< b\n=======\n")
    broken = file.read_text().replace("    <<<<<<< HEAD", "    a\n") + "<<<<<<< HEAD\n"
    what = scene.resource(file)
    file.write_text(broken)
    writer = StatusWriter(home, pace=scene.AT_ONCE)
    writer.put(what, scene.status(what))
    await writer.flush()
    assert str(writer.where(what.ref)).startswith("waiting")
    assert file.read_text() == broken
