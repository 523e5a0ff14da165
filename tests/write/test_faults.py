"""Faults: where the file cannot be written the status goes beside it, says why, and comes back."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from p42 import displace
from p42.displace import Spot
from p42.manifest.write import StatusWriter, kernel, scribe
from tests.write import scene


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte with a manifest on it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=64", "tmpfs", disk],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        (disk / "greet.yaml").write_text(scene.manifest())
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def fill(disk: Path, filler: Path) -> None:
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as full:
        while True:
            full.write(b"x" * 4096)
    assert os.statvfs(disk).f_bfree == 0


async def one(home: Path, file: Path) -> tuple[StatusWriter, str]:
    what = scene.resource(file)
    writer = StatusWriter(home, pace=scene.AT_ONCE)
    writer.put(what, scene.status(what))
    await writer.flush()
    return writer, str(writer.where(what.ref))


async def test_a_full_disk_is_waited_out(home: Path, small_disk: Path) -> None:
    file, filler = small_disk / "greet.yaml", small_disk / "filler"
    filler.touch()
    fill(small_disk, filler)
    writer, went = await one(home, file)
    assert went == "sidecar: the disk is full"
    assert file.read_text() == scene.manifest()
    assert (home / "status" / "command-greet.yaml").exists()
    filler.unlink()
    await writer.flush()
    assert str(writer.where(scene.resource(file).ref)) == "inline"
    assert "Reconciled" in file.read_text()
    assert not (home / "status" / "command-greet.yaml").exists()


async def test_no_inode_left_is_a_full_disk(home: Path, small_disk: Path) -> None:
    with contextlib.suppress(OSError):
        for number in range(100):
            (small_disk / str(number)).touch()
    assert os.statvfs(small_disk).f_ffree == 0
    _, went = await one(home, small_disk / "greet.yaml")
    assert went == "sidecar: the disk is full"


async def test_a_read_only_file_system_is_waited_out(home: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    writer, went = await one(home, small_disk / "greet.yaml")
    assert went == "sidecar: the file system is read-only"
    assert "read-only" in writer.mode_of(str(small_disk))
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    await writer.flush()
    assert "Reconciled" in (small_disk / "greet.yaml").read_text()


async def test_a_file_that_is_a_mount_point_is_left_alone(
    home: Path, file: Path, small_disk: Path
) -> None:
    other = file.with_name("other.yaml")
    other.write_text(scene.manifest())
    subprocess.run(["mount", "--bind", other, file], check=True)
    try:
        _, went = await one(home, file)
        assert went == "sidecar: the file itself is a mount point"
        assert file.read_text() == scene.manifest()
        assert not scene.left_in(file.parent)
    finally:
        subprocess.run(["umount", file], check=True)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [("chmod 444 greet.yaml", "it is read-only"), ("ln greet.yaml twin", "it has hard links")],
)
async def test_what_an_exchange_would_spoil_goes_beside(
    home: Path, file: Path, spoil: str, why: str
) -> None:
    subprocess.run(spoil, shell=True, cwd=file.parent, check=True)
    _, went = await one(home, file)
    assert went.startswith(f"sidecar: {why}")
    assert file.read_text() == scene.manifest()
    assert (file.parent / ".p42" / "status" / "command-greet.yaml").exists()


async def test_a_symbolic_link_stays_one(home: Path, file: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "real.yaml"
    real.parent.mkdir()
    file.rename(real)
    file.symlink_to(real)
    _, went = await one(home, file)
    assert went == "inline"
    assert file.is_symlink()
    assert not real.is_symlink()
    assert "Reconciled" in real.read_text()


@pytest.fixture
def no_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "lease", lambda descriptor: "unsupported")


@pytest.fixture
def no_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(one: Spot, other: Spot) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(displace, "exchange", refuse)


@pytest.mark.usefixtures("no_leases")
async def test_without_leases_a_quiet_file_is_written(home: Path, file: Path) -> None:
    writer, went = await one(home, file)
    assert went == "inline"
    assert writer.mode_of(str(file)).endswith("no leases here")


@pytest.mark.usefixtures("no_exchange")
async def test_without_exchange_a_quiet_file_is_written(home: Path, file: Path) -> None:
    writer, went = await one(home, file)
    assert went == "inline"
    assert not scene.left_in(file.parent)
    assert writer.mode_of(str(file)).endswith("no exchange of names here")


@pytest.mark.usefixtures("no_leases", "no_exchange")
async def test_with_neither_it_goes_beside(home: Path, file: Path) -> None:
    _, went = await one(home, file)
    assert went.startswith("sidecar: the file system knows neither")
    assert file.read_text() == scene.manifest()


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES])
async def test_an_error_of_the_exchange_leaves_the_old_file_and_the_others_go_on(
    home: Path, file: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    other = file.with_name("other.yaml")
    other.write_text(scene.manifest("other"))
    exchange_now = displace.exchange

    def fail(one: Spot, target: Spot) -> None:
        if target.name == str(file):
            raise OSError(number, os.strerror(number))
        exchange_now(one, target)

    monkeypatch.setattr(displace, "exchange", fail)
    writer = StatusWriter(home, pace=scene.AT_ONCE)
    for path in (file, other):
        what = scene.resource(path)
        writer.put(what, scene.status(what))
    await writer.flush()
    assert file.read_text() == scene.manifest()
    assert "Reconciled" in other.read_text()
    assert str(writer.where(scene.resource(file).ref)).startswith("sidecar: ")
    assert not scene.left_in(file.parent)


async def test_bytes_that_did_not_reach_the_disk_replace_nothing(
    home: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: str) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(scribe, "_sync_one", fail)
    _, went = await one(home, file)
    assert went == "sidecar: the disk reports an input/output error"
    assert file.read_text() == scene.manifest()
    assert not scene.left_in(file.parent)


async def test_no_descriptor_left_passes(
    home: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: str) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(scribe, "read_base", fail)
        writer, went = await one(home, file)
    assert went.startswith("waiting: ")
    await writer.flush()
    assert "Reconciled" in file.read_text()


async def test_a_short_write_is_written_on(
    home: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    _, went = await one(home, file)
    assert went == "inline"
    assert "Reconciled" in file.read_text()
