"""MCP servers at an address: one session, kept, and begun afresh where the server forgot it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.address import address
from tests.tools.served import Served, served


def declare(there: Served, url: str, **headers: str) -> None:
    there.declare(url=url, headers=headers)
    there.registry.rows[next(iter(there.registry.rows))].facts["config"].pop("command")  # type: ignore[attr-defined]


@pytest.mark.parametrize("streams", [False, True])
async def test_its_tools_answer_within_one_session(tmp_path: Path, streams: bool) -> None:
    async with served(tmp_path) as there, address(streams=streams) as server:
        declare(there, server.url)
        for word in ("one", "two"):
            assert (await there.run("echo", {"text": word})).result == word
        assert len(server.sessions) == 1
        asked = [body.get("method") for _, body in server.seen]
        assert asked[0] == "initialize"
        assert "notifications/initialized" in asked
        head, _ = server.seen[-1]
        assert head["mcp-session-id"] == server.sessions[0]
        assert head["mcp-protocol-version"] == "2025-06-18"
        assert head["accept"] == "application/json, text/event-stream"
        if streams:
            assert {"jsonrpc": "2.0", "id": "p", "result": {}} in [b for _, b in server.seen]


async def test_the_session_is_ended_with_the_server(tmp_path: Path) -> None:
    async with address() as server:
        async with served(tmp_path) as there:
            declare(there, server.url)
            assert (await there.run("echo", {"text": "x"})).result == "x"
            assert len(server.sessions) == 1
        assert server.sessions == []


async def test_a_key_goes_as_a_header_and_is_never_told(tmp_path: Path) -> None:
    async with served(tmp_path) as there, address(key="the-servers-own") as server:
        declare(there, server.url)
        (told,) = await there.tools.ready("muse", there.agent)
        assert "the server answered 401: who are you?" in told
        assert "config.headers" in told
        declare(there, server.url, Authorization="env:SERVER_KEY")
        assert (await there.run("echo", {"text": "in"})).result == "in"
        assert "the-servers-own" not in str(there.notes.said)


async def test_a_server_that_forgot_the_session_is_greeted_again_unnoticed(tmp_path: Path) -> None:
    async with served(tmp_path) as there, address() as server:
        declare(there, server.url)
        assert (await there.run("echo", {"text": "one"})).result == "one"
        server.sessions[:] = []
        assert (await there.run("echo", {"text": "two"})).result == "two"
        assert len(server.sessions) == 1


@pytest.mark.parametrize("status", [302, 400, 500, 503])
async def test_a_refusal_is_told_in_a_sentence(tmp_path: Path, status: int) -> None:
    async with served(tmp_path) as there, address(status=status) as server:
        declare(there, server.url)
        (told,) = await there.tools.ready("muse", there.agent)
        assert f"answered {status}: <html>no" in told


async def test_nobody_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        async with address() as server:
            declare(there, server.url)
        (told,) = await there.tools.ready("muse", there.agent)
        assert "cannot be reached" in told
