"""What a vendor's events say, and what they cannot say, without any wire."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.model.completion import Message, Prompt, ToolCall, Usage
from p42.providers.anthropic_wire import MessageReader, count, request
from p42.providers.bounds import most_input
from p42.providers.faults import ErrorInside, Garbled
from p42.providers.openai_wire import ChunkReader
from tests.providers.kit import prompt

NAMES = st.sampled_from(
    ["type", "message", "index", "delta", "content_block", "usage", "choices", "content",
     "tool_calls", "function", "arguments", "finish_reason", "text", "input_tokens", "object",
     "stop_reason", "prompt_tokens", "id", "name", "x_groq"]
)  # fmt: skip
KINDS = st.sampled_from(
    ["message_start", "content_block_start", "content_block_delta", "content_block_stop",
     "message_delta", "message_stop", "text_delta", "input_json_delta", "tool_use", "text", "stop",
     "chat.completion.chunk"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=15,
)
EVENTS = st.lists(st.dictionaries(NAMES, VALUES, max_size=6), max_size=6)


@settings(max_examples=200)
@given(events=EVENTS)
def test_any_event_is_understood_or_garbled_and_no_crash(events: list[dict[str, Any]]) -> None:
    for reader in (MessageReader(most=10), ChunkReader(prompt())):
        try:
            for event in events:
                reader.take(event)
        except (Garbled, ErrorInside):
            pass
        reader.counted, reader.reply(vendor_id="")


def _chunk(**delta: Any) -> dict[str, Any]:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]}


def _call(*, index: int | None, id: str | None, arguments: str) -> dict[str, Any]:  # noqa: A002
    return {"index": index, "id": id, "function": {"name": "look", "arguments": arguments}}


@pytest.mark.parametrize(
    "parts",
    [
        [(0, "a", '{"n":'), (0, None, "1}"), (1, "b", '{"n":2}')],  # OpenAI
        [(0, "a", '{"n":1}'), (0, "b", '{"n":2}')],  # Ollama: every call has index 0
        [(None, "a", '{"n":1}'), (None, "b", '{"n":2}')],  # no index at all
        [(0, "a", '{"n":'), (1, "b", '{"n":'), (0, "", "1}"), (1, "", "2}")],  # in turns
    ],
)
def test_calls_are_told_apart_whoever_numbers_them(parts: list[Any]) -> None:
    reader = ChunkReader(prompt())
    for index, id_, arguments in parts:
        reader.take(_chunk(tool_calls=[_call(index=index, id=id_, arguments=arguments)]))
    ended = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    calls = [ToolCall("a", "look", {"n": 1}), ToolCall("b", "look", {"n": 2})]
    assert reader.take(ended) == calls
    reply = reader.reply(vendor_id="")
    assert reply is not None
    assert reply.stop == "tools"  # though the server said stop


def test_arguments_that_are_no_text_are_taken_as_what_they_are() -> None:
    reader = ChunkReader(prompt())
    for id_, raw in (("a", {"n": 1}), ("b", None), ("c", [])):
        part: dict[str, Any] = {"index": None, "id": id_}
        part["function"] = {"name": "look", "arguments": raw}
        reader.take(_chunk(tool_calls=[part]))
    ended = {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}
    calls = reader.take(ended)
    assert [(c.arguments, bool(c.wrong)) for c in calls if isinstance(c, ToolCall)] == [
        ({"n": 1}, False), ({}, False), ({}, True),
    ]  # fmt: skip
    assert reader.take(ended) == []  # said twice


def test_groqs_usage_is_found_where_groq_puts_it() -> None:
    reader = ChunkReader(prompt())
    used = {"prompt_tokens": 4, "completion_tokens": 2}
    ended = {"choices": [{"delta": {}, "finish_reason": "stop"}], "x_groq": {"usage": used}}
    reader.take(ended)
    reply = reader.reply(vendor_id="")
    assert reply is not None
    assert reply.usage == Usage(4, 2)


def _marks(body: dict[str, Any]) -> list[str]:
    """Where the cache is asked for."""
    found = []
    for place in ("tools", "system"):
        found += [place for block in body.get(place, ()) if "cache_control" in block]
    for turn in body["messages"]:
        found += [turn["role"] for block in turn["content"] if "cache_control" in block]
    return found


def test_the_cache_is_asked_for_where_it_pays() -> None:
    long, short = "word " * 1000, "word"
    talk = (Message("user", long), Message("assistant", "Yes."), Message("user", "And?"))
    assert _marks(request(Prompt("m", (Message("user", short),), system=long))) == ["system"]
    assert _marks(request(Prompt("m", (Message("user", long),)))) == []
    assert _marks(request(Prompt("m", (Message("user", short),), system=short))) == []
    assert _marks(request(Prompt("m", talk, system=short))) == ["user"]
    assert _marks(request(Prompt("m", talk, system=long))) == ["system", "user"]


@settings(max_examples=100)
@given(texts=st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=5))
def test_a_prompt_has_no_more_tokens_than_its_bound(texts: list[str]) -> None:
    asked = Prompt("m", tuple(Message("user", text) for text in texts), system=texts[0])
    assert most_input(asked) > sum(len(text.encode()) for text in [*texts, texts[0]])


def test_a_sign_that_unfolds_to_many_counts_as_many() -> None:
    assert most_input(prompt("\ufdfa" * 100)) >= 100 * len("صلى الله عليه وسلم".encode())


def test_tools_and_shapes_count_too() -> None:
    from p42.model.completion import Tool

    schema = {"type": "object", "properties": {"x" * 100: {"type": "string"}}}
    plain, size = most_input(prompt()), len(json.dumps(schema))
    assert most_input(prompt(tools=(Tool("t", "d", schema),))) > plain + size
    assert most_input(prompt(shape=schema)) > plain + size


@pytest.mark.parametrize(
    ("parts", "hour"),
    [
        ({"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 6}, 6),
        ({"ephemeral_1h_input_tokens": 99}, 10),  # never more than was stored
        ({}, 0), (None, 0), ("?", 0),
    ],
)  # fmt: skip
def test_what_is_cached_for_an_hour_is_told_apart(parts: Any, hour: int) -> None:
    used = {"input_tokens": 5, "cache_creation_input_tokens": 10, "cache_creation": parts}
    first = count({**used, "output_tokens": 1})
    assert (first.stored, first.hour) == (10, hour)
    assert count({"output_tokens": 9}, first) == replace(first, output=9)


@pytest.mark.parametrize("bad", [-1, 1.5, "6", True])
def test_what_is_no_count_of_cached_tokens_is_garbled(bad: Any) -> None:
    with pytest.raises(Garbled, match="ephemeral_1h"):
        count({"cache_creation": {"ephemeral_1h_input_tokens": bad}})


def test_a_reader_that_trims_drops_blanks_before_the_first_word_and_no_others() -> None:
    reader = ChunkReader(prompt(), trims=True)
    for text in ("\n", " Hello", ", ", "world \n"):
        reader.take({"choices": [{"index": 0, "delta": {"content": text}}]})
    assert reader.said == "Hello, world \n"
