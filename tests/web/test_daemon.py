"""The door of a whole daemon: a process of its own, its tokens by the command's way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from anthropic import AsyncAnthropic

from p42.model.errors import InvalidInput, P42Error
from tests.doors.daemons import Daemon, running
from tests.providers.vendors import AnthropicServer, Say
from tests.web.raw import request, say


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("home")) as there:
        yield there


def port(daemon: Daemon) -> int:
    items = {item["key"]: item for item in daemon.ask("config")["items"]}
    assert items["http.port"]["wanted"] == 0
    found: int = items["http.port"]["value"]
    return found


def status(daemon: Daemon, path: str, token: str = "") -> int:
    there = port(daemon)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return asyncio.run(say(there, request(there, path, headers=headers))).status


def test_a_token_opens_the_door_until_it_is_revoked(daemon: Daemon) -> None:
    assert status(daemon, "/healthz") == 200
    assert status(daemon, "/nothing") == 401
    made = daemon.ask("token.create", scopes=["read"], name="ci", expires=3600)
    assert sorted(made) == ["expires", "id", "scopes", "token"]
    assert status(daemon, "/nothing", made["token"]) == 404
    [kept] = daemon.ask("token.list")["items"]
    assert (kept["id"], kept["name"], kept["scopes"]) == (made["id"], "ci", ["read"])
    assert kept["lastUsed"] is not None
    assert made["token"] not in str(kept)
    daemon.ask("token.revoke", id=made["id"])
    assert status(daemon, "/nothing", made["token"]) == 401
    assert daemon.ask("token.list")["items"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []}, {"scopes": ["root"]}, {"scopes": "read"}, {"scopes": ["read"], "x": 1},
        {"scopes": ["read"], "expires": 0}, {"scopes": ["read"], "expires": 1e12},
        {"scopes": ["read"], "name": "a\x1b[2J"}, {"scopes": ["read"], "name": "n" * 65},
    ],
)  # fmt: skip
def test_a_token_that_cannot_be_meant_is_refused(daemon: Daemon, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        daemon.ask("token.create", **wrong)
    with pytest.raises(P42Error, match="no token begins"):
        daemon.ask("token.revoke", id="zz")


def test_the_port_42_gateway_makes_no_tokens(daemon: Daemon) -> None:
    for verb in (b"token.create", b"token.list", b"token.revoke"):
        assert b"Unknown request type" in daemon.say(b'{"type":"%s","id":"1"}' % verb)


def test_a_taken_port_is_a_notice_and_the_daemon_goes_on(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with running(tmp_path / "home", P42_HTTP_PORT=str(taken)) as there:
            found = {check["check"]: check for check in there.ask("doctor")["checks"]}
            assert found["http"]["level"] == "problem"
            assert f"port {taken} is taken" in found["http"]["remedy"]
            assert "inSync" in there.ask("overview")


async def test_a_declared_account_answers_anthropics_own_client(tmp_path: Path) -> None:
    """All of it at once: manifest, key, daemon, token, SDK, bill."""
    async with AnthropicServer([Say("From afar.")], key="sk-test-0123456789") as vendor:
        account = {
            "apiVersion": "p42.dev/v1", "kind": "Account", "metadata": {"name": "main"},
            "spec": {
                "provider": "anthropic", "key": "env:MY_KEY", "baseUrl": vendor.url,
                "models": ["m-1"], "prices": {"m-1": {"input": 3, "output": 15}},
            },
        }  # fmt: skip
        manifest = tmp_path / "main.yaml"
        manifest.write_text(json.dumps(account))
        with contextlib.ExitStack() as held:
            daemon = await asyncio.to_thread(
                held.enter_context, running(tmp_path / "home", MY_KEY="sk-test-0123456789")
            )
            await asyncio.to_thread(daemon.ask, "apply", paths=[str(manifest)])
            made = await asyncio.to_thread(daemon.ask, "token.create", scopes=["agents"])
            url = f"http://127.0.0.1:{await asyncio.to_thread(port, daemon)}"
            async with AsyncAnthropic(api_key=made["token"], base_url=url, max_retries=0) as client:
                message = await client.messages.create(
                    model="m-1", max_tokens=50, messages=[{"role": "user", "content": "Hello"}]
                )
            assert message.content[0].text == "From afar."  # type: ignore[union-attr]
            used = await asyncio.to_thread(daemon.ask, "usage")
            assert used["total"]["calls"] == 1
            await asyncio.to_thread(held.close)
