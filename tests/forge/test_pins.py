"""A lock in the user's tree is written whole, and only over what was read."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from p42.model.errors import Blocked, P42Error, Retry
from p42.model.refs import Ref
from p42.runtimes.disk.pins import DiskPins
from p42.runtimes.processes import LocalProcesses

HELLO = Ref("Command", "hello")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    made.mkdir()
    (made / "all.yaml").write_text("kind: Command\n")
    return made


@pytest.fixture
def pins(tmp_path: Path, tree: Path) -> DiskPins:
    home = tmp_path / "home"
    return DiskPins(home, lambda _: tree / "all.yaml", LocalProcesses(os.environ, home=home))


def lock(tree: Path) -> Path:
    return tree / "forged" / "hello.lock.yaml"


def test_a_new_lock_is_written_beside_the_manifest(pins: DiskPins, tree: Path) -> None:
    assert pins.look(HELLO) is None
    pins.write(HELLO, b"one\n", was=None)
    assert lock(tree).read_bytes() == b"one\n"
    assert pins.look(HELLO) == b"one\n"
    assert lock(tree).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(("umask", "made"), [(0o022, 0o755), (0o002, 0o775), (0o077, 0o700)])
def test_its_directory_is_one_of_the_users_as_their_umask_says(
    pins: DiskPins, tree: Path, umask: int, made: int
) -> None:
    before = os.umask(umask)
    try:
        pins.write(HELLO, b"one\n", was=None)
    finally:
        os.umask(before)
    assert lock(tree).parent.stat().st_mode & 0o777 == made
    assert (lock(tree).parent / ".p42").stat().st_mode & 0o777 == 0o700


def test_in_the_home_it_is_private(tmp_path: Path) -> None:
    home = tmp_path / "home"
    manifest = home / "manifests" / "hello.yaml"
    manifest.parent.mkdir(parents=True)
    pins = DiskPins(home, lambda _: manifest, LocalProcesses(os.environ, home=home))
    pins.write(HELLO, b"one\n", was=None)
    assert lock(manifest.parent).parent.stat().st_mode & 0o777 == 0o700


def test_nothing_unfinished_is_left_and_git_sees_only_the_lock(pins: DiskPins, tree: Path) -> None:
    git(tree, "init")
    pins.write(HELLO, b"one\n", was=None)
    pins.write(HELLO, b"two\n", was=b"one\n")
    told = git(tree, "status", "--porcelain", "--untracked-files=all", "forged")
    assert told.split() == ["??", "forged/hello.lock.yaml"]
    assert sorted(p.name for p in (tree / "forged" / ".p42").iterdir()) == [".gitignore"]


@pytest.mark.parametrize("was", [None, b"older\n", b""])
def test_what_somebody_else_wrote_is_not_lost(
    pins: DiskPins, tree: Path, was: bytes | None
) -> None:
    lock(tree).parent.mkdir()
    lock(tree).write_bytes(b"theirs\n")
    with pytest.raises(Retry, match="changed meanwhile"):
        pins.write(HELLO, b"ours\n", was=was)
    assert lock(tree).read_bytes() == b"theirs\n"


def test_what_was_taken_away_is_not_put_back(pins: DiskPins, tree: Path) -> None:
    pins.write(HELLO, b"one\n", was=None)
    lock(tree).unlink()
    with pytest.raises(Retry):
        pins.write(HELLO, b"two\n", was=b"one\n")
    assert not lock(tree).exists()


def test_in_a_race_with_an_editor_no_edit_is_lost(pins: DiskPins, tree: Path) -> None:
    """Editors rename a new file over the old one at any moment between look and exchange."""
    pins.write(HELLO, b"0\n", was=None)
    edits, stop = 300, threading.Event()

    def write() -> None:
        while not stop.is_set():
            now = pins.look(HELLO)
            try:
                pins.write(HELLO, b"p42 over " + (now or b""), was=now)
            except Retry:
                continue
            if len(now or b"") > 4096:
                lock(tree).write_bytes(b"0\n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(edits):
            mine = tree / "mine"
            text = f"edit {number}\n".encode()
            mine.write_bytes(text)
            mine.replace(lock(tree))
            # For the moment of an exchange back, what p42 made of the edit before stands there.
            ends = time.monotonic() + 5
            while not lock(tree).read_bytes().endswith(text):
                assert time.monotonic() < ends
    finally:
        stop.set()
        writer.join()


def test_a_link_in_the_place_of_forged_is_not_followed(
    pins: DiskPins, tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tree / "forged").symlink_to(tmp_path / "outside")
    assert pins.look(HELLO) is None
    with pytest.raises(P42Error):
        pins.write(HELLO, b"one\n", was=None)
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_link_in_the_place_of_the_lock_is_not_followed(
    pins: DiskPins, tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    lock(tree).parent.mkdir()
    lock(tree).symlink_to(tmp_path / "victim")
    for was in (None, b"precious"):
        with pytest.raises(P42Error):
            pins.write(HELLO, b"one\n", was=was)
    with pytest.raises(P42Error):
        pins.look(HELLO)
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_what_is_declared_nowhere_has_no_lock(tmp_path: Path) -> None:
    pins = DiskPins(tmp_path, lambda _: None, LocalProcesses(os.environ, home=tmp_path))
    assert pins.look(HELLO) is None
    with pytest.raises(Blocked, match="declared nowhere"):
        pins.write(HELLO, b"one\n", was=None)


async def test_only_what_head_has_is_committed(pins: DiskPins, tree: Path) -> None:
    assert not await pins.committed(HELLO)
    pins.write(HELLO, b"one\n", was=None)
    assert not await pins.committed(HELLO)
    git(tree, "init")
    git(tree, "add", ".")
    assert not await pins.committed(HELLO)
    git(tree, "commit", "-m", "x")
    assert await pins.committed(HELLO)
    pins.write(HELLO, b"two\n", was=b"one\n")
    assert not await pins.committed(HELLO)


async def test_a_work_tree_of_a_stranger_runs_nothing(
    pins: DiskPins, tree: Path, tmp_path: Path
) -> None:
    pins.write(HELLO, b"one\n", was=None)
    git(tree, "init")
    git(tree, "add", ".")
    git(tree, "commit", "-m", "x")
    git(tree, "config", "core.fsmonitor", f"touch {tmp_path}/ran")
    git(tree, "config", "core.pager", f"touch {tmp_path}/ran")
    assert await pins.committed(HELLO)
    assert not (tmp_path / "ran").exists()


def git(tree: Path, *words: str) -> str:
    """Run git as somebody."""
    named = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", "-C", str(tree), *named, *words], capture_output=True, check=True, text=True
    )
    return done.stdout
