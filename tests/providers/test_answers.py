"""An answer comes in pieces, and its last piece is the whole of it."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Any, cast

import pytest

from p42.model.completion import Message, Prompt, Reply, Text, Tool, ToolCall, Usage
from tests.providers.kit import (
    ANTHROPIC,
    EVERY,
    KEY,
    OPENAI,
    Vendor,
    at,
    pieces,
    prompt,
    reply,
    text,
)
from tests.providers.vendors import Say

LOOK = Tool(
    "look", "Look at a file.", {"type": "object", "properties": {"path": {"type": "string"}}}
)
CALLS = (ToolCall("c1", "look", {"path": "a"}), ToolCall("c2", "look", {"path": 'b"\n', "n": [1]}))


@EVERY
async def test_the_pieces_join_to_the_reply_that_ends_them(vendor: Vendor) -> None:
    used = Usage(input=120, output=7)
    async with at(vendor, Say("A b  c\n d.", usage=used)) as (provider, _):
        said = await pieces(provider)
    last = said[-1]
    assert isinstance(last, Reply)
    assert (last.text, text(said), last.stop, last.usage) == ("A b  c\n d.",) * 2 + ("end", used)
    assert last.vendor_id
    assert [type(piece) for piece in said[:-1]] == [Text] * (len(said) - 1)


@EVERY
async def test_a_piece_comes_before_the_answer_is_whole(vendor: Vendor) -> None:
    gate = asyncio.Event()
    async with (
        at(vendor, Say("One two", hold=gate, after=3)) as (provider, _),
        aclosing(cast(Any, provider.stream(prompt()))) as stream,
    ):
        assert await anext(stream) == Text("One")
        gate.set()
        assert isinstance([piece async for piece in stream][-1], Reply)


@EVERY
async def test_calls_come_whole_and_in_order(vendor: Vendor) -> None:
    async with at(vendor, Say("Let me look.", calls=CALLS)) as (provider, _):
        said = await pieces(provider, prompt(tools=(LOOK,)))
    last = said[-1]
    assert isinstance(last, Reply)
    assert [piece for piece in said if isinstance(piece, ToolCall)] == list(CALLS)
    assert (last.calls, last.stop) == (CALLS, "tools")


async def test_anthropic_is_told_tools_and_all_results_of_a_turn_in_one() -> None:
    async with at(ANTHROPIC) as (provider, server):
        await reply(provider, _after_calls())
    body = server.completions[0].body
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_use"] * 2
    assert [block.get("tool_use_id") for block in body["messages"][2]["content"]] == [
        "c1", "c2", None
    ]  # fmt: skip
    assert body["tools"][0]["input_schema"] == LOOK.schema
    assert body["system"][0]["text"] == "Be brief."


async def test_openai_is_told_tools_and_each_result_apart() -> None:
    async with at(OPENAI) as (provider, server):
        await reply(provider, _after_calls())
    body = server.completions[0].body
    roles = [turn["role"] for turn in body["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool", "user"]
    assert [json.loads(call["function"]["arguments"]) for call in body["messages"][2]["tool_calls"]
            ] == [call.arguments for call in CALLS]  # fmt: skip
    assert body["tools"][0]["function"]["parameters"] == LOOK.schema


@EVERY
@pytest.mark.parametrize("stop", ["end", "length", "refused"])
async def test_why_an_answer_ended_is_told(vendor: Vendor, stop: Any) -> None:
    async with at(vendor, Say(stop=stop)) as (provider, _):
        assert (await reply(provider)).stop == stop


@EVERY
async def test_a_call_that_the_limit_cut_is_left_out(vendor: Vendor) -> None:
    half = ToolCall("c9", "look", {"path": "x" * 40})
    say = Say("Hm", calls=(half,), stop="length")
    async with at(vendor, say) as (provider, server):
        whole = server.events
        server.events = lambda *given: [  # type: ignore[method-assign]
            event for event in whole(*given) if not _ends_the_arguments(event)
        ]
        last = await reply(provider)
    assert (last.calls, last.stop, last.text) == ((), "length", "Hm")


@EVERY
async def test_a_shape_is_asked_for_in_the_vendors_way(vendor: Vendor) -> None:
    shape = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    async with at(vendor, Say('{"n":1}')) as (provider, server):
        assert json.loads((await reply(provider, prompt(shape=shape))).text) == {"n": 1}
    body = server.completions[0].body
    if vendor is OPENAI:
        asked = body["response_format"]["json_schema"]
        assert (asked["schema"], asked["strict"]) == (shape, True)
    else:
        assert body["output_config"]["format"] == {"type": "json_schema", "schema": shape}


async def test_a_shape_that_leaves_fields_open_is_not_asked_for_strictly() -> None:
    shape = {"type": "object", "properties": {"n": {"type": "integer"}}}
    async with at(OPENAI) as (provider, server):
        await reply(provider, prompt(shape=shape))
    assert server.completions[0].body["response_format"]["json_schema"]["strict"] is False


async def test_limits_and_stop_words_go_with_the_question() -> None:
    asked = prompt(max_tokens=77, temperature=0.5, stop=("END",))
    async with at(ANTHROPIC) as (one, there), at(OPENAI) as (other, elsewhere):
        await reply(one, asked)
        await reply(other, asked)
    first, second = there.completions[0].body, elsewhere.completions[0].body
    assert (first["max_tokens"], first["temperature"], first["stop_sequences"]) == (
        77,
        0.5,
        ["END"],
    )
    assert (second["max_completion_tokens"], second["stop"]) == (77, ["END"])


async def test_servers_that_are_compatible_are_bounded_by_the_older_word() -> None:
    async with OPENAI_LIKE as (provider, server):
        await reply(provider, prompt(max_tokens=9))
    assert server.completions[0].body["max_tokens"] == 9


async def test_what_was_cached_is_a_part_of_what_was_sent() -> None:
    used = Usage(input=1000, output=3, cached=700, stored=200, hour=50)
    async with at(ANTHROPIC, Say(usage=used)) as (provider, _):
        assert (await reply(provider)).usage == used
    async with at(OPENAI, Say(usage=used)) as (provider, _):
        assert (await reply(provider)).usage == Usage(1000, 3, 700)


async def test_a_vendor_that_counts_nothing_is_counted_at_its_most() -> None:
    async with at(OPENAI, Say("Hello there", count=False)) as (provider, _):
        asked = prompt("Hi")
        assert (await reply(provider, asked)).usage == Usage(provider.most_input(asked), 11)


@EVERY
async def test_calls_share_one_connection(vendor: Vendor) -> None:
    async with at(vendor) as (provider, server):
        for _ in range(3):
            await reply(provider)
        assert (len(server.completions), server.connections) == (3, 1)


@EVERY
async def test_who_stops_listening_ends_the_request_at_the_vendor(vendor: Vendor) -> None:
    gate = asyncio.Event()  # never set: the vendor would go on for ever
    async with at(vendor, Say("One two", hold=gate, after=3)) as (provider, server):
        async with aclosing(cast(Any, provider.stream(prompt()))) as stream:
            await anext(stream)
            assert server.open == 1
        await server.until(lambda: server.aborted == 1 and server.open == 0)


def _after_calls() -> Prompt:
    return Prompt(
        model="m-1",
        system="Be brief.",
        tools=(LOOK,),
        messages=(
            Message("user", "Look."),
            Message("assistant", "", calls=CALLS),
            Message("tool", "first", answers="c1"),
            Message("tool", "second", answers="c2"),
            Message("user", "Well?"),
        ),
    )


def _ends_the_arguments(event: bytes) -> bool:
    """The second half of a call's JSON, whichever the vendor."""
    import base64
    import re

    packed = re.search(rb'"bytes": "([^"]+)"', event)
    plain = base64.b64decode(packed[1]) if packed else event
    return b'xxx\\"}' in plain


OPENAI_LIKE = at(Vendor("openai-compatible", OPENAI.server), key=KEY)
