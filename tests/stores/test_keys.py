"""Key references: present, missing, locked, and never shown."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, KeyringLocked

from p42.model.errors import Blocked
from p42.stores.keys import SystemKeys


@pytest.fixture
def keys() -> SystemKeys:
    return SystemKeys({"SET": "canary", "EMPTY": ""}, deadline=5.0)


class Box(KeyringBackend):
    """A keychain in memory; `refuses` is raised instead of an answer."""

    priority = 1.0  # type: ignore[assignment]

    def __init__(self, refuses: Exception | None = None) -> None:
        super().__init__()
        self.refuses = refuses
        self.gate: threading.Event | None = None
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        if self.gate is not None:
            self.gate.wait()
        if self.refuses is not None:
            raise self.refuses
        return "canary" if (service, username) == ("anthropic", "me/work") else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError("p42 only asks here")


@pytest.fixture
def box() -> Iterator[Box]:
    before = keyring.get_keyring()
    made = Box()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@pytest.mark.parametrize(
    ("reference", "state"),
    [("env:SET", "present"), ("env:EMPTY", "missing"), ("env:NEVER", "missing")],
)
async def test_a_variable_is_a_key_when_it_is_set_and_not_empty(
    keys: SystemKeys, reference: str, state: str
) -> None:
    assert await keys.state(reference) == state
    assert "canary" not in str(await keys.look(reference))


async def test_a_file_is_a_key_when_only_its_user_may_read_it(
    keys: SystemKeys, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    assert await keys.state(f"file:{path}") == "missing"
    path.touch(mode=0o600)
    assert await keys.state(f"file:{path}") == "missing"
    path.write_text("canary")
    assert await keys.state(f"file:{path}") == "present"
    path.chmod(0o640)
    with pytest.raises(Blocked, match=f"other users may read it; `chmod 600 {path}`"):
        await keys.state(f"file:{path}")


async def test_what_is_no_file_is_no_key_and_does_not_hang(
    keys: SystemKeys, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(Blocked, match="not a file"):
            await keys.state(f"file:{path}")


async def test_the_keychain_is_asked_for_service_and_account(keys: SystemKeys, box: Box) -> None:
    assert await keys.state("keychain:anthropic/me/work") == "present"
    assert await keys.state("keychain:anthropic/other") == "missing"


@pytest.mark.parametrize("refuses", [KeyringLocked("x"), KeyringError("x"), OSError("x")])
async def test_a_keychain_that_refuses_counts_as_locked(
    keys: SystemKeys, box: Box, refuses: Exception
) -> None:
    box.refuses = refuses
    found = await keys.look("keychain:a/b")
    assert found.state == "locked"
    assert "keychain:a/b" in found.why


async def test_without_a_keychain_the_key_is_missing_with_the_reason(keys: SystemKeys) -> None:
    from keyring.backends.fail import Keyring

    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())
    try:
        found = await keys.look("keychain:a/b")
    finally:
        keyring.set_keyring(before)
    assert found.state == "missing"
    assert "no keychain; use env: or file:" in found.why


async def test_a_prompt_nobody_answers_counts_as_locked_and_gathers_no_threads(box: Box) -> None:
    keys = SystemKeys({}, deadline=0.05)
    box.gate = threading.Event()
    for _ in range(3):
        assert await keys.state("keychain:anthropic/me/work") == "locked"
    assert box.asked == 1
    waiting = keys._asking
    assert waiting is not None
    box.gate.set()
    waiting.join(10)
    assert await keys.state("keychain:anthropic/me/work") == "present"


@pytest.mark.parametrize("reference", ["sk-canary", "keychain:", "keychain:a", "env:", "file:", ""])
async def test_what_is_no_reference_is_refused_and_not_repeated(
    keys: SystemKeys, reference: str
) -> None:
    with pytest.raises(Blocked, match="must be keychain:SERVICE/ACCOUNT") as caught:
        await keys.state(reference)
    assert "canary" not in str(caught.value)
