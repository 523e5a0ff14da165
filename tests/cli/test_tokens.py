"""`p42 token`: what is printed, and where."""

from __future__ import annotations

import json

import pytest

from p42.cli.main import run
from tests.cli.scripted import Scripted

MADE = {"id": "0a1b2c3d4e5f", "token": "p42_0a1b2c3d4e5f_secret", "scopes": ["read"],
        "expires": None}  # fmt: skip
KEPT = {"id": "0a1b2c3d4e5f", "name": "ci", "scopes": ["read", "tasks"], "expires": None,
        "created": "2026-11-21T09:20:12Z", "lastUsed": None}  # fmt: skip


def test_the_secret_alone_is_on_standard_output(
    daemon: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that `T=$(p42 token create ...)` works; the warning goes beside it."""
    daemon.answers["token.create"] = MADE
    assert run(["token", "create", "--scope", "read,tasks", "--scope", "write"]) == 0
    said = capsys.readouterr()
    assert said.out == "p42_0a1b2c3d4e5f_secret\n"
    assert "shown this once" in said.err
    assert "p42 token revoke 0a1b2c3d4e5f" in said.err
    assert daemon.payload("token.create") == {
        "scopes": ["read", "tasks", "write"], "name": "", "expires": None,
    }  # fmt: skip


def test_a_time_is_sent_in_seconds_and_json_is_the_contracts(
    daemon: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.answers["token.create"] = MADE
    words = ["token", "create", "--scope", "read", "--name", "ci", "--expires", "30d", "-o", "json"]
    assert run(words) == 0
    assert json.loads(capsys.readouterr().out) == MADE
    assert daemon.payload("token.create")["expires"] == 30 * 86400.0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["create"], 64), (["create", "--scope", "read", "--expires", "soon"], 3),
        (["revoke"], 64), (["list", "-o", "yaml"], 3),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_told_before_anybody_is_asked(
    daemon: Scripted, words: list[str], code: int
) -> None:
    assert run(["token", *words]) == code
    assert daemon.asked == []


def test_the_list_shows_who_may_what_and_how_to_make_the_first(
    daemon: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.answers["token.list"] = {"items": [KEPT]}
    assert run(["token", "list"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["ID", "NAME", "SCOPES", "CREATED", "EXPIRES", "LAST", "USED"]
    assert row.split() == [
        "0a1b2c3d4e5f", "ci", "read,tasks", "2026-11-21T09:20:12Z", "never", "never",
    ]  # fmt: skip
    assert run(["token", "list", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"items": [KEPT]}
    daemon.answers["token.list"] = {"items": []}
    assert run(["token", "list"]) == 0
    assert "p42 token create" in capsys.readouterr().err


def test_a_revoked_token_is_named(daemon: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.answers["token.revoke"] = {"id": "0a1b2c3d4e5f", "name": "ci"}
    assert run(["token", "revoke", "0a1"]) == 0
    assert capsys.readouterr().out == "token 0a1b2c3d4e5f revoked\n"
    assert daemon.payload("token.revoke") == {"id": "0a1"}
