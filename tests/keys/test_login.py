"""`p42 account login`: the key comes without echo or by a pipe, and which store took it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from p42.model.errors import P42Error
from tests.keys.agefile import PASSPHRASE, key_file
from tests.keys.daemon import NO_KEY, account, accounts, piped, reason, typed

KEY = "canary-0123456789"
ME = account("me", "keychain:anthropic/me")


def make(home: Path) -> Path:
    home.mkdir(mode=0o700, exist_ok=True)
    path = home / "keys.age"
    path.touch(mode=0o600)
    path.write_bytes(key_file({}))
    return path


def test_a_key_is_asked_for_without_echo_after_the_passphrase(tmp_path: Path) -> None:
    home = tmp_path / "home"
    path = make(home)
    with accounts(home, ME) as daemon:
        said = typed(home, 'login("me", store="file")', PASSPHRASE, KEY)
        assert said.code == 0, said.text
        assert said.text == (
            f"Passphrase of {path}: \nKey of me (keychain:anthropic/me): \n"
            f"account/me key stored as keychain:anthropic/me in {path}\n"
        )
        assert daemon.ask("keys.where")["unlocked"]
        reason(daemon, until=lambda word: word not in NO_KEY)


def test_a_new_file_wants_its_passphrase_twice(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with accounts(home, ME, P42_KEYS_STORE="file") as daemon:
        said = typed(home, 'login("me")', PASSPHRASE, "another one")
        assert said.code == 3
        assert "the two differ; nothing was stored" in said.text
        assert not (home / "keys.age").exists()
        said = typed(home, 'login("me")', PASSPHRASE, PASSPHRASE, KEY)
        assert said.code == 0, said.text
        assert daemon.ask("keys.where")["inUse"] == str(home / "keys.age")


def test_a_wrong_passphrase_is_told_before_the_key_is_asked_for(tmp_path: Path) -> None:
    home = tmp_path / "home"
    make(home)
    with accounts(home, ME):
        said = typed(home, 'login("me")', "wrong passphrase")
        assert said.code == 1
        assert said.text.endswith("p42: keys.age: the passphrase is wrong\n")
        assert "Key of me" not in said.text
        said = typed(home, "unlock()", PASSPHRASE)
        assert (said.code, said.text.splitlines()[-1]) == (0, f"{home}/keys.age unlocked")


def test_a_pipe_gives_the_key_and_the_environment_the_passphrase(tmp_path: Path) -> None:
    home = tmp_path / "home"
    make(home)
    env = {"P42_KEYS_PASSPHRASE": PASSPHRASE}
    with accounts(home, ME):
        said = piped(home, 'login("me")', KEY.encode() + b"\r\n")
        assert said.code == 3
        assert (
            "needs its passphrase: set P42_KEYS_PASSPHRASE, or do this in a terminal" in said.text
        )
        said = piped(home, 'login("me", store="file")', KEY.encode() + b"\r\n", env=env)
        assert said.code == 0, said.text
    with accounts(home, ME, **env) as daemon:
        reason(daemon, until=lambda word: word not in NO_KEY)


def test_without_a_keychain_nothing_is_stored_unasked(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with accounts(home, ME):
        said = piped(home, 'login("me")', KEY.encode())
        assert said.code == 1
        assert "this machine has no keychain; keep keys in a file with a passphrase" in said.text
        assert not (home / "keys.age").exists()


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("env:SOME_KEY", "takes its key from the variable SOME_KEY; set it where p42 is started"),
        ("file:/keys/me", "takes its key from the file /keys/me; write it there and `chmod 600"),
        (None, "declares no key; add key: keychain:p42/me to its spec"),
    ],
)
def test_a_key_that_is_not_ours_to_keep_is_told_with_the_way(
    tmp_path: Path, key: str | None, told: str
) -> None:
    home = tmp_path / "home"
    with accounts(home, account("me", key)):
        said = piped(home, 'login("me")', KEY.encode())
        assert said.code == 3
        assert told in said.text


@pytest.mark.parametrize("data", [b"", b" \n", b"\xff\xfe", b"x" * 70_000])
def test_what_is_no_key_is_not_stored(tmp_path: Path, data: bytes) -> None:
    home = tmp_path / "home"
    make(home)
    with accounts(home, ME, P42_KEYS_PASSPHRASE=PASSPHRASE, P42_KEYS_STORE="file") as daemon:
        daemon.ask("keys.unlock", passphrase=PASSPHRASE)
        said = piped(home, 'login("me")', data)
        assert said.code == 3
        assert said.text.endswith("nothing was stored\n")


def test_a_file_that_is_locked_and_a_key_that_is_forgotten_are_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    make(home)
    with accounts(home, ME, P42_KEYS_STORE="file") as daemon:
        with pytest.raises(P42Error, match="is locked; unlock it: `p42 account unlock`"):
            daemon.ask("keys.store", reference="keychain:anthropic/me", value=KEY)
        daemon.ask("keys.unlock", passphrase=PASSPHRASE)
        daemon.ask("keys.store", reference="keychain:anthropic/me", value=KEY)
        forgotten = daemon.ask("keys.forget", reference="keychain:anthropic/me")
        assert forgotten == {"reference": "keychain:anthropic/me", "found": True}
        assert not daemon.ask("keys.forget", reference="keychain:anthropic/me")["found"]
