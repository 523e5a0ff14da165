"""No key leaves its store: 50 canaries through every way in which things go wrong, 0 found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from p42.model.errors import P42Error
from tests.doors.daemons import Daemon
from tests.e2e.canaries import GiveAway, Scan, canary, forms
from tests.keys.agefile import key_file
from tests.keys.daemon import account, accounts

COUNT = 50
PASSPHRASE = "canary-passphrase-0815"
NOBODY = 9  # the discard port: nothing listens
PATIENCE = 25.0  # s until every account has been asked about


@dataclass
class Stage:
    """A daemon with 50 keys, and everything it has said so far."""

    home: Path
    daemon: Daemon
    vendor: GiveAway
    scan: Scan
    names: tuple[str, ...]

    def ask(self, verb: str, **payload: Any) -> str:
        """One question; the answer or the refusal, as text."""
        try:
            answer = json.dumps(self.daemon.ask(verb, **payload))
        except P42Error as error:
            answer = str(error)
        self.scan.look(f"reply to {verb}", answer)
        return answer

    def stream(self, verb: str, **payload: Any) -> None:
        """The same of one that streams."""
        try:
            for part in self.daemon.stream(verb, **payload):
                self.scan.look(f"stream of {verb}", json.dumps(part))
        except P42Error as error:
            self.scan.look(f"stream of {verb}", str(error))

    def cli(self, *arguments: str, stdin: str = "", **env: str) -> int:
        """A command of p42's; everything it prints is looked at."""
        done = subprocess.run(
            [sys.executable, "-m", "p42", *arguments], input=stdin.encode(), check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, start_new_session=True,
            env={**os.environ, "P42_HOME": str(self.home), **env},
        )  # fmt: skip
        self.scan.look(f"p42 {' '.join(arguments[:2])}", done.stdout)
        return done.returncode


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    home, keys = tmp_path / "home", tmp_path / "keys"
    home.mkdir(mode=0o700)
    keys.mkdir(mode=0o700)
    with GiveAway() as vendor:
        held, env, documents = _spread(keys, vendor)
        age = home / "keys.age"
        age.touch(mode=0o600)
        age.write_bytes(key_file(held, passphrase=PASSPHRASE))
        env |= {"P42_KEYS_STORE": "file", "P42_KEYS_PASSPHRASE": PASSPHRASE}
        scan = Scan([*map(canary, range(COUNT)), PASSPHRASE])
        names = tuple(f"me{number}" for number in range(len(documents)))
        with accounts(home, *documents, **env) as daemon:
            yield Stage(home, daemon, vendor, scan, names)


def _spread(keys: Path, vendor: GiveAway) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """All canaries to their stores: keys.age, the environment, and an account for each.

    Every third stands in a variable, a file or keys.age; the last eight are four token sets.
    """
    held: dict[str, str] = {}
    env: dict[str, str] = {}
    references = []
    for number in range(COUNT - 8):
        match number % 3:
            case 0:
                env[f"KEY{number}"] = canary(number)
                references.append(f"env:KEY{number}")
            case 1:
                path = keys / str(number)
                path.touch(mode=0o600)
                path.write_text(canary(number))
                references.append(f"file:{path}")
            case _:
                held[f"p42/{number}"] = canary(number)
                references.append(f"keychain:p42/{number}")
    for number in range(COUNT - 8, COUNT, 2):
        held[f"token/{number}"] = json.dumps({
            "access_token": canary(number), "refresh_token": canary(number + 1), "client_id": "p",
            "expires_at": 1, "token_url": vendor.url(number),
        })  # fmt: skip
        references.append(f"keychain:token/{number}")
    providers = ("anthropic", "openai-compatible", "openai", "groq")
    documents = [
        account(f"me{at}", reference, provider=providers[at % 4],
                baseUrl=vendor.url(at // 4) if at % 7 else f"http://127.0.0.1:{NOBODY}/v1")
        for at, reference in enumerate(references)
    ]  # fmt: skip
    return held, env, documents


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < end:
        time.sleep(0.1)


def _asked_all(stage: Stage) -> bool:
    items = stage.daemon.ask("overview")["items"]
    waiting = [each for each in items if each["reason"] in ("InProgress", "Observed", "Retry")]
    return len(items) >= len(stage.names) and not waiting


def test_the_scan_finds_what_is_there() -> None:
    for number in range(COUNT):
        for form in forms(canary(number)):
            scan = Scan([canary(number)])
            scan.look("here", b"before" + form + b"after")
            assert scan.found == {"here": {canary(number)}}


def test_no_canary_is_found_outside_its_store(stage: Stage, tmp_path: Path) -> None:
    _until(lambda: _asked_all(stage))
    assert len(stage.vendor.asked) > COUNT / 3  # the vendor was really given keys
    _ask_everything(stage)
    _mistake_everything(stage, tmp_path)
    stage.cli("account", "login", "me2", stdin=canary(2))
    assert stage.scan.look_at_processes(stage.home, but=stage.daemon.process.pid) > 1
    stage.daemon.process.send_signal(signal.SIGABRT)
    stage.daemon.process.wait(30)
    assert not list(tmp_path.rglob("core*"))
    stage.scan.look("stderr of the daemon", stage.daemon.ended())
    stage.scan.look_into(stage.home)
    stage.scan.look_into(tmp_path / "source")
    assert stage.scan.seen > 100_000
    assert stage.scan.found == {}


def _ask_everything(stage: Stage) -> None:
    for verb in ("status", "list", "overview", "config", "doctor", "top", "usage", "keys.where"):
        stage.ask(verb)
    stage.ask("get", kind="all")
    stage.ask("table", kind="accounts", wide=True)
    stage.ask("tree")
    for name in stage.names:
        stage.ask("describe", ref=f"account/{name}")
    for name in stage.names[::4]:
        stage.ask("account.check", account=name)
        stage.ask("models.list", account=name)
        stage.stream("ask", question="hello", account=name, timeout=5.0)
    stage.ask("reconcile", refs=["all"])
    stage.stream("events", limit=5000)
    stage.stream("logs", target="daemon", lines=10_000)
    for words in ("get all -o json", "get all -o yaml", "get status", "describe account/me0",
                  "events -n 5000", "logs daemon -n 5000", "doctor", "config -o json", "usage",
                  "account list", "account check me0", "account check me1"):  # fmt: skip
        stage.cli(*words.split())


def _mistake_everything(stage: Stage, tmp_path: Path) -> None:
    """Keys where they do not belong."""
    literal = tmp_path / "source" / "literal.yaml"
    literal.write_text(account("literal", canary(0)) + "---\n" + account("me1", "env:X"))
    stage.stream("apply", paths=[str(literal.parent)], timeout=5.0)
    stage.cli("validate", str(literal))
    stage.cli("apply", "-f", str(literal), "--timeout", "5s")
    literal.unlink()
    for key in (canary(2), canary(11), ""):
        for reference in (canary(0), "keychain:p42/2", "env:KEY0", "keychain:"):
            stage.ask("keys.store", reference=reference, value=key, store="keychain")
            stage.ask("keys.store", reference=reference, value=key, stored="x")
        stage.ask("keys.store", reference="keychain:p42/2", value=[key])
        stage.ask("keys.unlock", passphrase=PASSPHRASE + "x")
    stage.ask("keys.forget", reference="keychain:p42/5")
    stage.ask("keys.unlock", passphrase={"a": PASSPHRASE})
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.toml").write_text(f"[accounts.a]\nkey = {json.dumps(canary(0))}\n")
    stage.cli("config", P42_HOME=str(other))
    stage.cli("config", P42_COMPAT_KILOMETERS_KEY=canary(0))
