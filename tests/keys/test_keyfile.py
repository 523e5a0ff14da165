"""keys.age: opened by its passphrase alone, refused when a single bit differs, written whole."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pyrage
import pytest

from p42.model.errors import Blocked, P42Error
from p42.model.secret import Secret
from p42.stores.keys.keyfile import KeyFile
from p42.stores.keys.reference import Locked, Missing
from tests.keys.agefile import PASSPHRASE, key_file

RIGHT = Secret(PASSPHRASE)
KEYS = {"anthropic/me": "canary-0123456789", "groq/me": "canary-9876543210"}


@pytest.fixture
def path(home: Path) -> Path:
    found = home / "keys.age"
    found.touch(mode=0o600)
    found.write_bytes(key_file(KEYS))
    return found


@pytest.fixture
async def opened(path: Path) -> KeyFile:
    file = KeyFile(path)
    await file.unlock(RIGHT)
    return file


async def test_what_was_put_is_there_for_the_next_daemon(home: Path) -> None:
    file = KeyFile(home / "keys.age")
    await file.unlock(RIGHT)
    assert not await file.put("a/b", "canary")
    assert await file.put("a/b", "canary-2")
    again = KeyFile(home / "keys.age")
    await again.unlock(RIGHT)
    assert await again.get("a/b") == "canary-2"
    assert await again.get("a/c") is None
    assert stat.S_IMODE(again.path.stat().st_mode) == 0o600
    assert b"canary" not in again.path.read_bytes()


async def test_it_is_two_plain_age_files(opened: KeyFile) -> None:
    await opened.put("a/b", "canary")
    first, end, second = opened.path.read_bytes().partition(b"-----END AGE ENCRYPTED FILE-----\n")
    identity = pyrage.x25519.Identity.from_str(
        pyrage.passphrase.decrypt(first + end, PASSPHRASE).decode()
    )
    kept = json.loads(pyrage.decrypt(second, [identity]))["keys"]
    assert kept == {**KEYS, "a/b": "canary"}


async def test_until_it_is_unlocked_nothing_is_told(path: Path) -> None:
    file = KeyFile(path)
    with pytest.raises(Locked, match="p42 account unlock"):
        await file.get("anthropic/me")
    with pytest.raises(Locked):
        await file.put("anthropic/me", "new")


async def test_a_wrong_passphrase_is_told_and_opens_nothing(path: Path) -> None:
    file = KeyFile(path)
    with pytest.raises(Locked, match="the passphrase is wrong"):
        await file.unlock(Secret("wrong passphrase"))
    assert not file.is_open


async def test_every_byte_changed_is_refused_and_nothing_leaks(opened: KeyFile) -> None:
    good = opened.path.read_bytes()
    sealed = good.partition(b"-----END")[0] + b"-----END AGE ENCRYPTED FILE-----\n"
    for at in range(len(good)):
        data = bytearray(good)
        data[at] ^= 1 << (at % 8)
        opened.path.write_bytes(bytes(data))
        file = KeyFile(opened.path)
        file._opened = opened._opened  # unlocked when the file was whole
        with pytest.raises(P42Error) as caught:
            await file.get("anthropic/me")
        assert "canary" not in str(caught.value)
        if at < len(sealed):
            with pytest.raises(pyrage.DecryptError):
                pyrage.passphrase.decrypt(bytes(data[: len(sealed)]), PASSPHRASE)


@pytest.mark.parametrize("at", [0, 40, 200, 420, 600, -60, -1])
async def test_a_damaged_file_does_not_open_by_its_passphrase(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x01
    path.write_bytes(bytes(data))
    with pytest.raises(Blocked, match=r"keys.age: (damaged|the passphrase is wrong)") as caught:
        await KeyFile(path).unlock(RIGHT)
    assert caught.value.reason == "KeyLocked"
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("length", [0, 1, 300, 500, 800])
async def test_a_cut_file_is_refused(opened: KeyFile, length: int) -> None:
    opened.path.write_bytes(opened.path.read_bytes()[:length])
    with pytest.raises(Blocked):
        await opened.get("anthropic/me")


async def test_a_file_that_others_may_read_is_refused(opened: KeyFile) -> None:
    opened.path.chmod(0o644)
    os.utime(opened.path)
    with pytest.raises(Blocked, match=f"other users may read it; `chmod 600 {opened.path}`"):
        await opened.get("anthropic/me")


async def test_a_link_in_its_place_is_not_followed(opened: KeyFile, tmp_path: Path) -> None:
    opened.path.rename(tmp_path / "elsewhere")
    opened.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(P42Error, match="symbolic link"):
        await opened.get("anthropic/me")


async def test_an_older_copy_put_back_is_read_anew(opened: KeyFile) -> None:
    before = opened.path.read_bytes()
    await opened.put("anthropic/me", "newer")
    opened.path.write_bytes(before)
    assert await opened.get("anthropic/me") == KEYS["anthropic/me"]


async def test_a_file_of_another_passphrase_has_to_be_unlocked(opened: KeyFile) -> None:
    opened.path.write_bytes(key_file({"anthropic/me": "canary"}, passphrase="another one"))
    with pytest.raises(Locked, match="was exchanged"):
        await opened.get("anthropic/me")
    await opened.unlock(Secret("another one"))
    assert await opened.get("anthropic/me") == "canary"


async def test_a_file_that_is_gone_is_not_made_again_with_the_old_keys(opened: KeyFile) -> None:
    opened.path.unlink()
    with pytest.raises(Missing):
        await opened.put("a/b", "canary")
    assert not opened.exists


async def test_a_full_disk_leaves_the_old_file(opened: KeyFile, home: Path) -> None:
    before = opened.path.read_bytes()
    (home / ".keys.age.new").mkdir()  # nothing can be written there now
    with pytest.raises(P42Error):
        await opened.put("a/b", "canary")
    assert opened.path.read_bytes() == before
    assert await opened.get("anthropic/me") == KEYS["anthropic/me"]
    (home / ".keys.age.new").rmdir()
    await opened.put("a/b", "canary")
    assert [each.name for each in home.iterdir()] == ["keys.age"]


async def test_a_leftover_of_a_killed_daemon_is_not_in_the_way(opened: KeyFile, home: Path) -> None:
    (home / ".keys.age.new").write_text("half")
    await opened.put("a/b", "canary")
    assert await opened.get("a/b") == "canary"
