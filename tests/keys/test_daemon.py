"""A daemon whose keychain is locked, prompts, or is not there: a state soon, the rest goes on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from p42.model.errors import P42Error
from tests.doors.daemons import command
from tests.keys.agefile import PASSPHRASE
from tests.keys.daemon import NOTHING, account, accounts, reason

ROOT = Path(__file__).parents[2]
ME = account("me", "keychain:anthropic/me")


@pytest.mark.parametrize(
    ("backend", "found", "seconds"),
    [
        ("tests.keys.boxes.Prompting", "KeyLocked", 7.0),
        ("tests.keys.boxes.Locked", "KeyLocked", 3.0),
        (NOTHING, "KeyMissing", 3.0),
    ],
)
def test_a_keychain_that_gives_nothing_is_a_state_and_holds_nobody_up(
    tmp_path: Path, backend: str, found: str, seconds: float
) -> None:
    began = time.monotonic()
    env = {"PYTHON_KEYRING_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    with accounts(tmp_path / "home", ME, command("hello"), **env) as daemon:
        ready = daemon.ask("wait", refs=["command/hello"], timeout=20.0)
        assert ready["items"][0]["met"]
        began = min(began + 2.0, time.monotonic())
        reason(daemon, until=lambda word: word == found)
        assert time.monotonic() - began < seconds
        asked = time.monotonic()
        assert daemon.ask("ping") == {}
        assert time.monotonic() - asked < 1.0
        with pytest.raises(P42Error) as refused:
            daemon.ask("keys.store", reference="keychain:anthropic/me", value="canary-012345")
        assert "canary" not in str(refused.value)
        assert time.monotonic() - asked < 7.0
        assert daemon.stop() < 5.0


def test_a_key_that_is_put_makes_the_account_go_on_at_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    env = {"P42_KEYS_STORE": "file", "P42_KEYS_PASSPHRASE": PASSPHRASE}
    with accounts(home, ME, **env) as daemon:
        reason(daemon, until=lambda word: word == "KeyMissing")
        daemon.ask("keys.unlock", passphrase=PASSPHRASE)
        daemon.ask("keys.store", reference="keychain:anthropic/me", value="canary-012345")
        end = time.monotonic() + 5.0  # nobody reconciles it, and the next look is a minute away
        while daemon.ask("overview")["items"][0]["reason"] == "KeyMissing":
            assert time.monotonic() < end
            time.sleep(0.05)


def test_a_key_file_that_appears_is_found_at_once(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with accounts(tmp_path / "home", account("me", f"file:{path}")) as daemon:
        reason(daemon, until=lambda word: word == "KeyMissing")
        path.touch(mode=0o600)
        path.write_text("canary-012345")
        end = time.monotonic() + 5.0
        while daemon.ask("overview")["items"][0]["reason"] == "KeyMissing":
            assert time.monotonic() < end
            time.sleep(0.05)
