"""Exchange: a save at any moment wins over us; nothing about the file changes but its bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from p42 import displace
from p42.displace import Placed, PutBack, Spot, put_back
from p42.manifest.write.dotdir import DotDir
from p42.manifest.write.exchange import Clash, swap
from p42.manifest.write.probe import Ability, probe
from p42.manifest.write.stage import Staged, read_base, stage
from p42.manifest.write.verdict import Gone, Refused, Wait
from tests.write import scene

FULL, NO_LEASE, NO_EXCHANGE = Ability(True, True), Ability(False, True), Ability(True, False)


@pytest.fixture
def dot(file: Path) -> Iterator[DotDir]:
    made = DotDir(str(file.parent))
    made.make()
    if probe(made) != FULL:
        pytest.skip("this file system has no leases or no exchange")
    yield made
    assert not [name for name in scene.left_in(file.parent) if name.startswith("new-")]


def staged(dot: DotDir, file: Path, text: str = "ours\n") -> Staged:
    return stage(dot, read_base(str(file)), text.encode())


@pytest.mark.parametrize("ability", [FULL, NO_LEASE, NO_EXCHANGE])
def test_the_new_is_in_place_and_the_old_is_kept(dot: DotDir, file: Path, ability: Ability) -> None:
    old = file.stat().st_ino
    ready = staged(dot, file)
    swap(ready, ability)
    assert file.read_text() == "ours\n"
    assert Path(ready.aside).read_text() == scene.manifest()
    assert Path(ready.aside).stat().st_ino == old


def in_place(file: Path) -> None:
    file.write_text("theirs\n")


def by_rename(file: Path) -> None:
    other = file.with_suffix(".tmp")
    other.write_text("theirs\n")
    other.replace(file)


def same_size(file: Path) -> None:
    file.write_text(scene.manifest().replace("mine", "your"))


@pytest.mark.parametrize("ability", [FULL, NO_LEASE, NO_EXCHANGE])
@pytest.mark.parametrize("save", [in_place, by_rename, same_size])
def test_a_save_before_the_exchange_wins(
    dot: DotDir, file: Path, ability: Ability, save: Callable[[Path], None]
) -> None:
    ready = staged(dot, file)
    save(file)
    saved = file.read_bytes()
    with pytest.raises(Wait):
        swap(ready, ability)
    assert file.read_bytes() == saved
    assert not scene.left_in(file.parent)


@pytest.mark.parametrize("ability", [FULL, NO_LEASE, NO_EXCHANGE])
def test_a_file_that_is_gone_is_not_made_again(dot: DotDir, file: Path, ability: Ability) -> None:
    ready = staged(dot, file)
    file.unlink()
    with pytest.raises(Gone):
        swap(ready, ability)
    assert not file.exists()
    assert not scene.left_in(file.parent)


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR])
def test_a_file_that_somebody_has_open_is_left_alone(dot: DotDir, file: Path, flags: int) -> None:
    ready = staged(dot, file)
    descriptor = os.open(file, flags)
    try:
        with pytest.raises(Wait, match="open"):
            swap(ready, FULL)
    finally:
        os.close(descriptor)
    assert file.read_text() == scene.manifest()


@pytest.mark.parametrize("ability", [FULL, NO_LEASE])
@pytest.mark.parametrize("saves", [1, 2, 3])
def test_a_save_at_the_very_moment_of_the_exchange_wins(
    dot: DotDir, file: Path, ability: Ability, saves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last look and the exchange, and again before each time of putting back."""
    ready, exchange_now, left = staged(dot, file), displace.exchange, iter(range(saves))

    def with_a_save_just_before(one: Spot, other: Spot) -> None:
        number = next(left, None)
        if number is not None:
            new = file.with_suffix(".tmp")
            new.write_text(f"save {number}\n")
            new.replace(file)
        exchange_now(one, other)

    monkeypatch.setattr(displace, "exchange", with_a_save_just_before)
    with pytest.raises(Clash) as clash:
        swap(ready, ability)
    assert file.read_text() == f"save {saves - 1}\n"
    assert clash.value.back == PutBack(True, tuple(f"save {n}\n".encode() for n in range(saves)))
    # Who opened ours in that moment may write into it yet; theirs was replaced by themselves.
    assert Path(ready.aside).read_text() == ("ours\n" if saves == 1 else f"save {saves - 2}\n")


def test_an_opener_that_waits_for_the_lease_gets_the_file_it_asked_for(
    dot: DotDir, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, exchange_now = staged(dot, file), displace.exchange
    opened: list[BaseException] = []

    def with_an_opener_just_before(one: Spot, other: Spot) -> None:
        if not opened:
            try:
                os.close(os.open(file, os.O_WRONLY | os.O_NONBLOCK))
            except BlockingIOError as error:
                opened.append(error)  # it is told to come again, and the lease is breaking
        exchange_now(one, other)

    monkeypatch.setattr(displace, "exchange", with_an_opener_just_before)
    with pytest.raises(Clash):
        swap(ready, FULL)
    assert opened
    assert file.read_text() == scene.manifest()
    assert Path(ready.aside).read_text() == "ours\n"


def test_putting_back_into_an_editors_gap_brings_the_old_file(dot: DotDir, file: Path) -> None:
    ready = staged(dot, file)
    swap(ready, FULL)
    file.rename(file.with_suffix(".yaml~"))
    placed = Placed(ready.inode, ready.data)
    assert not put_back(Spot(ready.aside), Spot(str(file)), placed).clean
    assert file.read_text() == scene.manifest()
    assert not scene.left_in(file.parent)


def test_what_cannot_be_read_is_put_back_all_the_same(
    dot: DotDir, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, exchange_now, elsewhere = staged(dot, file), displace.exchange, file.with_name("other")

    def with_a_link_just_before(one: Spot, other: Spot) -> None:
        if not elsewhere.exists():
            file.rename(elsewhere)
            file.symlink_to(elsewhere)
        exchange_now(one, other)

    monkeypatch.setattr(displace, "exchange", with_a_link_just_before)
    with pytest.raises(Clash):
        swap(ready, FULL)
    assert file.readlink() == elsewhere
    assert file.read_text() == scene.manifest()


def test_mode_owner_and_attributes_stay(dot: DotDir, file: Path) -> None:
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 1234, 4321)
    try:
        os.setxattr(file, "user.note", b"kept")
    except OSError:
        pytest.skip("no extended attributes here")
    before = file.stat()
    swap(staged(dot, file), FULL)
    after = file.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )
    assert os.getxattr(file, "user.note") == b"kept"
    assert stat.S_IMODE(after.st_mode) == 0o640


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda file: file.chmod(0o444), "read-only"),
        (lambda file: os.link(file, file.with_name("other")), "hard links"),
        (lambda file: (file.unlink(), os.mkfifo(file)), "no plain file"),
        (lambda file: file.write_text("#" * 2_000_000), "too large"),
    ],
)
def test_some_files_are_not_ours_to_replace(
    dot: DotDir, file: Path, spoil: Callable[[Path], object], why: str
) -> None:
    spoil(file)
    with pytest.raises(Refused, match=why):
        read_base(str(file))


def test_an_overlong_name_is_refused_before_anything_is_written(dot: DotDir, file: Path) -> None:
    long = file.with_name("n" * 250 + ".yaml")
    file.rename(long)
    with pytest.raises(Refused, match="too long"):
        staged(dot, long)
    assert not scene.left_in(file.parent)
