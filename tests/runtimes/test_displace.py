"""A file takes the place of the one that was read; what was saved meanwhile wins over it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from p42 import displace
from p42.displace import Spot
from p42.runtimes.disk.files import DiskFiles

Save = Callable[[], None]


@pytest.fixture
def manifest(home: Path) -> Path:
    made = home / "manifests" / "a.yaml"
    made.parent.mkdir()
    made.write_bytes(b"was\n")
    return made


def by_rename(path: Path, data: bytes) -> None:
    new = path.with_suffix(".tmp")
    new.write_bytes(data)
    new.replace(path)


def in_place(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def left(path: Path) -> list[str]:
    return sorted(at.name for at in (path.parent / ".p42").glob("*") if at.name != ".gitignore")


@pytest.fixture
def before_the_exchange(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Save]], None]:
    """Saves that land between the last look and the exchange: the first before the first one..."""

    def arrange(saves: list[Save]) -> None:
        exchange_now, coming = displace.exchange, iter(saves)

        def exchange(one: Spot, other: Spot) -> None:
            next(coming, lambda: None)()
            exchange_now(one, other)

        monkeypatch.setattr(displace, "exchange", exchange)

    return arrange


@pytest.mark.parametrize("save", [by_rename, in_place])
@pytest.mark.parametrize("saves", [1, 2, 3])
def test_a_save_between_the_look_and_the_exchange_is_kept(
    files: DiskFiles,
    manifest: Path,
    before_the_exchange: Callable[[list[Save]], None],
    save: Callable[[Path, bytes], None],
    saves: int,
) -> None:
    def one(number: int) -> Save:
        return lambda: save(manifest, f"save {number}\n".encode())

    before_the_exchange([one(number) for number in range(saves)])
    assert not files.swap(manifest, b"ours\n", was=b"was\n", mode=0o600)
    assert manifest.read_bytes() == f"save {saves - 1}\n".encode()
    assert left(manifest) == []


def test_a_file_deleted_at_that_moment_is_not_made_again(
    files: DiskFiles, manifest: Path, before_the_exchange: Callable[[list[Save]], None]
) -> None:
    before_the_exchange([manifest.unlink])
    assert not files.swap(manifest, b"ours\n", was=b"was\n", mode=0o600)
    assert not manifest.exists()
    assert left(manifest) == []


def test_a_link_put_there_at_that_moment_is_put_back(
    files: DiskFiles, manifest: Path, before_the_exchange: Callable[[list[Save]], None]
) -> None:
    def link() -> None:
        manifest.rename(manifest.with_name("real"))
        manifest.symlink_to("real")

    before_the_exchange([link])
    assert not files.swap(manifest, b"ours\n", was=b"was\n", mode=0o600)
    assert manifest.readlink() == Path("real")
    assert manifest.read_bytes() == b"was\n"


def test_saves_without_end_leave_the_last_ones_somewhere(
    files: DiskFiles, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange_now, saved = displace.exchange, [0]

    def exchange(one: Spot, other: Spot) -> None:
        saved[0] += 1
        by_rename(manifest, f"save {saved[0]}\n".encode())
        exchange_now(one, other)

    monkeypatch.setattr(displace, "exchange", exchange)
    assert not files.swap(manifest, b"ours\n", was=b"was\n", mode=0o600)
    (aside,) = left(manifest)
    there = {manifest.read_bytes(), (manifest.parent / ".p42" / aside).read_bytes()}
    assert there == {f"save {saved[0]}\n".encode(), f"save {saved[0] - 1}\n".encode()}


def test_an_error_of_the_exchange_leaves_the_old_file_and_nothing_beside_it(
    files: DiskFiles, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(one: Spot, other: Spot) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(displace, "exchange", fail)
    with pytest.raises(Exception, match="input/output error"):
        files.swap(manifest, b"ours\n", was=b"was\n", mode=0o600)
    assert manifest.read_bytes() == b"was\n"
    assert left(manifest) == []


def test_without_the_calls_a_look_and_a_rename_have_to_do(
    files: DiskFiles, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(displace, "_renameat", lambda: None)
    new = manifest.with_name("b.yaml")
    assert files.swap(manifest, b"ours\n", was=b"was\n", mode=0o600)
    assert files.swap(new, b"ours\n", was=None, mode=0o600)
    assert not files.swap(new, b"theirs\n", was=None, mode=0o600)
    assert not files.swap(manifest, b"theirs\n", was=b"was\n", mode=0o600)
    assert (manifest.read_bytes(), new.read_bytes()) == (b"ours\n", b"ours\n")
    assert left(manifest) == []


@pytest.mark.parametrize("was", [None, b"", b"older\n", b"was\nand more\n"])
@pytest.mark.parametrize("data", [None, b"ours\n"])
def test_only_what_was_read_makes_way(
    files: DiskFiles, manifest: Path, was: bytes | None, data: bytes | None
) -> None:
    assert not files.swap(manifest, data, was=was, mode=0o600)
    assert manifest.read_bytes() == b"was\n"
    assert left(manifest) == []


def test_what_was_read_makes_way_or_goes(files: DiskFiles, manifest: Path) -> None:
    assert files.swap(manifest, b"ours\n", was=b"was\n", mode=0o640)
    assert manifest.read_bytes() == b"ours\n"
    assert manifest.stat().st_mode & 0o777 == 0o640
    assert files.swap(manifest, None, was=b"ours\n", mode=0o600)
    assert not manifest.exists()
    assert files.swap(manifest, None, was=None, mode=0o600)
    assert not files.swap(manifest, None, was=b"ours\n", mode=0o600)
    assert left(manifest) == []


@pytest.mark.parametrize("newer", [False, True])
@pytest.mark.parametrize("calls", [True, False])
def test_a_save_between_the_look_and_the_taking_away_is_kept(
    files: DiskFiles, manifest: Path, monkeypatch: pytest.MonkeyPatch, newer: bool, calls: bool
) -> None:
    """`newer`: another follows before the first is put back, which then is what it replaced.

    `calls`: the system has those that rename without replacing.
    """
    if not calls:
        monkeypatch.setattr(displace, "_renameat", lambda: None)
    put_back_now = displace.rename_new
    look_now, looks = displace._read, [0]

    def look(spot: Spot, was: bytes) -> bytes | None:
        found = look_now(spot, was)
        looks[0] += 1
        if looks[0] == 1:
            by_rename(manifest, b"saved\n")
        return found

    def rename_new(one: Spot, other: Spot) -> None:
        if newer:
            by_rename(manifest, b"newer\n")
        put_back_now(one, other)

    monkeypatch.setattr(displace, "_read", look)
    monkeypatch.setattr(displace, "rename_new", rename_new)
    assert not files.swap(manifest, None, was=b"was\n", mode=0o600)
    assert manifest.read_bytes() == (b"newer\n" if newer else b"saved\n")
    kept = [(manifest.parent / ".p42" / name).read_bytes() for name in left(manifest)]
    assert kept == ([b"saved\n"] if newer else [])


def test_what_a_dead_p42_could_not_put_back_is_not_swept_away(
    files: DiskFiles, manifest: Path
) -> None:
    spare = manifest.parent / ".p42"
    spare.mkdir()
    (spare / "4194303-1.swap").write_bytes(b"saved\n")
    assert files.swap(manifest, b"ours\n", was=b"was\n", mode=0o600)
    assert left(manifest) == ["4194303-1.swap"]
