"""Which store holds a key: what keys.store says, never what happens to work."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from keyring.errors import KeyringLocked

from p42.model.errors import Blocked, InvalidInput
from p42.model.secret import Secret
from p42.runtimes.disk.files import DiskFiles
from p42.stores.keys.keys import PASSPHRASE as VARIABLE
from p42.stores.keys.keys import SystemKeys
from p42.stores.keys.redaction import Redactor
from p42.stores.keys.reference import Locked, Missing
from tests.keys.agefile import PASSPHRASE, key_file
from tests.keys.boxes import Box

ME = "keychain:anthropic/me"
GIVEN = {VARIABLE: PASSPHRASE}


def make(home: Path, **keys: str) -> Path:
    path = home / "keys.age"
    path.touch(mode=0o600)
    path.write_bytes(key_file({name.replace("__", "/"): key for name, key in keys.items()}))
    return path


async def test_file_means_that_the_keychain_is_never_asked(home: Path, box: Box) -> None:
    make(home, anthropic__me="canary-file")
    keys = SystemKeys(GIVEN, home=home, store="file")
    assert (await keys.read(ME)).reveal() == "canary-file"
    assert await keys.put(ME, Secret("canary-new")) == str(home / "keys.age")
    assert (await keys.read(ME)).reveal() == "canary-new"
    assert await keys.state("keychain:anthropic/other") == "missing"
    assert await keys.drop(ME)
    assert box.asked == 0


async def test_keychain_means_that_keys_age_is_never_opened(home: Path, box: Box) -> None:
    make(home, anthropic__me="canary-file")
    keys = SystemKeys(GIVEN, home=home, store="keychain")
    assert await keys.state(ME) == "missing"
    with pytest.raises(InvalidInput, match=r"keys\.store is keychain"):
        await keys.put(ME, Secret("canary"), store="file")
    with pytest.raises(InvalidInput, match=r"keys\.age is not used"):
        await keys.unlock(Secret(PASSPHRASE))


async def test_auto_never_makes_a_file_by_itself(home: Path, no_keychain: None) -> None:
    keys = SystemKeys(GIVEN, home=home)
    with pytest.raises(Missing, match="no keychain"):
        await keys.put(ME, Secret("canary"))
    assert await keys.state(ME) == "missing"
    assert not list(home.iterdir())


async def test_a_locked_keychain_is_not_passed_over(home: Path, box: Box) -> None:
    keys = SystemKeys(GIVEN, home=home)
    box.refuses = KeyringLocked()
    with pytest.raises(Locked):
        await keys.put(ME, Secret("canary"))
    assert not list(home.iterdir())


async def test_auto_finds_what_was_put_into_the_file_on_purpose(
    home: Path, no_keychain: None
) -> None:
    make(home)
    keys = SystemKeys(GIVEN, home=home)
    await keys.put(ME, Secret("canary"), store="file")
    assert (await keys.read(ME)).reveal() == "canary"
    assert (await SystemKeys(GIVEN, home=home).read(ME)).reveal() == "canary"


async def test_in_auto_a_key_moves_from_one_store_to_the_other(home: Path, box: Box) -> None:
    make(home)
    keys = SystemKeys(GIVEN, home=home)
    await keys.put(ME, Secret("canary-1"))
    await keys.put(ME, Secret("canary-2"), store="file")
    assert not box.held
    assert (await keys.read(ME)).reveal() == "canary-2"
    await keys.put(ME, Secret("canary-3"))
    assert (await keys.read(ME)).reveal() == "canary-3"
    assert await keys.drop(ME)
    assert await keys.state(ME) == "missing"


async def test_a_file_that_waits_for_its_passphrase_makes_the_key_locked_not_missing(
    home: Path, box: Box
) -> None:
    make(home, anthropic__me="canary")
    keys = SystemKeys({}, home=home)
    assert await keys.state(ME) == "locked"
    box.held["groq", "me"] = "canary-box"
    assert await keys.state("keychain:groq/me") == "present"
    await keys.unlock(Secret(PASSPHRASE))
    assert await keys.state(ME) == "present"


async def test_a_wrong_passphrase_in_the_environment_is_tried_once(home: Path) -> None:
    path = make(home, anthropic__me="canary")
    keys = SystemKeys({VARIABLE: "wrong passphrase"}, home=home, store="file")
    found = await keys.look(ME)
    assert found.state == "locked"
    assert "the passphrase is wrong" in found.why
    began = asyncio.get_running_loop().time()
    for _ in range(50):
        assert await keys.state(ME) == "locked"
    assert asyncio.get_running_loop().time() - began < 0.5  # no process was started for these
    path.write_bytes(key_file({"anthropic/me": "canary"}, passphrase="wrong passphrase"))
    assert await keys.state(ME) == "present"


async def test_a_new_passphrase_has_to_keep_somebody_out(home: Path) -> None:
    with pytest.raises(InvalidInput, match="8 characters"):
        await SystemKeys({}, home=home, store="file").unlock(Secret("short"))
    assert not list(home.iterdir())


async def test_where_tells_of_both_stores(home: Path, box: Box) -> None:
    make(home)
    keys = SystemKeys({}, home=home)
    found = await keys.where()
    assert (found.keychain, found.exists, found.unlocked) == ("Box", True, False)
    await keys.unlock(Secret(PASSPHRASE))
    assert (await keys.where()).unlocked


async def test_where_says_why_there_is_no_keychain(home: Path, no_keychain: None) -> None:
    found = await SystemKeys({}, home=home).where()
    assert found.keychain == ""
    assert "no keychain" in found.why


@pytest.mark.parametrize("reference", ["env:KEY", "file:/tmp/key"])
async def test_what_is_the_users_own_is_not_written(home: Path, reference: str) -> None:
    keys = SystemKeys({}, home=home)
    with pytest.raises(InvalidInput, match=reference):
        await keys.put(reference, Secret("canary"))
    with pytest.raises(InvalidInput):
        await keys.drop(reference)


async def test_followers_hear_of_what_p42_changes(home: Path, box: Box) -> None:
    make(home)
    keys = SystemKeys({}, home=home)
    news = keys.follow()
    await keys.unlock(Secret(PASSPHRASE))
    async with asyncio.timeout(5):
        assert await anext(news) is None
        await keys.put(ME, Secret("canary"))
        assert await anext(news) == ME
        await keys.drop(ME)
        assert await anext(news) == ME
    await news.aclose()  # type: ignore[attr-defined]


async def test_a_secret_is_known_to_the_redactor_before_anyone_has_it(home: Path, box: Box) -> None:
    redactor = Redactor()
    make(home, groq__me="canary-in-file")
    env = {"KEY": "canary-in-env", **GIVEN}
    keys = SystemKeys(env, home=home, redactor=redactor)
    await keys.put(ME, Secret("canary-put"))
    for reference in ("env:KEY", "keychain:groq/me"):
        await keys.state(reference)
    for text in ("canary-in-env", "canary-in-file", "canary-put", PASSPHRASE):
        assert redactor.clean(f"<{text}>") == "<***>"


async def test_only_the_value_that_was_read_is_renewed(home: Path, box: Box) -> None:
    keys = SystemKeys({}, home=home)
    await keys.put(ME, Secret("canary-1"))
    box.held["anthropic", "me"] = "canary-by-hand"
    assert not await keys.renew(ME, Secret("canary-2"), old=Secret("canary-1"))
    assert box.held["anthropic", "me"] == "canary-by-hand"
    assert await keys.renew(ME, Secret("canary-2"), old=Secret("canary-by-hand"))
    assert (await keys.read(ME)).reveal() == "canary-2"


async def test_renewed_keys_stay_in_the_store_that_has_them(home: Path, box: Box) -> None:
    make(home, anthropic__me="canary-1")
    keys = SystemKeys(GIVEN, home=home)
    assert await keys.renew(ME, Secret("canary-2"), old=Secret("canary-1"))
    assert not box.held
    with pytest.raises(Blocked):
        await keys.renew("keychain:a/b", Secret("x"), old=Secret("y"))


async def test_a_key_file_that_changes_is_told_within_a_moment(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "key"
    keys = SystemKeys({}, home=home)
    files = DiskFiles(home, path="")
    news = keys.follow()
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(keys.watch(files.follow))
        assert await keys.state(f"file:{path}") == "missing"

        async def heard() -> str | None:
            async with asyncio.timeout(5):
                return await anext(news)

        waiting = group.create_task(heard())
        while not waiting.done():  # the watch is not set up at once, and nobody tells when it is
            path.touch(mode=0o600)
            await asyncio.sleep(0.02)
        assert await waiting == f"file:{path}"
        watching.cancel()
    await news.aclose()  # type: ignore[attr-defined]
