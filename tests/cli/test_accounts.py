"""`p42 account`, `model`, `migrate`: they edit manifests of the home, as diffs the person sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.doors.daemons import PATIENCE, Daemon, running
from tests.doors.vendor import KEY, vendor
from tests.providers.vendors import OpenAIServer


class Person:
    """Runs p42 under a home of its own, with a daemon behind."""

    def __init__(self, daemon: Daemon) -> None:
        self.home, self.daemon = daemon.home, daemon

    def p42(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "p42", *words],
            env={**os.environ, "P42_HOME": str(self.home), **env}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def spec(self, name: str) -> Any:
        path = self.home / "manifests" / "accounts" / f"{name}.yaml"
        return yaml.safe_load(path.read_text())["spec"]


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with vendor() as started:
        started.key = KEY
        yield started


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    with running(tmp_path / "home", GIVEN_KEY=KEY, OTHER_KEY="wrong-key-0123456789") as daemon:
        yield Person(daemon)


def add(person: Person, server: OpenAIServer, name: str, *more: str) -> Any:
    return person.p42(
        "account", "add", "openai-compatible", "--name", name, "--key", "env:GIVEN_KEY",
        "--base-url", server.url, "--model", "gpt-4o", *more,
    )  # fmt: skip


def test_an_account_is_added_shown_used_checked_and_removed(
    person: Person, server: OpenAIServer
) -> None:
    done = add(person, server, "one", "--default")
    assert done.returncode == 0, done.stderr
    assert "+  baseUrl: " in done.stdout
    assert "account/one ready" in done.stderr
    assert person.spec("one") == {
        "provider": "openai-compatible", "key": "env:GIVEN_KEY", "baseUrl": server.url,
        "models": ["gpt-4o"], "default": True,
    }  # fmt: skip
    assert add(person, server, "two").returncode == 0
    used = person.p42("account", "use", "two")
    assert used.returncode == 0, used.stderr
    assert "-  default: true" in used.stdout
    assert "+  default: true" in used.stdout
    items = json.loads(person.p42("account", "list", "-o", "json").stdout)["items"]
    assert {item["name"]: item["default"] for item in items} == {"one": False, "two": True}
    assert person.p42("account", "check", "two").stdout == "account/two works\n"
    assert "env:GIVEN_KEY: present" in person.p42("account", "keys", "two").stdout
    gone = person.p42("account", "remove", "one")
    assert gone.returncode == 0, gone.stderr
    assert not (person.home / "manifests" / "accounts" / "one.yaml").exists()


def test_a_name_that_is_taken_or_unknown_is_told(person: Person, server: OpenAIServer) -> None:
    add(person, server, "one")
    again = add(person, server, "one")
    assert again.returncode == 3
    assert "declared already, in" in again.stderr
    unknown = person.p42("account", "use", "nobody")
    assert unknown.returncode == 3
    assert "there is: one" in unknown.stderr
    assert person.p42("account", "add", "acme").returncode == 3


def test_what_stands_in_a_file_of_the_persons_own_is_shown_and_not_written(
    person: Person, server: OpenAIServer, tmp_path: Path
) -> None:
    own = tmp_path / "own" / "a.yaml"
    own.parent.mkdir()
    text = (
        "apiVersion: p42.dev/v1\nkind: Account\nmetadata: {name: mine}\n"
        f"spec: {{provider: openai-compatible, key: env:GIVEN_KEY, baseUrl: '{server.url}'}}\n"
    )
    own.write_text(text)
    person.daemon.ask("apply", paths=[str(own)], timeout=PATIENCE)
    done = person.p42("model", "set", "gpt-4o", "--account", "mine")
    assert done.returncode == 3
    assert f"account/mine is declared in {own}: make this edit there" in done.stderr
    assert "models: [gpt-4o]" in done.stderr
    assert own.read_text().startswith(text)


def test_a_dry_run_changes_nothing(person: Person, server: OpenAIServer) -> None:
    done = add(person, server, "one", "--dry-run")
    assert (done.returncode, "+kind: Account" in done.stdout) == (0, True)
    assert not (person.home / "manifests" / "accounts").exists()


def test_models_are_listed_told_and_set(person: Person, server: OpenAIServer) -> None:
    add(person, server, "one", "--default")
    listed = person.p42("model", "list")
    assert "gpt-4o-mini" in listed.stdout, listed.stderr
    told = json.loads(person.p42("model", "info", "gpt-4o", "-o", "json").stdout)
    assert (told["id"], told["used"], told["account"]) == ("gpt-4o", True, "one")
    assert person.p42("model", "info", "gpt").returncode == 1
    assert person.p42("model", "set", "gpt-4o-mini").returncode == 0
    assert person.spec("one")["models"] == ["gpt-4o-mini", "gpt-4o"]
    asked = json.loads(person.p42("ask", "hi", "-o", "json").stdout)
    assert asked["model"] == "gpt-4o-mini"


def test_keys_of_the_environment_become_accounts_that_name_them(person: Person) -> None:
    env = {"ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": "", "GROQ_API_KEY": KEY}
    dry = person.p42("migrate", "--from-env", "--dry-run", **env)
    assert dry.returncode == 0, dry.stderr
    assert not (person.home / "manifests" / "accounts").exists()
    done = person.p42("migrate", "--from-env", **env)
    assert done.returncode == 0, done.stderr
    assert person.spec("anthropic")["provider"] == "anthropic"
    assert person.spec("anthropic")["default"] is True
    assert "default" not in person.spec("groq")
    assert KEY not in done.stdout + done.stderr
    for path in (person.home / "manifests").rglob("*.yaml"):
        assert KEY not in path.read_text()
    again = person.p42("migrate", "--from-env", **env)
    assert "declared already" in again.stderr


def test_commands_that_are_there_become_manifests_and_stay_to_the_byte(person: Person) -> None:
    directory = person.home / "commands"
    scripts = {
        "hi": b"#!/bin/bash\n# Generated by Port 42 - 2025-07-17\n# says hi\n\necho hi  \n",
        "tabs": b"#!/usr/bin/env python3\nif True:\n\tprint('a: b # c')",
        "dos": b"#!/bin/sh\r\necho hi\r\n",
    }
    for name, data in scripts.items():
        (directory / name).write_bytes(data)
        (directory / name).chmod(0o755)
    (directory / "Odd_Name").write_bytes(b"#!/bin/sh\n")
    done = person.p42("migrate")
    assert done.returncode == 0, done.stderr
    assert "commands/Odd_Name: left as it is" in done.stderr
    refs = [f"command/{name}" for name in scripts]
    person.daemon.ask("wait", refs=refs, timeout=PATIENCE, **{"for": "Ready"})
    for name, data in scripts.items():
        assert (directory / name).read_bytes() == data
    items = person.daemon.ask("get", kind="command", names=["hi"])["items"]
    assert items[0]["spec"]["description"] == "says hi"
    person.daemon.ask("delete", refs=["command/hi"], timeout=PATIENCE)
    assert (directory / "hi").read_bytes() == scripts["hi"]


def test_accounts_of_the_configuration_become_manifests(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(
        '[accounts.work]\nprovider = "openai"\nmodels = ["gpt-4"]\nmonthly_budget = 50.0\n'
    )
    with running(home) as daemon:
        person = Person(daemon)
        assert person.p42("migrate").returncode == 0
        assert person.spec("work") == {"provider": "openai"}


def test_without_any_account_a_variable_still_works_with_a_notice(
    tmp_path: Path, server: OpenAIServer
) -> None:
    with running(tmp_path / "home", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.url) as daemon:
        done = Person(daemon).p42("ask", "hello")
    assert (done.returncode, done.stdout) == (0, "Hello from the other side.\n"), done.stderr
    assert "p42 migrate --from-env" in done.stderr
