"""A file that a person saves at the very moment p42 puts another version there stays theirs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from p42 import displace
from p42.displace import Spot
from p42.model.errors import Retry
from p42.model.refs import Ref
from p42.runtimes.disk.pins import DiskPins
from p42.runtimes.processes import LocalProcesses
from tests.forge.smithy import smithy


def save_at_the_exchange(monkeypatch: pytest.MonkeyPatch, file: Path, data: bytes) -> None:
    """Once, between the last look and the exchange."""
    exchange_now, saves = displace.exchange, [data]

    def exchange(one: Spot, other: Spot) -> None:
        if saves and other.name == file.name:
            new = file.with_suffix(".tmp")
            new.write_bytes(saves.pop())
            new.replace(file)
        exchange_now(one, other)

    monkeypatch.setattr(displace, "exchange", exchange)


async def test_an_edit_of_a_forged_manifest_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with smithy(tmp_path) as here:
        first = await here.one(name="hi", description="says hi", implementation="echo 1")
        assert first.problem == ""
        sheet = here.sheet("hi")
        mine = sheet.read_bytes() + b"# mine\n"
        save_at_the_exchange(monkeypatch, sheet, mine)
        again = await here.one(name="hi", description="says hi", implementation="echo 2")
        assert again.problem == f"{sheet} was changed meanwhile; ask again"
        assert sheet.read_bytes() == mine


async def test_a_status_that_p42_writes_meanwhile_is_no_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer was paid for, and refused."""
    async with smithy(tmp_path) as here:
        await here.one(name="hi", description="says hi", implementation="echo 1")
        sheet = here.sheet("hi")
        told = sheet.read_bytes() + b"status:\n  conditions: []\n"
        save_at_the_exchange(monkeypatch, sheet, told)
        again = await here.one(name="hi", description="says hi", implementation="echo 2")
        assert again.problem == ""
        assert "echo 2" in sheet.read_text()


def test_an_edit_of_a_lock_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref, home, manifest = Ref("Command", "hello"), tmp_path / "home", tmp_path / "all.yaml"
    pins = DiskPins(home, lambda _: manifest, LocalProcesses(os.environ, home=home))
    pins.write(ref, b"one\n", was=None)
    lock = tmp_path / "forged" / "hello.lock.yaml"
    save_at_the_exchange(monkeypatch, lock, b"mine\n")
    with pytest.raises(Retry, match="changed meanwhile"):
        pins.write(ref, b"two\n", was=b"one\n")
    assert lock.read_bytes() == b"mine\n"
    assert [path.name for path in (lock.parent / ".p42").iterdir()] == [".gitignore"]
