"""Key references: present, missing, locked; read when asked for, and never shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from p42.model.errors import Blocked
from p42.stores.keys.keys import SystemKeys
from p42.stores.keys.plain import MAX_KEY


@pytest.fixture
def keys(tmp_path: Path) -> SystemKeys:
    return SystemKeys({"SET": " canary\n", "EMPTY": "", "BLANK": " \n"}, home=tmp_path)


@pytest.mark.parametrize(
    ("reference", "state"),
    [
        ("env:SET", "present"),
        ("env:EMPTY", "missing"),
        ("env:BLANK", "missing"),
        ("env:NEVER", "missing"),
    ],
)
async def test_a_variable_is_a_key_when_it_is_set_and_not_empty(
    keys: SystemKeys, reference: str, state: str
) -> None:
    assert await keys.state(reference) == state
    assert "canary" not in str(await keys.look(reference))


async def test_what_is_missing_is_refused_with_its_remedy(keys: SystemKeys) -> None:
    with pytest.raises(Blocked, match="env:NEVER: not set where p42 was started") as caught:
        await keys.read("env:NEVER")
    assert caught.value.reason == "KeyMissing"


async def test_blanks_around_a_key_are_not_of_it(keys: SystemKeys, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_text("canary\r\n")
    for reference in ("env:SET", f"file:{path}"):
        assert (await keys.read(reference)).reveal() == "canary"


async def test_a_file_is_a_key_when_only_its_user_may_read_it(
    keys: SystemKeys, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    assert await keys.state(f"file:{path}") == "missing"
    path.touch(mode=0o600)
    assert await keys.state(f"file:{path}") == "missing"
    path.write_text("\n")
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


@pytest.mark.parametrize(
    ("data", "told"), [(b"x" * (MAX_KEY + 1), "too large"), (b"\xff\xfe", "no text")]
)
async def test_what_is_no_text_or_too_long_is_no_key(
    keys: SystemKeys, tmp_path: Path, data: bytes, told: str
) -> None:
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(data)
    with pytest.raises(Blocked, match=told) as caught:
        await keys.read(f"file:{path}")
    assert caught.value.reason == "KeyMissing"


@pytest.mark.parametrize("reference", ["sk-canary", "keychain:", "keychain:a", "env:", "file:", ""])
async def test_what_is_no_reference_is_refused_and_not_repeated(
    keys: SystemKeys, reference: str
) -> None:
    with pytest.raises(Blocked, match="must be keychain:SERVICE/ACCOUNT") as caught:
        await keys.state(reference)
    assert "canary" not in str(caught.value)
