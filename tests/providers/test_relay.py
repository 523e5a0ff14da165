"""A raw Messages request goes through with the account's key, and is read along for its usage."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import Any

import pytest

from p42.model.completion import Cut, ToolCall, Usage
from p42.model.errors import Retry
from p42.providers.opening import open_provider
from p42.providers.relay import Relay, Relayed
from p42.providers.usagetap import UsageTap
from tests.providers.kit import ANTHROPIC, EVERY, KEY, Vendor, at
from tests.providers.vendors import AnthropicServer, CutShort, Drop, Inside, Say, Status

BODY: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "hi"}],
}
HEADERS = {
    "Anthropic-Version": "2023-06-01",
    "Anthropic-Beta": "context-1m-2025-08-07,fine-2025",
    "Authorization": "Bearer p42_token_of_a_child",
    "X-Api-Key": "p42_token_of_a_child",
    "Cookie": "a=b",
    "Host": "127.0.0.1:4280",
}
USED = Usage(input=40, output=9, cached=20, stored=10, hour=6)


async def relayed(provider: Any, *, stream: bool) -> tuple[Relayed, bytes]:
    assert isinstance(provider, Relay)
    body = json.dumps({**BODY, "stream": stream}).encode()
    answer = await provider.relay(body, HEADERS)
    async with aclosing(answer.chunks) as chunks:
        return answer, b"".join([chunk async for chunk in chunks])


@pytest.mark.parametrize("stream", [True, False])
async def test_the_answer_goes_through_as_it_is(stream: bool) -> None:
    say = Say("One two", calls=(ToolCall("c", "look", {"a": 1}),), usage=USED)
    async with at(ANTHROPIC, say) as (provider, server):
        answer, said = await relayed(provider, stream=stream)
    seen = server.completions[0]
    if stream:
        assert said == b"".join(server.events(say, seen))
    else:
        assert json.loads(said) == server.whole(say, seen)
    assert (answer.status, answer.headers["request-id"]) == (200, "req_local_1")
    assert "content-length" not in answer.headers


async def test_only_the_credentials_are_replaced() -> None:
    async with at(ANTHROPIC) as (provider, server):
        await relayed(provider, stream=True)
    seen = server.completions[0]
    assert seen.body == {**BODY, "stream": True}
    assert seen.path == "/v1/messages?beta=true"
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["anthropic-beta"] == HEADERS["Anthropic-Beta"]
    assert "p42_token" not in str(seen.headers)
    assert "cookie" not in seen.headers


async def test_the_token_of_a_login_adds_its_beta_to_the_askers() -> None:
    async with AnthropicServer() as server:
        spec = {"provider": "anthropic", "baseUrl": server.url}
        provider = open_provider(spec, "sk-ant-oat01-x")
        await relayed(provider, stream=True)
        await provider.close()
    betas = server.completions[0].headers["anthropic-beta"].split(",")
    assert betas == ["context-1m-2025-08-07", "fine-2025", "oauth-2025-04-20"]


async def test_tokens_are_counted_at_their_own_door() -> None:
    async with at(ANTHROPIC) as (provider, _):
        answer = await provider.relay(b"{}", HEADERS, door="/v1/messages/count_tokens")  # type: ignore[attr-defined]
        async with aclosing(answer.chunks) as chunks:
            said = b"".join([chunk async for chunk in chunks])
    assert "input_tokens" in json.loads(said)


async def test_a_refusal_goes_through_too() -> None:
    async with at(ANTHROPIC, Status(429, "slow", headers={"retry-after": "3"})) as (provider, _):
        answer, said = await relayed(provider, stream=True)
    assert (answer.status, answer.headers["retry-after"]) == (429, "3")
    assert json.loads(said)["error"]["type"] == "rate_limit_error"


async def test_a_refusal_does_not_bring_the_key_to_the_asker() -> None:
    async with at(ANTHROPIC, Status(401, f"bad key {KEY}")) as (provider, _):
        _, said = await relayed(provider, stream=True)
    assert json.loads(said)["error"]["message"] == "bad key ***"


async def test_no_answer_is_a_provider_that_is_down() -> None:
    async with at(ANTHROPIC, Drop()) as (provider, _):
        with pytest.raises(Retry) as caught:
            await relayed(provider, stream=True)
    assert caught.value.reason == "ProviderDown"


async def test_a_lost_connection_is_a_cut() -> None:
    async with at(ANTHROPIC, CutShort(after=4)) as (provider, _):
        with pytest.raises(Cut):
            await relayed(provider, stream=True)


@EVERY
async def test_only_anthropics_own_is_a_relay(vendor: Vendor) -> None:
    async with at(vendor) as (provider, _):
        assert isinstance(provider, Relay) == (vendor is ANTHROPIC)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_the_tap_reads_the_vendors_count(stream: bool, size: int) -> None:
    say = Say("Straße 漢字", usage=USED)
    async with at(ANTHROPIC, say) as (provider, _):
        answer, said = await relayed(provider, stream=stream)
    tap = UsageTap(content_type=answer.headers["content-type"], most=50)
    for at_ in range(0, len(said), size):
        tap.feed(said[at_ : at_ + size])
    tap.end()
    assert (tap.usage, tap.whole, tap.failed) == (USED, True, "")
    assert (tap.model, tap.vendor_id) == ("claude-haiku-4-5", "msg_local_1")


async def test_the_tap_of_an_answer_that_broke_off_has_what_came_at_most() -> None:
    say = Say("x" * 30, usage=USED)
    async with at(ANTHROPIC, CutShort(say, after=3, polite=True)) as (provider, _):
        _, said = await relayed(provider, stream=True)
    tap = UsageTap(content_type="text/event-stream", most=50)
    tap.feed(said)
    tap.end()
    assert (tap.usage, tap.whole) == (Usage(40, 30, 20, 10, 6), False)


async def test_thinking_that_is_not_shown_counts_as_the_limit() -> None:
    thinking = b'data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking"}}'
    start = (
        b'data: {"type":"message_start","message":{"usage":{"input_tokens":4,"output_tokens":1}}}'
    )
    tap = UsageTap(content_type="text/event-stream; charset=utf-8", most=999)
    tap.feed(start + b"\n\n" + thinking + b"\n\n")
    assert tap.usage == Usage(4, 999)


async def test_the_tap_tells_an_error_inside() -> None:
    async with at(ANTHROPIC, Inside(after=2)) as (provider, _):
        _, said = await relayed(provider, stream=True)
    tap = UsageTap(content_type="text/event-stream", most=50)
    tap.feed(said)
    tap.end()
    assert (tap.failed, tap.whole) == ("overloaded_error", False)


@pytest.mark.parametrize("kind", ["text/event-stream", "application/json", ""])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"data: {nope\n\n",
        b'data: {"type":"message_start","message":{"usage":{"input_tokens":-1}}}\n\n',
        b'data: {"type":"message_start","message":7}\n\n',
        b'{"type":"message","usage":{"input_tokens":1.5}}',
        b'{"type":"message","usage":[]}',
        b"data: " + b"[" * 100_000 + b"\n\n",
    ],
    ids=range(8),
)
def test_the_tap_never_raises_and_does_not_guess(kind: str, body: bytes) -> None:
    tap = UsageTap(content_type=kind, most=50)
    tap.feed(body)
    tap.end()
    assert (tap.usage, tap.whole) == (None, False)
