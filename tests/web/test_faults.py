"""What goes wrong between a client, p42 and a vendor: told, billed, ended; never half a truth."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from p42.stores.meter.rows import ESTIMATED
from tests.ai.scene import KEY
from tests.providers.vendors import AnthropicServer, CutShort, Inside, OpenAIServer, Say, Status
from tests.web.talk import PLAIN, final, talk

VENDORS = pytest.mark.parametrize("vendor", [AnthropicServer, OpenAIServer])
BROKEN = (anthropic.AnthropicError, httpx2.HTTPError)  # the SDK lets those of its client through


@VENDORS
async def test_a_budget_that_is_used_up_stops_the_call_before_it_is_made(
    vendor: Any, tmp_path: Path
) -> None:
    budget = {"monthlyUsd": 0.0001, "hard": True}
    async with vendor() as server, talk(tmp_path, server, budget=budget) as there:
        with pytest.raises(anthropic.APIStatusError, match="budget") as caught:
            await there.client.messages.create(**PLAIN)
        assert caught.value.status_code == 402
        assert caught.value.body["error"]["type"] == "billing_error"  # type: ignore[index]
        assert server.completions == []


@VENDORS
@pytest.mark.parametrize(
    ("fault", "error", "kind"),
    [
        (Status(429, headers={"retry-after": "3600"}), anthropic.RateLimitError, "rate_limit"),
        (Status(401), anthropic.PermissionDeniedError, "permission"),
        (Status(404, "model: m-1"), anthropic.APIStatusError, "model: m-1"),
        (Status(400, "too long"), anthropic.APIStatusError, "too long"),
    ],
)
async def test_what_a_vendor_refuses_is_told_in_anthropics_words(
    vendor: Any, fault: Status, error: Any, kind: str, tmp_path: Path
) -> None:
    async with vendor([fault] * 4) as server, talk(tmp_path, server) as there:
        with pytest.raises(error) as caught:
            await there.client.messages.create(**PLAIN)
        assert caught.value.body["type"] == "error"
        assert kind in str(caught.value.body)
        assert KEY not in str(caught.value.body)
        assert there.there.spent() == 0


@VENDORS
async def test_a_fault_that_passes_is_not_seen_by_the_client(vendor: Any, tmp_path: Path) -> None:
    steps = [Status(529, headers={"retry-after": "0"}), Say("whole")]
    async with vendor(steps) as server, talk(tmp_path, server) as there:
        message = await there.client.messages.create(**PLAIN)
        assert message.content[0].text == "whole"
        assert [outcome for _, outcome, _ in await there.there.journal()] == ["failed", "ok"]


@VENDORS
@pytest.mark.parametrize("fault", [CutShort(after=3), Inside(after=3)], ids=repr)
async def test_a_stream_that_breaks_off_is_never_a_whole_answer(
    vendor: Any, fault: Any, tmp_path: Path
) -> None:
    async with vendor([fault]) as server, talk(tmp_path, server) as there:
        with pytest.raises(BROKEN):
            await final(there.client)
        [(_, outcome, cost)] = await there.there.journal()
        assert outcome.removesuffix(ESTIMATED) == "cut"
        assert 0 < cost == there.there.spent()


@VENDORS
async def test_a_client_that_hangs_up_ends_the_call_at_the_vendor(
    vendor: Any, tmp_path: Path
) -> None:
    gate = asyncio.Event()
    say = Say("one two three", hold=gate, after=3)
    async with vendor([say]) as server, talk(tmp_path, server) as there:
        async with there.client.messages.stream(**PLAIN) as stream:
            async for text in stream.text_stream:
                assert text
                break
        async with asyncio.timeout(10):
            while server.aborted == 0:
                await asyncio.sleep(0.005)
            while not (rows := await there.there.journal()):
                await asyncio.sleep(0.005)
        assert [outcome.removesuffix(ESTIMATED) for _, outcome, _ in rows] == ["cancelled"]
        assert there.there.spent() == rows[0][2]  # and nothing is set aside any more
        if vendor is AnthropicServer:  # p42 reads along: what came is what it costs
            assert rows[0][2] < 1000


@VENDORS
async def test_a_revoked_token_ends_what_it_has_open_within_a_second(
    vendor: Any, tmp_path: Path
) -> None:
    gate = asyncio.Event()
    say = Say("one two three", hold=gate, after=3)
    async with vendor([say]) as server, talk(tmp_path, server) as there:
        token, secret = await there.door.tokens.create(name="", scopes=["agents"], lifetime=None)
        loop = asyncio.get_running_loop()
        began = 0.0

        async def read() -> None:
            nonlocal began
            async with there.like(secret).messages.stream(**PLAIN) as stream:
                async for _ in stream.text_stream:
                    if began:  # a word that was on its way already
                        continue
                    began = loop.time()
                    await there.door.tokens.revoke(token.id)

        with pytest.raises(BROKEN):
            await read()
        assert 0 < loop.time() - began < 1
        with pytest.raises(anthropic.AuthenticationError):
            await there.like(secret).messages.create(**PLAIN)
        async with asyncio.timeout(10):
            while server.aborted == 0:
                await asyncio.sleep(0.005)
