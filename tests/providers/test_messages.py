"""A Messages request becomes a prompt and pieces become its answer, and nothing is lost between."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.model.completion import Cut, Message, Prompt, Reply, Text, Tool, ToolCall, Usage
from p42.model.errors import Blocked, InvalidInput, Retry, TimedOut
from p42.providers.anthropic_wire import MessageReader, request
from p42.providers.message_events import Telling, refusal, whole
from p42.providers.messages import read
from p42.providers.sse import Events
from p42.providers.usagetap import UsageTap

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
WHOLE = st.integers(-(1 << 63), (1 << 64) - 1)
PLAIN = st.dictionaries(WORDS, WHOLE | WORDS | st.none() | st.booleans(), max_size=3)
CALLS = st.builds(ToolCall, WORDS, WORDS, PLAIN)
TURNS = st.lists(
    st.one_of(
        st.builds(Message, st.just("user"), WORDS),
        st.builds(Message, st.just("assistant"), WORDS, st.lists(CALLS, max_size=2).map(tuple)),
        st.builds(Message, st.just("tool"), WORDS, answers=WORDS),
    ),
    min_size=1,
    max_size=6,
)
PROMPTS = st.builds(
    Prompt,
    model=WORDS,
    messages=TURNS.filter(
        # Neighbours of one role are one turn to the API, but for results before a user's text.
        lambda turns: all(
            a.role != b.role and (a.role, b.role) != ("user", "tool") for a, b in pairwise(turns)
        )
    ).map(tuple),
    system=WORDS | st.just(""),
    max_tokens=st.integers(1, 100_000),
    temperature=st.none() | st.floats(0, 1),
    stop=st.lists(WORDS, max_size=3).map(tuple),
    tools=st.lists(st.builds(Tool, WORDS, WORDS, PLAIN), max_size=2).map(tuple),
    shape=st.none() | PLAIN,
)
ANSWERS = st.lists(WORDS.map(Text) | CALLS, max_size=6).map(
    lambda pieces: [
        replace(piece, id=f"c{number}") if isinstance(piece, ToolCall) else piece
        for number, piece in enumerate(pieces)
    ]
)


@settings(max_examples=100)
@given(prompt=PROMPTS)
def test_what_is_asked_of_anthropic_reads_back_as_the_prompt(prompt: Prompt) -> None:
    asked = read(json.dumps(request(prompt)).encode())
    assert asked.prompt == prompt


@settings(max_examples=100)
@given(pieces=ANSWERS, stop=st.sampled_from(["end", "length", "refused", "tools"]))
def test_what_is_told_reads_back_as_what_was_said(pieces: list[Any], stop: Any) -> None:
    reply = Reply(
        text="".join(piece.text for piece in pieces if isinstance(piece, Text)),
        usage=Usage(100, 20, 30, 5),
        model="m-1",
        stop=stop,
        calls=tuple(piece for piece in pieces if isinstance(piece, ToolCall)),
        vendor_id="msg_1",
    )
    telling = Telling(model="m-1", id="msg_1")
    told = [telling.start(), *map(telling.tell, pieces), telling.end(reply)]
    stream = b"".join(told)
    reader, heard = MessageReader(most=1024), []
    for event in Events().feed(stream):
        heard += reader.take(json.loads(event.data))
    assert heard == pieces
    assert reader.reply(vendor_id="") == reply
    tap = UsageTap(content_type="text/event-stream", most=1024)
    tap.feed(stream)
    assert (tap.usage, tap.whole) == (reply.usage, True)


def test_arguments_that_could_not_be_read_are_told_as_no_tool_takes_them() -> None:
    call = ToolCall("c", "look", {}, "the arguments are no JSON object: ...")
    given = {"INVALID_JSON": call.wrong}
    assert json.dumps(given).encode() in Telling(model="m", id="msg_1").tell(call).replace(
        b'\\"', b'"'
    )
    told = whole(Reply("", Usage(), "m", "tools", (call,)), id="msg_1")
    assert told["content"][0]["input"] == given


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e400"])
def test_a_number_that_no_vendor_can_be_sent_is_refused(number: str) -> None:
    call = {"type": "tool_use", "id": "c", "name": "n", "input": {"a": ["NUMBER"]}}
    turn = {"role": "assistant", "content": [call]}
    body = json.dumps({"model": "m", "max_tokens": 1, "messages": [turn]})
    with pytest.raises(InvalidInput):
        read(body.replace('"NUMBER"', number).encode())


def test_an_answer_in_one_piece_has_text_and_calls() -> None:
    call = ToolCall("c", "look", {"a": 1})
    reply = Reply("Hm", Usage(10, 2, 4), "m-1", "tools", (call,))
    told = whole(reply, id="msg_1")
    assert [block["type"] for block in told["content"]] == ["text", "tool_use"]
    assert told["usage"] == {
        "input_tokens": 6,
        "cache_read_input_tokens": 4,
        "cache_creation_input_tokens": 0,
        "output_tokens": 2,
    }


def test_what_the_claude_cli_sends_is_understood() -> None:
    body = {
        "model": "m",
        "max_tokens": 32000,
        "stream": True,
        "system": [{"type": "text", "text": "You are", "cache_control": {"type": "ephemeral"}}],
        "metadata": {"user_id": "u"},
        "thinking": {"type": "adaptive"},
        "tools": [
            {"name": "Bash", "input_schema": {"type": "object"}},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
        ],
        "messages": [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "...", "signature": "s"},
                    {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t", "is_error": True,
                     "content": [{"type": "text", "text": "no"}]},
                    {"type": "text", "text": "go on"},
                ],
            },
        ],
    }  # fmt: skip
    asked = read(json.dumps(body).encode())
    assert asked.stream
    assert [tool.name for tool in asked.prompt.tools] == ["Bash"]
    assert [(one.role, one.content) for one in asked.prompt.messages] == [
        ("user", "hi"), ("assistant", ""), ("tool", "Error: no"), ("user", "go on")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages.0.content.0"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 1 << 40}, "max_tokens"),
        ({"temperature": float("nan")}, "NaN"),
        ({"model": None}, "model"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"name": "x"}]}, "tools.0.input_schema"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"stop_sequences": [1]}, "stop_sequences"),
        ({"system": [{"type": "image"}]}, "system.content.0"),
    ],
)
def test_what_a_prompt_cannot_say_is_refused_with_its_place(changed: Any, place: str) -> None:
    good = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
    with pytest.raises(InvalidInput, match=place):
        read(json.dumps({**good, **changed}).encode())


@settings(max_examples=100)
@given(body=st.binary(max_size=40) | st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["messages", "role", "content", "type", "max_tokens",
                                       "model", "system", "tools", "user"]), inner, max_size=5),
    max_leaves=12).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_other_body_is_refused_and_no_crash(body: bytes) -> None:
    with suppress(InvalidInput):
        read(body)


def test_depth_is_no_crash() -> None:
    with pytest.raises(InvalidInput):
        read(b"[" * 100_000)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (Retry("slow", reason="RateLimited", after=2.4), 429, "rate_limit_error"),
        (Retry("down", reason="ProviderDown"), 529, "overloaded_error"),
        (Blocked("no money", reason="BudgetExceeded"), 403, "permission_error"),
        (InvalidInput("what"), 400, "invalid_request_error"),
        (TimedOut("late"), 504, "timeout_error"),
        (Cut("broke"), 529, "overloaded_error"),
        (Cut("garbled", passes=False), 400, "invalid_request_error"),
    ],
)
def test_a_client_asks_again_only_where_that_may_help(error: Any, status: int, kind: str) -> None:
    refused = refusal(error)
    assert (refused.status, refused.body["error"]) == (
        status, {"type": kind, "message": str(error)}
    )  # fmt: skip
    assert refused.headers == ({"retry-after": "2"} if status == 429 else {})
