"""Tokens that run out: renewed ahead of their end, once, kept over restarts, never stormed for."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from p42.model.errors import Blocked, Retry
from p42.model.secret import Secret
from tests.keys.tokens import ME, NOW, Scene, until


async def test_a_plain_key_is_given_as_it_stands(scene: Scene) -> None:
    scene.box.held["claude", "me"] = "canary"
    assert await scene.token() == "canary"
    scene.box.held["claude", "you"] = '{"no": "token"}'
    assert await scene.token("keychain:claude/you") == '{"no": "token"}'


async def test_a_token_that_is_good_for_long_is_used_as_it_is(scene: Scene) -> None:
    granted = scene.keep()
    async with scene.tokens:
        assert await scene.token() == granted["access_token"]
    assert not scene.server.seen


async def test_ahead_of_its_end_it_is_renewed_beside_and_nobody_waits(scene: Scene) -> None:
    granted = scene.keep(expires_at=NOW + 200)
    scene.server.gate.clear()
    async with scene.tokens:
        assert await scene.token() == granted["access_token"]
        scene.server.gate.set()

        async def fresh() -> bool:
            return bool(await scene.token() != granted["access_token"])

        await until(fresh)
    assert scene.kept()["expires_at"] == NOW + 3600
    assert scene.kept()["refresh_token"] != granted["refresh_token"]
    assert scene.kept()["client_id"] == "p42"
    assert len(scene.server.seen) == 1


async def test_one_that_ran_out_is_waited_for_by_all_and_renewed_once(scene: Scene) -> None:
    granted = scene.keep(expires_at=NOW - 1)
    async with scene.tokens:
        found = {*await asyncio.gather(*(scene.token() for _ in range(50)))}
    assert len(found) == 1
    assert granted["access_token"] not in found
    assert len(scene.server.seen) == 1


async def test_a_caller_who_gives_up_does_not_lose_the_new_token(scene: Scene) -> None:
    scene.keep(expires_at=NOW - 1)
    scene.server.gate.clear()
    async with scene.tokens:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await scene.token()
        scene.server.gate.set()
        assert await scene.token() == "access-canary-0002"
    assert len(scene.server.seen) == 1


async def test_a_stop_in_the_middle_of_a_renewal_keeps_what_it_brings(scene: Scene) -> None:
    scene.keep(expires_at=NOW + 100)
    scene.server.gate.clear()
    async with scene.tokens:
        await scene.token()
        asyncio.get_running_loop().call_later(0.1, scene.server.gate.set)
    assert scene.kept()["access_token"] == "access-canary-0002"


async def test_it_survives_restarts_and_sleep(scene: Scene) -> None:
    scene.keep()
    for day in range(1, 4):
        scene.wall.time = NOW + day * 86_400  # the lid was closed; loop time stood still
        async with scene.restart():
            token = await scene.token()
            assert token == f"access-canary-{day + 1:04d}"
        async with scene.restart():
            assert await scene.token() == token
    assert len(scene.server.seen) == 3


async def test_until_it_really_ends_the_old_one_serves(scene: Scene) -> None:
    granted = scene.keep(expires_at=NOW + 100)
    scene.server.faults = [500, 503, 429, "cut"]
    async with scene.tokens:
        await scene.token()

        async def tried() -> bool:
            return len(scene.server.seen) == 4

        await until(tried)
        assert await scene.token() == granted["access_token"]
        assert len(scene.server.seen) == 4  # it rests now


@pytest.mark.parametrize(
    "fault", [500, 503, 429, "cut", "garbage", "huge", {}, {"access_token": 7}, {"token_type": "x"}]
)
async def test_what_passes_is_tried_again(scene: Scene, fault: Any) -> None:
    scene.keep(expires_at=NOW - 1)
    scene.server.faults = [fault, fault]
    async with scene.tokens:
        assert await scene.token() == "access-canary-0002"
    assert len(scene.server.seen) == 3


async def test_when_nothing_helps_the_reason_is_the_provider_and_holds_no_token(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.keep(expires_at=NOW - 1)
    scene.server.faults = [500, "garbage", "cut", 503] * 9
    with caplog.at_level(logging.DEBUG):
        async with scene.tokens:
            with pytest.raises(Retry, match=r"renewing its token at 127\.0\.0\.1") as caught:
                await scene.token()
            for _ in range(20):
                with pytest.raises(Retry):
                    await scene.token()
    assert caught.value.reason == "ProviderDown"
    assert "canary" not in str(caught.value)
    assert "canary" not in caplog.text
    assert len(scene.server.seen) == 4  # 1 + retries, then it rests


async def test_what_the_server_refuses_is_not_asked_again_until_a_new_login(scene: Scene) -> None:
    scene.keep(expires_at=NOW - 1, refresh_token="canary-revoked")
    async with scene.tokens:
        for _ in range(3):
            with pytest.raises(Blocked, match=r"refused \(invalid_grant\); `p42 account") as caught:
                await scene.token()
        assert caught.value.reason == "KeyRejected"
        assert "canary" not in str(caught.value)
        assert len(scene.server.seen) == 1
        granted = scene.server.grant(expires_at=NOW + 3600)
        await scene.keys.put(ME, Secret(json.dumps(granted)))
        assert await scene.token() == granted["access_token"]


async def test_a_200_with_an_error_in_it_is_a_refusal(scene: Scene) -> None:
    scene.keep(expires_at=NOW - 1)
    scene.server.faults = [{"error": "bad_refresh_token", "access_token": "canary"}]
    async with scene.tokens:
        with pytest.raises(Blocked, match="status 200"):
            await scene.token()
