"""Token sets as servers and users make them: odd ends, odd servers, stores that take nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from p42.ai.accounts import refresh
from p42.model.errors import Blocked
from p42.model.secret import Secret
from tests.keys.boxes import Box
from tests.keys.oauth import TokenServer
from tests.keys.tokens import ME, NOW, Scene, until


async def test_without_a_refresh_token_its_end_is_the_end(scene: Scene) -> None:
    scene.keep(expires_at=NOW - 1, refresh_token="")
    async with scene.tokens:
        with pytest.raises(Blocked, match="nothing to renew it with"):
            await scene.token()


async def test_a_server_that_keeps_the_refresh_token_keeps_it(home: Path, box: Box) -> None:
    async with TokenServer(rotates=False, secret="canary-s?cret/+") as server:
        scene = Scene(home, server, box)
        granted = scene.keep(expires_at=NOW - 1)
        async with scene.tokens:
            assert await scene.token() == "access-canary-0002"
            scene.wall.time += 7200
            assert await scene.token() == "access-canary-0003"
        assert scene.kept()["refresh_token"] == granted["refresh_token"]


@pytest.mark.parametrize("lasts", ["1800", 1800.0, None, -5, "soon", float("nan"), True])
async def test_an_end_that_is_none_is_not_invented(scene: Scene, lasts: object) -> None:
    scene.keep(expires_at=NOW - 1)
    scene.server.lasts = lasts
    async with scene.tokens:
        assert await scene.token() == "access-canary-0002"
    expected = NOW + 1800 if lasts in ("1800", 1800.0) else None
    assert scene.kept().get("expires_at") == expected


async def test_a_token_of_a_minute_is_not_renewed_at_every_use(scene: Scene) -> None:
    scene.keep(expires_at=NOW - 1)
    scene.server.lasts = 60
    async with scene.tokens:
        for _ in range(5):
            await scene.token()
        assert len(scene.server.seen) == 1
        scene.wall.time += 61
        await scene.token()
        assert len(scene.server.seen) == 2


async def test_one_refused_before_its_time_is_renewed_at_the_next_use(scene: Scene) -> None:
    granted = scene.keep()
    async with scene.tokens:
        token = await scene.tokens.current(ME)
        assert token.reveal() == granted["access_token"]
        scene.tokens.refuse(ME, token)
        assert await scene.token() == "access-canary-0002"
        assert await scene.token() == "access-canary-0002"
    assert len(scene.server.seen) == 1


async def test_a_login_during_a_renewal_wins(scene: Scene) -> None:
    scene.keep(expires_at=NOW + 100)
    scene.server.gate.clear()
    async with scene.tokens:
        await scene.token()
        granted = scene.server.grant(expires_at=NOW + 9999)
        await scene.keys.put(ME, Secret(json.dumps(granted)))
        scene.server.gate.set()
    assert scene.kept()["access_token"] == granted["access_token"]


async def test_tokens_of_a_file_are_kept_beside_in_the_store(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "token.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(scene.server.grant(expires_at=NOW - 1)))
    before = path.read_bytes()
    async with scene.tokens:
        token = await scene.token(f"file:{path}")
    assert path.read_bytes() == before
    async with scene.restart():
        assert await scene.token(f"file:{path}") == token
        assert len(scene.server.seen) == 1
        path.write_text(json.dumps(scene.server.grant(expires_at=NOW + 9999)))
        assert await scene.token(f"file:{path}") == "access-canary-0003"


async def test_where_no_store_takes_it_memory_holds_it(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.env["TOKEN"] = json.dumps(scene.server.grant(expires_at=NOW - 1))
    scene.box.refuses = OSError()
    async with scene.tokens:
        for _ in range(3):
            assert await scene.token("env:TOKEN") == "access-canary-0002"
        assert "is in memory only" in caplog.text
        assert len(scene.server.seen) == 1


async def test_every_token_is_known_to_the_redactor(scene: Scene) -> None:
    granted = scene.keep(expires_at=NOW - 1)
    async with scene.tokens:
        await scene.token()
    fresh = scene.kept()
    for body in (granted, fresh):
        for name in ("access_token", "refresh_token"):
            assert scene.redactor.clean(f"x {body[name]} x") == "x *** x"


@pytest.mark.parametrize("url", ["http://example.org/t", "ftp://x/t", "http://[", "https://", "x"])
async def test_a_token_is_not_sent_where_others_can_read_it(scene: Scene, url: str) -> None:
    scene.keep(expires_at=NOW - 1, token_url=url)
    async with scene.tokens:
        with pytest.raises(Blocked, match="token_url must be https"):
            await scene.token()


async def test_what_nobody_asks_for_just_now_is_renewed_too(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "LOOK", 0.02)
    scene.keep()
    async with scene.tokens:
        await scene.token()
        scene.wall.time += 3400

        async def renewed() -> bool:
            return bool(scene.kept()["access_token"] == "access-canary-0002")

        await until(renewed)
