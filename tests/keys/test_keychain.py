"""The keychain of the system: there, locked, prompting, absent, or not to be trusted."""

from __future__ import annotations

import threading
from pathlib import Path

import keyring
import keyring.backends.null
import pytest
from keyring.errors import KeyringError, KeyringLocked

from p42.model.errors import Blocked
from p42.model.secret import Secret
from p42.stores.keys.keychain import Keychain
from p42.stores.keys.keys import SystemKeys
from p42.stores.keys.reference import Locked, Missing
from tests.keys.boxes import Box

ME = "keychain:anthropic/me/work"


@pytest.fixture
def keys(home: Path) -> SystemKeys:
    return SystemKeys({}, home=home)


async def test_the_keychain_is_asked_for_service_and_account(keys: SystemKeys, box: Box) -> None:
    box.held["anthropic", "me/work"] = "canary"
    assert await keys.state(ME) == "present"
    assert (await keys.read(ME)).reveal() == "canary"
    assert await keys.state("keychain:anthropic/other") == "missing"


async def test_an_empty_entry_is_missing(keys: SystemKeys, box: Box) -> None:
    box.held["anthropic", "me/work"] = " "
    assert await keys.state(ME) == "missing"
    with pytest.raises(Missing, match="nothing stored there; `p42 account login NAME`"):
        await keys.read(ME)


@pytest.mark.parametrize("refuses", [KeyringLocked("canary"), KeyringError("canary"), OSError()])
async def test_a_keychain_that_refuses_counts_as_locked_and_is_not_quoted(
    keys: SystemKeys, box: Box, refuses: Exception
) -> None:
    box.refuses = refuses
    found = await keys.look(ME)
    assert found.state == "locked"
    assert ME in found.why
    assert "canary" not in found.why
    with pytest.raises(Locked) as caught:
        await keys.read(ME)
    assert caught.value.reason == "KeyLocked"


async def test_without_a_keychain_the_key_is_missing_and_nothing_takes_its_place(
    keys: SystemKeys, no_keychain: None, home: Path
) -> None:
    found = await keys.look(ME)
    assert found.state == "missing"
    assert "no keychain; keep keys in a file with a passphrase" in found.why
    with pytest.raises(Missing, match="no keychain"):
        await keys.put(ME, Secret("canary"))
    assert not list(home.iterdir())


async def test_a_prompt_nobody_answers_counts_as_locked_and_gathers_no_threads(
    box: Box, home: Path
) -> None:
    keys = SystemKeys({}, home=home, deadline=0.05)
    box.held["anthropic", "me/work"] = "canary"
    box.gate = threading.Event()
    for _ in range(3):
        assert await keys.state(ME) == "locked"
    assert box.asked == 1
    waiting = [each for each in threading.enumerate() if each.name == "keychain"]
    assert len(waiting) == 1
    box.gate.set()
    waiting[0].join(10)
    assert await keys.state(ME) == "present"


@pytest.mark.looptime
async def test_a_prompt_is_a_state_after_five_seconds(box: Box, home: Path) -> None:
    import asyncio

    box.gate = threading.Event()
    began = asyncio.get_running_loop().time()
    found = await SystemKeys({}, home=home).look(ME)
    assert found.state == "locked"
    assert found.why.endswith("no answer in 5 s; unlock the keychain")
    assert asyncio.get_running_loop().time() - began == pytest.approx(5, abs=0.1)
    box.gate.set()


async def test_an_answer_is_used_again_until_p42_changes_it(keys: SystemKeys, box: Box) -> None:
    await keys.put(ME, Secret("canary-1"))
    asked = box.asked
    for _ in range(10):
        assert (await keys.read(ME)).reveal() == "canary-1"
    assert box.asked == asked + 1
    await keys.put(ME, Secret("canary-2"))
    assert (await keys.read(ME)).reveal() == "canary-2"


async def test_a_look_sees_what_others_changed(keys: SystemKeys, box: Box) -> None:
    await keys.put(ME, Secret("canary-1"))
    await keys.read(ME)
    box.held.clear()
    assert await keys.state(ME) == "missing"
    with pytest.raises(Missing):
        await keys.read(ME)


async def test_a_backend_that_forgets_is_found_out(home: Path) -> None:
    class Forgetful(Box):
        def set_password(self, service: str, username: str, password: str) -> None:
            pass

    before = keyring.get_keyring()
    keyring.set_keyring(Forgetful())
    try:
        with pytest.raises(Blocked, match="took the key and does not have it"):
            await SystemKeys({}, home=home).put(ME, Secret("canary"))
    finally:
        keyring.set_keyring(before)


@pytest.mark.parametrize("module", ["keyrings.alt.file", "keyring.backends.null"])
async def test_a_backend_that_keeps_keys_in_plain_text_is_none(module: str) -> None:
    unsafe = type("Plain", (Box,), {"__module__": module})
    before = keyring.get_keyring()
    keyring.set_keyring(unsafe())
    try:
        with pytest.raises(Missing, match="no keychain"):
            await Keychain().put("a", "b", "canary")
    finally:
        keyring.set_keyring(before)


async def test_forgetting_tells_whether_there_was_anything(keys: SystemKeys, box: Box) -> None:
    await keys.put(ME, Secret("canary"))
    assert await keys.drop(ME)
    assert not await keys.drop(ME)
    assert not box.held
